/* SPDX-License-Identifier: Apache-2.0 */
/* One request of HTTP/2 and its answer. Its memory is the stream's and the owner's: who ends last
 * frees it. */
#include "connection/h2_server.h"

#include "base/limits.h"

/* A piece below this is copied when others stand before it: a slice pins its block. */
#define SMALL_PIECE_BYTES 4096
/* The most memory of an answer that is given without an exchange: a page of the operator's. */
#define REFUSAL_BYTES 262144

static const struct http_stream_codec codec;

static struct h2_request *of(const struct http_stream *s)
{
	return CONTAINER_OF(s, struct h2_request, s);
}

struct h2_request *h2_request_of(struct h2_stream *h)
{
	return CONTAINER_OF(h, struct h2_request, h);
}

/* --- life ------------------------------------------------------------------------------------ */

static void take_facts(struct h2_request *r, struct stream *stream)
{
	struct http_stream *s = &r->s;
	s->peer = stream_peer(stream);
	s->tls_version = stream_tls_version(stream);
	s->started_us = loop_now_us(r->server->c->loop);
	if (!s->tls_version)
		return;
	s->tls_server_name = arena_copy(&r->arena, stream_tls_server_name(stream));
	s->tls_certificate = arena_copy(&r->arena, stream_tls_certificate(stream));
	s->tls_chain = arena_copy(&r->arena, stream_tls_chain(stream));
}

