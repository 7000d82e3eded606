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
#include "connection/server.h"

#include "base/check.h"
#include "base/limits.h"
#include "connection/coarse.h"
#include "connection/connection_priv.h"

/* The memory of an answer that is given without an exchange. */
#define REFUSAL_BYTES 4096

enum server_phase {
	PHASE_HEAD,  /* nobody knows of it yet */
	PHASE_OWNED, /* between on_request and release */
	PHASE_SPENT, /* released; what is left of its body is dropped */
};

struct server_stream {
	struct h1_stream h; /* first, so that it is the stream */
	struct http_server *server;
	enum server_phase phase;
	bool is_timed;      /* the timer bounds its head */
	bool keep_alive;    /* what the answer's head said */
	bool was_continued; /* 100 (Continue) was sent */
	struct arena arena;
	struct http_request request;
};

struct http_server {
	struct link link;
	struct loop *loop;                         /* borrowed */
	struct stream *stream;                     /* NULL once closed */
	struct server_stream *current;             /* owned; NULL while idle */
	const struct http_server_options *options; /* borrowed */
	const struct http_server_events *events;
	void *owner;
	struct timer timer; /* of the head, of idling, of lingering; left running when it is late */
	struct task closed;
	int64_t idle_since_ms;
	uint32_t requests;
	int linger_ms;
	bool is_open;     /* the TLS handshake is done, or none was due */
	bool is_draining; /* no further request but one */
	bool peer_ended;
	bool is_closing;
};

static const struct http_stream_codec codec;

static struct server_stream *of(struct http_stream *s)
{
	return CONTAINER_OF(s, struct server_stream, h.s);
}

static struct pool *pool_of(const struct http_server *c)
{
	return loop_pool(c->loop);
}

/* --- life ------------------------------------------------------------------------------------ */

static void begin_request(struct http_server *c)
{
	struct pool *pool = pool_of(c);
	struct server_stream *r = pool_get(pool, sizeof(*r));
	h1_stream_init(&r->h, c->stream, HTTP_ROLE_SERVER, &codec);
	r->server = c;
	r->phase = PHASE_HEAD;
	r->is_timed = r->keep_alive = r->was_continued = false;
	arena_init(&r->arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	r->h.s.arena = &r->arena;
	r->h.s.request = &r->request;
	r->h.parser = h1_parser_new(pool, false);
	h1_parser_begin_request(r->h.parser, &r->arena, &r->request);
	/* It outlives the connection's own. */
	if (r->h.s.tls_version)
		r->h.s.tls_server_name = arena_copy(&r->arena, stream_tls_server_name(c->stream));
	c->current = r;
}

static void forget_request(struct http_server *c)
{
	struct server_stream *r = c->current;
	c->current = NULL;
	h1_stream_deinit(&r->h);
	arena_reset(&r->arena);
	pool_put(pool_of(c), r, sizeof(*r));
}

static void close_connection(struct http_server *c, enum stream_close_how how)
{
	c->is_closing = true;
	timer_stop(&c->timer);
	if (c->stream)
		stream_close(c->stream, how);
}

static void finish(struct http_server *c)
{
	timer_stop(&c->timer);
	c->events->on_closed(c->owner, c);
	pool_put(pool_of(c), c, sizeof(*c));
}

static void on_finish(struct task *t)
{
	finish(CONTAINER_OF(t, struct http_server, closed));
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
		close_connection(c, STREAM_CLOSE_FLUSH);
		return;
	}
	start_idling(c);
	stream_receive(c->stream, true);
}

/* --- answers --------------------------------------------------------------------------------- */

/* A client that waits for 100 (Continue) may or may not send its content after another answer. */
static bool is_rest_short(const struct server_stream *r)
{
	int64_t length = r->request.content_length;
	bool will_come = !r->request.expects_continue || r->was_continued;
	return will_come && length > 0 &&
	       length - (int64_t)r->h.body_received <= LIMIT_LINGER_BYTES;
}

static bool may_keep_alive(const struct server_stream *r)
{
	const struct http_server *c = r->server;
	if (c->is_draining || c->peer_ended || c->requests >= c->options->requests_max)
		return false;
	return h1_parser_keep_alive(r->h.parser) && (r->h.s.in_ended || is_rest_short(r));
}

