/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include "base/limits.h"
#include "base/memory.h"

#include <check.h>
#include <stdio.h>
#include <unistd.h>

#define TURNS_MAX 2000

/* --- origin ---------------------------------------------------------------------------------- */
static void answer(struct origin *o, struct http_stream *s)
{
	struct http_response head;
	struct chunk_queue body;
	http_response_init(&head, s->arena);
	chunk_queue_init(&body, loop_pool(stream_group_loop(o->group)));
	head.status = 200;
	head.reason = STR("OK");
	head.version_major = head.version_minor = 1;
	head.content_length = 2;
	head.has_content = true;
	if (o->closes)
		http_server_drain(http_server_of_link(o->servers.prev), 0);
	http_stream_send_response(s, &head, false);
	chunk_queue_add_static(&body, STR("ok"));
	http_stream_send_data(s, &body, true);
	http_stream_release(s);
}

void origin_answer(struct origin *o)
{
	ck_assert_uint_gt(o->held_count, 0);
	struct http_stream *first = o->held[0];
	o->held_count--;
	for (unsigned i = 0; i < o->held_count; i++)
		o->held[i] = o->held[i + 1];
	answer(o, first);
}

static void ignore(struct http_stream *s)
{
}

static void on_server_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
	struct origin *o = s->owner;
	for (unsigned i = 0; i < o->held_count; i++)
		if (o->held[i] == s)
			o->held[i] = o->held[--o->held_count];
	http_stream_release(s);
}

static const struct http_stream_events server_stream_events = {
	.on_data = ignore, .on_writable = ignore, .on_reset = on_server_reset};

static void on_request(void *owner, struct http_stream *s)
{
	struct origin *o = owner;
	s->events = &server_stream_events;
	s->owner = o;
	ck_assert(s->in_ended);
	ck_assert_uint_lt(o->held_count, BENCH_REQUESTS_MAX);
	o->held[o->held_count++] = s;
}

static void on_refused(
	void *owner, const struct http_stream *s, uint16_t status, const char *detail)
{
	/* It was TLS's, where none is spoken. */
}

static void on_handshake_failed(void *owner, const struct http_stream *s, const char *detail)
{
	struct origin *o = owner;
	o->handshakes_failed++;
}

static void on_server_closed(void *owner, struct http_server *server)
{
	list_remove(http_server_link(server));
}

static const struct http_server_events server_events = {
	.on_request = on_request,
	.on_refused = on_refused,
	.on_handshake_failed = on_handshake_failed,
	.on_closed = on_server_closed,
};

static void on_accept(void *owner, int fd, const struct address *peer)
{
	struct origin *o = owner;
	struct http_server *s =
		http_server_new(o->group, fd, peer, o->tls, &o->options, &server_events, o);
	o->connections++;
	list_append(&o->servers, http_server_link(s));
}

static void origin_init(struct origin *o, struct loop *loop, struct stream_group *group)
{
	*o = (struct origin){.group = group};
	list_init(&o->servers);
	o->options = (struct http_server_options){.head_timeout_ms = 600000,
		.keepalive_idle_ms = 600000,
		.requests_max = 1000};
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 0, &o->address), RC_OK);
	ck_assert_int_eq(listen_open(&o->address, 1, 16, &o->fd), RC_OK);
	ck_assert_int_eq(getsockname(o->fd, &o->address.u.sa, &o->address.n), 0);
	o->listener = listener_new(loop, o->fd, on_accept, o);
}

void origin_move(struct bench *b, const char *path)
{
	struct origin *o = &b->origin;
	listener_free(o->listener);
	close(o->fd);
	ck_assert_int_eq(address_from_path(str_of(path), &o->address), RC_OK);
	ck_assert_int_eq(listen_open(&o->address, 1, 16, &o->fd), RC_OK);
	o->listener = listener_new(b->loop, o->fd, on_accept, o);
}

/* --- bench ----------------------------------------------------------------------------------- */
void bench_init(struct bench *b, const struct resolver_options *resolver)
{
	static const struct resolver_options plain;
	struct loop_options options = {.fake_clock = true, .fake_wall_us = 1000000};
	b->loop = loop_new(&options);
	b->group = stream_group_new(b->loop);
	b->upstream = upstream_new(b->group, resolver ? resolver : &plain);
	origin_init(&b->origin, b->loop, b->group);
}

