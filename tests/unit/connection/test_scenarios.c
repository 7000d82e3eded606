/* SPDX-License-Identifier: Apache-2.0 */
/* The same exchanges through two codecs: HTTP/1 over a socket, and the one in memory, which has
 * many streams. What holds here is what the interface promises, whatever the version of HTTP. */
#include "unit.h"

#include "base/limits.h"
#include "base/memory.h"
#include "memory_codec.h"
#include "net/listener.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- both ends ------------------------------------------------------------------------------- */

struct ends {
	struct loop *loop;
	struct probe *asks[PROBES_MAX], *answers[PROBES_MAX];
	unsigned asked, answered;
	bool next_is_lazy; /* of the side that answers */
	/* HTTP/1: a connection for each stream that is open at the same time. */
	struct stream_group *group;
	struct address address;
	struct listener *listener;
	int listen_fd;
	char folder[32];
	struct http_server_options options;
	struct http_client *clients[PROBES_MAX];
	unsigned client_count, servers_open, clients_open;
	/* in memory */
	struct memory_link *memory;
};

static struct probe *new_probe(struct ends *e)
{
	struct probe *p = heap_alloc(sizeof(*p));
	probe_init(p, e->loop);
	return p;
}

static void on_request(void *owner, struct http_stream *s)
{
	struct ends *e = owner;
	struct probe *p = e->answers[e->answered++] = new_probe(e);
	p->stream = s;
	p->is_lazy = e->next_is_lazy;
	s->owner = p;
	s->events = &probe_events;
	if (!p->is_lazy)
		probe_take(p);
}

static void on_refused(
	void *owner, const struct http_stream *s, uint16_t status, const char *detail)
{
	ck_abort_msg("refused: %s", detail);
}

static void on_server_closed(void *owner, struct http_server *server)
{
	struct ends *e = owner;
	e->servers_open--;
}

static const struct http_server_events server_events = {
	.on_request = on_request, .on_refused = on_refused, .on_closed = on_server_closed};

static void on_accept(void *owner, int fd, const struct address *peer)
{
	struct ends *e = owner;
	e->servers_open++;
	http_server_new(e->group, fd, peer, NULL, &e->options, &server_events, e);
}

static void on_client(void *owner, struct http_client *c)
{
}

static void on_client_closed(void *owner, struct http_client *c, enum rc rc, const char *text)
{
	struct ends *e = owner;
	e->clients_open--;
	for (unsigned i = 0; i < e->client_count; i++)
		if (e->clients[i] == c)
			e->clients[i] = NULL;
}

static const struct http_client_events client_events = {
	.on_open = on_client, .on_idle = on_client, .on_closed = on_client_closed};

static void turn(struct ends *e)
{
	for (int i = 0; i < 12; i++) {
		loop_turn(e->loop, 0);
		if (e->memory)
			memory_link_turn(e->memory);
	}
}

static struct http_client *idle_client(struct ends *e)
{
	for (unsigned i = 0; i < e->client_count; i++)
		if (e->clients[i] && http_client_capacity(e->clients[i]) > 0)
			return e->clients[i];
	struct http_client_target target = {.address = e->address, .connect_timeout_ms = 1000};
	ck_assert_uint_lt(e->client_count, PROBES_MAX);
	struct http_client *c = http_client_dial(e->group, &target, &client_events, e);
	e->clients[e->client_count++] = c;
	e->clients_open++;
	for (int i = 0; i < 1000 && http_client_capacity(c) == 0; i++)
		loop_turn(e->loop, 1);
	return c;
}

static struct probe *open_stream(struct ends *e)
{
	struct probe *p = e->asks[e->asked++] = new_probe(e);
	p->stream = e->memory ? memory_link_open(e->memory, &p->arena, &probe_events, p)
			      : http_client_open(idle_client(e), &p->arena, NULL, &probe_events, p);
	return p;
}

static struct probe *answer_to(struct ends *e, unsigned i)
{
	turn(e);
	ck_assert_uint_gt(e->answered, i);
	return e->answers[i];
}

