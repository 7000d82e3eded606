/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 to upstreams: many streams on one connection.
 *
 * The connection is open for its owner once the peer's SETTINGS came: they say how many streams
 * there may be, and one who sends something else speaks no HTTP/2, which is known before a request
 * was given to it. After a GOAWAY, from either side, no stream is opened any more, and the
 * connection closes when the last one has ended.
 *
 * A stream that its owner has released may still have frames to be sent: it stays until they are.
 */
#include "connection/client_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "connection/connection_priv.h"
#include "http/h2_session.h"

#include <stdio.h>

/* A piece below this is copied: a slice would pin its whole block. */
#define SMALL_PIECE_BYTES 4096
/* Streams have 31 bits, half of them ours: no more are opened so close to the end. */
#define STREAM_ID_MAX 0x7fff0000

struct h2_connection {
	struct http_client *client;
	struct h2_session *session; /* owned; NULL once the transport is gone */
	struct block *block;        /* of the bytes that are being received; borrowed */
	struct timer timer; /* until it is open: for the SETTINGS; then for the peer's silence */
	int64_t heard_ms;
	unsigned open;       /* streams that their owners have not released */
	struct link unasked; /* of those, the ones without a request yet */
	unsigned unasked_count;
	int32_t last_id;
	bool is_open;
	bool was_asked;      /* whether the peer is there */
	bool is_lost;        /* no stream lives on */
	enum rc rc;          /* why it never opened */
	enum http_reset why; /* of the streams that are lost */
	char text[160];
};

struct h2_client_stream {
	struct http_stream s; /* first, so that it is the stream */
	struct h2_stream wire;
	struct h2_connection *connection;
	struct link unasked; /* of the connection's: the session does not know it yet */
	struct task failed;  /* tells later what failed at once */
	bool is_sent;        /* the request's head */
	bool is_dead;        /* its owner knows that nothing comes any more */
	bool is_released;
	struct http_response spare; /* when the owner's arena is spent */
	struct address gone_peer;   /* set when the stream dies: s.peer then points here */
};

static const struct http_stream_codec codec;

static struct h2_client_stream *of(struct http_stream *s)
{
	return CONTAINER_OF(s, struct h2_client_stream, s);
}

static struct h2_client_stream *of_wire(struct h2_stream *wire)
{
	return CONTAINER_OF(wire, struct h2_client_stream, wire);
}

static struct pool *pool_of(const struct h2_connection *h)
{
	return loop_pool(h->client->loop);
}

/* --- frames to be sent ----------------------------------------------------------------------- */

/* Whether more is due. */
static bool produce(struct h2_connection *h)
{
	struct stream *stream = h->client->stream;
	size_t pending = stream_pending(stream);
	struct chunk_queue out;
	chunk_queue_init(&out, pool_of(h));
	bool has_more = pending >= LIMIT_QUEUE_HIGH_BYTES ||
			h2_session_produce(h->session, &out, LIMIT_QUEUE_HIGH_BYTES - pending,
				loop_now_ms(h->client->loop));
	stream_send_queue(stream, &out);
	return has_more;
}

/* When the turn ends, and all streams have said what they have to. */
static void want_produce(struct h2_connection *h)
{
	if (h->session)
		stream_want_produce(h->client->stream);
}

/* --- streams --------------------------------------------------------------------------------- */

static void note_bytes(struct h2_client_stream *r)
{
	r->s.bytes_received = r->wire.bytes_received;
	r->s.bytes_sent = r->wire.bytes_sent;
}

static void die(struct h2_client_stream *r)
{
	if (r->is_dead)
		return;
	r->is_dead = true;
	address_copy(&r->gone_peer, r->s.peer);
	r->s.peer = &r->gone_peer;
}

static void forget(struct h2_client_stream *r)
{
	task_cancel(&r->failed);
	chunk_queue_clear(&r->s.in);
	pool_put(pool_of(r->connection), r, sizeof(*r));
}

static void tell_reset(struct h2_client_stream *r, enum http_reset why, const char *detail)
{
	bool was_told = r->is_dead;
	die(r);
	if (!was_told && !(r->s.in_ended && r->wire.out_ended))
		r->s.events->on_reset(&r->s, why, detail);
}

static void on_failed(struct task *t)
{
	tell_reset(CONTAINER_OF(t, struct h2_client_stream, failed), HTTP_RESET_CANCELLED,
		"what was sent does not fit, or there was no memory for it");
}

