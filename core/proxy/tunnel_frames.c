/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of a WebSocket through the policies that look at them: masks off, through the chain,
 * masks on. Here the RFC holds to the letter, since a policy and a peer that read the same bytes
 * differently would be a way past the policy.
 *
 * A large frame passes piece by piece. When a policy ends the connection in the middle of one that
 * has begun to pass, no CLOSE can stand there any more, and the peer sees a cut. */
#include "base/limits.h"
#include "base/utf8.h"
#include "crypto/crypto.h"
#include "policy/frames.h"
#include "proxy/tunnel_priv.h"

#define PIECE_BYTES 16384
/* What is taken before it is sent on. */
#define BATCH_BYTES 65536

/* --- behind the chain ------------------------------------------------------------------------ */

static void write_head(struct tunnel_way *w, enum chain_direction d, const struct frame_piece *p)
{
	char bytes[WS_HEAD_BYTES_MAX];
	w->out_head = (struct ws_head){
		.length = p->length,
		.opcode = p->opcode,
		.is_final = p->is_final,
	};
	w->out_head.is_masked = tunnel_mask_for(d, w->out_head.mask) != NULL;
	chunk_queue_add_copy(&w->out, str_n(bytes, ws_head_write(&w->out_head, bytes)));
}

static void write_masked(struct tunnel_way *w, struct str bytes, uint64_t offset)
{
	char masked[4096];
	while (bytes.n > 0) {
		struct str part = str_slice(bytes, 0, sizeof(masked));
		ws_mask(masked, part, w->out_head.mask, offset);
		chunk_queue_add_copy(&w->out, str_n(masked, part.n));
		offset += part.n;
		bytes = str_from(bytes, part.n);
	}
}

static void on_pass(void *owner, enum chain_direction d, const struct frame_piece *p)
{
	struct exchange *e = owner;
	struct tunnel_way *w = &e->tunnel->way[d];
	if (w->has_closed)
		return;
	if (p->is_first)
		write_head(w, d, p);
	if (w->out_head.is_masked)
		write_masked(w, p->bytes, p->offset);
	else if (p->bytes.n > 0)
		chunk_queue_add_copy(&w->out, p->bytes);
	w->out_left = p->length - p->offset - p->bytes.n;
	w->has_closed = p->opcode == WS_CLOSE;
}

static bool can_take(void *owner, enum chain_direction d)
{
	const struct exchange *e = owner;
	const struct tunnel_way *w = &e->tunnel->way[d];
	return !w->has_closed && !w->is_ended && w->out.bytes < LIMIT_QUEUE_HIGH_BYTES &&
	       http_stream_can_send(tunnel_to(e, d));
}

static const struct frames_events events = {.pass = on_pass, .can_take = can_take};

bool tunnel_frames_begin(struct exchange *e)
{
	return !chain_wants_frames(&e->x) || frames_begin(&e->x, &events, e);
}

static void close_by_policy(struct exchange *e)
{
	const struct frames_close *c = frames_closing(&e->x);
	struct tunnel *t = e->tunnel;
	bool was_told = !c->has_failed && !c->is_too_large;
	for (int d = 0; was_told && d < 2; d++)
		t->status[d] = c->status[d] ? c->status[d] : WS_STATUS_GOING_AWAY;
	t->binding = c->binding;
	t->reason = arena_copy(e->x.arena, str_n(c->reason, c->reason_bytes));
	tunnel_close(e,
		was_told          ? TUNNEL_POLICY
		: c->is_too_large ? TUNNEL_TOO_LARGE
				  : TUNNEL_FAILED,
		NULL);
}

/* --- in front of it -------------------------------------------------------------------------- */

/* Of a CLOSE that is there whole; false: it is wrong, and the tunnel closes. */
static bool judge_close(struct exchange *e, struct tunnel_way *w, struct str payload)
{
	char plain[WS_CONTROL_BYTES_MAX];
	ws_mask(plain, payload, w->head.mask, 0);
	enum ws_status wrong = ws_close_parse(str_n(plain, payload.n), &w->close_status);
	if (wrong == 0)
		return true;
	tunnel_close(e, wrong == WS_STATUS_NOT_TEXT ? TUNNEL_NOT_TEXT : TUNNEL_PROTOCOL,
		"a close has a status or a reason that no close may have");
	return false;
}

static void take(struct exchange *e, enum chain_direction d, size_t n)
{
	struct http_stream *from = tunnel_from(e, d);
	chunk_queue_drop(&from->in, n);
	http_stream_credit(from, n);
}

