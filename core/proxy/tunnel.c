/* SPDX-License-Identifier: Apache-2.0 */
/* A head that is not there whole stays in its stream's queue (13 bytes at most), so that there is
 * always a place between two frames where a frame of the gateway's own can stand. */
#include "proxy/tunnel.h"

#include "base/limits.h"
#include "crypto/crypto.h"
#include "policy/frames.h"
#include "proxy/endpoint_choice.h"
#include "proxy/tunnel_priv.h"
#include "proxy/upgrade.h"

static const struct {
	const char *reason;
	uint16_t status;
} end_rows[] = {
#define X(code, reason, status) [TUNNEL_##code] = {reason, status},
	TUNNEL_ENDS(X)
#undef X
};

const char *tunnel_reason(const struct tunnel *t)
{
	return end_rows[t->end].reason;
}

/* --- the beginning --------------------------------------------------------------------------- */

/* Of a WebSocket; false: no memory. */
static bool follow_frames(struct exchange *e)
{
	struct tunnel *t = arena_zalloc(e->x.arena, sizeof(*t));
	if (!t)
		return false;
	for (int d = 0; d < 2; d++) {
		chunk_queue_init(&t->way[d].out, loop_pool(e->worker->loop));
		t->way[d].heard_ms = loop_now_ms(e->worker->loop);
	}
	t->has_extensions = upgrade_has_extensions(e);
	e->tunnel = t;
	e->worker->websockets_active++;
	return tunnel_frames_begin(e);
}

void tunnel_begin(struct exchange *e)
{
	const char *mistake = upgrade_mistake(e);
	if (mistake) {
		exchange_fail(e, FAULT_UPSTREAM_PROTOCOL, mistake);
		return;
	}
	if (upgrade_is_websocket(e) && !follow_frames(e)) {
		exchange_fail(e, FAULT_MEMORY, NULL);
		return;
	}
	e->x.response = e->attempt.up->response;
	forward_clean_response(&e->x.response->fields);
	if (UNLIKELY(e->attempt.endpoint != NULL))
		endpoint_choice_tell(e);
	if (!upgrade_translate(e)) {
		exchange_fail(e, FAULT_MEMORY, NULL);
		return;
	}
	/* A 101 answers a request that is whole; what a chain still had to say about its end is
	 * void. */
	e->attempt.is_request_sent = true;
	if (e->request_state != REQUEST_DONE)
		request_go(e, REQUEST_DONE);
	response_send_head(e, false);
	exchange_await_bytes(e);
	response_go(e, RESPONSE_TUNNEL);
}

/* --- the end --------------------------------------------------------------------------------- */

void tunnel_close(struct exchange *e, enum tunnel_end why, const char *detail)
{
	struct tunnel *t = e->tunnel;
	if (!t || t->end != TUNNEL_PEERS)
		return;
	t->end = why;
	for (int d = 0; d < 2; d++)
		if (t->status[d] == 0)
			t->status[d] = end_rows[why].status;
	if (detail && !e->fault_detail)
		e->fault_detail = detail;
	timer_start(e->worker->loop, &e->timer, LIMIT_LINGER_MS);
	exchange_wake(e);
}

/* Both have said that it is over: what is left are the ends of their connections. */
static bool is_closed(const struct tunnel *t)
{
	return t->way[CHAIN_REQUEST].sequence.is_closed &&
	       t->way[CHAIN_RESPONSE].sequence.is_closed;
}

bool tunnel_take_timer(struct exchange *e)
{
	if (!e->tunnel || e->response_state != RESPONSE_TUNNEL)
		return false;
	if (tunnel_is_closing(e) || is_closed(e->tunnel))
		response_go(e, RESPONSE_DONE);
	else
		tunnel_close(e, TUNNEL_IDLE, "no frame for streamIdleSeconds");
	return true;
}

void tunnel_end(struct exchange *e)
{
	struct tunnel *t = e->tunnel;
	if (!t)
		return;
	e->worker->websockets_active--;
	e->worker->websockets_ended[t->end]++;
	for (int d = 0; d < 2; d++)
		chunk_queue_clear(&t->way[d].out);
	frames_free(&e->x);
}

size_t tunnel_bytes_held(const struct exchange *e)
{
	const struct tunnel *t = e->tunnel;
	return t ? t->way[0].out.bytes + t->way[1].out.bytes + frames_bytes_held(&e->x) : 0;
}

/* --- looked at now and then ------------------------------------------------------------------ */

