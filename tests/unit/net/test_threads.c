/* SPDX-License-Identifier: Apache-2.0 */
/* Workers share TLS contexts, and nothing else: for ThreadSanitizer above all. */
#include "support.h"

#include "net/resolver.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 3, ROUNDS = 10 };

static struct tls_context *server, *client;

struct worker {
	pthread_t thread;
	struct loop *loop;
	struct stream_group *group;
	int opened, closed, resolved;
};

static void count_open(struct stream *s)
{
	struct worker *w = stream_owner(s);
	w->opened++;
}

static void count_close(struct stream *s, enum rc rc)
{
	struct worker *w = stream_owner(s);
	w->closed++;
}

static void count_answer(void *owner, enum rc rc, const struct address *addresses, size_t count)
{
	struct worker *w = owner;
	w->resolved += rc == RC_OK;
}

static const struct stream_events counting = {.on_open = count_open, .on_close = count_close};

/* Both ends of one connection in one loop. */
static void shake_hands(struct worker *w)
{
	struct address at;
	int listening = tcp_listen(&at, 1), opened = w->opened, closed = w->closed;
	struct stream *dialled = stream_dial(
		w->group, &at, 3000, tls_context_ref(client), STR("shop.test"), &counting, w);
	tls_context_unref(client); /* the stream holds its own */
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct stream *accepted = stream_accept(w->group, fd, &at, server, &counting, w);
	while (w->opened < opened + 2)
		loop_turn(w->loop, -1);
	stream_close(dialled, STREAM_CLOSE_FLUSH);
	stream_close(accepted, STREAM_CLOSE_FLUSH);
	while (w->closed < closed + 2)
		loop_turn(w->loop, -1);
	close(listening);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	w->loop = loop_new(NULL);
	w->group = stream_group_new(w->loop);
	struct resolver *r = resolver_new(w->loop, NULL);
	struct resolver_query *query;
	resolver_ask(r, STR("localhost"), count_answer, w, &query);
	for (int i = 0; i < ROUNDS; i++)
		shake_hands(w);
	resolver_free(r);
	stream_group_free(w->group);
	loop_free(w->loop);
	return NULL;
}

START_TEST(workers_share_contexts)
{
	static struct worker workers[THREADS];
	bench_open();
	server = server_context(NULL);
	client = client_context(NULL);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		ck_assert_int_eq(workers[i].opened, 2 * ROUNDS);
		ck_assert_int_eq(workers[i].closed, 2 * ROUNDS);
		ck_assert_int_eq(workers[i].resolved, 1);
	}
	bench_close();
}
END_TEST

UNIT_SUITE(threads, workers_share_contexts)