/* The owner broke what the head had promised, or had no memory for it: it hears so later in the
 * turn. */
static void fail_later(struct h2_client_stream *r)
{
	loop_ready(r->connection->client->loop, &r->failed);
}

/* --- the end of all -------------------------------------------------------------------------- */

/* What they would have asked was not processed. Whoever is told may release any of them. */
static void lose_unasked(struct h2_connection *h)
{
	struct link untold, *l;
	list_init(&untold);
	list_move_all(&untold, &h->unasked);
	while ((l = list_pop(&untold)))
		tell_reset(CONTAINER_OF(l, struct h2_client_stream, unasked), HTTP_RESET_REFUSED,
			h->text);
}

/* Every stream hears why, once. */
static void lose(struct h2_connection *h, enum http_reset why, const char *text)
{
	if (h->is_lost)
		return;
	h->is_lost = true;
	h->why = why;
	snprintf(h->text, sizeof(h->text), "%s", text);
	h2_session_abort(h->session);
	lose_unasked(h);
}

static void fail(struct h2_connection *h, enum http_reset why, const char *text)
{
	client_close(h->client, STREAM_CLOSE_NOW);
	lose(h, why, text);
}

static void fail_to_open(struct h2_connection *h, enum rc rc, const char *text)
{
	h->rc = rc;
	fail(h, HTTP_RESET_REFUSED, text);
}

/* The session has ended by what the peer did: it is told, by GOAWAY. */
static void end_session(struct h2_connection *h)
{
	char text[sizeof(h->text)];
	const char *detail = h2_session_detail(h->session);
	snprintf(text, sizeof(text), "the upstream broke HTTP/2: %s", detail);
	produce(h);
	if (!h->is_open)
		h->rc = RC_UNSUPPORTED;
	client_close(h->client, STREAM_CLOSE_FLUSH);
	lose(h, HTTP_RESET_PROTOCOL, text);
}

/* Behind a GOAWAY of either side; the library may end a session with the one that it sends. */
static void close_if_done(struct h2_connection *h)
{
	if (!h->session || h->client->is_closing)
		return;
	if (h2_session_ending(h->session) > H2_ENDING_DRAINED)
		end_session(h);
	else if (h->open == 0 && h2_session_is_done(h->session))
		client_close(h->client, STREAM_CLOSE_END);
}

static bool on_produce(struct stream *stream)
{
	struct http_client *c = stream_owner(stream);
	bool has_more = produce(c->h2);
	close_if_done(c->h2);
	return has_more && !c->is_closing;
}

/* --- what the session tells ------------------------------------------------------------------ */

static void on_head(void *owner, struct h2_stream *wire)
{
	struct h2_client_stream *r = of_wire(wire);
	note_bytes(r);
	if (r->is_dead)
		return;
	if (!wire->has_head) {
		r->s.events->on_interim(&r->s);
		return;
	}
	r->s.upgraded = wire->is_tunnel;
	r->s.in_ended = wire->in_ended;
	r->s.events->on_head(&r->s);
}

static void on_data(void *owner, struct h2_stream *wire, struct str bytes)
{
	struct h2_connection *h = owner;
	struct h2_client_stream *r = of_wire(wire);
	note_bytes(r);
	if (r->is_dead)
		return;
	r->s.body_received += bytes.n;
	if (bytes.n < SMALL_PIECE_BYTES)
		chunk_queue_add_copy(&r->s.in, bytes);
	else
		chunk_queue_add_slice(&r->s.in, h->block, bytes.p, bytes.n);
	r->s.events->on_data(&r->s);
}

static void on_end(void *owner, struct h2_stream *wire)
{
	struct h2_client_stream *r = of_wire(wire);
	note_bytes(r);
	if (r->is_dead)
		return;
	r->s.trailers = wire->trailers;
	r->s.in_ended = true;
	r->s.events->on_data(&r->s);
}

static const char *name_of(uint32_t code)
{
	switch (code) {
	case H2_NO_ERROR:
		return "NO_ERROR";
	case H2_INTERNAL_ERROR:
		return "INTERNAL_ERROR";
	case H2_CANCEL:
		return "CANCEL";
	case H2_REFUSED_STREAM:
		return "REFUSED_STREAM";
	case H2_ENHANCE_YOUR_CALM:
		return "ENHANCE_YOUR_CALM";
	case H2_HTTP_1_1_REQUIRED:
		return "HTTP_1_1_REQUIRED";
	default:
		return "of an error";
	}
}