static void frame(
	struct server_stream *r, struct http_response *a, bool end, struct h1_write_options *o)
{
	bool is_bare = r->request.method == METHOD_HEAD || a->status == 304;
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
static void cut(struct server_stream *r)
{
	close_connection(r->server, STREAM_CLOSE_RESET);
}

static void send_interim(struct server_stream *r, const struct http_response *a)
{
	struct h1_write_options o = {.keep_alive = true};
	if (r->request.version_minor == 0)
		return;
	r->was_continued |= a->status == 100;
	if (!write_head(r, a, &o))
		cut(r);
}

static void send_switch(struct server_stream *r, const struct http_response *a)
{
	struct h1_write_options o = {.upgrade = true, .date = loop_http_date(r->server->loop)};
	if (!r->h.s.in_ended || !write_head(r, a, &o)) {
		cut(r);
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
	struct http_response framed = *a;
	struct h1_write_options o = {
		.keep_alive = may_keep_alive(r),
		.http10_peer = r->request.version_minor == 0,
		.date = loop_http_date(r->server->loop),
	};
	frame(r, &framed, end, &o);
	if (!write_head(r, &framed, &o)) {
		cut(r);
		return;
	}
	r->keep_alive = o.keep_alive;
	r->h.head_sent = true;
	r->h.out_ended = end;
}

static void send_response(struct http_stream *s, struct http_response *a, bool end)
{
	struct server_stream *r = of(s);
	if (!r->h.stream || r->h.head_sent)
		return;
	if (a->status == 101)
		send_switch(r, a);
	else if (a->status < 200)
		send_interim(r, a);
	else
		send_final(r, a, end);
}

static void send_data(struct http_stream *s, struct chunk_queue *q, bool end)
{
	struct server_stream *r = of(s);
	if (!h1_stream_send_data(&r->h, q, end))
		cut(r);
}

static void send_trailers(struct http_stream *s, const struct fields *trailers)
{
	struct server_stream *r = of(s);
	if (!h1_stream_send_trailers(&r->h, trailers))
		cut(r);
}

/* --- answers without an exchange ------------------------------------------------------------- */

static void send_error(struct server_stream *r, uint16_t status, const char *text)
{
	struct http_server *c = r->server;
	struct arena arena; /* the request's own may be spent */
	struct http_response a;
	struct h1_write_options o = {.date = loop_http_date(c->loop)};
	arena_init(&arena, pool_of(c), REFUSAL_BYTES);
	http_response_init(&a, &arena);
	a.status = status;
	a.reason = http_reason(status);
	struct str body = STR_EMPTY;
	if (c->options->error_body)
		body = c->options->error_body(c->owner, status, text, &arena);
	if (body.n > 0 && fields_append(&a.fields, STR("Content-Type"), FIELD_CONTENT_TYPE,
				  STR("application/json; charset=UTF-8")) != RC_OK)
		body = STR_EMPTY;
	a.content_length = (int64_t)body.n;
	if (write_head(r, &a, &o) && r->request.method != METHOD_HEAD)
		stream_send_copy(c->stream, body);
	arena_reset(&arena);
}

/* What never became a request. Status 0: closes without an answer. */
static void refuse(struct http_server *c, uint16_t status, const char *text)
{
	struct server_stream *r = c->current;
	if (status != 0)
		send_error(r, status, text);
	c->events->on_refused(c->owner, &r->h.s, status, text);
	forget_request(c);
	close_connection(c, STREAM_CLOSE_FLUSH);
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
		send_error(r, 400, detail);
	bool is_cut = r->h.head_sent && !r->h.out_ended;
	close_connection(c, is_cut ? STREAM_CLOSE_RESET : STREAM_CLOSE_FLUSH);
	lose(c, HTTP_RESET_PROTOCOL, detail);
}

static void fail_message(struct http_server *c)
{
	struct server_stream *r = c->current;
	enum h1_error error = h1_parser_error(r->h.parser);
	switch (r->phase) {
	case PHASE_HEAD:
		refuse(c, h1_error_status(error), h1_error_text(error));
		break;
	case PHASE_OWNED:
		break_off(c, h1_error_text(error));
		break;
	case PHASE_SPENT:
		forget_request(c);
		close_connection(c, STREAM_CLOSE_FLUSH);
		break;
	}
}

/* --- requests -------------------------------------------------------------------------------- */

static void announce(struct http_server *c)
{
	struct server_stream *r = c->current;
	r->phase = PHASE_OWNED;
	r->request.scheme = c->options->scheme;
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
	uint64_t received = r->h.body_received;
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
	else if (r->h.s.in_ended || r->h.body_received > received)
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

static size_t on_data(struct stream *stream, struct block *block, const char *p, size_t n)
{
	struct http_server *c = stream_owner(stream);
	struct str in = str_n(p, n);
	while (in.n > 0 && !c->is_closing && read_some(c, block, &in))
		;
	if (c->is_closing)
		return n;
	if (in.n > 0)
		stream_receive(stream, false);
	return n - in.n;
}

/* --- ends ------------------------------------------------------------------------------------ */

static void end_inside(struct http_server *c)
{
	struct server_stream *r = c->current;
	if (r->phase == PHASE_OWNED) {
		if (r->h.out_ended)
			return; /* the answer was enough; its release closes */
		close_connection(c, STREAM_CLOSE_RESET);
		lose(c, HTTP_RESET_CLOSED, "the client ended inside the request");
	} else if (r->phase == PHASE_HEAD && h1_parser_end_of_input(r->h.parser) == H1_ERROR) {
		refuse(c, h1_error_status(H1_ERROR_ENDED), h1_error_text(H1_ERROR_ENDED));
	} else {
		forget_request(c);
		close_connection(c, STREAM_CLOSE_FLUSH);
	}
}

/* A client that half-closed after a whole request still gets its answer. */
static void on_end(struct stream *stream)
{
	struct http_server *c = stream_owner(stream);
	c->peer_ended = true;
	if (!c->current) {
		close_connection(c, STREAM_CLOSE_FLUSH);
		return;
	}
	struct http_stream *s = &c->current->h.s;
	if (s->upgraded) {
		s->in_ended = true;
		s->events->on_data(s);
	} else if (!s->in_ended) {
		end_inside(c);
	}
}

static void on_open(struct stream *stream)
{
	struct http_server *c = stream_owner(stream);
	c->is_open = true;
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
	if (!c->is_open && rc != RC_OK) {
		begin_request(c);
		c->events->on_refused(c->owner, &c->current->h.s, 0, stream_error_text(stream));
	}
	c->is_closing = true;
	if (c->current)
		on_lost(c, rc, stream_error_text(stream));
	c->stream = NULL;
	if (!c->current)
		finish(c);
}

static void on_timer(struct timer *t)
{
	struct http_server *c = CONTAINER_OF(t, struct http_server, timer);
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
			timer_start(c->loop, t, coarse_wait_ms(left_ms, whole_ms));
			return;
		}
	}
	close_connection(c, STREAM_CLOSE_FLUSH);
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
	struct server_stream *r = of(s);
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
		close_connection(c, is_clean ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_RESET);
	forget_request(c);
	if (!c->stream)
		loop_defer(c->loop, &c->closed);
}

static void reset(struct http_stream *s, enum http_reset why)
{
	struct server_stream *r = of(s);
	if (!r->h.stream)
		return;
	cut(r);
	h1_stream_die(&r->h);
}

static const struct http_stream_codec codec = {
	.send_response = send_response,
	.send_data = send_data,
	.send_trailers = send_trailers,
	.reset = reset,
	.credit = h1_stream_credit,
	.can_send = h1_stream_can_send,
	.release = release,
};

static const struct stream_events stream_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_open = on_open,
	.on_drained = on_drained,
	.on_close = on_close,
};