/* What serves it is served no more: neither the API as it was, nor this gateway. */
static bool is_stale(const struct exchange *e)
{
	return e->worker->is_draining || e->api->workers[e->worker->index].is_retired;
}

static void ask_silent(struct exchange *e, enum chain_direction from)
{
	struct tunnel_way *w = &e->tunnel->way[from];
	int64_t silent_ms = loop_now_ms(e->worker->loop) - w->heard_ms;
	int ping_ms = e->api->limits.websocket.ping_ms;
	if (silent_ms < ping_ms)
		return;
	if (w->is_pinged && silent_ms >= 2 * (int64_t)ping_ms) {
		tunnel_close(e, TUNNEL_IDLE,
			from == CHAIN_REQUEST ? "the client answers no ping"
					      : "the upstream answers no ping");
	} else if (!w->is_pinged) {
		w->is_pinged = true;
		e->tunnel->way[!from].ping_is_due = true;
		exchange_wake(e);
	}
}

void tunnel_look(struct exchange *e)
{
	if (!e->tunnel || tunnel_is_closing(e))
		return;
	if (is_stale(e)) {
		exchange_note(e, FACT_DRAIN);
		return;
	}
	if (e->api->limits.websocket.ping_ms > 0) {
		ask_silent(e, CHAIN_REQUEST);
		ask_silent(e, CHAIN_RESPONSE);
	}
}

int64_t tunnel_silent_ms(const struct exchange *e)
{
	const struct tunnel *t = e->tunnel;
	if (!t || tunnel_is_closing(e))
		return -1;
	int64_t client_ms = t->way[CHAIN_REQUEST].heard_ms, up_ms = t->way[CHAIN_RESPONSE].heard_ms;
	return loop_now_ms(e->worker->loop) - (client_ms > up_ms ? client_ms : up_ms);
}

void tunnel_drain(struct exchange *e)
{
	tunnel_close(e, TUNNEL_DRAINED, NULL);
}

/* --- heads ----------------------------------------------------------------------------------- */

static bool are_judged(const struct exchange *e)
{
	const struct websocket_limits *l = &e->api->limits.websocket;
	return l->frame_bytes != INT64_MAX || l->message_bytes != INT64_MAX ||
	       l->messages_per_second > 0;
}

/* A second's worth may come at once. */
static bool comes_too_fast(struct exchange *e)
{
	uint32_t rate = e->api->limits.websocket.messages_per_second;
	struct tunnel *t = e->tunnel;
	int64_t now_us = loop_now_us(e->worker->loop);
	if (rate == 0)
		return false;
	if (t->allowed_us < now_us)
		t->allowed_us = now_us;
	t->allowed_us += 1000000 / rate;
	return t->allowed_us - now_us > 1000000;
}

/* Bytes of all fragments. */
static bool is_too_large(struct exchange *e, struct tunnel_way *w, const struct ws_head *h)
{
	const struct websocket_limits *l = &e->api->limits.websocket;
	if (ws_is_control(h->opcode))
		return false;
	uint64_t before = h->opcode == WS_CONTINUATION ? w->message_bytes : 0;
	w->message_bytes = h->length > UINT64_MAX - before ? UINT64_MAX : before + h->length;
	return h->length > (uint64_t)l->frame_bytes ||
	       w->message_bytes > (uint64_t)l->message_bytes;
}

static void note_close(
	struct exchange *e, enum chain_direction d, const struct ws_head *h, struct str begin)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	char status[2];
	e->tunnel->is_closer_client |=
		d == CHAIN_REQUEST && !e->tunnel->way[CHAIN_RESPONSE].sequence.is_closed;
	if (begin.n < sizeof(status))
		return;
	ws_mask(status, str_slice(begin, 0, 2), h->mask, 0);
	w->close_status = (uint16_t)((uint8_t)status[0] << 8 | (uint8_t)status[1]);
}

bool tunnel_take_head(struct exchange *e, enum chain_direction d, const struct ws_head *h,
	struct str payload_begin)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	bool begins = h->opcode != WS_CONTINUATION;
	if (d == CHAIN_REQUEST && begins && comes_too_fast(e)) {
		tunnel_close(e, TUNNEL_TOO_MANY, "more than websocketMessagesPerSecond");
		return false;
	}
	if (is_too_large(e, w, h)) {
		tunnel_close(e, TUNNEL_TOO_LARGE, NULL);
		return false;
	}
	if (h->opcode == WS_CLOSE)
		note_close(e, d, h, payload_begin);
	w->messages += !ws_is_control(h->opcode) && h->is_final;
	return true;
}

