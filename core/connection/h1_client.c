/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 to upstreams. What the parser needs lives only while a stream is open.
 *
 * A byte is an answer only if a byte of the request had left before it came: whatever comes earlier
 * was meant for somebody else, and the request was provably not processed. */
#include "connection/client_priv.h"

#include "base/limits.h"
#include "connection/connection_priv.h"

struct client_stream {
	struct h1_stream h; /* first, so that it is the stream */
	struct http_client *client;
	bool is_spoilt; /* the connection must not serve again */
	struct http_response
		spare; /* when the owner's arena is spent: nothing will be parsed then */
};

static const struct http_stream_codec codec;

static struct client_stream *of(struct http_stream *s)
{
	return CONTAINER_OF(s, struct client_stream, h.s);
}

/* --- life ------------------------------------------------------------------------------------ */

static void forget_stream(struct http_client *c)
{
	struct client_stream *r = c->current;
	c->current = NULL;
	h1_stream_deinit(&r->h);
	pool_put(loop_pool(c->loop), r, sizeof(*r));
}

/* Whether what comes can be an answer. */
static bool was_asked(const struct http_client *c)
{
	return c->current->h.head_sent && stream_bytes_sent(c->stream) > c->sent_before;
}

static void lose(struct http_client *c, enum http_reset why, const char *detail)
{
	struct client_stream *r = c->current;
	if (!was_asked(c))
		why = HTTP_RESET_REFUSED;
	h1_stream_die(&r->h);
	r->h.s.events->on_reset(&r->h.s, why, detail);
}

static void fail(struct http_client *c, enum http_reset why, const char *detail)
{
	client_close(c, STREAM_CLOSE_NOW);
	lose(c, why, detail);
}

/* --- requests -------------------------------------------------------------------------------- */

/* Only without content, so that a 101 cannot come before the request is whole; never to HTTP/2 in
 * clear text, which would take the bytes out of our sight. */
static bool asks_upgrade(const struct http_request *r)
{
	return r->upgrade.n > 0 && r->content_length == CONTENT_LENGTH_NONE &&
	       !str_eq_nocase(r->upgrade, STR("h2c"));
}

static void frame(
	struct client_stream *c, struct http_request *r, bool end, struct h1_write_options *o)
{
	c->h.framing = FRAMING_NONE;
	if (end && r->content_length != CONTENT_LENGTH_NONE) {
		r->content_length = 0;
	} else if (r->content_length >= 0) {
		c->h.framing = FRAMING_LENGTH;
		c->h.out_left = (uint64_t)r->content_length;
	} else if (r->content_length == CONTENT_LENGTH_UNKNOWN) {
		c->h.framing = FRAMING_CHUNKED;
		o->chunked = true;
	}
}

static bool write_head(
	struct client_stream *c, const struct http_request *r, const struct h1_write_options *o)
{
	size_t room = h1_request_bytes(r, o->proxy);
	char *p = h1_stream_reserve(&c->h, room);
	if (!p)
		return false;
	h1_stream_commit(&c->h, p, room, h1_write_request(r, o, p));
	return true;
}

/* The owner broke what the head had promised, or had no memory for it: it hears so at the end of
 * the turn. */
static void cut(struct client_stream *r)
{
	client_close(r->client, STREAM_CLOSE_RESET);
}

static void send_request(struct http_stream *s, struct http_request *request, bool end)
{
	struct client_stream *c = of(s);
	if (!c->h.stream || c->h.head_sent)
		return;
	int64_t announced = request->content_length;
	struct h1_write_options o = {.keep_alive = true, .proxy = c->client->proxy};
	o.upgrade = asks_upgrade(request) && !o.proxy;
	frame(c, request, end, &o);
	h1_parser_begin_response(c->h.parser, s->arena, s->response, request->method, o.upgrade);
	bool is_written = write_head(c, request, &o);
	request->content_length = announced; /* it may be sent again */
	if (!is_written) {
		cut(c);
		return;
	}
	c->h.head_sent = true;
	c->h.out_ended = end;
}

static void send_data(struct http_stream *s, struct chunk_queue *q, bool end)
{
	struct client_stream *c = of(s);
	if (!h1_stream_send_data(&c->h, q, end))
		cut(c);
}

static void send_trailers(struct http_stream *s, const struct fields *trailers)
{
	struct client_stream *c = of(s);
	if (!h1_stream_send_trailers(&c->h, trailers))
		cut(c);
}

/* --- responses ------------------------------------------------------------------------------- */

/* What only the gateway can answer is not the client's to see. */
static bool is_refused_by_proxy(const struct http_client *c)
{
	return UNLIKELY(c->proxy) && c->current->h.s.response->status == 407;
}