/* --- from above ------------------------------------------------------------------------------ */

struct http_server *http_server_new(struct stream_group *group, int fd, const struct address *peer,
	struct tls_context *tls, const struct http_server_options *options,
	const struct http_server_events *events, void *owner)
{
	struct loop *loop = stream_group_loop(group);
	struct http_server *c = pool_get(loop_pool(loop), sizeof(*c));
	*c = (struct http_server){
		.loop = loop,
		.options = options,
		.events = events,
		.owner = owner,
		.is_open = tls == NULL,
	};
	list_init(&c->link);
	task_init(&c->closed, on_finish);
	timer_init(&c->timer, on_timer);
	c->stream = stream_accept(group, fd, peer, tls, &stream_events, c);
	start_idling(c);
	return c;
}

void http_server_drain(struct http_server *c, int linger_ms)
{
	c->is_draining = true;
	c->linger_ms = linger_ms;
	if (!c->current && !c->is_closing)
		timer_start(c->loop, &c->timer, linger_ms);
}

void http_server_abort(struct http_server *c)
{
	const struct server_stream *r = c->current;
	bool is_cut = r && r->h.head_sent && !r->h.out_ended;
	close_connection(c, is_cut ? STREAM_CLOSE_RESET : STREAM_CLOSE_NOW);
}

int64_t http_server_idle_since_ms(const struct http_server *c)
{
	return c->current || c->is_closing ? -1 : c->idle_since_ms;
}

struct link *http_server_link(struct http_server *c)
{
	return &c->link;
}

struct http_server *http_server_of_link(struct link *l)
{
	return CONTAINER_OF(l, struct http_server, link);
}
