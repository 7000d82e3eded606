/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 from clients: the session between its net stream and its requests.
 *
 * Everything that a turn submits becomes frames in the flush at its end (on_produce), so that the
 * answers of many streams leave in one write. What flows in is bounded by the windows, not by not
 * reading: PING and WINDOW_UPDATE have to be seen always.
 *
 * One timer ticks while streams are open (heads that do not end, windows that stay shut), and waits
 * for the idle connection's time when none is. */
#include "connection/h2_server.h"

#include "base/limits.h"
#include "connection/coarse.h"
#include "connection/connection_priv.h"

#define TICK_MS 1000
/* A head of more than the limit is answered once; then it is no accident. */
#define HEADS_REFUSED_MAX 1

void h2_server_wake(struct h2_server *v)
{
	if (v->c->stream)
		stream_want_produce(v->c->stream);
}

/* --- life ------------------------------------------------------------------------------------ */

static void start_timer(struct h2_server *v)
{
	struct http_server *c = v->c;
	int64_t ms = c->options->keepalive_idle_ms;
	if (v->open > 0 && ms > TICK_MS)
		ms = TICK_MS;
	if (v->open > 0 && ms > c->options->head_timeout_ms)
		ms = c->options->head_timeout_ms;
	timer_start(c->loop, &c->timer, ms);
}

static void drop(struct h2_server *v)
{
	struct http_server *c = v->c;
	c->h2 = NULL;
	h2_session_free(v->session);
	pool_put(server_pool(c), v, sizeof(*v));
}

static void finish_if_gone(struct h2_server *v)
{
	struct http_server *c = v->c;
	if (c->stream || v->open > 0)
		return;
	drop(v);
	loop_defer(c->loop, &c->closed);
}

void h2_server_note_gone(struct h2_server *v)
{
	struct http_server *c = v->c;
	if (!c->stream) {
		finish_if_gone(v);
		return;
	}
	if (v->open > 0 || c->is_closing)
		return;
	c->idle_since_ms = loop_now_ms(c->loop);
	if (c->peer_ended)
		h2_session_settle(v->session);
	h2_server_wake(v);
}

void h2_server_drain(struct h2_server *v)
{
	v->c->is_draining = true; /* the next tick does not wait for the answer to the PING */
	h2_session_drain(v->session);
}

/* --- output ---------------------------------------------------------------------------------- */

static void tell_losses(struct h2_server *v)
{
	if (!v->has_losses)
		return;
	v->has_losses = false;
	LIST_FOREACH_SAFE(l, &v->requests)
	{
		struct h2_request *r = CONTAINER_OF(l, struct h2_request, link);
		if (!r->loss_is_due)
			continue;
		r->loss_is_due = false;
		h2_request_lose(r, HTTP_RESET_IO, "the answer could not be framed");
	}
}

static void tell_goaway(struct h2_server *v)
{
	struct http_server *c = v->c;
	enum h2_ending why = h2_session_ending(v->session);
	if (why == v->told)
		return;
	v->told = why;
	if (c->events->on_goaway)
		c->events->on_goaway(c->owner, c, why, h2_session_detail(v->session));
}

/* Whether it was closed. */
static bool close_if_done(struct h2_server *v)
{
	struct http_server *c = v->c;
	bool is_over = c->peer_ended && v->open == 0 && !h2_session_wants_send(v->session);
	if (!h2_session_is_done(v->session) && !is_over)
		return false;
	server_close(c, STREAM_CLOSE_FLUSH);
	return true;
}

/* Whether there is more. */
static bool produce(struct h2_server *v)
{
	struct http_server *c = v->c;
	struct chunk_queue out;
	size_t pending = stream_pending(c->stream);
	if (pending >= LIMIT_QUEUE_HIGH_BYTES)
		return true;
	chunk_queue_init(&out, server_pool(c));
	bool has_more = h2_session_produce(
		v->session, &out, LIMIT_QUEUE_HIGH_BYTES - pending, loop_now_ms(c->loop));
	stream_send_queue(c->stream, &out);
	tell_goaway(v);
	return has_more;
}

static bool on_produce(struct stream *stream)
{
	struct http_server *c = stream_owner(stream);
	tell_losses(c->h2);
	bool has_more = produce(c->h2);
	return !close_if_done(c->h2) && has_more;
}

/* Nothing is under way. A client that takes nothing hears its GOAWAY as little as anything else. */
static void close_idle(struct h2_server *v, enum stream_close_how how)
{
	h2_session_settle(v->session);
	produce(v);
	if (!v->c->is_closing)
		server_close(v->c, how);
}

/* --- what the session tells ------------------------------------------------------------------- */

static struct h2_stream *on_begin(void *owner)
{
	struct h2_server *v = owner;
	struct http_server *c = v->c;
	if (v->owned >= c->options->http2.settings.streams_max) {
		if (c->events->on_refused_stream)
			c->events->on_refused_stream(c->owner);
		return NULL;
	}
	if (v->open == 0)
		timer_stop(&c->timer);
	struct h2_request *r = h2_request_new(v);
	if (!timer_is_running(&c->timer))
		start_timer(v);
	return &r->h;
}

