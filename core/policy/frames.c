/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces are pushed from binding to binding, each call within the one before; a frame that a
 * binding adds is queued, and pushed from behind that binding as soon as its direction stands
 * between two frames (a control frame) or two messages. */
#include "policy/frames.h"

#include "base/buffer.h"
#include "base/limits.h"
#include "base/memory.h"
#include "policy/chain_priv.h"

#include <stdlib.h>

#define OPCODE_CONTINUATION 0
#define OPCODE_CLOSE        8

/* What a binding may put in the place of one frame, and what may wait of added ones. */
#define REPLACED_BYTES_MAX (1u << 20)
#define ADDED_BYTES_MAX    (256u << 10)
/* While one piece is taken: two that answer each other's frames would never end. */
#define ADDED_FRAMES_MAX 64
/* A buffer that has grown beyond is not kept for the next message. */
#define KEPT_BYTES 16384

/* What a binding does to what comes in one direction. */
struct stage_way {
	struct buffer replaced;  /* of the frame at hand */
	struct buffer collected; /* of the message at hand */
	bool replaces;
	bool drops_frame;   /* the rest of the frame at hand */
	bool drops_message; /* the rest of the message at hand */
};

struct stage {
	const struct chain_binding *binding;
	struct stage_way way[2];
};

/* A frame that a binding has added. */
struct added {
	struct added *next;
	size_t from; /* the stage that it begins at */
	size_t n;
	uint8_t opcode;
	char bytes[];
};

struct frames_way {
	struct added *added; /* owned: list, the oldest first */
	bool in_frame, in_message;
};

struct frames {
	const struct frames_events *events; /* borrowed */
	void *owner;
	struct frames_way way[2];
	size_t added_bytes;
	unsigned added_count; /* since a piece came from outside */
	/* the callback that runs */
	const struct frame_piece *piece; /* NULL: none */
	size_t at;
	enum chain_direction direction;
	bool was_replaced, was_dropped;
	bool is_closing;
	struct frames_close close;
	size_t count;
	struct stage stages[];
};

static bool is_control(uint8_t opcode)
{
	return opcode & 8;
}

bool chain_wants_frames(const struct sluice_exchange *x)
{
	return x->chain->frames & x->active;
}

bool frames_begin(struct sluice_exchange *x, const struct frames_events *events, void *owner)
{
	uint64_t wanted = x->chain->frames & x->active;
	size_t count = (size_t)__builtin_popcountll(wanted);
	struct frames *f = arena_zalloc(x->arena, sizeof(*f) + count * sizeof(f->stages[0]));
	if (!f)
		return false;
	f->events = events;
	f->owner = owner;
	for (; wanted; wanted &= wanted - 1) {
		struct stage *s = &f->stages[f->count++];
		s->binding = &x->chain->bindings[__builtin_ctzll(wanted)];
		size_t message_max = s->binding->instance->message_bytes_max;
		for (int d = 0; d < 2; d++) {
			buffer_init(&s->way[d].replaced, REPLACED_BYTES_MAX);
			buffer_init(&s->way[d].collected, message_max);
		}
	}
	x->frames = f;
	return true;
}

void frames_free(struct sluice_exchange *x)
{
	struct frames *f = x->frames;
	if (!f)
		return;
	for (int d = 0; d < 2; d++) {
		for (size_t i = 0; i < f->count; i++) {
			buffer_deinit(&f->stages[i].way[d].replaced);
			buffer_deinit(&f->stages[i].way[d].collected);
		}
		for (struct added *a = f->way[d].added; a;) {
			struct added *next = a->next;
			free(a);
			a = next;
		}
	}
	x->frames = NULL;
}

size_t frames_bytes_held(const struct sluice_exchange *x)
{
	const struct frames *f = x->frames;
	size_t n = f ? f->added_bytes : 0;
	for (size_t i = 0; f && i < f->count; i++)
		for (int d = 0; d < 2; d++)
			n += f->stages[i].way[d].replaced.n + f->stages[i].way[d].collected.n;
	return n;
}

const struct frames_close *frames_closing(const struct sluice_exchange *x)
{
	return x->frames && x->frames->is_closing ? &x->frames->close : NULL;
}

/* --- one binding ----------------------------------------------------------------------------- */

static void push(
	struct sluice_exchange *x, enum chain_direction d, size_t at, const struct frame_piece *p);

/* The stage behind this one; f->count: none. */
static size_t next_stage(const struct frames *f, enum chain_direction d, size_t at)
{
	if (d == CHAIN_REQUEST)
		return at + 1;
	return at > 0 ? at - 1 : f->count;
}

