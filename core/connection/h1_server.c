/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 from clients. An idle connection is this struct and its net stream; parser, arena and
 * request come from the pool with a request's first byte and go back when it is answered.
 *
 * Pipelining: the next request is looked at when the owner has released the one before; until then
 * its bytes stay with the stream, which does not read on.
 *
 * Closing: whenever the answer may say close it does, and then the connection lingers, so that
 * bytes still on their way cannot turn the answer into a reset. An answer that comes before its
 * request is whole says close unless the rest is short, which then is read and dropped. */
#include "connection/h1_server.h"

#include "base/check.h"
#include "base/limits.h"
#include "connection/coarse.h"

static const struct http_stream_codec codec;

/* --- life ------------------------------------------------------------------------------------ */

static void begin_request(struct http_server *c)
{
	struct pool *pool = server_pool(c);
	struct server_stream *r = pool_get(pool, sizeof(*r));
	h1_stream_init(&r->h, c->stream, HTTP_ROLE_SERVER, &codec);
	r->server = c;
	r->phase = PHASE_HEAD;
	r->is_timed = r->keep_alive = r->was_continued = false;
	arena_init(&r->arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	r->h.s.arena = &r->arena;
	r->h.s.request = &r->request;
	r->h.parser = h1_parser_new(pool, false);
	if (c->options->message)
		h1_parser_limit(r->h.parser, c->options->message);
	h1_parser_begin_request(r->h.parser, &r->arena, &r->request);
	/* They outlive the connection's own. */
	if (r->h.s.tls_version) {
		r->h.s.tls_server_name = arena_copy(&r->arena, stream_tls_server_name(c->stream));
		r->h.s.tls_certificate = arena_copy(&r->arena, stream_tls_certificate(c->stream));
		r->h.s.tls_chain = arena_copy(&r->arena, stream_tls_chain(c->stream));
	}
	c->current = r;
}

static void forget_request(struct http_server *c)
{
	struct server_stream *r = c->current;
	c->current = NULL;
	h1_stream_deinit(&r->h);
	arena_reset(&r->arena);
	pool_put(server_pool(c), r, sizeof(*r));
}

static void start_idling(struct http_server *c)
{
	c->idle_since_ms = loop_now_ms(c->loop);
	if (c->is_draining)
		timer_start(c->loop, &c->timer, c->linger_ms);
	else if (!timer_is_running(&c->timer))
		timer_start(c->loop, &c->timer, c->options->keepalive_idle_ms);
}

static void next_request(struct http_server *c)
{
	forget_request(c);
	if (c->peer_ended) {
		server_close(c, STREAM_CLOSE_FLUSH);
		return;
	}
	start_idling(c);
	stream_receive(c->stream, true);
}

/* --- answers without an exchange ------------------------------------------------------------- */

/* What never became a request. Status 0: closes without an answer. */
static void refuse(struct http_server *c, uint16_t status, const char *text)
{
	struct server_stream *r = c->current;
	if (status != 0)
		server_send_error(r, status, text);
	c->events->on_refused(c->owner, &r->h.s, status, text);
	forget_request(c);
	server_close(c, STREAM_CLOSE_FLUSH);
}

static void lose(struct http_server *c, enum http_reset why, const char *detail)
{
	struct server_stream *r = c->current;
	h1_stream_die(&r->h);
	r->h.s.events->on_reset(&r->h.s, why, detail);
}

/* The body cannot be read on. It is the codec that says so, since it has to close. */
static void break_off(struct http_server *c, const char *detail)
{
	struct server_stream *r = c->current;
	bool can_answer = !r->h.head_sent;
	if (can_answer)
		server_send_error(r, 400, detail);
	bool is_cut = r->h.head_sent && !r->h.out_ended;
	server_close(c, is_cut ? STREAM_CLOSE_RESET : STREAM_CLOSE_FLUSH);
	lose(c, HTTP_RESET_PROTOCOL, detail);
}

/* On a port that speaks both versions a first line which is of neither is a broken preface (RFC 9113
 * 3.4): whoever sent it does not wait for an answer of HTTP/1.1, and GOAWAY may be left out. */
static bool is_broken_preface(const struct http_server *c, enum h1_error error)
{
	return error == H1_ERROR_NOT_HTTP && c->requests == 0 && c->options->http2.enabled &&
	       !c->current->h.s.tls_version;
}

static void fail_message(struct http_server *c)
{
	struct server_stream *r = c->current;
	enum h1_error error = h1_parser_error(r->h.parser);
	switch (r->phase) {
	case PHASE_HEAD:
		refuse(c, is_broken_preface(c, error) ? 0 : h1_error_status(error),
			h1_error_text(error));
		break;
	case PHASE_OWNED:
		break_off(c, h1_error_text(error));
		break;
	case PHASE_SPENT:
		forget_request(c);
		server_close(c, STREAM_CLOSE_FLUSH);
		break;
	}
}

/* --- requests -------------------------------------------------------------------------------- */

static void announce(struct http_server *c)
{
	struct server_stream *r = c->current;
	r->phase = PHASE_OWNED;
	r->request.scheme = r->h.s.tls_version ? STR("https") : STR("http");
	c->requests++;
	c->events->on_request(c->owner, &r->h.s);
}

static void wait_for_head(struct http_server *c)
{
	struct server_stream *r = c->current;
	if (!r->is_timed)
		timer_start(c->loop, &c->timer, c->options->head_timeout_ms);
	r->is_timed = true;
}

/* Feeds until something is missing or the message is whole, then tells the owner once. False:
 * nothing more may be read for now. */
static bool read_message(struct http_server *c, struct block *block, struct str *in)
{
	struct server_stream *r = c->current;
	uint64_t received = r->h.s.body_received;
	enum h1_event event;
	do {
		event = h1_stream_feed(&r->h, block, in);
		r->h.has_head |= event == H1_HEAD;
	} while (event == H1_HEAD || event == H1_BODY);
	if (UNLIKELY(event == H1_ERROR)) {
		fail_message(c);
		return false;
	}
	if (r->phase == PHASE_SPENT) {
		if (event == H1_END)
			next_request(c);
		return true;
	}
	if (r->phase == PHASE_HEAD && r->h.has_head)
		announce(c);
	else if (r->phase == PHASE_HEAD)
		wait_for_head(c);
	else if (r->h.s.in_ended || r->h.s.body_received > received)
		r->h.s.events->on_data(&r->h.s);
	if (event == H1_MORE && in->n > 0 && r->h.stream)
		h1_stream_hold(&r->h);
	return event == H1_END;
}

static bool read_some(struct http_server *c, struct block *block, struct str *in)
{
	if (!c->current)
		begin_request(c);
	struct http_stream *s = &c->current->h.s;
	if (!s->upgraded)
		return !s->in_ended && read_message(c, block, in);
	if (!h1_stream_read_raw(&c->current->h, block, in))
		return false;
	s->events->on_data(s);
	return true;
}

size_t h1_server_take(struct http_server *c, struct block *block, const char *p, size_t n)
{
	struct str in = str_n(p, n);
	while (in.n > 0 && !c->is_closing && read_some(c, block, &in))
		;
	if (c->is_closing)
		return n;
	if (in.n > 0)
		stream_receive(c->stream, false);
	return n - in.n;
}

static size_t on_data(struct stream *stream, struct block *block, const char *p, size_t n)
{
	return h1_server_take(stream_owner(stream), block, p, n);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void end_inside(struct http_server *c)
{
	struct server_stream *r = c->current;
	if (r->phase == PHASE_OWNED) {
		if (r->h.out_ended)
			return; /* the answer was enough; its release closes */
		server_close(c, STREAM_CLOSE_RESET);
		lose(c, HTTP_RESET_CLOSED, "the client ended inside the request");
	} else if (r->phase == PHASE_HEAD && h1_parser_end_of_input(r->h.parser) == H1_ERROR) {
		refuse(c, h1_error_status(H1_ERROR_ENDED), h1_error_text(H1_ERROR_ENDED));
	} else {
		forget_request(c);
		server_close(c, STREAM_CLOSE_FLUSH);
	}
}

/* A client that half-closed after a whole request still gets its answer. Whether it has only
 * half-closed shows when something is sent to it; until then, and an answer may be silent for long,
 * the kernel asks. */
static void on_end(struct stream *stream)
{
	struct http_server *c = stream_owner(stream);
	c->peer_ended = true;
	if (!c->current) {
		server_close(c, STREAM_CLOSE_FLUSH);
		return;
	}
	struct http_stream *s = &c->current->h.s;
	if (s->upgraded) {
		s->in_ended = true;
		s->events->on_data(s);
	} else if (!s->in_ended) {
		end_inside(c);
	} else if (!c->current->h.out_ended) {
		stream_probe_peer(stream);
	}
}

static void on_drained(struct stream *stream)
{
	struct http_server *c = stream_owner(stream);
	struct server_stream *r = c->current;
	if (r && r->phase == PHASE_OWNED && r->h.stream && !r->h.out_ended)
		r->h.s.events->on_writable(&r->h.s);
}

/* Whoever has all he asked for, or has been told, hears nothing more. */
static void on_lost(struct http_server *c, enum rc rc, const char *text)
{
	struct server_stream *r = c->current;
	if (r->phase != PHASE_OWNED) {
		forget_request(c);
		return;
	}
	bool is_whole = r->h.s.in_ended && r->h.out_ended;
	if (r->h.stream && !is_whole)
		lose(c, h1_reset_of(rc), rc == RC_OK ? "the connection was aborted" : text);
	h1_stream_die(&r->h);
}

static void on_close(struct stream *stream, enum rc rc)
{
	struct http_server *c = stream_owner(stream);
	if (!c->is_open && rc != RC_OK && c->events->on_handshake_failed) {
		begin_request(c);
		c->current->h.s.started_us = c->opened_ms * 1000;
		c->events->on_handshake_failed(
			c->owner, &c->current->h.s, stream_error_text(stream));
	}
	c->is_closing = true;
	if (c->current)
		on_lost(c, rc, stream_error_text(stream));
	c->stream = NULL;
	if (!c->current)
		server_finish(c);
}

static void expire(struct http_server *c)
{
	struct server_stream *r = c->current;
	if (r && r->phase == PHASE_OWNED)
		return;
	if (r && r->phase == PHASE_HEAD && !h1_parser_is_between_messages(r->h.parser)) {
		refuse(c, 408, "the request took too long");
		return;
	}
	if (r) {
		forget_request(c);
	} else if (!c->is_draining) {
		int64_t whole_ms = c->options->keepalive_idle_ms;
		int64_t left_ms = c->idle_since_ms + whole_ms - loop_now_ms(c->loop);
		if (left_ms > 0) {
			timer_start(c->loop, &c->timer, coarse_wait_ms(left_ms, whole_ms));
			return;
		}
	}
	server_close(c, STREAM_CLOSE_FLUSH);
}

/* --- release --------------------------------------------------------------------------------- */

static void spend(struct http_server *c)
{
	struct server_stream *r = c->current;
	r->phase = PHASE_SPENT;
	r->h.discards = true;
	chunk_queue_clear(&r->h.s.in);
	h1_stream_credit(&r->h.s, r->h.uncredited);
	timer_start(c->loop, &c->timer, LIMIT_LINGER_MS);
}

static void release(struct http_stream *s)
{
	struct server_stream *r = server_stream_of(s);
	struct http_server *c = r->server;
	bool is_alive = r->h.stream && !c->is_closing;
	if (is_alive && r->keep_alive && r->h.out_ended && (s->in_ended || !c->peer_ended)) {
		if (s->in_ended)
			next_request(c);
		else
			spend(c);
		return;
	}
	bool is_clean = r->h.out_ended && (s->in_ended || !s->upgraded);
	if (is_alive)
		server_close(c, is_clean ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_RESET);
	forget_request(c);
	if (!c->stream)
		loop_defer(c->loop, &c->closed);
}

static void reset(struct http_stream *s, enum http_reset why)
{
	struct server_stream *r = server_stream_of(s);
	if (!r->h.stream)
		return;
	server_cut(r);
	h1_stream_die(&r->h);
}

static const struct http_stream_codec codec = {
	.send_response = server_send_response,
	.send_data = server_send_data,
	.send_trailers = server_send_trailers,
	.reset = reset,
	.credit = h1_stream_credit,
	.can_send = h1_stream_can_send,
	.room = h1_stream_room,
	.taken = h1_stream_taken,
	.queued = h1_stream_queued,
	.queued_of_all = h1_stream_queued,
	.release = release,
};

const struct stream_events h1_server_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_close = on_close,
};

/* --- from above ------------------------------------------------------------------------------ */

static void drain(struct http_server *c)
{
	if (!c->current)
		timer_start(c->loop, &c->timer, c->linger_ms);
}

static void evict(struct http_server *c)
{
	server_close(c, server_eviction(c));
}

static bool is_busy(const struct http_server *c)
{
	return c->current != NULL;
}

static bool is_cut(const struct http_server *c)
{
	const struct server_stream *r = c->current;
	return r && r->h.head_sent && !r->h.out_ended;
}

static size_t tail(const struct http_server *c)
{
	return c->current ? 0 : stream_pending(c->stream);
}

static void cut_tail(struct http_server *c)
{
	server_close(c, STREAM_CLOSE_RESET);
}

const struct server_version h1_server_version = {
	.drain = drain,
	.evict = evict,
	.is_busy = is_busy,
	.is_cut = is_cut,
	.tail = tail,
	.cut_tail = cut_tail,
	.expire = expire,
};