/* Its number, or the connection's age, says that no more should come. */
static void note_request(struct h2_server *v)
{
	struct http_server *c = v->c;
	c->requests++;
	if (UNLIKELY(c->requests >= c->options->requests_max || server_is_too_old(c)))
		h2_server_drain(v);
}

static void on_head(void *owner, struct h2_stream *h)
{
	note_request(owner);
	h2_request_announce(h2_request_of(h));
}

static void on_refused(void *owner, struct h2_stream *h, enum h1_error error)
{
	struct h2_server *v = owner;
	note_request(v);
	h2_request_refuse(h2_request_of(h), error);
	if (error == H1_ERROR_HEAD_TOO_LARGE && v->heads_refused++ >= HEADS_REFUSED_MAX)
		h2_session_end(v->session, H2_ENDING_FIELDS, "more than one head is too large");
}

static void on_data(void *owner, struct h2_stream *h, struct str bytes)
{
	(void)owner;
	h2_request_take(h2_request_of(h), bytes);
}

static void on_message_end(void *owner, struct h2_stream *h)
{
	(void)owner;
	h2_request_end(h2_request_of(h));
}

static void on_reset(
	void *owner, struct h2_stream *h, uint32_t code, bool by_peer, bool is_unprocessed)
{
	struct h2_server *v = owner;
	(void)code, (void)is_unprocessed;
	if (by_peer)
		h2_request_lose(
			h2_request_of(h), HTTP_RESET_CANCELLED, "the client reset its stream");
	else
		h2_request_lose(
			h2_request_of(h), HTTP_RESET_PROTOCOL, h2_session_detail(v->session));
}

static void on_writable(void *owner, struct h2_stream *h)
{
	struct h2_request *r = h2_request_of(h);
	(void)owner;
	if (r->phase == REQUEST_OWNED && !r->is_dead && !r->h.out_ended)
		r->s.events->on_writable(&r->s);
}

static void on_closed(void *owner, struct h2_stream *h)
{
	(void)owner;
	h2_request_close(h2_request_of(h));
}

