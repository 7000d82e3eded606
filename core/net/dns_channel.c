/* SPDX-License-Identifier: Apache-2.0 */
/* c-ares reads its sockets as if they were level-triggered, so after an edge each is polled and
 * processed until poll has nothing more to say. */
#include "net/dns_channel.h"

#include "base/check.h"
#include "base/memory.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

/* The second round takes twice as long: all servers answer or fail within 12/15 of the timeout. */
#define TRIES 2
/* How often c-ares looks for tries that are due, while a question is under way. */
#define TICK_MS    100
#define ROUNDS_MAX 64

/* One socket of c-ares. */
struct ares_watch {
	struct watch watch;
	struct link link;
	struct task ready;
	struct dns_channel *channel;
	ares_socket_t fd;
	short wanted;
};

/* --- its sockets ----------------------------------------------------------------------------- */

static struct ares_watch *find_socket(struct dns_channel *c, ares_socket_t fd)
{
	LIST_FOREACH(l, &c->sockets)
	{
		struct ares_watch *w = CONTAINER_OF(l, struct ares_watch, link);
		if (w->fd == fd)
			return w;
	}
	return NULL;
}

/* Processing may close the socket, and open another with the same number: looked up anew. */
static void process(struct dns_channel *c, ares_socket_t fd)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct ares_watch *w = find_socket(c, fd);
		struct pollfd p = {.fd = fd, .events = w ? w->wanted : 0};
		if (!w || poll(&p, 1, 0) <= 0)
			return;
		bool can_read = p.revents & (POLLIN | POLLERR | POLLHUP);
		bool can_write = p.revents & POLLOUT;
		ares_process_fd(
			c->ares, can_read ? fd : ARES_SOCKET_BAD, can_write ? fd : ARES_SOCKET_BAD);
	}
	struct ares_watch *w = find_socket(c, fd);
	if (w)
		loop_ready(c->loop, &w->ready);
}

static void on_socket(struct watch *watch, int ready)
{
	struct ares_watch *w = CONTAINER_OF(watch, struct ares_watch, watch);
	process(w->channel, w->fd);
}

static void on_socket_ready(struct task *t)
{
	struct ares_watch *w = CONTAINER_OF(t, struct ares_watch, ready);
	process(w->channel, w->fd);
}

static void open_socket(struct dns_channel *c, ares_socket_t fd, short wanted)
{
	struct ares_watch *w = heap_zalloc(sizeof(*w));
	w->channel = c;
	w->fd = fd;
	w->wanted = wanted;
	task_init(&w->ready, on_socket_ready);
	list_append(&c->sockets, &w->link);
	if (!watch_start(&w->watch, c->loop, fd, on_socket))
		return; /* nothing is heard: the query times out and goes to the next server */
}

static void close_socket(struct ares_watch *w)
{
	watch_stop(&w->watch);
	task_cancel(&w->ready);
	list_remove(&w->link);
	free(w);
}

/* c-ares tells what it waits for; neither means that the socket is about to be closed. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel *c = arg;
	struct ares_watch *w = find_socket(c, fd);
	short wanted = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
	if (!w && wanted)
		open_socket(c, fd, wanted);
	else if (w && !wanted)
		close_socket(w);
	else if (w && w->wanted != wanted) {
		w->wanted = wanted; /* may be possible already, without another edge */
		loop_ready(c->loop, &w->ready);
	}
}

static void on_tick(struct timer *t)
{
	struct dns_channel *c = CONTAINER_OF(t, struct dns_channel, tick);
	ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (c->asking > 0)
		timer_start(c->loop, &c->tick, TICK_MS);
}

void dns_channel_begin(struct dns_channel *c)
{
	if (c->asking++ == 0)
		timer_start(c->loop, &c->tick, TICK_MS);
}

/* --- life ------------------------------------------------------------------------------------ */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void init_library(void)
{
	CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

/* Each of them has its turn in both rounds. */
static int try_ms(const char *servers, int timeout_ms)
{
	int count = 1;
	for (const char *p = servers; *p; p++)
		count += *p == ',';
	int ms = timeout_ms / count * 4 / 15;
	return ms > 0 ? ms : 1;
}

/* Where servers are given, names are whole: the machine's search list belongs to the machine's. */
void dns_channel_open(struct dns_channel *c, const char *servers, int timeout_ms)
{
	static char lookups[] = "b"; /* name servers alone: the hosts file is read here */
	struct ares_options o = {
		.flags = *servers ? ARES_FLAG_NOSEARCH : 0,
		.timeout = try_ms(servers, timeout_ms),
		.tries = TRIES,
		.lookups = lookups,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = c,
	};
	int chosen = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		     ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_QUERY_CACHE
	/* From 1.31 on c-ares keeps answers, too: beside ours that would double their time. */
	o.qcache_max_ttl = 0;
	chosen |= ARES_OPT_QUERY_CACHE;
#endif
	pthread_once(&library_once, init_library);
	int status = ares_init_options(&c->ares, &o, chosen);
	CHECK(status == ARES_SUCCESS);
	if (*servers)
		CHECK(ares_set_servers_ports_csv(c->ares, servers) == ARES_SUCCESS);
}

void dns_channel_init(struct dns_channel *c, struct loop *loop)
{
	*c = (struct dns_channel){.loop = loop};
	list_init(&c->sockets);
	timer_init(&c->tick, on_tick);
}

void dns_channel_close(struct dns_channel *c)
{
	timer_stop(&c->tick);
	ares_destroy(c->ares);
}