void bench_turn_until(struct bench *b, const bool *flag)
{
	for (int i = 0; i < TURNS_MAX && !*flag; i++) {
		loop_turn(b->loop, 5);
		while (!b->origin.holds && b->origin.held_count > 0)
			origin_answer(&b->origin);
	}
	ck_assert(*flag);
}

void bench_settle(struct bench *b)
{
	for (int i = 0; i < 20; i++)
		loop_turn(b->loop, 1);
}

void bench_deinit(struct bench *b)
{
	upstream_free(b->upstream);
	if (b->origin.listener)
		listener_free(b->origin.listener);
	close(b->origin.fd);
	LIST_FOREACH_SAFE(l, &b->origin.servers)
		http_server_abort(http_server_of_link(l));
	bench_settle(b);
	stream_group_free(b->group);
	loop_free(b->loop);
}

struct service *bench_service(
	struct bench *b, const char *host, unsigned connections_max, unsigned waiters_max)
{
	struct service_options o = {
		.name = STR("default/origin"),
		.scheme = STR("http"),
		.host = host ? str_of(host) : STR("127.0.0.1"),
		.port = address_port(&b->origin.address),
		.connect_timeout_ms = 3000,
		.idle_timeout_ms = 60000,
		.connections_max = connections_max,
		.waiters_max = waiters_max,
	};
	return service_new(&o);
}

static void note_stats(void *arg, struct str service, const struct upstream_stats *stats)
{
	struct upstream_stats *sum = arg;
	sum->connects += stats->connects;
	sum->connect_failures += stats->connect_failures;
	sum->reuses += stats->reuses;
	sum->connections += stats->connections;
	sum->idle += stats->idle;
	sum->waiting += stats->waiting;
}

struct upstream_stats bench_stats(struct bench *b, struct service *s)
{
	struct upstream_stats sum = {0};
	upstream_each(b->upstream, note_stats, &sum);
	return sum;
}

/* --- requests -------------------------------------------------------------------------------- */
static void on_head(struct http_stream *s)
{
	struct request *r = s->owner;
	r->status = s->response->status;
	r->is_whole |= s->in_ended;
}

static void on_data(struct http_stream *s)
{
	struct request *r = s->owner;
	size_t n = s->in.bytes;
	chunk_queue_clear(&s->in);
	http_stream_credit(s, n);
	r->is_whole |= s->in_ended;
}

static void on_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
	struct request *r = s->owner;
	r->is_reset = r->is_whole = true;
}

static const struct http_stream_events request_events = {
	.on_head = on_head,
	.on_interim = ignore,
	.on_data = on_data,
	.on_writable = ignore,
	.on_reset = on_reset,
};

static void on_told(struct upstream_wait *w, enum rc rc, struct http_stream *stream, bool reused,
	const char *text)
{
	struct request *r = CONTAINER_OF(w, struct request, wait);
	r->is_told = true;
	r->rc = rc;
	r->reused = reused;
	r->stream = stream;
	if (text)
		snprintf(r->text, sizeof(r->text), "%s", text);
	if (stream)
		http_stream_send_request(stream, &r->head, true);
}

void ask_start(struct bench *b, struct service *s, bool fresh, struct request *r)
{
	memset(r, 0, sizeof(*r));
	r->bench = b;
	arena_init(&r->arena, loop_pool(b->loop), LIMIT_EXCHANGE_ARENA_BYTES);
	http_request_init(&r->head, &r->arena);
	r->head.method = METHOD_GET;
	r->head.method_name = STR("GET");
	r->head.path = STR("/");
	r->head.authority = STR("origin");
	r->head.scheme = STR("http");
	r->head.version_major = r->head.version_minor = 1;
	r->head.content_length = CONTENT_LENGTH_NONE;
	upstream_wait_init(&r->wait);
	r->wait.fn = on_told;
	r->wait.arena = &r->arena;
	r->wait.events = &request_events;
	r->wait.owner = r;
	r->wait.fresh = fresh;
	upstream_open(b->upstream, s, &r->wait);
}

void ask_finish(struct request *r)
{
	bench_turn_until(r->bench, &r->is_told);
	if (!r->stream)
		return;
	bench_turn_until(r->bench, &r->is_whole);
	http_stream_release(r->stream);
	r->stream = NULL;
}

void ask_deinit(struct request *r)
{
	arena_reset(&r->arena);
}

void ask_run(struct bench *b, struct service *s, bool fresh, struct request *r)
{
	ask_start(b, s, fresh, r);
	ask_finish(r);
	ask_deinit(r);
}
