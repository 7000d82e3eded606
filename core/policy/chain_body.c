/* SPDX-License-Identifier: Apache-2.0 */
/* policy/chain_body.c - bodies on their way along a chain.
 *
 * A direction is a row of segments, each ending at a binding that collects the body (the frontier),
 * the last one at the end of the chain:
 *
 *	heads [streams | frontier]  heads [streams | frontier]  heads [streams]  ends
 *
 * Within a segment the body flows piece by piece through the streaming bindings into `held` (or, in
 * the last one, `out`). When it is whole the frontier decides; what it lets through is the `in` of
 * the next segment. */
#include "policy/chain.h"
#include "policy/chain_priv.h"

#include <stdlib.h>

/* Smaller slices are copied when they are collected: each would pin a block of 64 KiB. */
#define COLLECT_COPY_BELOW 16384

/* --- bodies ---------------------------------------------------------------------------------- */
static void whole_free(struct chain_body *body)
{
	free(body->whole);
	body->whole = NULL;
}

static struct chain_body *run_body(struct sluice_exchange *x, struct chain_run *run)
{
	if (run->body)
		return run->body;
	struct chain_body *body = arena_zalloc(x->arena, sizeof(*body));
	if (!body)
		return NULL;
	struct pool *pool = loop_pool(x->loop);
	chunk_queue_init(&body->piece, pool);
	chunk_queue_init(&body->passed, pool);
	chunk_queue_init(&body->replaced, pool);
	return run->body = body;
}

/* Calls b's body callback with bytes that stay where they are. */
static enum chain_result body_call(struct sluice_exchange *x, enum chain_direction d,
	const struct chain_binding *b, struct str bytes, bool end)
{
	struct sluice_body piece = {
		.size = sizeof(piece), .end = end, .bytes = {bytes.p ? bytes.p : "", bytes.n}};
	x->body_at_hand = bytes;
	x->is_last_piece = end;
	enum chain_result r = chain_call_body(x, d, b, &piece);
	x->is_last_piece = false;
	x->body_at_hand = STR_EMPTY;
	return r;
}

/* The piece at hand through one streaming binding, chunk by chunk, into `passed`. A binding that
 * does not take part (any more) lets the rest through. */
static enum chain_result piece_through(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b)
{
	struct chain_body *body = x->run[d].body;
	if (chunk_queue_is_empty(&body->piece) && !body->piece_end)
		return CHAIN_MORE;
	do {
		if (!takes_body(&x->run[d], b)) {
			chunk_queue_move(&body->passed, &body->piece);
			return CHAIN_MORE;
		}
		struct chunk *c = body->piece.head;
		bool end = body->piece_end && (!c || !c->next);
		enum chain_result r = body_call(x, d, b, c ? str_n(c->p, c->n) : STR_EMPTY, end);
		if (r != CHAIN_MORE)
			return r;
		if (!body->was_replaced && c)
			chunk_queue_move_n(&body->passed, &body->piece, c->n);
		else if (c)
			chunk_queue_drop(&body->piece, c->n);
		chunk_queue_move(&body->passed, &body->replaced);
		body->was_replaced = false;
	} while (!chunk_queue_is_empty(&body->piece));
	return CHAIN_MORE;
}

static enum chain_result piece_run(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	struct chain_body *body = run->body;
	const struct chain_list *bodies = &x->chain->walk[d].bodies;
	for (; body->at < bodies->count && bodies->items[body->at] != run->frontier; body->at++) {
		enum chain_result r = piece_through(x, d, bodies->items[body->at]);
		if (r != CHAIN_MORE)
			return r;
		chunk_queue_move(&body->piece, &body->passed);
	}
	return CHAIN_MORE;
}

/* Whether a streaming binding stands in the segment that is being run. */
static bool segment_streams(const struct sluice_exchange *x, enum chain_direction d)
{
	const struct chain_run *run = &x->run[d];
	const struct chain_list *bodies = &x->chain->walk[d].bodies;
	for (unsigned i = run->body_at; i < bodies->count && bodies->items[i] != run->frontier; i++)
		if (takes_body(run, bodies->items[i]))
			return true;
	return false;
}

/* Whether one that stands there may change the body's length. */
static bool segment_replaces(const struct sluice_exchange *x, enum chain_direction d)
{
	const struct chain_run *run = &x->run[d];
	const struct chain_walk *walk = &x->chain->walk[d];
	for (unsigned i = run->body_at; i < walk->bodies.count; i++)
		if (walk->streams & run->mask & ~run->let_by & walk->bodies.items[i]->bit)
			return true;
	return false;
}

/* Moves what has passed to where it belongs; false when the frontier may not hold so much. */
static bool run_deliver(struct chain_run *run, enum chain_direction d, struct chunk_queue *from)
{
	if (!run->frontier) {
		chunk_queue_move(&run->out, from);
		return true;
	}
	size_t max = run->frontier->contract[d].bytes_max;
	while (from->head) {
		struct chunk *c = from->head;
		if (c->n > max || run->held.bytes > max - c->n)
			return false;
		if (c->n < COLLECT_COPY_BELOW && c->block) {
			chunk_queue_add_copy(&run->held, str_n(c->p, c->n));
			chunk_queue_drop(from, c->n);
		} else {
			chunk_queue_move_n(&run->held, from, c->n);
		}
	}
	return true;
}

static enum chain_result too_large(struct sluice_exchange *x, enum chain_direction d)
{
	return chain_fail(x, d, x->run[d].frontier, "body_too_large", CHAIN_TOO_LARGE);
}

