/* SPDX-License-Identifier: Apache-2.0 */
/* policy/chain.c - the walk.
 *
 * A direction is a row of segments, each ending at a binding that collects the body (the frontier),
 * the last one at the end of the chain:
 *
 *	heads ... [streams ... | frontier]  heads ... [streams ... | frontier]  heads ... [streams
 *...] ends
 *
 * Within a segment the body flows piece by piece through the streaming bindings into `held` (or, in
 * the last one, `out`). When it is whole the frontier decides; what it lets through is the `in` of
 * the next segment. Every position is kept in the run, so a pause is a return, and a resume is the
 * same step again. */
#include "policy/chain.h"

#include "base/limits.h"
#include "policy/pause.h"
#include "policy/host_priv.h"

#include <stdlib.h>

/* A plugin that resumes its own token before it returns is called again at once this often in a
 * row, then by way of the loop, so that others have their turn. */
#define EARLY_RESUMES_MAX 8
/* Smaller slices are copied when they are collected: each would pin a block of 64 KiB. */
#define COLLECT_COPY_BELOW 16384

static const struct chain empty_chain;

/* --- pauses ---------------------------------------------------------------------------------- */
static void pause_over(void *owner, unsigned tag, bool timed_out)
{
	struct sluice_exchange *x = owner;
	x->run[tag].pause = timed_out ? CHAIN_PAUSE_TIMED_OUT : CHAIN_PAUSE_RESUMED;
	x->run[tag].pause_token = 0;
	x->wake(x);
}

/* The SDK's `pause`, once legality is clear. */
uint64_t chain_pause(struct sluice_exchange *x, uint32_t deadline_ms)
{
	struct chain_run *run = &x->run[x->direction];
	if (run->pause_token)
		return 0;
	run->pause_token = pause_arm(x->worker, deadline_ms, pause_over, x, x->direction);
	return run->pause_token;
}

static void run_cancel_pause(struct chain_run *run)
{
	if (UNLIKELY(run->pause_token))
		pause_cancel(run->pause_token);
	run->pause_token = 0;
	run->pause = CHAIN_PAUSE_NONE;
	run->paused = NULL;
}

/* --- a run's beginning and end ------------------------------------------------------------------
 */
static void run_init(struct chain_run *run, struct pool *pool)
{
	/* The queues are the larger part, and set by themselves. */
	memset(run, 0, offsetof(struct chain_run, in));
	chunk_queue_init(&run->in, pool);
	chunk_queue_init(&run->held, pool);
	chunk_queue_init(&run->out, pool);
}

static void whole_free(struct chain_body *body)
{
	free(body->whole);
	body->whole = NULL;
}

static inline void queue_clear(struct chunk_queue *q)
{
	if (UNLIKELY(q->head != NULL))
		chunk_queue_clear(q);
}

static void run_clear(struct chain_run *run)
{
	run_cancel_pause(run);
	queue_clear(&run->in);
	queue_clear(&run->held);
	queue_clear(&run->out);
	if (LIKELY(!run->body))
		return;
	chunk_queue_clear(&run->body->piece);
	chunk_queue_clear(&run->body->passed);
	chunk_queue_clear(&run->body->replaced);
	whole_free(run->body);
}

void chain_restart_response(struct sluice_exchange *x)
{
	run_clear(&x->run[CHAIN_RESPONSE]);
	run_init(&x->run[CHAIN_RESPONSE], loop_pool(x->loop));
}

/* C3: ends direction d with `result`; of the bindings only those below `from` see the answer. */
static enum chain_result run_stop(
	struct sluice_exchange *x, enum chain_direction d, enum chain_result result, unsigned from)
{
	struct chain_run *run = &x->run[d];
	if (from < x->response_from)
		x->response_from = (uint16_t)from;
	run_clear(run);
	run->stopped = (uint8_t)result;
	if (!x->response_sent)
		chain_restart_response(x);
	return result;
}

static enum chain_result run_fail(struct sluice_exchange *x, enum chain_direction d,
	const struct chain_binding *b, const char *reason, enum chain_result result)
{
	struct chain_run *run = &x->run[d];
	if (b->skip_on_error && result == CHAIN_FAILED) {
		x->run[CHAIN_REQUEST].mask &= ~b->bit;
		x->run[CHAIN_RESPONSE].mask &= ~b->bit;
		x->active &= ~b->bit;
		x->begun |= b->bit;
		x->skipped |= b->bit;
		run_cancel_pause(run);
		if (run->body) {
			chunk_queue_clear(&run->body->replaced);
			run->body->was_replaced = false;
		}
		return CHAIN_MORE;
	}
	x->fault_binding = b;
	x->fault_reason = reason;
	return run_stop(x, d, result, b->index);
}