/* --- passing --------------------------------------------------------------------------------- */

/* A place in a queue. */
struct cursor {
	const struct chunk *chunk;
	size_t at, left;
};

static void skip(struct cursor *c, size_t n)
{
	c->left -= n;
	while (c->chunk && n >= c->chunk->n - c->at) {
		n -= c->chunk->n - c->at;
		c->chunk = c->chunk->next;
		c->at = 0;
	}
	c->at += n;
}

/* What stands there, at most `max` bytes: where it lies, or copied together. */
static struct str peek(const struct cursor *c, char *to, size_t max)
{
	const struct chunk *chunk = c->chunk;
	size_t n = 0, at = c->at;
	if (max > c->left)
		max = c->left;
	if (chunk && chunk->n - at >= max)
		return str_n(chunk->p + at, max);
	for (; n < max; chunk = chunk->next, at = 0) {
		size_t part = chunk->n - at < max - n ? chunk->n - at : max - n;
		memcpy(to + n, chunk->p + at, part);
		n += part;
	}
	return str_n(to, n);
}

/* The head at the cursor, and of a CLOSE its status; 0: it is not there whole. */
static size_t head_at(const struct cursor *c, struct ws_head *h, char *room, struct str *begin)
{
	struct str bytes = peek(c, room, WS_HEAD_BYTES_MAX + 2);
	size_t n = ws_head_parse(bytes, h);
	size_t want = n > 0 && h->opcode == WS_CLOSE && h->length >= 2 ? 2 : 0;
	*begin = str_slice(str_from(bytes, n), 0, want);
	return begin->n < want ? 0 : n;
}

/* Whether the next frame may pass. */
static bool follow_head(
	struct exchange *e, enum chain_direction d, struct ws_head *h, struct str begin)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	if (e->tunnel->has_extensions)
		h->reserved = 0;
	const char *mistake = ws_sequence_take(&w->sequence, h, d == CHAIN_REQUEST);
	if (mistake && are_judged(e)) {
		tunnel_close(e, TUNNEL_PROTOCOL, mistake);
		return false;
	}
	w->is_lost = mistake != NULL;
	return w->is_lost || tunnel_take_head(e, d, h, begin);
}

/* How much of what has come may pass: frames, and of the last one what there is of it. Behind a
 * CLOSE, and while the tunnel is closing, no further one begins. */
static size_t follow(struct exchange *e, enum chain_direction d, const struct chunk_queue *q)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	struct cursor c = {q->head, 0, q->bytes};
	while (c.left > 0 && !w->is_lost) {
		char room[WS_HEAD_BYTES_MAX + 2];
		struct ws_head h;
		struct str begin;
		size_t n = w->left < c.left ? (size_t)w->left : c.left;
		w->left -= n;
		skip(&c, n);
		if (c.left == 0 || w->sequence.is_closed || tunnel_is_closing(e))
			break;
		n = head_at(&c, &h, room, &begin);
		if (n == 0 || !follow_head(e, d, &h, begin))
			break;
		if (!w->is_lost)
			skip(&c, n);
		w->left = h.length;
	}
	return w->is_lost ? q->bytes : q->bytes - c.left;
}

static void send_some(struct exchange *e, enum chain_direction d, size_t n)
{
	struct http_stream *from = tunnel_from(e, d);
	struct chunk_queue *out = &from->in;
	if (n < from->in.bytes) {
		out = &e->tunnel->way[d].out;
		chunk_queue_move_n(out, &from->in, n);
	}
	http_stream_send_data(tunnel_to(e, d), out, false);
	http_stream_credit(from, n);
}

static void send_own(struct exchange *e, enum chain_direction d, struct str bytes)
{
	struct chunk_queue *out = &e->tunnel->way[d].out;
	chunk_queue_add_copy(out, bytes);
	http_stream_send_data(tunnel_to(e, d), out, false);
}

const uint8_t *tunnel_mask_for(enum chain_direction d, uint8_t mask[4])
{
	if (d != CHAIN_REQUEST)
		return NULL;
	CHECK(random_bytes(mask, 4) == RC_OK);
	return mask;
}

/* Of a frame, as whom it goes to sees it. */
static bool is_inside(const struct exchange *e, const struct tunnel_way *w)
{
	return (e->x.frames ? w->out_left : w->left) > 0;
}

