/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/limits.h"
#include "base/memory.h"
#include "net/listener.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Unlike ck_assert it costs nothing when it holds: tests count allocations around callbacks. */
#define must(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg("not so: " #cond);                                            \
	} while (0)

/* --- probes ---------------------------------------------------------------------------------- */

void probe_init(struct probe *p, struct loop *loop)
{
	memset(p, 0, sizeof(*p));
	p->loop = loop;
	arena_init(&p->arena, loop_pool(loop), LIMIT_EXCHANGE_ARENA_BYTES);
	buffer_init(&p->body, 1u << 30);
	buffer_init(&p->interims, 4096);
}

void probe_deinit(struct probe *p)
{
	if (p->stream)
		probe_release(p);
	arena_reset(&p->arena);
	buffer_deinit(&p->body);
	buffer_deinit(&p->interims);
}

void probe_release(struct probe *p)
{
	struct http_stream *s = p->stream;
	p->stream = NULL;
	http_stream_release(s);
}

void probe_take(struct probe *p)
{
	struct chunk_queue *in = &p->stream->in;
	size_t n = in->bytes;
	if (n == 0)
		return;
	chunk_queue_peek(in, buffer_reserve(&p->body, n), n);
	buffer_commit(&p->body, n);
	chunk_queue_clear(in);
	http_stream_credit(p->stream, n);
}

static void on_head(struct http_stream *s)
{
	struct probe *p = s->owner;
	must(!p->has_head);
	p->has_head = true;
	if (!p->is_lazy)
		probe_take(p);
}

static void on_interim(struct http_stream *s)
{
	struct probe *p = s->owner;
	must(!p->has_head);
	buffer_addf(&p->interims, "%u ", s->response->status);
}

static void on_data(struct http_stream *s)
{
	struct probe *p = s->owner;
	must(!p->is_reset);
	p->data_events++;
	if (!p->is_lazy)
		probe_take(p);
}

static void on_writable(struct http_stream *s)
{
	struct probe *p = s->owner;
	p->writable_events++;
}

static void on_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
	struct probe *p = s->owner;
	must(!p->is_reset);
	p->is_reset = true;
	p->why = why;
	snprintf(p->detail, sizeof(p->detail), "%s", detail ? detail : "");
	if (p->also) {
		probe_release(p->also);
		probe_release(p);
	}
}

const struct http_stream_events probe_events = {
	.on_head = on_head,
	.on_interim = on_interim,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_reset = on_reset,
};

void probe_send_head(struct probe *p, uint16_t status, int64_t content_length, bool end)
{
	struct http_response r;
	http_response_init(&r, &p->arena);
	r.status = status;
	r.reason = http_reason(status);
	r.content_length = content_length;
	r.has_content = !end;
	if (status == 101)
		r.upgrade = STR("echo");
	http_stream_send_response(p->stream, &r, end);
}

void probe_answer(struct probe *p, uint16_t status, const char *body)
{
	probe_send_head(p, status, body ? (int64_t)strlen(body) : CONTENT_LENGTH_NONE, !body);
	if (body)
		probe_send(p, body, true);
	probe_release(p);
}

void probe_ask(struct probe *p, enum http_method method, const char *path, int64_t content_length,
	bool end)
{
	struct http_request r;
	http_request_init(&r, &p->arena);
	r.method = method;
	r.method_name = method == METHOD_HEAD   ? STR("HEAD")
			: method == METHOD_POST ? STR("POST")
						: STR("GET");
	r.path = str_of(path);
	r.authority = STR("origin");
	r.scheme = STR("http");
	r.version_major = r.version_minor = 1;
	r.content_length = content_length;
	if (strcmp(path, "/upgrade") == 0)
		r.upgrade = STR("echo");
	if (strcmp(path, "/h2c") == 0)
		r.upgrade = STR("h2c");
	http_stream_send_request(p->stream, &r, end);
}

void probe_send(struct probe *p, const char *text, bool end)
{
	struct chunk_queue q;
	chunk_queue_init(&q, loop_pool(p->loop));
	chunk_queue_add_copy(&q, str_of(text));
	http_stream_send_data(p->stream, &q, end);
	ck_assert(chunk_queue_is_empty(&q));
}

void probe_send_n(struct probe *p, size_t n, bool end)
{
	static const char zeros[65536];
	struct chunk_queue q;
	chunk_queue_init(&q, loop_pool(p->loop));
	while (q.bytes < n)
		chunk_queue_add_static(&q,
			str_n(zeros, n - q.bytes < sizeof(zeros) ? n - q.bytes : sizeof(zeros)));
	http_stream_send_data(p->stream, &q, end);
}

void probe_send_trailer(struct probe *p, const char *name, const char *value)
{
	struct fields f;
	fields_init(&f, &p->arena);
	ck_assert_int_eq(fields_add(&f, str_of(name), str_of(value)), RC_OK);
	http_stream_send_trailers(p->stream, &f);
}