/* The arena or the heap is spent: nothing to be skipped over. */
static enum chain_result run_exhausted(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b)
{
	x->fault_binding = b;
	x->fault_reason = "memory";
	return run_stop(x, d, CHAIN_FAILED, b->index);
}

/* --- one callback ---------------------------------------------------------------------------- */
static enum chain_result settle_pause(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b)
{
	struct chain_run *run = &x->run[d];
	if (!run->pause_token)
		return run_fail(x, d, b, "policy_failed", CHAIN_FAILED);
	run->pause = CHAIN_PAUSE_WAITING;
	run->paused = b;
	return CHAIN_PAUSED;
}

static enum chain_result settle(struct sluice_exchange *x, enum chain_direction d,
	const struct chain_binding *b, int32_t verdict)
{
	struct chain_run *run = &x->run[d];
	if (verdict == SLUICE_PAUSE)
		return settle_pause(x, d, b);
	if (UNLIKELY(run->pause_token))
		run_cancel_pause(run);
	if (verdict == SLUICE_CONTINUE)
		return CHAIN_MORE;
	if (verdict == SLUICE_RESPONDED && x->answer) {
		x->local = x->answer;
		return run_stop(
			x, d, CHAIN_RESPONDED, d == CHAIN_REQUEST ? b->index + 1u : b->index);
	}
	return run_fail(x, d, b, "policy_failed", CHAIN_FAILED);
}

/* Calls fn, or with a piece the body callback. Leaves the thread entered: the caller leaves, or
 * enters the next one. */
static inline int32_t callback_call(struct sluice_exchange *x, enum callback callback,
	const struct chain_binding *b, head_fn *fn, const struct sluice_body *piece)
{
	x->current = b;
	x->answer = NULL;
	policy_enter(x, b->instance, callback);
	const struct sluice_call *call = &b->instance->call;
	return piece ? b->body[x->direction](call, x, piece) : fn(call, x);
}

/* What became of a callback that did not simply continue; CHAIN_MORE: on with the next. */
static enum chain_result callback_settle(struct sluice_exchange *x, enum callback callback,
	const struct chain_binding *b, head_fn *fn, const struct sluice_body *piece,
	int32_t verdict)
{
	enum chain_direction d = x->direction;
	struct chain_run *run = &x->run[d];
	for (int early = 0;; early++) {
		policy_leave();
		enum chain_result r = settle(x, d, b, verdict);
		if (r != CHAIN_PAUSED || early == EARLY_RESUMES_MAX ||
			!pause_take_early(run->pause_token))
			return r;
		run->pause_token = 0;
		run->pause = CHAIN_PAUSE_NONE;
		x->is_resumed = true;
		verdict = callback_call(x, callback, b, fn, piece);
		x->is_resumed = false;
	}
}

/* One callback; what comes after CHAIN_MORE either enters the next one or leaves. */
static inline enum chain_result callback_run(struct sluice_exchange *x, enum chain_direction d,
	enum callback callback, const struct chain_binding *b, head_fn *fn,
	const struct sluice_body *piece)
{
	struct chain_run *run = &x->run[d];
	x->callback = (uint8_t)callback;
	x->direction = (uint8_t)d;
	x->is_resumed = run->pause == CHAIN_PAUSE_RESUMED;
	run->pause = CHAIN_PAUSE_NONE;
	int32_t verdict = callback_call(x, callback, b, fn, piece);
	if (LIKELY(verdict == SLUICE_CONTINUE && !run->pause_token))
		return CHAIN_MORE;
	return callback_settle(x, callback, b, fn, piece, verdict);
}

static void callbacks_leave(struct sluice_exchange *x)
{
	policy_leave();
	x->current = NULL;
}

static bool takes_part(const struct chain_run *run, const struct chain_binding *b)
{
	return run->mask & b->bit;
}

/* --- bodies ---------------------------------------------------------------------------------- */
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

static enum callback body_callback(enum chain_direction d)
{
	return d == CHAIN_REQUEST ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY;
}