static enum http_reset reason_of(const struct h2_connection *h, bool by_peer, bool is_unprocessed,
	const struct h2_client_stream *r)
{
	if (is_unprocessed || r->s.bytes_sent == 0)
		return HTTP_RESET_REFUSED;
	if (h->is_lost)
		return h->why;
	return by_peer ? HTTP_RESET_CANCELLED : HTTP_RESET_PROTOCOL;
}

static void on_reset(
	void *owner, struct h2_stream *wire, uint32_t code, bool by_peer, bool is_unprocessed)
{
	struct h2_connection *h = owner;
	struct h2_client_stream *r = of_wire(wire);
	char text[sizeof(h->text)];
	note_bytes(r);
	if (r->is_released) {
		forget(r);
		return;
	}
	if (h->is_lost)
		snprintf(text, sizeof(text), "%s", h->text);
	else if (by_peer || is_unprocessed)
		snprintf(text, sizeof(text), "the upstream reset the stream: %s", name_of(code));
	else
		snprintf(text, sizeof(text), "the upstream broke HTTP/2 on the stream: %s",
			h2_session_detail(h->session));
	tell_reset(r, reason_of(h, by_peer, is_unprocessed, r), text);
}

static void on_refused(void *owner, struct h2_stream *wire, enum h1_error error)
{
	struct h2_client_stream *r = of_wire(wire);
	note_bytes(r);
	if (r->is_released)
		forget(r);
	else
		tell_reset(r, HTTP_RESET_PROTOCOL, h1_error_text(error));
}

static void on_writable(void *owner, struct h2_stream *wire)
{
	struct h2_client_stream *r = of_wire(wire);
	if (!r->is_dead && !r->is_released && !wire->out_ended)
		r->s.events->on_writable(&r->s);
}

/* Both messages are whole, and ours has left. */
static void on_closed(void *owner, struct h2_stream *wire)
{
	struct h2_client_stream *r = of_wire(wire);
	note_bytes(r);
	if (r->is_released)
		forget(r);
}

static void start_silence(struct h2_connection *h)
{
	int ms = h->client->http2.ping_ms;
	if (ms > 0)
		timer_start(h->client->loop, &h->timer, ms);
}

static void on_settings(void *owner)
{
	struct h2_connection *h = owner;
	struct http_client *c = h->client;
	if (h->is_open) {
		c->events->on_idle(c->owner, c);
		return;
	}
	h->is_open = true;
	timer_stop(&h->timer);
	start_silence(h);
	c->events->on_open(c->owner, c);
}

static void on_goaway(void *owner, uint32_t code)
{
	struct h2_connection *h = owner;
	struct http_client *c = h->client;
	if (h->is_open)
		c->events->on_idle(c->owner, c);
}

/* A server opens none here: push is off. */
static struct h2_stream *on_begin(void *owner)
{
	return NULL;
}

static const struct h2_events session_events = {
	.on_begin = on_begin,
	.on_head = on_head,
	.on_refused = on_refused,
	.on_data = on_data,
	.on_end = on_end,
	.on_reset = on_reset,
	.on_writable = on_writable,
	.on_closed = on_closed,
	.on_settings = on_settings,
	.on_goaway = on_goaway,
};

/* --- what the owner of a stream says --------------------------------------------------------- */

static void leave_unasked(struct h2_client_stream *r)
{
	list_remove(&r->unasked);
	r->connection->unasked_count--;
}

static void send_request(struct http_stream *s, struct http_request *request, bool end)
{
	struct h2_client_stream *r = of(s);
	struct h2_connection *h = r->connection;
	if (r->is_dead || r->is_sent || h->is_lost)
		return;
	r->is_sent = true;
	leave_unasked(r);
	struct http_request framed = *request;
	/* That of this connection, whatever the client's is: RFC 9113 8.3.1. */
	framed.scheme = r->s.tls_version ? STR("https") : STR("http");
	if (!h2_session_takes_connect_protocol(h->session))
		framed.upgrade = STR_EMPTY;
	if (!h2_stream_open(h->session, &r->wire, &framed, end))
		fail_later(r);
	else
		h->last_id = r->wire.id;
	want_produce(h);
}

static void send_data(struct http_stream *s, struct chunk_queue *q, bool end)
{
	struct h2_client_stream *r = of(s);
	if (!h2_stream_send_data(&r->wire, q, end))
		fail_later(r);
	want_produce(r->connection);
}