struct h2_request *h2_request_new(struct h2_server *v)
{
	struct pool *pool = server_pool(v->c);
	struct h2_request *r = pool_get(pool, sizeof(*r));
	memset(r, 0, sizeof(*r));
	r->server = v;
	arena_init(&r->arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	h2_stream_init(&r->h, pool, &r->arena);
	r->h.request = &r->request;
	r->s.codec = &codec;
	r->s.role = HTTP_ROLE_SERVER;
	r->s.arena = &r->arena;
	r->s.request = &r->request;
	chunk_queue_init(&r->s.in, pool);
	chunk_queue_init(&r->early, pool);
	http_request_init(&r->request, &r->arena);
	take_facts(r, v->c->stream);
	list_append(&v->requests, &r->link);
	v->open++;
	return r;
}

void h2_request_free(struct h2_request *r)
{
	struct h2_server *v = r->server;
	list_remove(&r->link);
	v->open--;
	chunk_queue_clear(&r->s.in);
	chunk_queue_clear(&r->early);
	arena_reset(&r->arena);
	pool_put(server_pool(v->c), r, sizeof(*r));
	h2_server_note_gone(v);
}

static void die(struct h2_request *r)
{
	if (r->is_dead)
		return;
	r->is_dead = true;
	address_copy(&r->gone_peer, r->s.peer);
	r->s.peer = &r->gone_peer;
	r->s.bytes_received = r->h.bytes_received;
}

void h2_request_lose(struct h2_request *r, enum http_reset why, const char *detail)
{
	struct http_server *c = r->server->c;
	die(r);
	switch (r->phase) {
	case REQUEST_HEAD:
		if (why == HTTP_RESET_PROTOCOL)
			c->events->on_refused(c->owner, &r->s, 400, detail);
		h2_request_free(r);
		break;
	case REQUEST_OWNED:
		r->s.events->on_reset(&r->s, why, detail);
		break;
	case REQUEST_SPENT:
		h2_request_free(r);
		break;
	}
}

void h2_request_close(struct h2_request *r)
{
	die(r);
	r->is_whole = true;
	if (r->phase != REQUEST_OWNED)
		h2_request_free(r);
}

/* --- receiving ------------------------------------------------------------------------------- */

void h2_request_announce(struct h2_request *r)
{
	struct http_server *c = r->server->c;
	r->phase = REQUEST_OWNED;
	r->server->owned++;
	r->request.scheme = r->s.tls_version ? STR("https") : STR("http");
	/* What is asked to switch is whole; what comes behind is the other protocol's. */
	r->s.in_ended = r->h.in_ended || r->request.is_connect;
	r->s.bytes_received = r->h.bytes_received;
	c->events->on_request(c->owner, &r->s);
}

void h2_request_take(struct h2_request *r, struct str bytes)
{
	bool is_early = r->request.is_connect && !r->s.upgraded;
	struct chunk_queue *in = is_early ? &r->early : &r->s.in;
	r->s.body_received += bytes.n;
	r->s.bytes_received = r->h.bytes_received;
	if (r->phase != REQUEST_OWNED || r->is_dead || (is_early && r->h.head_sent)) {
		h2_stream_credit(&r->h, bytes.n);
		h2_server_wake(r->server);
		return;
	}
	struct block *block = r->server->block;
	if (!block || (bytes.n < SMALL_PIECE_BYTES && in->bytes > 0))
		chunk_queue_add_copy(in, bytes);
	else
		chunk_queue_add_slice(in, block, bytes.p, bytes.n);
	if (!is_early)
		r->s.events->on_data(&r->s);
}

void h2_request_end(struct h2_request *r)
{
	r->s.in_ended = true;
	r->s.trailers = r->request.is_connect ? NULL : r->h.trailers;
	r->s.bytes_received = r->h.bytes_received;
	if (r->phase == REQUEST_OWNED && !r->is_dead)
		r->s.events->on_data(&r->s);
}

/* --- sending --------------------------------------------------------------------------------- */

/* Nothing was left to be done but to reset it; the owner hears so at the end of the turn. */
static void note_sent(struct h2_request *r, bool done)
{
	h2_server_wake(r->server);
	r->s.bytes_sent = r->h.bytes_sent + r->h.out.bytes;
	if (done)
		return;
	r->loss_is_due = true;
	r->server->has_losses = true;
}

static bool can_act(const struct h2_request *r)
{
	return !r->is_dead && !r->loss_is_due;
}

static void send_switch(struct h2_request *r, struct http_response *a)
{
	note_sent(r, h2_stream_respond(&r->h, a, loop_http_date(r->server->c->loop), false));
	r->s.upgraded = true;
	r->s.in_ended = r->h.in_ended;
	chunk_queue_move(&r->s.in, &r->early);
}

static void send_response(struct http_stream *s, struct http_response *a, bool end)
{
	struct h2_request *r = of(s);
	if (!can_act(r) || r->h.head_sent)
		return;
	if (a->status == 101) {
		send_switch(r, a);
		return;
	}
	if (a->status >= 200 && UNLIKELY(s->closes_after))
		h2_server_drain(r->server);
	note_sent(r, h2_stream_respond(&r->h, a, loop_http_date(r->server->c->loop), end));
}

static void send_data(struct http_stream *s, struct chunk_queue *q, bool end)
{
	struct h2_request *r = of(s);
	if (!can_act(r))
		chunk_queue_clear(q);
	else
		note_sent(r, h2_stream_send_data(&r->h, q, end));
}

static void send_trailers(struct http_stream *s, const struct fields *trailers)
{
	struct h2_request *r = of(s);
	if (can_act(r))
		note_sent(r, h2_stream_send_trailers(&r->h, trailers));
}

static void credit(struct http_stream *s, size_t n)
{
	struct h2_request *r = of(s);
	if (!can_act(r))
		return;
	h2_stream_credit(&r->h, n);
	h2_server_wake(r->server);
}

static bool can_send(const struct http_stream *s)
{
	struct h2_request *r = of(s);
	return can_act(r) && h2_stream_can_send(&r->h);
}

/* Who is told to wait hears more at the end of the turn. */
static size_t room(const struct http_stream *s)
{
	struct h2_request *r = of(s);
	struct stream *stream = r->server->c->stream;
	if (!can_act(r) || !stream)
		return H2_ROOM_LITTLE;
	size_t n = h2_stream_ask_room(&r->h, stream_pending(stream));
	if (n == 0)
		h2_server_wake(r->server);
	return n;
}

/* Of this stream alone: the others are none of its client's slowness. */
static uint64_t taken(const struct http_stream *s, size_t *outstanding)
{
	const struct h2_request *r = of(s);
	*outstanding = r->h.out.bytes;
	return r->h.bytes_sent;
}

static size_t queued(const struct http_stream *s)
{
	return of(s)->h.out.bytes;
}

static size_t queued_of_all(const struct http_stream *s)
{
	const struct h2_request *r = of(s);
	const struct http_server *c = r->server->c;
	return c->stream ? stream_pending(c->stream) + h2_session_out_bytes(r->server->session) : 0;
}

/* --- without an exchange --------------------------------------------------------------------- */

static void send_page(struct h2_request *r, uint16_t status, const char *text, struct arena *arena)
{
	struct http_server *c = r->server->c;
	struct http_response a;
	struct chunk_queue q;
	http_response_init(&a, arena);
	chunk_queue_init(&q, server_pool(c));
	a.status = status;
	struct str body = STR_EMPTY;
	if (c->options->error_body)
		body = c->options->error_body(c->owner, status, text, arena, &a.fields);
	a.content_length = (int64_t)body.n;
	r->h.arena = arena; /* its own may be spent */
	bool done = h2_stream_respond(&r->h, &a, loop_http_date(c->loop), body.n == 0);
	r->h.arena = &r->arena;
	chunk_queue_add_copy(&q, body);
	/* A stream that was reset is closed by the session, and freed by that. */
	if (done)
		done = h2_stream_send_data(&r->h, &q, true);
	chunk_queue_clear(&q);
	r->is_dead |= !done;
}

void h2_request_refuse(struct h2_request *r, enum h1_error error)
{
	struct http_server *c = r->server->c;
	struct arena arena;
	uint16_t status = h1_error_status(error);
	const char *text = h1_error_text(error);
	arena_init(&arena, server_pool(c), REFUSAL_BYTES);
	send_page(r, status, text, &arena);
	arena_reset(&arena);
	r->s.bytes_received = r->h.bytes_received;
	c->events->on_refused(c->owner, &r->s, status, text);
	r->phase = REQUEST_SPENT;
	if (r->is_dead)
		h2_request_free(r);
	else
		h2_stream_finish(&r->h);
	h2_server_wake(r->server);
}

/* --- ends ------------------------------------------------------------------------------------ */

static enum h2_code code_of(enum http_reset why)
{
	switch (why) {
	case HTTP_RESET_CANCELLED:
	case HTTP_RESET_TIMEOUT:
		return H2_CANCEL;
	case HTTP_RESET_REFUSED:
		return H2_REFUSED_STREAM;
	case HTTP_RESET_PROTOCOL:
		return H2_PROTOCOL_ERROR;
	default:
		return H2_INTERNAL_ERROR;
	}
}

static void cut(struct h2_request *r, enum http_reset why)
{
	if (r->is_dead)
		return;
	die(r);
	h2_stream_abandon(&r->h, code_of(why));
	h2_server_wake(r->server);
}

static void reset(struct http_stream *s, enum http_reset why)
{
	struct h2_request *r = of(s);
	r->loss_is_due = false;
	cut(r, why);
}

static void release(struct http_stream *s)
{
	struct h2_request *r = of(s);
	struct h2_server *v = r->server;
	v->owned--;
	r->phase = REQUEST_SPENT;
	if (!r->is_dead && (r->loss_is_due || !r->h.out_ended))
		cut(r, HTTP_RESET_IO);
	if (r->is_dead) {
		h2_request_free(r);
		return;
	}
	/* The rest of the answer is still here, and perhaps some of the request to come. */
	h2_stream_credit(&r->h, r->h.uncredited);
	chunk_queue_clear(&s->in);
	chunk_queue_clear(&r->early);
	arena_reset(&r->arena);
	h2_stream_finish(&r->h);
	h2_server_wake(v);
}

static const struct http_stream_codec codec = {
	.send_response = send_response,
	.send_data = send_data,
	.send_trailers = send_trailers,
	.reset = reset,
	.credit = credit,
	.can_send = can_send,
	.room = room,
	.taken = taken,
	.queued = queued,
	.queued_of_all = queued_of_all,
	.release = release,
};
