/* SPDX-License-Identifier: Apache-2.0 */
/* policy/chain.c - the walk: heads, ends, and what a callback's verdict does to it.
 *
 * Every position is kept in the run, so a pause is a return, and a resume is the same step again.
 * Most exchanges are heads_walk and nothing else: 5 ns for each callback that says go on. */
#include "policy/chain.h"

#include "base/limits.h"
#include "policy/operation.h"
#include "policy/pause.h"
#include "policy/host_priv.h"
#include "policy/chain_priv.h"
#include "policy/local_stream.h"
#include "policy/chain_watch.h"

/* A plugin that resumes its own token before it returns is called again at once this often in a
 * row, then by way of the loop, so that others have their turn. */
#define EARLY_RESUMES_MAX 8

static const struct chain empty_chain;

/* --- pauses ---------------------------------------------------------------------------------- */
static void pause_over(void *owner, unsigned tag, bool timed_out)
{
	struct sluice_exchange *x = owner;
	x->run[tag].pause = timed_out ? CHAIN_PAUSE_TIMED_OUT : CHAIN_PAUSE_RESUMED;
	x->run[tag].pause_token = 0;
	x->run[tag].waits = false;
	x->wake(x);
}

void chain_wait_over(struct sluice_exchange *x, enum chain_direction d)
{
	pause_cancel(x->run[d].pause_token);
	pause_over(x, d, false);
}

/* The SDK's `pause` and `wait`, once legality is clear. */
uint64_t chain_pause(struct sluice_exchange *x, uint32_t deadline_ms)
{
	struct chain_run *run = &x->run[x->direction];
	if (run->pause_token)
		return 0;
	run->waits = false;
	run->pause_token = pause_arm(x->worker, deadline_ms, pause_over, x, x->direction);
	return run->pause_token;
}

static void run_cancel_pause(struct chain_run *run)
{
	if (UNLIKELY(run->pause_token))
		pause_cancel(run->pause_token);
	run->pause_token = 0;
	run->waits = false;
	run->pause = CHAIN_PAUSE_NONE;
	run->paused = NULL;
}

/* --- a run's beginning and end --------------------------------------------------------------- */
static void run_init(struct chain_run *run, struct pool *pool)
{
	/* The queues are the larger part, and set by themselves. */
	memset(run, 0, offsetof(struct chain_run, in));
	chunk_queue_init(&run->in, pool);
	chunk_queue_init(&run->held, pool);
	chunk_queue_init(&run->out, pool);
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
	if (UNLIKELY(run->body != NULL))
		chain_body_clear(run->body);
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

enum chain_result chain_fail(struct sluice_exchange *x, enum chain_direction d,
	const struct chain_binding *b, const char *reason, enum chain_result result)
{
	struct chain_run *run = &x->run[d];
	/* The body of the answer at hand goes with it: what is left is not the whole. */
	bool writes_answer = x->local_binding == b && local_stream_of(x);
	if (writes_answer)
		local_stream_lose(local_stream_of(x), LOCAL_STREAM_CUT);
	operations_leave(x, b);
	if (b->skip_on_error && result == CHAIN_FAILED && !writes_answer) {
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

enum chain_result chain_fail_memory(
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
		return chain_fail(x, d, b, "policy_failed", CHAIN_FAILED);
	/* What it waits for may have ended behind its back: it is resumed as by itself. */
	if (run->waits && !operations_pending(x, b, d))
		pause_resume(run->pause_token);
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
		local_stream_lose(local_stream_of(x), LOCAL_STREAM_REPLACED);
		x->local = x->answer;
		x->local_binding = b;
		return run_stop(
			x, d, CHAIN_RESPONDED, d == CHAIN_REQUEST ? b->index + 1u : b->index);
	}
	return chain_fail(x, d, b, "policy_failed", CHAIN_FAILED);
}

/* The callbacks that follow, one after the other, are `callback` of direction d. */
static inline void callbacks_enter(
	struct sluice_exchange *x, enum chain_direction d, enum callback callback)
{
	struct chain_run *run = &x->run[d];
	x->callback = (uint8_t)callback;
	x->direction = (uint8_t)d;
	x->is_resumed = run->pause == CHAIN_PAUSE_RESUMED;
	run->pause = CHAIN_PAUSE_NONE;
	policy_enter_many(x, callback);
}

/* Calls fn, or with a piece the body callback. Leaves the thread entered: the caller leaves, or
 * enters the next one. */
static inline int32_t callback_call(struct sluice_exchange *x, enum callback callback,
	const struct chain_binding *b, head_fn *fn, const struct sluice_body *piece)
{
	struct sluice_instance *i = b->instance;
	x->current = b;
	x->answer = NULL;
	policy_enter_next(i, callback);
	return piece ? b->body[x->direction](&i->call, x, piece) : fn(&i->call, x);
}

/* What became of a callback that did not simply continue; CHAIN_MORE: on with the next, which has
 * to enter anew. */
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
			!pause_take_early(run->pause_token)) {
			if (r == CHAIN_MORE)
				callbacks_enter(x, d, callback);
			return r;
		}
		run->pause_token = 0;
		callbacks_enter(x, d, callback);
		x->is_resumed = true;
		verdict = callback_call(x, callback, b, fn, piece);
		x->is_resumed = false;
	}
}