static const struct h2_events session_events = {
	.on_begin = on_begin,
	.on_head = on_head,
	.on_refused = on_refused,
	.on_data = on_data,
	.on_end = on_message_end,
	.on_reset = on_reset,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

/* --- input ----------------------------------------------------------------------------------- */

size_t h2_server_take(struct http_server *c, struct block *block, const char *p, size_t n)
{
	struct h2_server *v = c->h2;
	v->block = block;
	bool lives = h2_session_receive(v->session, str_n(p, n), loop_now_ms(c->loop));
	v->block = NULL;
	(void)lives; /* one that has ended still has its GOAWAY to say */
	h2_server_wake(v);
	return n;
}

static size_t on_bytes(struct stream *stream, struct block *block, const char *p, size_t n)
{
	return h2_server_take(stream_owner(stream), block, p, n);
}

/* Whose request is not whole has gone; who waits for answers may have half-closed. */
static void on_end(struct stream *stream)
{
	struct http_server *c = stream_owner(stream);
	struct h2_server *v = c->h2;
	c->peer_ended = true;
	LIST_FOREACH_SAFE(l, &v->requests)
	{
		struct h2_request *r = CONTAINER_OF(l, struct h2_request, link);
		if (r->h.in_ended || r->is_dead)
			continue;
		h2_stream_abandon(&r->h, H2_CANCEL);
		h2_request_lose(r, HTTP_RESET_CLOSED, "the client ended inside the request");
	}
	h2_session_settle(v->session);
	h2_server_wake(v);
	if (v->open > 0)
		stream_probe_peer(stream);
}

static void on_close(struct stream *stream, enum rc rc)
{
	struct http_server *c = stream_owner(stream);
	struct h2_server *v = c->h2;
	const char *text = rc == RC_OK ? "the connection was aborted" : stream_error_text(stream);
	tell_goaway(v);
	c->is_closing = true;
	timer_stop(&c->timer);
	LIST_FOREACH_SAFE(l, &v->requests)
	{
		struct h2_request *r = CONTAINER_OF(l, struct h2_request, link);
		bool is_whole = r->is_dead || (r->h.in_ended && r->h.out_ended && !r->h.out.bytes);
		h2_stream_abandon(&r->h, H2_CANCEL);
		if (is_whole)
			h2_request_close(r);
		else
			h2_request_lose(r, h1_reset_of(rc), text);
	}
	c->stream = NULL;
	finish_if_gone(v);
}

static const struct stream_events stream_events = {
	.on_data = on_bytes,
	.on_end = on_end,
	.on_produce = on_produce,
	.on_close = on_close,
};

/* --- time ------------------------------------------------------------------------------------ */

/* A block of fields that does not end holds up everybody else on its connection. */
static bool has_late_head(const struct h2_server *v)
{
	int64_t now_ms = loop_now_ms(v->c->loop);
	LIST_FOREACH(l, &v->requests)
	{
		const struct h2_request *r = CONTAINER_OF(l, struct h2_request, link);
		if (r->phase == REQUEST_HEAD && !r->is_dead &&
			now_ms - r->h.begun_ms >= v->c->options->head_timeout_ms)
			return true;
	}
	return false;
}

/* The exchanges are over, and of what is left of their answers nothing is taken. */
static bool takes_nothing(struct h2_server *v)
{
	struct http_server *c = v->c;
	int64_t now_ms = loop_now_ms(c->loop);
	uint64_t sent = stream_bytes_sent(c->stream);
	if (v->owned > 0 || stream_pending(c->stream) == 0 || sent != v->sent) {
		v->sent = sent;
		v->sent_ms = now_ms;
	}
	return now_ms - v->sent_ms >= c->options->keepalive_idle_ms;
}

static void tick(struct h2_server *v)
{
	struct http_server *c = v->c;
	if (takes_nothing(v)) {
		server_close(c, STREAM_CLOSE_RESET);
		return;
	}
	int stall_ms = c->options->http2.stall_ms;
	/* What waits for the transport is not the window's fault. */
	if (stall_ms > 0 && stream_pending(c->stream) == 0)
		h2_session_reset_stalled(v->session, loop_now_ms(c->loop), stall_ms);
	if (has_late_head(v))
		h2_session_end(v->session, H2_ENDING_STALLED, "a block of fields took too long");
	h2_server_wake(v);
}

static void expire(struct http_server *c)
{
	struct h2_server *v = c->h2;
	if (c->is_draining)
		h2_session_settle(v->session);
	if (v->open > 0) {
		tick(v);
		if (!c->is_closing)
			start_timer(v);
		return;
	}
	int64_t whole_ms = c->options->keepalive_idle_ms;
	int64_t left_ms = c->idle_since_ms + whole_ms - loop_now_ms(c->loop);
	if (left_ms > 0 && !c->is_draining) {
		timer_start(c->loop, &c->timer, coarse_wait_ms(left_ms, whole_ms));
		return;
	}
	close_idle(v, STREAM_CLOSE_FLUSH);
}

/* --- from above ------------------------------------------------------------------------------ */

static void drain(struct http_server *c)
{
	h2_session_drain(c->h2->session);
	h2_server_wake(c->h2);
	timer_start(c->loop, &c->timer, c->linger_ms);
}

static void evict(struct http_server *c)
{
	close_idle(c->h2, server_eviction(c));
}

static bool is_busy(const struct http_server *c)
{
	return c->h2->open > 0;
}

/* Without a session it has ended, and on_closed comes at the end of the turn. */
static bool is_cut(const struct http_server *c)
{
	return c->h2 && c->h2->open > 0;
}

/* Beside requests that are under way, what has become frames may be of those. */
static size_t tail(const struct http_server *c)
{
	size_t bytes = c->h2->owned > 0 ? 0 : stream_pending(c->stream);
	LIST_FOREACH(l, &c->h2->requests)
	{
		const struct h2_request *r = CONTAINER_OF(l, struct h2_request, link);
		bytes += r->phase == REQUEST_SPENT ? r->h.out.bytes : 0;
	}
	return bytes;
}

/* Requests that are under way have done nothing to be cut for. */
static void cut_tail(struct http_server *c)
{
	struct h2_server *v = c->h2;
	if (v->owned == 0) {
		server_close(c, STREAM_CLOSE_RESET);
		return;
	}
	LIST_FOREACH_SAFE(l, &v->requests)
	{
		struct h2_request *r = CONTAINER_OF(l, struct h2_request, link);
		if (r->phase != REQUEST_SPENT || r->h.out.bytes == 0)
			continue;
		h2_stream_abandon(&r->h, H2_ENHANCE_YOUR_CALM);
		h2_request_lose(r, HTTP_RESET_CANCELLED, "the client takes none of the answer");
	}
	h2_server_wake(v);
}

static const struct server_version h2_server_version = {
	.drain = drain,
	.evict = evict,
	.is_busy = is_busy,
	.is_cut = is_cut,
	.tail = tail,
	.cut_tail = cut_tail,
	.expire = expire,
};

void h2_server_begin(struct http_server *c)
{
	const struct server_http2 *o = &c->options->http2;
	struct h2_server *v = pool_get(server_pool(c), sizeof(*v));
	*v = (struct h2_server){.c = c};
	list_init(&v->requests);
	v->session = h2_session_new(server_pool(c), true, &o->settings, &o->budgets,
		c->options->message, &session_events, v);
	if (!v->session) {
		pool_put(server_pool(c), v, sizeof(*v));
		server_close(c, STREAM_CLOSE_NOW);
		return;
	}
	c->h2 = v;
	c->version = &h2_server_version;
	stream_set_events(c->stream, &stream_events, c);
	timer_start(c->loop, &c->timer, c->options->keepalive_idle_ms);
	if (c->is_draining)
		drain(c);
	h2_server_wake(v);
}