static void note_head(struct http_client *c)
{
	struct client_stream *r = c->current;
	if (r->h.s.response->status < 200) {
		r->h.s.events->on_interim(&r->h.s);
		return;
	}
	r->h.has_head = true;
	/* Before the request was whole and gone. */
	r->is_spoilt |= !r->h.out_ended || stream_pending(c->stream) > 0;
}

static void switch_over(struct client_stream *r)
{
	r->h.has_head = true;
	r->h.s.upgraded = true;
	r->h.framing = FRAMING_RAW;
	r->h.out_ended = false;
}

/* Feeds until something is missing or the message is whole, then tells the owner once. */
static bool read_message(struct http_client *c, struct block *block, struct str *in)
{
	struct client_stream *r = c->current;
	struct http_stream *s = &r->h.s;
	bool had_head = r->h.has_head;
	uint64_t received = r->h.s.body_received;
	enum h1_event event;
	do {
		event = h1_stream_feed(&r->h, block, in);
		if (event == H1_HEAD)
			note_head(c);
	} while ((event == H1_HEAD || event == H1_BODY) && r->h.stream);
	if (event == H1_UPGRADED)
		switch_over(r);
	if (UNLIKELY(event == H1_ERROR)) {
		fail(c, HTTP_RESET_PROTOCOL, h1_error_text(h1_parser_error(r->h.parser)));
		return false;
	}
	if (!r->h.stream)
		return false;
	if (r->h.has_head && !had_head && is_refused_by_proxy(c)) {
		fail(c, HTTP_RESET_PROTOCOL, "the forward proxy wants other credentials (407)");
		return false;
	}
	if (r->h.has_head && !had_head)
		s->events->on_head(s);
	else if (s->in_ended || r->h.s.body_received > received)
		s->events->on_data(s);
	if (event == H1_MORE && in->n > 0 && r->h.stream)
		h1_stream_hold(&r->h);
	return event != H1_MORE;
}

static bool read_some(struct http_client *c, struct block *block, struct str *in)
{
	struct client_stream *r = c->current;
	if (r->h.s.in_ended) {
		r->is_spoilt = true; /* more than was asked for */
		*in = STR_EMPTY;
		return false;
	}
	if (!r->h.s.upgraded)
		return read_message(c, block, in);
	if (!h1_stream_read_raw(&r->h, block, in))
		return false;
	r->h.s.events->on_data(&r->h.s);
	return true;
}

/* What comes next is asked for when the owner has taken this. */
static __attribute__((noinline)) void hold_until_taken(struct client_stream *r)
{
	if (r && r->h.stream && r->h.uncredited > 0 && !r->h.s.in_ended)
		h1_stream_hold(&r->h);
}

static size_t on_data(struct stream *stream, struct block *block, const char *p, size_t n)
{
	struct http_client *c = stream_owner(stream);
	struct str in = str_n(p, n);
	if (!c->current)
		client_close(c, STREAM_CLOSE_NOW);
	else if (!was_asked(c))
		fail(c, HTTP_RESET_REFUSED, "bytes came before the request");
	while (in.n > 0 && !c->is_closing && read_some(c, block, &in))
		;
	if (c->is_closing)
		return n;
	if (in.n > 0)
		stream_receive(stream, false);
	if (UNLIKELY(c->is_tight))
		hold_until_taken(c->current);
	return n - in.n;
}

static void ask_room(struct http_stream *s)
{
	struct client_stream *r = of(s);
	if (!r->h.stream)
		return;
	r->client->asks_room = true;
	stream_ask_room(r->h.stream, true);
	h1_stream_credit(s, 0);
}

static size_t room(struct stream *stream)
{
	struct http_client *c = stream_owner(stream);
	struct client_stream *r = c->current;
	if (!r || !r->h.stream || !r->h.s.events->room)
		return LIMIT_QUEUE_HIGH_BYTES;
	size_t n = r->h.s.events->room(&r->h.s);
	c->is_tight = n < LIMIT_QUEUE_HIGH_BYTES;
	if (n > 0 || !r->h.has_head)
		return n > 0 ? n : 1;
	h1_stream_hold(&r->h);
	return 0;
}

/* --- ends ------------------------------------------------------------------------------------ */

static void end_message(struct http_client *c)
{
	struct client_stream *r = c->current;
	struct http_stream *s = &r->h.s;
	switch (h1_parser_end_of_input(r->h.parser)) {
	case H1_END:
		if (stream_is_truncated(c->stream)) {
			fail(c, HTTP_RESET_CLOSED, "the upstream cut its TLS connection");
			break;
		}
		s->in_ended = true;
		s->events->on_data(s);
		break;
	case H1_MORE:
		fail(c, HTTP_RESET_CLOSED, "the upstream closed without an answer");
		break;
	default:
		fail(c, HTTP_RESET_CLOSED, "the upstream closed inside its response");
		break;
	}
}