/* --- the server's owner ---------------------------------------------------------------------- */

static void on_request(void *owner, struct http_stream *s)
{
	struct rig *g = owner;
	must(g->taken < PROBES_MAX);
	struct probe *p = &g->probes[g->taken++];
	p->stream = s;
	p->has_head = true;
	s->owner = p;
	s->events = &probe_events;
	if (!p->is_lazy)
		probe_take(p);
}

static void on_refused(
	void *owner, const struct http_stream *s, uint16_t status, const char *detail)
{
	struct rig *g = owner;
	ck_assert_ptr_nonnull(s->peer);
	g->refused++;
	g->refused_status = status;
	snprintf(g->refused_detail, sizeof(g->refused_detail), "%s", detail);
}

static void on_server_closed(void *owner, struct http_server *server)
{
	struct rig *g = owner;
	ck_assert_ptr_eq(g->server, server);
	g->server = NULL;
}

static const struct http_server_events server_events = {
	.on_request = on_request, .on_refused = on_refused, .on_closed = on_server_closed};

static struct str error_body(void *owner, uint16_t status, const char *text, struct arena *arena,
	struct fields *fields)
{
	ck_assert_int_eq(fields_append(fields, STR("Content-Type"), FIELD_CONTENT_TYPE,
				 STR("application/json; charset=UTF-8")),
		RC_OK);
	return arena_printf(arena, "{\"error\": \"%u %s\"}", status, text);
}

/* --- the client's owner ---------------------------------------------------------------------- */

static void on_open(void *owner, struct http_client *c)
{
	struct rig *g = owner;
	g->is_open = true;
}

static void on_idle(void *owner, struct http_client *c)
{
	struct rig *g = owner;
	g->idles++;
	must(http_client_is_multiplexed(c) || http_client_capacity(c) == 1);
}

static void on_client_closed(void *owner, struct http_client *c, enum rc rc, const char *text)
{
	struct rig *g = owner;
	ck_assert_ptr_eq(g->client, c);
	g->client = NULL;
	g->closed_rc = rc;
	snprintf(g->closed_text, sizeof(g->closed_text), "%s", text);
}

static const struct http_client_events client_events = {
	.on_open = on_open, .on_idle = on_idle, .on_closed = on_client_closed};

/* --- the rig --------------------------------------------------------------------------------- */

/* Turns of waiting before an expectation over TCP counts as failed. */
#define PATIENCE 2000

static void listen_at(struct rig *g)
{
	ck_assert_int_eq(listen_open(&g->address, 1, 16, &g->listen_fd), RC_OK);
	g->address.n = sizeof(g->address.u);
	ck_assert_int_eq(getsockname(g->listen_fd, &g->address.u.sa, &g->address.n), 0);
}

static struct rig *make_rig(void)
{
	struct rig *g = heap_zalloc(sizeof(*g));
	/* The date of RFC 9110's example. */
	struct loop_options options = {.fake_clock = true, .fake_wall_us = 784111777000000};
	g->loop = loop_new(&options);
	g->group = stream_group_new(g->loop);
	g->fd = -1;
	g->options = (struct http_server_options){
		.head_timeout_ms = 10000,
		.keepalive_idle_ms = 60000,
		.requests_max = 100,
		.error_body = error_body,
	};
	buffer_init(&g->received, 1u << 30);
	for (unsigned i = 0; i < PROBES_MAX; i++)
		probe_init(&g->probes[i], g->loop);
	return g;
}

struct rig *rig_new(void)
{
	struct rig *g = make_rig();
	char path[64];
	snprintf(g->folder, sizeof(g->folder), "%s/sluice-unit-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(g->folder));
	snprintf(path, sizeof(path), "%s/s", g->folder);
	ck_assert_int_eq(address_from_path(str_of(path), &g->address), RC_OK);
	listen_at(g);
	return g;
}

struct rig *rig_new_tcp(void)
{
	struct rig *g = make_rig();
	g->is_tcp = true;
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 0, &g->address), RC_OK);
	listen_at(g);
	return g;
}

static void remove_folder(struct rig *g)
{
	char path[64];
	if (g->is_tcp)
		return;
	snprintf(path, sizeof(path), "%s/s", g->folder);
	unlink(path);
	rmdir(g->folder);
}