/* One callback of those that callbacks_enter began. */
static inline enum chain_result callback_run(struct sluice_exchange *x, enum chain_direction d,
	enum callback callback, const struct chain_binding *b, head_fn *fn,
	const struct sluice_body *piece)
{
	int32_t verdict = callback_call(x, callback, b, fn, piece);
	if (LIKELY(verdict == SLUICE_CONTINUE && !x->run[d].pause_token)) {
		x->is_resumed = false;
		return CHAIN_MORE;
	}
	return callback_settle(x, callback, b, fn, piece, verdict);
}

/* The same by the clock; not for the first of a walk, which begins with a mark. */
static enum chain_result callback_run_watched(struct sluice_exchange *x, enum chain_direction d,
	enum callback callback, const struct chain_binding *b, head_fn *fn,
	const struct sluice_body *piece)
{
	enum chain_result r = callback_run(x, d, callback, b, fn, piece);
	chain_watch_called(x, d, callback, b, r);
	return r;
}

/* One callback by itself, watched or not. */
static enum chain_result callback_run_alone(struct sluice_exchange *x, enum chain_direction d,
	enum callback callback, const struct chain_binding *b, head_fn *fn,
	const struct sluice_body *piece)
{
	if (LIKELY(!x->watch))
		return callback_run(x, d, callback, b, fn, piece);
	chain_watch_mark(x->watch);
	return callback_run_watched(x, d, callback, b, fn, piece);
}

static void callbacks_leave(struct sluice_exchange *x)
{
	policy_leave();
	x->current = NULL;
}

enum chain_result chain_call_body(struct sluice_exchange *x, enum chain_direction d,
	const struct chain_binding *b, const struct sluice_body *piece)
{
	enum callback callback =
		d == CHAIN_REQUEST ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY;
	callbacks_enter(x, d, callback);
	enum chain_result r = callback_run_alone(x, d, callback, b, NULL, piece);
	callbacks_leave(x);
	return r;
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

static void heads_leave(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *last)
{
	callbacks_leave(x);
	if (last)
		head_reached(x, d, last);
}

static inline enum callback head_callback(enum chain_direction d)
{
	return d == CHAIN_REQUEST ? CALLBACK_REQUEST_HEAD : CALLBACK_RESPONSE_HEAD;
}

/* The heads from head_at up to one that does not continue or collects the body; the last reached. */
static enum chain_result heads_walk_any(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding **last)
{
	const enum callback callback = head_callback(d);
	const bool watched = x->watch != NULL;
	struct chain_run *run = &x->run[d];
	const struct chain_list *heads = &x->chain->walk[d].heads;
	if (watched)
		chain_watch_mark(x->watch);
	callbacks_enter(x, d, callback);
	for (; run->head_at < heads->count; run->head_at++) {
		const struct chain_binding *b = heads->items[run->head_at];
		if (!takes_part(run, b))
			continue;
		*last = b;
		head_fn *fn = b->head[d];
		if (fn && !run->head_called) {
			enum chain_result r =
				watched ? callback_run_watched(x, d, callback, b, fn, NULL)
					: callback_run(x, d, callback, b, fn, NULL);
			if (UNLIKELY(r != CHAIN_MORE))
				return r;
		}
		if (UNLIKELY(b->contract[d].mode == BODY_BUFFER) && takes_body(run, b)) {
			run->head_called = true;
			enum chain_result r = chain_frontier_open(x, d, b);
			if (r != CHAIN_MORE || run->frontier)
				return r;
		}
		run->head_called = false;
	}
	run->head_done = true;
	return CHAIN_MORE;
}

static __attribute__((noinline)) enum chain_result heads_walk(
	struct sluice_exchange *x, enum chain_direction d)
{
	const struct chain_binding *last = NULL;
	enum chain_result r = heads_walk_any(x, d, &last);
	heads_leave(x, d, last);
	return r;
}

/* The same where nobody collects and no clock watches, as for nearly all: half the instructions. */
static __attribute__((noinline)) enum chain_result heads_walk_plain(
	struct sluice_exchange *x, enum chain_direction d)
{
	const enum callback callback = head_callback(d);
	struct chain_run *run = &x->run[d];
	const struct chain_list *heads = &x->chain->walk[d].heads;
	const struct chain_binding **end = heads->items + heads->count;
	enum chain_result r = CHAIN_MORE;
	callbacks_enter(x, d, callback);
	for (const struct chain_binding **at = heads->items + run->head_at; at < end; at++) {
		const struct chain_binding *b = *at;
		if (!takes_part(run, b))
			continue;
		int32_t verdict = callback_call(x, callback, b, b->head[d], NULL);
		if (LIKELY(verdict == SLUICE_CONTINUE && !run->pause_token)) {
			x->is_resumed = false;
			continue;
		}
		run->head_at = (uint16_t)(at - heads->items);
		r = callback_settle(x, callback, b, b->head[d], NULL, verdict);
		if (r != CHAIN_MORE)
			break;
	}
	heads_leave(x, d, x->current);
	if (r == CHAIN_MORE) {
		run->head_at = heads->count;
		run->head_done = true;
	}
	return r;
}

/* Up to the next frontier, or to the end: then head_done. */
static enum chain_result heads_run(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	const struct chain_walk *walk = &x->chain->walk[d];
	enum chain_result r = CHAIN_MORE;
	if (walk->heads.count == 0)
		run->head_done = true;
	else if (LIKELY(!x->watch && !walk->collects))
		r = heads_walk_plain(x, d);
	else
		r = heads_walk(x, d);
	if (!run->head_done)
		return r;
	if (d == CHAIN_REQUEST)
		x->begun |= x->active;
	if (UNLIKELY(walk->streams & run->mask & ~run->let_by))
		chain_stream_length(x, d);
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
		callbacks_enter(x, d, callback);
		enum chain_result r = callback_run_alone(x, d, callback, b, b->end[d], NULL);
		callbacks_leave(x);
		if (r != CHAIN_MORE)
			return r;
	}
	run->ended = true;
	return CHAIN_DONE;
}

