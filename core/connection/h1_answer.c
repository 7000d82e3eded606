/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: framing, whether the connection goes on, and those that no exchange gives. */
#include "base/limits.h"
#include "connection/h1_server.h"

/* The most memory of an answer that is given without an exchange: a page of the operator's. */
#define REFUSAL_BYTES 262144

/* A client that waits for 100 (Continue) may or may not send its content after another answer. */
static bool is_rest_short(const struct server_stream *r)
{
	int64_t length = r->request.content_length;
	bool will_come = !r->request.expects_continue || r->was_continued;
	return will_come && length > 0 &&
	       length - (int64_t)r->h.s.body_received <= LIMIT_LINGER_BYTES;
}

static bool may_keep_alive(const struct server_stream *r)
{
	const struct http_server *c = r->server;
	if (c->is_draining || c->peer_ended || c->requests >= c->options->requests_max)
		return false;
	if (UNLIKELY(server_is_too_old(c) || r->h.s.closes_after))
		return false;
	return h1_parser_keep_alive(r->h.parser) && (r->h.s.in_ended || is_rest_short(r));
}

static void frame(
	struct server_stream *r, struct http_response *a, bool end, struct h1_write_options *o)
{
	bool is_bare = http_asked_head(&r->request) || a->status == 304;
	if (is_bare || a->status == 204) {
		r->h.framing = FRAMING_NONE;
	} else if (end) {
		r->h.framing = FRAMING_NONE;
		a->content_length = 0;
	} else if (a->content_length >= 0) {
		r->h.framing = FRAMING_LENGTH;
		r->h.out_left = (uint64_t)a->content_length;
	} else if (o->http10_peer) {
		r->h.framing = FRAMING_RAW;
		o->keep_alive = false;
		a->content_length = CONTENT_LENGTH_UNKNOWN;
	} else {
		r->h.framing = FRAMING_CHUNKED;
		o->chunked = true;
	}
}

static bool write_head(
	struct server_stream *r, const struct http_response *a, const struct h1_write_options *o)
{
	size_t room = h1_response_bytes(a);
	char *p = h1_stream_reserve(&r->h, room);
	if (!p)
		return false;
	h1_stream_commit(&r->h, p, room, h1_write_response(a, o, p));
	return true;
}

/* The owner broke what the head had promised, or had no memory for it: it hears so at the end of
 * the turn. */
void server_cut(struct server_stream *r)
{
	server_close(r->server, STREAM_CLOSE_RESET);
}

static void send_interim(struct server_stream *r, const struct http_response *a)
{
	struct h1_write_options o = {.keep_alive = true};
	if (r->request.version_minor == 0)
		return;
	r->was_continued |= a->status == 100;
	if (!write_head(r, a, &o))
		server_cut(r);
}

static void send_switch(struct server_stream *r, const struct http_response *a)
{
	struct h1_write_options o = {.upgrade = true, .date = loop_http_date(r->server->loop)};
	if (!r->h.s.in_ended || !write_head(r, a, &o)) {
		server_cut(r);
		return;
	}
	r->h.head_sent = true;
	r->h.framing = FRAMING_RAW;
	r->h.s.upgraded = true;
	r->h.s.in_ended = r->server->peer_ended;
	stream_receive(r->server->stream, true);
}

static void send_final(struct server_stream *r, struct http_response *a, bool end)
{
	int64_t announced = a->content_length;
	struct h1_write_options o = {
		.keep_alive = may_keep_alive(r),
		.http10_peer = r->request.version_minor == 0,
		.date = loop_http_date(r->server->loop),
	};
	frame(r, a, end, &o);
	bool is_written = write_head(r, a, &o);
	a->content_length = announced; /* whoever reads it later is told what came */
	if (!is_written) {
		server_cut(r);
		return;
	}
	r->keep_alive = o.keep_alive;
	r->h.head_sent = true;
	r->h.out_ended = end;
}

void server_send_response(struct http_stream *s, struct http_response *a, bool end)
{
	struct server_stream *r = server_stream_of(s);
	if (!r->h.stream || r->h.head_sent)
		return;
	if (a->status == 101)
		send_switch(r, a);
	else if (a->status < 200)
		send_interim(r, a);
	else
		send_final(r, a, end);
}

void server_send_data(struct http_stream *s, struct chunk_queue *q, bool end)
{
	struct server_stream *r = server_stream_of(s);
	if (!h1_stream_send_data(&r->h, q, end))
		server_cut(r);
}

void server_send_trailers(struct http_stream *s, const struct fields *trailers)
{
	struct server_stream *r = server_stream_of(s);
	if (!h1_stream_send_trailers(&r->h, trailers))
		server_cut(r);
}

void server_send_error(struct server_stream *r, uint16_t status, const char *text)
{
	struct http_server *c = r->server;
	struct arena arena; /* the request's own may be spent */
	struct http_response a;
	struct h1_write_options o = {.date = loop_http_date(c->loop)};
	arena_init(&arena, server_pool(c), REFUSAL_BYTES);
	http_response_init(&a, &arena);
	a.status = status;
	a.reason = http_reason(status);
	struct str body = STR_EMPTY;
	if (c->options->error_body)
		body = c->options->error_body(c->owner, status, text, &arena, &a.fields);
	a.content_length = (int64_t)body.n;
	if (write_head(r, &a, &o) && !http_asked_head(&r->request))
		stream_send_copy(c->stream, body);
	arena_reset(&arena);
}