static void on_end(struct stream *stream)
{
	struct http_client *c = stream_owner(stream);
	c->peer_ended = true;
	if (!c->current) {
		client_close(c, STREAM_CLOSE_NOW);
		return;
	}
	struct http_stream *s = &c->current->h.s;
	if (!c->current->h.stream || s->in_ended)
		return;
	if (!s->upgraded && !was_asked(c)) {
		fail(c, HTTP_RESET_REFUSED, "the upstream closed before the request");
	} else if (!s->upgraded) {
		end_message(c);
	} else {
		s->in_ended = true;
		s->events->on_data(s);
	}
}

static void on_drained(struct stream *stream)
{
	struct http_client *c = stream_owner(stream);
	struct client_stream *r = c->current;
	if (r && r->h.stream && !r->h.out_ended)
		r->h.s.events->on_writable(&r->h.s);
}

static void on_close(struct stream *stream, enum rc rc)
{
	struct http_client *c = stream_owner(stream);
	struct client_stream *r = c->current;
	c->is_closing = true;
	if (r && r->h.stream && !(r->h.s.in_ended && r->h.out_ended))
		lose(c, h1_reset_of(rc), stream_error_text(stream));
	if (r)
		h1_stream_die(&r->h);
	c->stream = NULL;
	if (!r)
		client_finish(c, rc, stream_error_text(stream));
}

/* --- release --------------------------------------------------------------------------------- */

static bool is_reusable(const struct client_stream *r)
{
	const struct http_client *c = r->client;
	bool is_whole = r->h.s.in_ended && r->h.out_ended && stream_pending(c->stream) == 0;
	return is_whole && !r->is_spoilt && !r->h.s.upgraded && !c->peer_ended &&
	       h1_parser_keep_alive(r->h.parser);
}

static void end_asking(struct http_client *c)
{
	c->asks_room = c->is_tight = false;
	if (c->stream)
		stream_ask_room(c->stream, false);
}

static void release(struct http_stream *s)
{
	struct client_stream *r = of(s);
	struct http_client *c = r->client;
	bool is_alive = r->h.stream && !c->is_closing;
	bool is_idle = is_alive && is_reusable(r);
	if (is_alive && !is_idle) {
		bool is_whole = s->in_ended && r->h.out_ended;
		enum stream_close_how clean = s->upgraded ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_NOW;
		client_close(c, is_whole ? clean : STREAM_CLOSE_RESET);
	}
	if (UNLIKELY(c->asks_room))
		end_asking(c);
	forget_stream(c);
	if (is_idle)
		c->events->on_idle(c->owner, c);
	else if (!c->stream)
		client_finish_later(c);
}

static void reset(struct http_stream *s, enum http_reset why)
{
	struct client_stream *r = of(s);
	if (!r->h.stream)
		return;
	cut(r);
	h1_stream_die(&r->h);
}

static const struct http_stream_codec codec = {
	.send_request = send_request,
	.send_data = send_data,
	.send_trailers = send_trailers,
	.ask_room = ask_room,
	.reset = reset,
	.credit = h1_stream_credit,
	.can_send = h1_stream_can_send,
	.taken = h1_stream_taken,
	.queued = h1_stream_queued,
	.release = release,
};

static const struct stream_events stream_events = {
	.on_data = on_data,
	.room = room,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_close = on_close,
};

/* --- from above ------------------------------------------------------------------------------ */

static void start(struct http_client *c)
{
	c->events->on_open(c->owner, c);
}

static unsigned capacity(const struct http_client *c)
{
	return c->current ? 0 : 1;
}

static bool is_idle(const struct http_client *c)
{
	return !c->current;
}

static struct http_stream *open_stream(struct http_client *c, struct arena *arena,
	const struct message_limits *limits, const struct http_stream_events *events, void *owner)
{
	struct pool *pool = loop_pool(c->loop);
	struct client_stream *r = pool_get(pool, sizeof(*r));
	h1_stream_init(&r->h, c->stream, HTTP_ROLE_CLIENT, &codec);
	r->client = c;
	r->is_spoilt = false;
	struct http_response *response = arena_alloc(arena, sizeof(*response));
	r->h.s.arena = arena;
	r->h.s.response = response ? response : &r->spare;
	r->h.s.response->status = 0; /* the parser begins it when a request is sent */
	r->h.s.events = events;
	r->h.s.owner = owner;
	r->h.parser = h1_parser_new(pool, true);
	if (limits)
		h1_parser_limit(r->h.parser, limits);
	c->current = r;
	c->sent_before = stream_bytes_sent(c->stream);
	return &r->h.s;
}

const struct client_version h1_client = {
	.start = start,
	.capacity = capacity,
	.is_idle = is_idle,
	.open = open_stream,
	.stream_events = &stream_events,
};