/* The streaming bindings of the segment over what the proxy gave. */
static enum chain_result segment_stream(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	struct chain_body *body = run_body(x, run);
	if (!body)
		return chain_fail_memory(x, d, x->chain->walk[d].bodies.items[run->body_at]);
	for (;;) {
		if (!body->is_open) {
			if (chunk_queue_is_empty(&run->in) &&
				(!run->in_ended || run->segment_ended))
				return CHAIN_MORE;
			if (run->in.head)
				chunk_queue_move_n(&body->piece, &run->in, run->in.head->n);
			body->piece_end = run->in_ended && chunk_queue_is_empty(&run->in);
			body->at = run->body_at;
			body->is_open = true;
		}
		enum chain_result r = piece_run(x, d);
		if (r != CHAIN_MORE)
			return r;
		if (!run_deliver(run, d, &body->piece))
			return too_large(x, d);
		run->segment_ended = body->piece_end;
		body->is_open = false;
	}
}

enum chain_result chain_segment_run(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	bool is_open = run->body && run->body->is_open;
	if (is_open || (!run->segment_ended && segment_streams(x, d)))
		return segment_stream(x, d);
	if (!run_deliver(run, d, &run->in))
		return too_large(x, d);
	run->segment_ended = run->in_ended;
	return CHAIN_MORE;
}

/* --- the frontier ---------------------------------------------------------------------------- */
static int64_t *content_length(struct sluice_exchange *x, enum chain_direction d)
{
	return d == CHAIN_REQUEST ? &x->request->content_length : &x->response->content_length;
}

/* A message without content keeps what its head says (HEAD, 304). */
static bool has_content(const struct sluice_exchange *x, enum chain_direction d)
{
	return d == CHAIN_REQUEST ? x->request->content_length != CONTENT_LENGTH_NONE
				  : x->response->has_content;
}

static bool is_event_stream(const struct http_response *r)
{
	const struct field *f = fields_get_id(&r->fields, FIELD_CONTENT_TYPE);
	return f && str_eq_nocase(str_slice(f->value, 0, 17), STR("text/event-stream"));
}

/* Why b cannot collect this body; NULL when it can. */
static const char *frontier_refusal(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b)
{
	if (!has_content(x, d))
		return NULL;
	if (d == CHAIN_RESPONSE && is_event_stream(x->response))
		return "policy_buffers_stream";
	int64_t declared = *content_length(x, d);
	bool is_changed = x->chain->walk[d].streams & x->run[d].mask & ~x->run[d].let_by;
	if (!is_changed && declared > 0 && (uint64_t)declared > b->contract[d].bytes_max)
		return "body_too_large";
	return NULL;
}

enum chain_result chain_frontier_open(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b)
{
	const char *refusal = frontier_refusal(x, d, b);
	if (refusal)
		return chain_fail(
			x, d, b, refusal, refusal[0] == 'b' ? CHAIN_TOO_LARGE : CHAIN_FAILED);
	x->run[d].frontier = b;
	return CHAIN_MORE;
}

/* The collected body as one view: where it lies, or copied together. False: no memory. */
static bool held_whole(struct chain_run *run, struct str *whole)
{
	const struct chunk *c = run->held.head;
	*whole = c ? str_n(c->p, c->n) : STR_EMPTY;
	if (!c || !c->next)
		return true;
	if (!run->body->whole) {
		run->body->whole = malloc(run->held.bytes); /* bounded by the binding's contract */
		if (!run->body->whole)
			return false;
		chunk_queue_peek(&run->held, run->body->whole, run->held.bytes);
	}
	*whole = str_n(run->body->whole, run->held.bytes);
	return true;
}

/* They have a place behind content whose length is not declared. */
static bool has_trailers(const struct sluice_exchange *x, enum chain_direction d)
{
	return x->trailers[d] && x->trailers[d]->count > 0;
}

/* Goes on behind the frontier with the body that it let through. */
static void frontier_close(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	const struct chain_list *bodies = &x->chain->walk[d].bodies;
	if (run->body) {
		whole_free(run->body);
		if (run->body->was_replaced) {
			chunk_queue_clear(&run->held);
			chunk_queue_move(&run->held, &run->body->replaced);
		}
		run->body->was_replaced = false;
	}
	if (has_content(x, d) || (d == CHAIN_REQUEST && run->held.bytes))
		*content_length(x, d) = has_trailers(x, d) ? CONTENT_LENGTH_UNKNOWN
							   : (int64_t)run->held.bytes;
	chunk_queue_move(&run->in, &run->held);
	while (bodies->items[run->body_at++] != run->frontier)
		;
	run->frontier = NULL;
	run->segment_ended = false;
	run->head_called = false;
	run->head_at++;
}

enum chain_result chain_frontier_decide(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	const struct chain_binding *b = run->frontier;
	if (takes_body(run, b)) {
		struct str whole;
		if (!run_body(x, run) || !held_whole(run, &whole))
			return chain_fail_memory(x, d, b);
		enum chain_result r = body_call(x, d, b, whole, true);
		if (r != CHAIN_MORE)
			return r;
	}
	frontier_close(x, d);
	return CHAIN_MORE;
}

/* --- for the walk ---------------------------------------------------------------------------- */
void chain_stream_length(struct sluice_exchange *x, enum chain_direction d)
{
	if (segment_replaces(x, d) && has_content(x, d))
		*content_length(x, d) = CONTENT_LENGTH_UNKNOWN;
}

void chain_body_clear(struct chain_body *body)
{
	chunk_queue_clear(&body->piece);
	chunk_queue_clear(&body->passed);
	chunk_queue_clear(&body->replaced);
	whole_free(body);
}