/* Calls b's body callback with bytes that stay where they are. */
static enum chain_result body_call(struct sluice_exchange *x, enum chain_direction d,
	const struct chain_binding *b, struct str bytes, bool end)
{
	struct sluice_body piece = {
		.size = sizeof(piece), .end = end, .bytes = {bytes.p ? bytes.p : "", bytes.n}};
	x->body_at_hand = bytes;
	enum chain_result r = callback_run(x, d, body_callback(d), b, NULL, &piece);
	callbacks_leave(x);
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
		if (!takes_part(&x->run[d], b)) {
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
		if (takes_part(run, bodies->items[i]))
			return true;
	return false;
}

/* Whether one that stands there may change the body's length. */
static bool segment_replaces(const struct sluice_exchange *x, enum chain_direction d)
{
	const struct chain_run *run = &x->run[d];
	const struct chain_walk *walk = &x->chain->walk[d];
	for (unsigned i = run->body_at; i < walk->bodies.count; i++)
		if (walk->streams & run->mask & walk->bodies.items[i]->bit)
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
	return run_fail(x, d, x->run[d].frontier, "body_too_large", CHAIN_TOO_LARGE);
}

/* The streaming bindings of the segment over what the proxy gave. */
static enum chain_result segment_stream(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	struct chain_body *body = run_body(x, run);
	if (!body)
		return run_exhausted(x, d, x->chain->walk[d].bodies.items[run->body_at]);
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

/* CHAIN_MORE: everything at hand has passed; segment_ended tells whether that was all. */
static enum chain_result segment_run(struct sluice_exchange *x, enum chain_direction d)
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
	bool is_changed = x->chain->walk[d].streams & x->run[d].mask;
	if (!is_changed && declared > 0 && (uint64_t)declared > b->contract[d].bytes_max)
		return "body_too_large";
	return NULL;
}

static enum chain_result frontier_open(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b)
{
	const char *refusal = frontier_refusal(x, d, b);
	if (refusal)
		return run_fail(
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
		*content_length(x, d) = (int64_t)run->held.bytes;
	chunk_queue_move(&run->in, &run->held);
	while (bodies->items[run->body_at++] != run->frontier)
		;
	run->frontier = NULL;
	run->segment_ended = false;
	run->head_called = false;
	run->head_at++;
}

/* The whole body has come: the frontier decides. */
static enum chain_result frontier_decide(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	const struct chain_binding *b = run->frontier;
	if (takes_part(run, b)) {
		struct str whole;
		if (!run_body(x, run) || !held_whole(run, &whole))
			return run_exhausted(x, d, b);
		enum chain_result r = body_call(x, d, b, whole, true);
		if (r != CHAIN_MORE)
			return r;
	}
	frontier_close(x, d);
	return CHAIN_MORE;
}

/* --- heads and ends -------------------------------------------------------------------------- */
/* The walk of heads stopped at b: C2, C3. */
static void head_reached(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b)
{
	if (d == CHAIN_REQUEST)
		x->begun |= x->active & ((b->bit << 1) - 1);
	else if (b->index < x->response_from)
		x->response_from = b->index;
}

static inline enum chain_result head_run(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b)
{
	struct chain_run *run = &x->run[d];
	if (b->head[d] && !run->head_called) {
		enum callback callback =
			d == CHAIN_REQUEST ? CALLBACK_REQUEST_HEAD : CALLBACK_RESPONSE_HEAD;
		enum chain_result r = callback_run(x, d, callback, b, b->head[d], NULL);
		if (UNLIKELY(r != CHAIN_MORE))
			return r;
	}
	if (LIKELY(b->contract[d].mode != BODY_BUFFER) || !takes_part(run, b))
		return CHAIN_MORE;
	run->head_called = true;
	return frontier_open(x, d, b);
}

/* The heads from head_at up to one that does not continue or collects the body; the last reached.
 */
static enum chain_result heads_walk(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding **last)
{
	struct chain_run *run = &x->run[d];
	const struct chain_list *heads = &x->chain->walk[d].heads;
	for (; run->head_at < heads->count; run->head_at++) {
		const struct chain_binding *b = heads->items[run->head_at];
		if (!takes_part(run, b))
			continue;
		*last = b;
		enum chain_result r = head_run(x, d, b);
		if (UNLIKELY(r != CHAIN_MORE || run->frontier))
			return r;
		run->head_called = false;
	}
	run->head_done = true;
	return CHAIN_MORE;
}

/* Up to the next frontier, or to the end: then head_done. */
static enum chain_result heads_run(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	const struct chain_binding *last = NULL;
	enum chain_result r = heads_walk(x, d, &last);
	if (last) {
		callbacks_leave(x);
		head_reached(x, d, last);
	}
	if (!run->head_done)
		return r;
	if (d == CHAIN_REQUEST)
		x->begun |= x->active;
	uint64_t streams = x->chain->walk[d].streams & run->mask;
	if (UNLIKELY(streams) && segment_replaces(x, d) && has_content(x, d))
		*content_length(x, d) = CONTENT_LENGTH_UNKNOWN;
	return CHAIN_MORE;
}

static enum chain_result ends_run(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	const struct chain_list *ends = &x->chain->walk[d].ends;
	enum callback callback = d == CHAIN_REQUEST ? CALLBACK_REQUEST_END : CALLBACK_RESPONSE_END;
	for (; run->end_at < ends->count; run->end_at++) {
		const struct chain_binding *b = ends->items[run->end_at];
		if (!takes_part(run, b))
			continue;
		enum chain_result r = callback_run(x, d, callback, b, b->end[d], NULL);
		callbacks_leave(x);
		if (r != CHAIN_MORE)
			return r;
	}
	run->ended = true;
	return CHAIN_DONE;
}

/* --- the step -------------------------------------------------------------------------------- */
static void run_start(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	run->started = true;
	run->mask = x->active;
	if (d == CHAIN_RESPONSE && x->response_from < LIMIT_BINDINGS_PER_CHAIN)
		run->mask &= x->begun & (((uint64_t)1 << x->response_from) - 1);
	else if (d == CHAIN_RESPONSE)
		run->mask &= x->begun;
}

/* What became of a pause: CHAIN_MORE when the walk goes on. */
static enum chain_result run_wake(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	if (run->pause == CHAIN_PAUSE_WAITING)
		return CHAIN_PAUSED;
	if (run->pause == CHAIN_PAUSE_TIMED_OUT)
		return run_fail(x, d, run->paused, "policy_timeout", CHAIN_FAILED);
	return CHAIN_MORE;
}

enum chain_result chain_step(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	if (UNLIKELY(run->stopped))
		return (enum chain_result)run->stopped;
	if (!run->started)
		run_start(x, d);
	enum chain_result r = CHAIN_MORE;
	if (UNLIKELY(run->pause))
		r = run_wake(x, d);
	while (r == CHAIN_MORE) {
		if (!run->head_done && !run->frontier)
			r = heads_run(x, d);
		if (r == CHAIN_MORE)
			r = segment_run(x, d);
		if (r != CHAIN_MORE || !run->segment_ended)
			return r;
		if (run->frontier) {
			r = frontier_decide(x, d);
			continue;
		}
		run->body_done = true;
		return run->ended ? CHAIN_DONE : ends_run(x, d);
	}
	return r;
}

void chain_begin(struct sluice_exchange *x, const struct chain *chain, uint64_t active)
{
	struct pool *pool = loop_pool(x->loop);
	x->chain = chain ? chain : &empty_chain;
	x->active = active;
	x->begun = 0;
	x->response_from = LIMIT_BINDINGS_PER_CHAIN;
	x->current = NULL;
	x->local = x->answer = NULL;
	x->skipped = 0;
	x->fault_binding = NULL;
	x->fault_reason = NULL;
	x->data = NULL;
	x->properties = NULL;
	x->principal = x->client_id = x->client_name = x->body_at_hand = STR_EMPTY;
	run_init(&x->run[CHAIN_REQUEST], pool);
	run_init(&x->run[CHAIN_RESPONSE], pool);
}

bool chain_run_wants_body(const struct sluice_exchange *x, enum chain_direction d)
{
	return x->chain->walk[d].body_or_end & (x->active | x->skipped);
}

static void last_run(
	struct sluice_exchange *x, enum callback callback, const struct chain_list *list)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct chain_binding *b = list->items[i];
		if (!(x->begun & b->bit))
			continue;
		x->current = b;
		x->callback = (uint8_t)callback;
		x->is_resumed = false;
		policy_enter(x, b->instance, callback);
		(callback == CALLBACK_LOG ? b->log : b->done)(&b->instance->call, x);
		policy_leave();
	}
	x->current = NULL;
}

void chain_finish(struct sluice_exchange *x)
{
	run_clear(&x->run[CHAIN_REQUEST]);
	run_clear(&x->run[CHAIN_RESPONSE]);
	last_run(x, CALLBACK_LOG, &x->chain->logs);
	last_run(x, CALLBACK_DONE, &x->chain->dones);
	x->begun = 0;
}