static void send_trailers(struct http_stream *s, const struct fields *trailers)
{
	struct h2_client_stream *r = of(s);
	if (!h2_stream_send_trailers(&r->wire, trailers))
		fail_later(r);
	want_produce(r->connection);
}

static void reset(struct http_stream *s, enum http_reset why)
{
	struct h2_client_stream *r = of(s);
	die(r);
	h2_stream_abandon(&r->wire, H2_CANCEL);
	note_bytes(r);
	want_produce(r->connection);
}

static void credit(struct http_stream *s, size_t n)
{
	struct h2_client_stream *r = of(s);
	h2_stream_credit(&r->wire, n);
	want_produce(r->connection);
}

static bool can_send(const struct http_stream *s)
{
	return h2_stream_can_send(&CONTAINER_OF(s, struct h2_client_stream, s)->wire);
}

static uint64_t taken(const struct http_stream *s, size_t *outstanding)
{
	const struct h2_client_stream *r = CONTAINER_OF(s, struct h2_client_stream, s);
	const struct http_client *c = r->connection->client;
	*outstanding = 0;
	return c->stream ? stream_taken(c->stream, outstanding) : s->bytes_sent;
}

static size_t queued(const struct http_stream *s)
{
	const struct h2_connection *h = CONTAINER_OF(s, struct h2_client_stream, s)->connection;
	return h->session ? stream_pending(h->client->stream) + h2_session_out_bytes(h->session)
			  : 0;
}

static void free_connection(struct h2_connection *h)
{
	timer_stop(&h->timer);
	h->client->h2 = NULL;
	pool_put(pool_of(h), h, sizeof(*h));
}

/* What was given whole may still wait for the end of the turn. */
static void let_go(struct h2_client_stream *r)
{
	bool is_whole = r->s.in_ended && r->wire.out_ended && !r->is_dead;
	if (!is_whole)
		h2_stream_abandon(&r->wire, H2_CANCEL);
	if (!r->wire.session) {
		forget(r);
		return;
	}
	h2_stream_credit(&r->wire, r->wire.uncredited);
	chunk_queue_clear(&r->s.in);
	task_cancel(&r->failed);
	r->is_released = true;
}

static void release(struct http_stream *s)
{
	struct h2_client_stream *r = of(s);
	struct h2_connection *h = r->connection;
	struct http_client *c = h->client;
	h->open--;
	if (!r->is_sent)
		leave_unasked(r);
	let_go(r);
	want_produce(h);
	if (!c->stream && h->open == 0) {
		free_connection(h);
		client_finish_later(c);
		return;
	}
	close_if_done(h);
	if (!c->is_closing)
		c->events->on_idle(c->owner, c);
}

static const struct http_stream_codec codec = {
	.send_request = send_request,
	.send_data = send_data,
	.send_trailers = send_trailers,
	.reset = reset,
	.credit = credit,
	.can_send = can_send,
	.taken = taken,
	.queued = queued,
	.release = release,
};

/* --- the transport --------------------------------------------------------------------------- */

static size_t on_bytes(struct stream *stream, struct block *block, const char *p, size_t n)
{
	struct http_client *c = stream_owner(stream);
	struct h2_connection *h = c->h2;
	h->block = block;
	h->heard_ms = loop_now_ms(c->loop);
	h->was_asked = false;
	bool is_alive = h2_session_receive(h->session, str_n(p, n), h->heard_ms);
	h->block = NULL;
	if (!is_alive && !c->is_closing)
		end_session(h);
	want_produce(h);
	close_if_done(h);
	return n;
}

static void on_input_end(struct stream *stream)
{
	struct http_client *c = stream_owner(stream);
	if (!c->h2->is_open)
		fail_to_open(
			c->h2, RC_UNSUPPORTED, "the upstream closed without HTTP/2's SETTINGS");
	else
		fail(c->h2, HTTP_RESET_CLOSED, "the upstream closed the connection");
}

static void on_close(struct stream *stream, enum rc rc)
{
	struct http_client *c = stream_owner(stream);
	struct h2_connection *h = c->h2;
	char text[sizeof(h->text)];
	c->is_closing = true;
	timer_stop(&h->timer);
	lose(h, h1_reset_of(rc), stream_error_text(stream));
	snprintf(text, sizeof(text), "%s", h->text);
	enum rc why = h->rc == RC_OK ? rc : h->rc;
	if (why == RC_OK && !h->is_open)
		why = RC_CLOSED; /* a GOAWAY without SETTINGS */
	if (h->session)
		h2_session_free(h->session);
	h->session = NULL;
	c->stream = NULL;
	if (h->open > 0)
		return;
	free_connection(h);
	client_finish(c, why, text);
}