static bool send_ping(struct exchange *e, enum chain_direction d)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	struct ws_head h = {.opcode = WS_PING, .is_final = true};
	char bytes[WS_HEAD_BYTES_MAX];
	if (!w->ping_is_due || is_inside(e, w) || w->has_closed || w->is_lost ||
		w->sequence.is_closed)
		return false;
	w->ping_is_due = false;
	h.is_masked = tunnel_mask_for(d, h.mask) != NULL;
	send_own(e, d, str_n(bytes, ws_head_write(&h, bytes)));
	return true;
}

static void await_more(struct exchange *e)
{
	if (is_closed(e->tunnel))
		timer_start(e->worker->loop, &e->timer, LIMIT_LINGER_MS);
	else if (!tunnel_is_closing(e))
		exchange_await_bytes(e);
}

/* As it came; how much there was of it. */
static size_t pass_frames(struct exchange *e, enum chain_direction d)
{
	struct http_stream *from = tunnel_from(e, d);
	size_t n = follow(e, d, &from->in);
	if (from->in_ended && !e->tunnel->way[d].sequence.is_closed && !tunnel_is_closing(e))
		n = from->in.bytes;
	if (n > 0)
		send_some(e, d, n);
	return n;
}

/* Whoever has closed has nothing more to say (RFC 6455 1.4). */
static void drop_behind_close(struct exchange *e, enum chain_direction d)
{
	const struct tunnel_way *w = &e->tunnel->way[d];
	struct http_stream *from = tunnel_from(e, d);
	size_t n = from->in.bytes;
	if (!w->sequence.is_closed || w->left > 0 || w->in_frame || n == 0)
		return;
	chunk_queue_drop(&from->in, n);
	http_stream_credit(from, n);
}

/* What is left before it is no frame. */
static bool pass_end(struct exchange *e, enum chain_direction d)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	if (!tunnel_from(e, d)->in_ended || tunnel_is_closing(e) ||
		!http_stream_can_send(tunnel_to(e, d)))
		return false;
	http_stream_send_data(tunnel_to(e, d), &w->out, true);
	return w->is_ended = true;
}

/* One direction; whether anything moved. */
static bool pass(struct exchange *e, enum chain_direction d)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	if (w->is_ended || !http_stream_can_send(tunnel_to(e, d)))
		return false;
	bool moved = e->x.frames ? tunnel_frames_take(e, d, false) : pass_frames(e, d) > 0;
	if (!tunnel_is_closing(e))
		drop_behind_close(e, d);
	moved |= pass_end(e, d);
	if (moved) {
		w->heard_ms = loop_now_ms(e->worker->loop);
		w->is_pinged = false;
		await_more(e);
	}
	return send_ping(e, d) || moved;
}

/* --- closing --------------------------------------------------------------------------------- */

/* Who sends in that direction is gone, and takes nothing, either. */
static bool is_gone(const struct exchange *e, enum chain_direction d)
{
	return e->facts & (d == CHAIN_REQUEST ? FACT_CLIENT_RESET : FACT_UPSTREAM_RESET);
}

static bool has_ended(const struct exchange *e, enum chain_direction d)
{
	return tunnel_from(e, d)->in_ended || is_gone(e, d);
}

/* What comes behind the CLOSE that its sender has not seen yet: only whether he answers. */
static bool drop_rest(struct exchange *e, enum chain_direction d)
{
	struct http_stream *from = tunnel_from(e, d);
	struct tunnel_way *w = &e->tunnel->way[d];
	struct cursor c = {from->in.head, 0, from->in.bytes};
	while (c.left > 0) {
		char room[WS_HEAD_BYTES_MAX + 2];
		struct ws_head h;
		struct str begin;
		size_t n = w->left < c.left ? (size_t)w->left : c.left;
		w->left -= n;
		skip(&c, n);
		n = c.left > 0 ? head_at(&c, &h, room, &begin) : 0;
		if (n == 0)
			break;
		w->sequence.is_closed |= h.opcode == WS_CLOSE;
		w->left = h.length;
		skip(&c, n);
	}
	size_t dropped = from->in.bytes - c.left;
	chunk_queue_drop(&from->in, dropped);
	if (dropped > 0)
		http_stream_credit(from, dropped);
	return dropped > 0;
}

/* A policy has refused what would complete the frame at hand. */
static bool is_content_refused(const struct exchange *e)
{
	enum tunnel_end why = e->tunnel->end;
	return e->x.frames &&
	       (why == TUNNEL_POLICY || why == TUNNEL_FAILED || why == TUNNEL_NOT_TEXT);
}