/* --- the step -------------------------------------------------------------------------------- */
/* The binding whose request_head waits, because the gateway answers meanwhile: 0 when none does. */
static uint64_t waiting_head(const struct sluice_exchange *x)
{
	const struct chain_run *run = &x->run[CHAIN_REQUEST];
	bool is_head = run->pause && !run->head_done && !run->head_called && !run->frontier;
	return UNLIKELY(is_head) ? run->paused->bit : 0;
}

static void run_start(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	run->started = true;
	run->mask = x->active;
	if (d == CHAIN_REQUEST)
		return;
	if (x->response_from < LIMIT_BINDINGS_PER_CHAIN)
		run->mask &= x->begun & (((uint64_t)1 << x->response_from) - 1);
	else
		run->mask &= x->begun & ~waiting_head(x);
	run->mask &= x->takes[CHAIN_RESPONSE];
	run->head_done = run->mask == 0;
}

/* Nothing has come of the body. So it stays where nobody wants it: the proxy passes it by. */
static inline bool is_bodiless(const struct chain_run *run)
{
	return chunk_queue_is_empty(&run->in) && !run->in_ended && !run->body;
}

/* What became of a pause: CHAIN_MORE when the walk goes on. */
static __attribute__((noinline)) enum chain_result run_wake(
	struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	if (run->pause == CHAIN_PAUSE_WAITING)
		return CHAIN_PAUSED;
	if (UNLIKELY(x->watch != NULL) && run->paused)
		chain_watch_resumed(x, d);
	if (run->pause == CHAIN_PAUSE_TIMED_OUT)
		return chain_fail(x, d, run->paused, "policy_timeout", CHAIN_FAILED);
	return CHAIN_MORE;
}

/* What there is of the body, through the segment at hand and those behind it. */
static __attribute__((noinline)) enum chain_result segments_run(
	struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_run *run = &x->run[d];
	enum chain_result r = CHAIN_MORE;
	while (r == CHAIN_MORE) {
		if (!run->head_done && !run->frontier)
			r = heads_run(x, d);
		if (r == CHAIN_MORE)
			r = chain_segment_run(x, d);
		if (r != CHAIN_MORE || !run->segment_ended)
			return r;
		if (run->frontier) {
			r = chain_frontier_decide(x, d);
			continue;
		}
		run->body_done = true;
		return run->ended ? CHAIN_DONE : ends_run(x, d);
	}
	return r;
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
	if (r == CHAIN_MORE && !run->head_done && !run->frontier)
		r = heads_run(x, d);
	return r != CHAIN_MORE || is_bodiless(run) ? r : segments_run(x, d);
}

void chain_begin(struct sluice_exchange *x, const struct chain *chain, uint64_t active)
{
	struct pool *pool = loop_pool(x->loop);
	x->chain = chain ? chain : &empty_chain;
	x->active = active;
	x->takes[CHAIN_REQUEST] = x->takes[CHAIN_RESPONSE] = active;
	x->response_from = LIMIT_BINDINGS_PER_CHAIN;
	run_init(&x->run[CHAIN_REQUEST], pool);
	run_init(&x->run[CHAIN_RESPONSE], pool);
}

bool chain_run_wants_body(const struct sluice_exchange *x, enum chain_direction d)
{
	return x->chain->walk[d].body_or_end & x->takes[d];
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
	if (UNLIKELY(x->operations != NULL))
		operations_leave(x, NULL);
	run_clear(&x->run[CHAIN_REQUEST]);
	run_clear(&x->run[CHAIN_RESPONSE]);
	last_run(x, CALLBACK_LOG, &x->chain->logs);
	last_run(x, CALLBACK_DONE, &x->chain->dones);
	x->begun = 0;
}