static void begin_h1(struct ends *e)
{
	char path[64];
	e->group = stream_group_new(e->loop);
	snprintf(e->folder, sizeof(e->folder), "%s/sluice-unit-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(e->folder));
	snprintf(path, sizeof(path), "%s/s", e->folder);
	ck_assert_int_eq(address_from_path(str_of(path), &e->address), RC_OK);
	ck_assert_int_eq(listen_open(&e->address, 1, 16, &e->listen_fd), RC_OK);
	e->listener = listener_new(e->loop, e->listen_fd, on_accept, e);
	e->options = (struct http_server_options){.head_timeout_ms = 10000,
		.keepalive_idle_ms = 10000,
		.requests_max = 1000};
}

static void end_h1(struct ends *e)
{
	for (unsigned i = 0; i < e->client_count; i++)
		if (e->clients[i])
			http_client_close(e->clients[i]);
	for (int i = 0; i < 1000 && (e->clients_open || e->servers_open); i++) {
		loop_turn(e->loop, 1);
		loop_fake_advance(e->loop, 100);
	}
	ck_assert_uint_eq(e->clients_open + e->servers_open, 0);
	listener_free(e->listener);
	close(e->listen_fd);
	unlink(e->address.u.un.sun_path);
	rmdir(e->folder);
	stream_group_free(e->group);
}

static struct ends *begin(bool in_memory)
{
	struct ends *e = heap_zalloc(sizeof(*e));
	struct loop_options options = {.fake_clock = true, .fake_wall_us = 784111777000000};
	e->loop = loop_new(&options);
	if (in_memory)
		e->memory = memory_link_new(e->loop, on_request, e);
	else
		begin_h1(e);
	return e;
}

static void end(struct ends *e)
{
	for (unsigned i = 0; i < e->asked; i++)
		probe_deinit(e->asks[i]);
	turn(e);
	for (unsigned i = 0; i < e->answered; i++)
		probe_deinit(e->answers[i]);
	turn(e);
	for (unsigned i = 0; i < e->asked; i++)
		free(e->asks[i]);
	for (unsigned i = 0; i < e->answered; i++)
		free(e->answers[i]);
	if (e->memory)
		memory_link_free(e->memory);
	else
		end_h1(e);
	ck_assert_uint_eq(pool_bytes_used(loop_pool(e->loop)), 0);
	loop_free(e->loop);
	free(e);
}

/* --- scenarios ------------------------------------------------------------------------------- */

static void echo_with_trailers_both_ways(struct ends *e)
{
	struct probe *ask = open_stream(e);
	probe_ask(ask, METHOD_POST, "/echo", CONTENT_LENGTH_UNKNOWN, false);
	probe_send(ask, "hel", false);
	struct probe *answer = answer_to(e, 0);
	assert_str(answer->stream->request->path, "/echo");
	ck_assert_int_eq(answer->stream->request->method, METHOD_POST);
	ck_assert(!answer->stream->in_ended);
	probe_send_head(answer, 200, CONTENT_LENGTH_UNKNOWN, false);
	probe_send(answer, "HEL", false);
	turn(e);
	ck_assert(ask->has_head && !ask->stream->in_ended);
	assert_str(buffer_str(&ask->body), "HEL");
	probe_send(ask, "lo", false);
	probe_send_trailer(ask, "x-sum", "1");
	turn(e);
	ck_assert(answer->stream->in_ended);
	assert_str(buffer_str(&answer->body), "hello");
	assert_str(fields_get(answer->stream->trailers, STR("x-sum"))->value, "1");
	probe_send(answer, "LO", false);
	probe_send_trailer(answer, "x-sum", "2");
	probe_release(answer);
	turn(e);
	ck_assert(ask->stream->in_ended && !ask->is_reset);
	assert_str(buffer_str(&ask->body), "HELLO");
	assert_str(fields_get(ask->stream->trailers, STR("x-sum"))->value, "2");
	probe_release(ask);
}

static void many_exchanges_one_after_the_other(struct ends *e)
{
	for (unsigned i = 0; i < 20; i++) {
		struct probe *ask = open_stream(e);
		probe_ask(ask, METHOD_GET, "/", CONTENT_LENGTH_NONE, true);
		struct probe *answer = answer_to(e, i);
		ck_assert(answer->stream->in_ended);
		probe_answer(answer, 200, "x");
		turn(e);
		ck_assert(ask->stream->in_ended);
		assert_str(buffer_str(&ask->body), "x");
		probe_release(ask);
	}
}

static void streams_that_end_in_another_order(struct ends *e)
{
	for (unsigned i = 0; i < 4; i++)
		probe_ask(open_stream(e), METHOD_GET, "/", CONTENT_LENGTH_NONE, true);
	answer_to(e, 3);
	http_stream_reset(e->answers[2]->stream, HTTP_RESET_CLOSED);
	for (unsigned i = 4; i-- > 0;)
		if (i != 2)
			probe_answer(e->answers[i], (uint16_t)(200 + i), "x");
	turn(e);
	unsigned whole = 0, reset = 0;
	for (unsigned i = 0; i < 4; i++) {
		whole += e->asks[i]->stream->in_ended;
		reset += e->asks[i]->is_reset;
	}
	ck_assert_uint_eq(whole, 3);
	ck_assert_uint_eq(reset, 1);
}

static void interim_then_final(struct ends *e)
{
	struct probe *ask = open_stream(e);
	probe_ask(ask, METHOD_GET, "/", CONTENT_LENGTH_NONE, true);
	struct probe *answer = answer_to(e, 0);
	probe_send_head(answer, 103, CONTENT_LENGTH_NONE, false);
	turn(e);
	ck_assert(!ask->has_head);
	assert_str(buffer_str(&ask->interims), "103 ");
	probe_answer(answer, 404, NULL);
	turn(e);
	ck_assert(ask->has_head && ask->stream->in_ended);
	ck_assert_uint_eq(ask->stream->response->status, 404);
	ck_assert_uint_eq(ask->body.n, 0);
}

static void early_answer_and_a_client_that_gives_up(struct ends *e)
{
	struct probe *ask = open_stream(e);
	probe_ask(ask, METHOD_POST, "/", CONTENT_LENGTH_UNKNOWN, false);
	probe_send(ask, "part", false);
	probe_answer(answer_to(e, 0), 413, "no");
	turn(e);
	ck_assert(ask->stream->in_ended);
	ck_assert_uint_eq(ask->stream->response->status, 413);
	probe_release(ask);
}

static void a_server_that_breaks_off(struct ends *e)
{
	struct probe *ask = open_stream(e);
	probe_ask(ask, METHOD_GET, "/", CONTENT_LENGTH_NONE, true);
	struct probe *answer = answer_to(e, 0);
	probe_send_head(answer, 200, CONTENT_LENGTH_UNKNOWN, false);
	probe_send(answer, "part", false);
	turn(e);
	http_stream_reset(answer->stream, HTTP_RESET_CLOSED);
	turn(e);
	ck_assert(ask->is_reset && !ask->stream->in_ended);
	ck_assert(!answer->is_reset);
	assert_str(buffer_str(&ask->body), "part");
	probe_send(ask, "into the void", true);
}

static void a_client_that_breaks_off(struct ends *e)
{
	struct probe *ask = open_stream(e);
	probe_ask(ask, METHOD_GET, "/", CONTENT_LENGTH_NONE, true);
	struct probe *answer = answer_to(e, 0);
	probe_send_head(answer, 200, CONTENT_LENGTH_UNKNOWN, false);
	turn(e);
	probe_release(ask);
	turn(e);
	/* A bare FIN cannot tell it on a UNIX socket: then the next bytes do. */
	for (int i = 0; i < 50 && !answer->is_reset; i++) {
		probe_send(answer, "x", false);
		turn(e);
	}
	ck_assert(answer->is_reset);
	ck_assert(!http_stream_can_send(answer->stream));
}

/* 4 MiB to an owner that takes nothing, then everything. */
static void a_slow_reader_holds_back_the_sender(struct ends *e)
{
	const size_t total = 4u << 20, piece = 16384;
	e->next_is_lazy = true;
	struct probe *ask = open_stream(e);
	probe_ask(ask, METHOD_POST, "/", (int64_t)total, false);
	struct probe *answer = answer_to(e, 0);
	size_t sent = 0;
	for (int i = 0; i < 1000 && http_stream_can_send(ask->stream); i++) {
		probe_send_n(ask, piece, false);
		sent += piece;
		turn(e);
	}
	ck_assert_uint_lt(sent, total / 2);
	ck_assert(!http_stream_can_send(ask->stream));
	ck_assert_uint_le(answer->stream->in.bytes, LIMIT_QUEUE_HIGH_BYTES);
	ck_assert_uint_lt(pool_bytes_used(loop_pool(e->loop)), 1u << 20);
	for (int i = 0; i < 2000 && !answer->stream->in_ended; i++) {
		probe_take(answer);
		turn(e);
		while (sent < total && http_stream_can_send(ask->stream)) {
			probe_send_n(ask, piece, sent + piece == total);
			sent += piece;
		}
		turn(e);
	}
	ck_assert(answer->stream->in_ended);
	probe_take(answer);
	ck_assert_uint_eq(answer->body.n, total);
	ck_assert_uint_gt(ask->writable_events, 0);
}

#define BOTH(scenario)                                                                             \
	START_TEST(scenario##_over_http_1)                                                         \
	{                                                                                          \
		struct ends *e = begin(false);                                                     \
		scenario(e);                                                                       \
		end(e);                                                                            \
	}                                                                                          \
	END_TEST                                                                                   \
	START_TEST(scenario##_in_memory)                                                           \
	{                                                                                          \
		struct ends *e = begin(true);                                                      \
		scenario(e);                                                                       \
		end(e);                                                                            \
	}                                                                                          \
	END_TEST

/* clang-format off */
BOTH(echo_with_trailers_both_ways)
BOTH(many_exchanges_one_after_the_other)
BOTH(streams_that_end_in_another_order)
BOTH(interim_then_final)
BOTH(early_answer_and_a_client_that_gives_up)
BOTH(a_server_that_breaks_off)
BOTH(a_client_that_breaks_off)
BOTH(a_slow_reader_holds_back_the_sender)
/* clang-format on */

START_TEST(one_stalled_stream_does_not_hold_back_the_others)
{
	struct ends *e = begin(true);
	e->next_is_lazy = true;
	struct probe *stalled = open_stream(e);
	probe_ask(stalled, METHOD_POST, "/", CONTENT_LENGTH_UNKNOWN, false);
	while (http_stream_can_send(stalled->stream))
		probe_send_n(stalled, 65536, false);
	answer_to(e, 0);
	e->next_is_lazy = false;
	struct probe *other = open_stream(e);
	probe_ask(other, METHOD_POST, "/", 5, false);
	probe_send(other, "hello", true);
	assert_str(buffer_str(&answer_to(e, 1)->body), "hello");
	ck_assert(!http_stream_can_send(stalled->stream));
	end(e);
}
END_TEST

START_TEST(a_refused_stream_may_be_sent_again)
{
	struct ends *e = begin(true);
	memory_link_refuse_next(e->memory);
	struct probe *ask = open_stream(e);
	probe_ask(ask, METHOD_POST, "/", CONTENT_LENGTH_NONE, true);
	turn(e);
	ck_assert(ask->is_reset);
	ck_assert_int_eq(ask->why, HTTP_RESET_REFUSED);
	ck_assert_uint_eq(e->answered, 0);
	end(e);
}
END_TEST

#define PAIR(scenario) scenario##_over_http_1, scenario##_in_memory
UNIT_SUITE(scenarios, PAIR(echo_with_trailers_both_ways), PAIR(many_exchanges_one_after_the_other),
	PAIR(streams_that_end_in_another_order), PAIR(interim_then_final),
	PAIR(early_answer_and_a_client_that_gives_up), PAIR(a_server_that_breaks_off),
	PAIR(a_client_that_breaks_off), PAIR(a_slow_reader_holds_back_the_sender),
	one_stalled_stream_does_not_hold_back_the_others, a_refused_stream_may_be_sent_again)