void rig_free(struct rig *g)
{
	for (unsigned i = 0; i < PROBES_MAX; i++)
		probe_deinit(&g->probes[i]);
	if (g->server)
		http_server_abort(g->server);
	if (g->client)
		http_client_close(g->client);
	for (int i = 0; i < 10 && (g->server || g->client); i++)
		loop_turn(g->loop, 0);
	ck_assert(!g->server && !g->client);
	loop_turn(g->loop, 0);
	if (g->fd >= 0)
		close(g->fd);
	close(g->listen_fd);
	remove_folder(g);
	buffer_deinit(&g->received);
	stream_group_free(g->group);
	ck_assert_uint_eq(pool_bytes_used(loop_pool(g->loop)), 0);
	loop_free(g->loop);
	free(g);
}

void rig_serve(struct rig *g)
{
	g->fd = socket(g->address.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(g->fd, &g->address.u.sa, g->address.n), 0);
	fcntl(g->fd, F_SETFL, O_NONBLOCK);
	struct pollfd ready = {.fd = g->listen_fd, .events = POLLIN};
	ck_assert_int_eq(poll(&ready, 1, 1000), 1);
	struct address peer = {.n = sizeof(peer.u)};
	int fd = accept4(g->listen_fd, &peer.u.sa, &peer.n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	g->served_fd = fd;
	g->server = http_server_new(g->group, fd, &peer, NULL, &g->options, &server_events, g);
}

void rig_try_to_dial(struct rig *g)
{
	struct http_client_target target = {
		.address = g->address,
		.connect_timeout_ms = 1000,
		.protocol = g->protocol,
		.http2 = g->http2,
		.connect = g->connect,
	};
	g->is_open = false;
	g->client = http_client_dial(g->group, &target, &client_events, g);
}

void rig_dial(struct rig *g)
{
	rig_try_to_dial(g);
	for (int i = 0; i < 100 && !g->is_open; i++)
		loop_turn(g->loop, 1);
	ck_assert(g->is_open);
	g->fd = accept4(g->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(g->fd, 0);
}

struct probe *rig_open(struct rig *g)
{
	struct probe *p = &g->probes[g->taken++];
	ck_assert_uint_ge(http_client_capacity(g->client), 1);
	p->stream = http_client_open(g->client, &p->arena, NULL, &probe_events, p);
	return p;
}

struct probe *rig_taken(struct rig *g, unsigned i)
{
	for (int n = 0; n < PATIENCE && g->taken <= i; n++)
		rig_turn(g);
	ck_assert_uint_gt(g->taken, i);
	return &g->probes[i];
}

static void read_all(struct rig *g)
{
	while (g->fd >= 0 && !g->has_ended) {
		char *p = buffer_reserve(&g->received, 65536);
		ssize_t n = recv(g->fd, p, 65536, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		g->has_ended = n <= 0;
		g->was_reset = n < 0;
		if (n > 0)
			buffer_commit(&g->received, (size_t)n);
	}
}

void rig_turn(struct rig *g)
{
	for (int i = 0; i < 8; i++)
		loop_turn(g->loop, 0);
	if (g->is_tcp)
		loop_turn(g->loop, 1);
}

void rig_send_n(struct rig *g, const char *p, size_t n)
{
	ck_assert_int_eq(send(g->fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
	rig_turn(g);
}

void rig_send(struct rig *g, const char *text)
{
	rig_send_n(g, text, strlen(text));
}

void rig_half_close(struct rig *g)
{
	shutdown(g->fd, SHUT_WR);
	rig_turn(g);
}

void rig_reset(struct rig *g)
{
	struct linger zero = {.l_onoff = 1};
	setsockopt(g->fd, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
	close(g->fd);
	g->fd = -1;
	rig_turn(g);
}

void rig_advance(struct rig *g, int64_t ms)
{
	loop_fake_advance(g->loop, ms);
	rig_turn(g);
}

const char *rig_text(struct rig *g)
{
	rig_turn(g);
	read_all(g);
	*buffer_reserve(&g->received, 1) = '\0';
	return g->received.p;
}

void rig_forget(struct rig *g)
{
	rig_text(g);
	buffer_reset(&g->received);
}

void rig_expect(struct rig *g, const char *part)
{
	const char *text = rig_text(g);
	for (int i = 0; g->is_tcp && i < PATIENCE && !strstr(text, part); i++)
		text = rig_text(g);
	ck_assert_msg(strstr(text, part), "no \"%s\" in \"%s\"", part, text);
}

void rig_expect_not(struct rig *g, const char *part)
{
	const char *text = rig_text(g);
	ck_assert_msg(!strstr(text, part), "\"%s\" in \"%s\"", part, text);
}

unsigned rig_count(struct rig *g, const char *part)
{
	unsigned n = 0;
	for (const char *at = rig_text(g); (at = strstr(at, part)); at++)
		n++;
	return n;
}

void rig_expect_closed(struct rig *g)
{
	const char *text = rig_text(g);
	for (int i = 0; g->is_tcp && i < PATIENCE && !g->has_ended; i++)
		text = rig_text(g);
	ck_assert_msg(g->has_ended, "open after \"%s\"", text);
}