static const struct stream_events stream_events = {
	.on_data = on_bytes,
	.on_end = on_input_end,
	.on_produce = on_produce,
	.on_close = on_close,
};

/* --- from above ------------------------------------------------------------------------------ */

static void on_timer(struct timer *t)
{
	struct h2_connection *h = CONTAINER_OF(t, struct h2_connection, timer);
	int64_t silent_ms = loop_now_ms(h->client->loop) - h->heard_ms;
	if (!h->is_open) {
		fail_to_open(h, RC_TIMEOUT, "no SETTINGS of HTTP/2 came in time");
		return;
	}
	bool is_silent = silent_ms >= h->client->http2.ping_ms;
	if (is_silent && h->was_asked) {
		fail(h, HTTP_RESET_IO, "the upstream does not answer a PING");
		return;
	}
	if (is_silent) {
		h->was_asked = true;
		h2_session_ping(h->session);
		want_produce(h);
	}
	start_silence(h);
}

static void start(struct http_client *c)
{
	static const struct h2_budgets budgets = H2_BUDGETS_DEFAULT;
	const struct http2_options *o = &c->http2;
	const struct h2_settings settings = {
		.stream_window_bytes = o->stream_window_bytes,
		.connection_window_bytes = o->connection_window_bytes,
	};
	struct pool *pool = loop_pool(c->loop);
	struct h2_connection *h = pool_get(pool, sizeof(*h));
	*h = (struct h2_connection){.client = c, .heard_ms = loop_now_ms(c->loop)};
	c->h2 = h;
	list_init(&h->unasked);
	timer_init(&h->timer, on_timer);
	h->session = h2_session_new(pool, false, &settings, &budgets, NULL, &session_events, h);
	if (!h->session) {
		h->rc = RC_FULL;
		h->is_lost = true;
		client_close(c, STREAM_CLOSE_NOW);
		return;
	}
	want_produce(h);
	timer_start(c->loop, &h->timer, c->connect_timeout_ms);
}

static unsigned capacity(const struct http_client *c)
{
	const struct h2_connection *h = c->h2;
	if (!h->is_open || h->is_lost || h->last_id >= STREAM_ID_MAX)
		return 0;
	unsigned room = h2_session_capacity(h->session, c->http2.streams_max);
	return room > h->unasked_count ? room - h->unasked_count : 0;
}

static bool is_shut(const struct http_client *c)
{
	const struct h2_connection *h = c->h2;
	return h->session && h2_session_streams_max(h->session, c->http2.streams_max) == 0;
}

static bool is_idle(const struct http_client *c)
{
	return !c->h2 || c->h2->open == 0;
}

static struct http_stream *open_stream(struct http_client *c, struct arena *arena,
	const struct message_limits *limits, const struct http_stream_events *events, void *owner)
{
	struct h2_connection *h = c->h2;
	struct h2_client_stream *r = pool_get(loop_pool(c->loop), sizeof(*r));
	memset(r, 0, offsetof(struct h2_client_stream, spare));
	h2_stream_init(&r->wire, loop_pool(c->loop), arena);
	struct http_response *response = arena_alloc(arena, sizeof(*response));
	r->s.arena = arena;
	r->s.response = response ? response : &r->spare;
	http_response_init(r->s.response, arena);
	r->wire.response = r->s.response;
	r->wire.limits = limits;
	r->s.codec = &codec;
	r->s.role = HTTP_ROLE_CLIENT;
	r->s.events = events;
	r->s.owner = owner;
	r->s.peer = stream_peer(c->stream);
	r->s.tls_version = stream_tls_version(c->stream);
	r->s.started_us = loop_now_us(c->loop);
	chunk_queue_init(&r->s.in, loop_pool(c->loop));
	task_init(&r->failed, on_failed);
	r->connection = h;
	h->open++;
	h->unasked_count++;
	list_append(&h->unasked, &r->unasked);
	return &r->s;
}

const struct client_version h2_client = {
	.is_multiplexed = true,
	.start = start,
	.capacity = capacity,
	.is_shut = is_shut,
	.is_idle = is_idle,
	.open = open_stream,
	.stream_events = &stream_events,
};