/* The next head, a control frame whole; false: it is not there yet, or it is wrong. */
static bool take_head(struct exchange *e, enum chain_direction d)
{
	struct chunk_queue *q = &tunnel_from(e, d)->in;
	struct tunnel_way *w = &e->tunnel->way[d];
	char room[WS_CLOSE_BYTES_MAX];
	size_t there = q->bytes < sizeof(room) ? q->bytes : sizeof(room);
	chunk_queue_peek(q, room, there);
	struct ws_head h;
	size_t n = ws_head_parse(str_n(room, there), &h);
	bool is_whole = n > 0 && (!ws_is_control(h.opcode) || h.length > WS_CONTROL_BYTES_MAX ||
					 there >= n + h.length);
	if (!is_whole)
		return false;
	const char *mistake = ws_sequence_take(&w->sequence, &h, d == CHAIN_REQUEST);
	if (mistake) {
		tunnel_close(e, TUNNEL_PROTOCOL, mistake);
		return false;
	}
	struct str payload = str_slice(str_from(str_n(room, there), n), 0, (size_t)h.length);
	if (!tunnel_take_head(e, d, &h, payload))
		return false;
	w->head = h;
	if (h.opcode == WS_CLOSE && !judge_close(e, w, payload))
		return false;
	if (h.opcode == WS_TEXT || h.opcode == WS_BINARY) {
		w->message = h.opcode;
		w->text = (struct utf8_stream){0};
	}
	w->left = h.length;
	w->in_frame = true;
	take(e, d, n);
	return true;
}

static bool is_text(struct tunnel_way *w, struct str plain, bool is_last)
{
	if (w->message != WS_TEXT || ws_is_control(w->head.opcode))
		return true;
	return utf8_stream_take(&w->text, plain) &&
	       (!is_last || !w->head.is_final || utf8_stream_is_whole(&w->text));
}

static bool show(struct exchange *e, enum chain_direction d, struct str plain)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	bool is_last = plain.n == w->left;
	if (!is_text(w, plain, is_last)) {
		tunnel_close(e, TUNNEL_NOT_TEXT, "a text message is not UTF-8");
		return false;
	}
	const struct frame_piece p = {
		.length = w->head.length,
		.offset = w->head.length - w->left,
		.bytes = plain,
		.close_status = w->head.opcode == WS_CLOSE ? w->close_status : 0,
		.opcode = w->head.opcode,
		.message = w->head.opcode == WS_CONTINUATION ? w->message : w->head.opcode,
		.is_final = w->head.is_final,
		.is_first = w->left == w->head.length,
		.is_last = is_last,
	};
	w->left -= plain.n;
	w->in_frame = !is_last;
	if (frames_take(&e->x, d, &p))
		return true;
	close_by_policy(e);
	return false;
}

/* What there is of the payload, as far as it lies together; a control frame's whole. */
static bool take_payload(struct exchange *e, enum chain_direction d)
{
	struct chunk_queue *q = &tunnel_from(e, d)->in;
	struct tunnel_way *w = &e->tunnel->way[d];
	char plain[PIECE_BYTES];
	size_t n = w->left < sizeof(plain) ? (size_t)w->left : sizeof(plain);
	if (n > q->bytes)
		n = q->bytes;
	chunk_queue_peek(q, plain, n);
	ws_mask(plain, str_n(plain, n), w->head.mask, w->head.length - w->left);
	bool goes_on = show(e, d, str_n(plain, n));
	if (n > 0)
		take(e, d, n);
	return goes_on;
}

static bool has_room(const struct exchange *e, enum chain_direction d)
{
	return e->tunnel->way[d].out.bytes < BATCH_BYTES && http_stream_can_send(tunnel_to(e, d));
}

/* Both: a policy may have added to the other one. */
static void flush(struct exchange *e)
{
	for (int d = 0; d < 2; d++)
		if (e->tunnel->way[d].out.bytes > 0)
			http_stream_send_data(tunnel_to(e, (enum chain_direction)d),
				&e->tunnel->way[d].out, false);
}

/* A frame's head is there, and some of what it announces. */
static bool has_piece(struct exchange *e, enum chain_direction d)
{
	const struct tunnel_way *w = &e->tunnel->way[d];
	return w->in_frame && (w->left == 0 || !chunk_queue_is_empty(&tunnel_from(e, d)->in));
}

bool tunnel_frames_take(struct exchange *e, enum chain_direction d, bool only_rest)
{
	struct tunnel_way *w = &e->tunnel->way[d];
	bool moved = false;
	while (has_room(e, d)) {
		bool may_begin = !w->in_frame && !w->sequence.is_closed && !only_rest;
		bool begins = may_begin && take_head(e, d);
		moved |= begins;
		if (!has_piece(e, d))
			break;
		moved = true;
		if (!take_payload(e, d))
			break;
		if (w->out.bytes >= BATCH_BYTES)
			flush(e);
	}
	flush(e);
	return moved;
}