static size_t first_stage(const struct frames *f, enum chain_direction d)
{
	return d == CHAIN_REQUEST ? 0 : f->count - 1;
}

static void reset(struct buffer *b)
{
	size_t max = b->bytes_max;
	if (b->n <= KEPT_BYTES) {
		buffer_reset(b);
		return;
	}
	buffer_deinit(b);
	buffer_init(b, max);
}

static void close_for(struct frames *f, const struct chain_binding *b, bool has_failed)
{
	if (f->is_closing)
		return;
	f->is_closing = true;
	f->close.binding = b;
	f->close.has_failed = has_failed;
}

/* Of what the binding has held back nobody else has seen the beginning. */
static bool holds_nothing(const struct stage_way *w, const struct frame_piece *p)
{
	return !w->replaces && (w->collected.n == 0 || p->bytes.p == w->collected.p);
}

/* The callback, as the walk of a chain would call it; false: the piece goes no further by it. */
static bool call(struct sluice_exchange *x, size_t at, const struct frame_piece *p)
{
	struct frames *f = x->frames;
	const struct chain_binding *b = f->stages[at].binding;
	struct sluice_body body = {.size = sizeof(body),
		.end = p->is_last,
		.bytes = {p->bytes.p ? p->bytes.p : "", p->bytes.n}};
	f->piece = p;
	f->at = at;
	f->was_replaced = f->was_dropped = false;
	x->current = b;
	x->callback = CALLBACK_FRAME;
	x->direction = (uint8_t)f->direction;
	x->is_resumed = false;
	policy_enter(x, b->instance, CALLBACK_FRAME);
	int32_t verdict = b->frame(&b->instance->call, x, &body);
	policy_leave();
	x->current = NULL;
	f->piece = NULL;
	if (verdict == SLUICE_CONTINUE)
		return !f->is_closing;
	if (b->skip_on_error && holds_nothing(&f->stages[at].way[f->direction], p)) {
		x->active &= ~b->bit;
		x->skipped |= b->bit;
		f->was_dropped = f->was_replaced = false;
		return true;
	}
	x->fault_binding = b;
	x->fault_reason = "policy_failed";
	close_for(f, b, true);
	return false;
}

/* Nothing of the frame has passed yet: with its last piece it passes, of the length that it has
 * now. */
static void push_replaced(
	struct sluice_exchange *x, enum chain_direction d, size_t at, const struct frame_piece *p)
{
	struct frames *f = x->frames;
	struct stage_way *w = &f->stages[at].way[d];
	struct frame_piece whole = *p;
	if (!f->was_replaced)
		buffer_add(&w->replaced, p->bytes);
	w->replaces = !p->is_last;
	if (w->replaced.failed) {
		close_for(f, f->stages[at].binding, false);
		f->close.is_too_large = true;
		return;
	}
	if (!p->is_last)
		return;
	whole.is_first = true;
	whole.offset = 0;
	whole.length = w->replaced.n;
	whole.bytes = buffer_str(&w->replaced);
	push(x, d, next_stage(f, d, at), &whole);
	reset(&w->replaced);
}

static void show(
	struct sluice_exchange *x, enum chain_direction d, size_t at, const struct frame_piece *p)
{
	struct frames *f = x->frames;
	struct stage_way *w = &f->stages[at].way[d];
	f->direction = d;
	if (!call(x, at, p))
		return;
	if (f->was_dropped) {
		w->drops_frame = !p->is_last;
		w->drops_message = !is_control(p->opcode) && !p->is_final;
	} else if (f->was_replaced || w->replaces) {
		push_replaced(x, d, at, p);
	} else {
		push(x, d, next_stage(f, d, at), p);
	}
}

/* The message is shown once it is whole. */
static void collect(
	struct sluice_exchange *x, enum chain_direction d, size_t at, const struct frame_piece *p)
{
	struct frames *f = x->frames;
	struct buffer *b = &f->stages[at].way[d].collected;
	buffer_add(b, p->bytes);
	if (b->failed) {
		close_for(f, f->stages[at].binding, false);
		f->close.is_too_large = true;
		return;
	}
	if (!p->is_last || !p->is_final)
		return;
	const struct frame_piece whole = {.length = b->n,
		.bytes = buffer_str(b),
		.opcode = p->message,
		.message = p->message,
		.is_final = true,
		.is_first = true,
		.is_last = true};
	show(x, d, at, &whole);
	reset(b);
}