static bool finish_frame(struct exchange *e, enum chain_direction d)
{
	if (!e->x.frames)
		return pass_frames(e, d) > 0;
	return !is_content_refused(e) && tunnel_frames_take(e, d, true);
}

/* The frame at hand, and behind it the CLOSE. */
static bool close_way(struct exchange *e, enum chain_direction d)
{
	struct tunnel *t = e->tunnel;
	struct tunnel_way *w = &t->way[d];
	uint8_t mask[4];
	char bytes[WS_CLOSE_BYTES_MAX];
	w->has_closed |= is_gone(e, !d);
	if (w->has_closed)
		return drop_rest(e, d);
	if (!http_stream_can_send(tunnel_to(e, d)))
		return false;
	bool moved = finish_frame(e, d);
	bool is_cut = is_inside(e, w) && (has_ended(e, d) || is_content_refused(e));
	if (is_inside(e, w) && !is_cut)
		return moved;
	if (w->has_closed)
		return true;
	w->has_closed = true;
	if ((e->x.frames || !w->sequence.is_closed) && !w->is_lost && !is_cut && !w->is_ended)
		send_own(e, d,
			str_n(bytes, ws_close_write(t->status[d], t->reason,
					     tunnel_mask_for(d, mask), bytes)));
	return true;
}

static bool has_answered(const struct exchange *e, enum chain_direction d)
{
	const struct tunnel_way *w = &e->tunnel->way[d];
	return w->has_closed && (w->sequence.is_closed || w->is_lost || has_ended(e, d));
}

/* The server ends the connection first (RFC 6455 7.1.1): we are the client's. */
static bool end_both(struct exchange *e)
{
	bool moved = false;
	for (int d = 0; d < 2; d++) {
		struct tunnel_way *w = &e->tunnel->way[d];
		if (w->is_ended || is_gone(e, !d))
			continue;
		http_stream_send_data(tunnel_to(e, d), &w->out, true);
		w->is_ended = moved = true;
	}
	return moved;
}

static bool step_closing(struct exchange *e)
{
	bool moved = close_way(e, CHAIN_REQUEST);
	moved |= close_way(e, CHAIN_RESPONSE);
	if (!has_answered(e, CHAIN_REQUEST) || !has_answered(e, CHAIN_RESPONSE))
		return moved;
	moved |= end_both(e);
	if (!has_ended(e, CHAIN_REQUEST))
		return moved;
	response_go(e, RESPONSE_DONE);
	return true;
}

/* --- the step -------------------------------------------------------------------------------- */

static bool step_open(struct exchange *e)
{
	struct tunnel_way *way = e->tunnel->way;
	/* It had ended before, and takes no more: what came from it still goes to the client. */
	if (e->facts & FACT_UPSTREAM_RESET)
		way[CHAIN_REQUEST].is_ended = true;
	bool moved = pass(e, CHAIN_REQUEST);
	if (!tunnel_is_closing(e))
		moved |= pass(e, CHAIN_RESPONSE);
	if (tunnel_is_closing(e))
		return true;
	if (!way[CHAIN_REQUEST].is_ended || !way[CHAIN_RESPONSE].is_ended)
		return moved;
	response_go(e, RESPONSE_DONE);
	return true;
}

/* One direction of a tunnel of bytes; whether any moved. */
static bool pass_bytes(
	struct exchange *e, struct http_stream *from, struct http_stream *to, bool *closed)
{
	size_t n = from->in.bytes;
	bool ends = from->in_ended && !*closed;
	if ((n == 0 && !ends) || !http_stream_can_send(to))
		return false;
	http_stream_send_data(to, &from->in, ends);
	if (n > 0)
		http_stream_credit(from, n);
	*closed |= ends;
	exchange_await_bytes(e);
	return true;
}

static bool step_bytes(struct exchange *e)
{
	struct http_stream *up = e->attempt.up;
	if (e->facts & FACT_UPSTREAM_RESET)
		e->tunnel_closed[0] = true;
	bool moved = pass_bytes(e, e->down, up, &e->tunnel_closed[0]);
	moved |= pass_bytes(e, up, e->down, &e->tunnel_closed[1]);
	if (!e->tunnel_closed[0] || !e->tunnel_closed[1])
		return moved;
	response_go(e, RESPONSE_DONE);
	return true;
}

bool response_tunnel(struct exchange *e)
{
	if (!e->tunnel)
		return step_bytes(e);
	return tunnel_is_closing(e) ? step_closing(e) : step_open(e);
}