static void push(
	struct sluice_exchange *x, enum chain_direction d, size_t at, const struct frame_piece *p)
{
	struct frames *f = x->frames;
	if (f->is_closing)
		return;
	if (at >= f->count) {
		f->events->pass(f->owner, d, p);
		return;
	}
	const struct stage *s = &f->stages[at];
	struct stage_way *w = &f->stages[at].way[d];
	if (!(x->active & s->binding->bit)) {
		push(x, d, next_stage(f, d, at), p);
		return;
	}
	if (w->drops_frame) {
		w->drops_frame = !p->is_last;
		return;
	}
	if (w->drops_message && !is_control(p->opcode)) {
		w->drops_message = !p->is_last || !p->is_final;
		return;
	}
	if (s->binding->instance->message_bytes_max > 0 && !is_control(p->opcode))
		collect(x, d, at, p);
	else
		show(x, d, at, p);
}

/* --- what bindings add ----------------------------------------------------------------------- */

/* The first that may stand where the direction is now, taken off its list. */
static struct added *added_take(struct frames_way *w)
{
	struct added **at = &w->added;
	while (*at && w->in_message && !is_control((*at)->opcode))
		at = &(*at)->next;
	struct added *a = w->in_frame ? NULL : *at;
	if (a)
		*at = a->next;
	return a;
}

static void push_added(struct sluice_exchange *x, enum chain_direction d)
{
	struct frames *f = x->frames;
	struct added *a;
	while (!f->is_closing && (a = added_take(&f->way[d]))) {
		const struct frame_piece p = {.length = a->n,
			.bytes = str_n(a->bytes, a->n),
			.opcode = a->opcode,
			.message = a->opcode,
			.is_final = true,
			.is_first = true,
			.is_last = true};
		f->added_bytes -= a->n;
		push(x, d, a->from, &p);
		free(a);
	}
}

bool frames_take(struct sluice_exchange *x, enum chain_direction d, const struct frame_piece *p)
{
	struct frames *f = x->frames;
	struct frames_way *w = &f->way[d];
	f->added_count = 0;
	push(x, d, first_stage(f, d), p);
	w->in_frame = !p->is_last;
	if (!is_control(p->opcode))
		w->in_message = !p->is_last || !p->is_final;
	for (int way = 0; way < 2; way++)
		push_added(x, d == CHAIN_REQUEST ? (enum chain_direction)way
						 : (enum chain_direction) !way);
	return !f->is_closing;
}

/* --- for the service ------------------------------------------------------------------------- */

const struct frame_piece *frames_at_hand(
	const struct sluice_exchange *x, enum chain_direction *from)
{
	*from = x->frames->direction;
	return x->frames->piece;
}

enum rc frames_replace(struct sluice_exchange *x, struct str bytes)
{
	struct frames *f = x->frames;
	const struct frame_piece *p = f->piece;
	struct stage_way *w = &f->stages[f->at].way[f->direction];
	size_t max = is_control(p->opcode) ? 125 : REPLACED_BYTES_MAX;
	if (f->was_dropped || p->opcode == OPCODE_CLOSE || (!p->is_first && !w->replaces) ||
		(is_control(p->opcode) && w->replaced.n + bytes.n > max))
		return RC_INVALID;
	if (bytes.n > max - w->replaced.n)
		return RC_FULL;
	buffer_add(&w->replaced, bytes);
	f->was_replaced = true;
	return RC_OK;
}

enum rc frames_drop(struct sluice_exchange *x)
{
	struct frames *f = x->frames;
	const struct frame_piece *p = f->piece;
	if (!p->is_first || f->was_replaced || p->opcode == OPCODE_CONTINUATION ||
		p->opcode == OPCODE_CLOSE)
		return RC_INVALID;
	f->was_dropped = true;
	return RC_OK;
}

enum rc frames_inject(
	struct sluice_exchange *x, enum chain_direction to, uint8_t opcode, struct str payload)
{
	struct frames *f = x->frames;
	struct added **at = &f->way[to].added;
	if (f->added_count == ADDED_FRAMES_MAX || payload.n > ADDED_BYTES_MAX - f->added_bytes ||
		!f->events->can_take(f->owner, to))
		return RC_FULL;
	struct added *a = malloc(sizeof(*a) + payload.n);
	if (!a)
		return RC_FULL;
	*a = (struct added){.from = next_stage(f, to, f->at), .n = payload.n, .opcode = opcode};
	memcpy(a->bytes, payload.p, payload.n);
	while (*at)
		at = &(*at)->next;
	*at = a;
	f->added_count++;
	f->added_bytes += payload.n;
	return RC_OK;
}

void frames_close(
	struct sluice_exchange *x, enum chain_direction to, uint16_t status, struct str reason)
{
	struct frames *f = x->frames;
	close_for(f, f->stages[f->at].binding, false);
	f->close.status[to] = status;
	f->close.reason_bytes = (uint8_t)reason.n;
	memcpy(f->close.reason, reason.p, reason.n);
}
