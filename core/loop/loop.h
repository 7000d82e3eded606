/* SPDX-License-Identifier: Apache-2.0 */
/* loop/loop.h - one thread's event loop.
 *
 * A turn is: wait, receive and process everything that is ready, run the ready list, run expired
 * timers, run posts, run `turn_end` hooks (streams flush there), run what was deferred.
 *
 * Built on libevent with raw descriptors: one persistent edge-triggered event per descriptor,
 * added once. Timers do not touch libevent: a list per duration, in order of deadline by
 * construction, and one wake-up for the earliest.
 *
 * Threads      one, except loop_post, which any thread may call, and loop_stop.
 * Clock        read once per turn; a fake loop has a clock that only loop_fake_advance moves.
 */
#pragma once

#include "base/list.h"
#include "base/pool.h"
#include "base/str.h"

struct loop;

struct loop_options {
	bool fake_clock;          /* time stands still until loop_fake_advance */
	int64_t fake_wall_us;     /* the fake wall clock's start */
};

/* NULL options: real clock. Ends the process when the system has none of what it takes. */
struct loop *loop_new(const struct loop_options *options);
/* With the real clock; NULL with errno when no descriptor or no memory of the kernel is left for
 * it. */
struct loop *loop_try_new(void);
/* Every watch, timer and deferred task must be gone. */
void loop_free(struct loop *loop);
/* Turns until loop_stop. */
void loop_run(struct loop *loop);
/* One turn; waits at most `wait_ms` (0: not at all, -1: until something happens). */
void loop_turn(struct loop *loop, int wait_ms);
/* Any thread: loop_run returns after the current turn. */
void loop_stop(struct loop *loop);

/* The loop's thread-local free lists. */
struct pool *loop_pool(struct loop *loop);
/* Cached at the start of the turn. */
int64_t loop_now_ms(const struct loop *loop);  /* monotonic */
int64_t loop_now_us(const struct loop *loop);  /* monotonic */
int64_t loop_wall_us(const struct loop *loop); /* since 1970 */
/* IMF-fixdate of now, 29 bytes, formatted at most once a second. */
struct str loop_http_date(struct loop *loop);
/* Moves a fake clock and runs what expires on the way, in order of deadline. */
void loop_fake_advance(struct loop *loop, int64_t ms);

/* --- descriptors ------------------------------------------------------------------------- */
enum { WATCH_READ = 1, WATCH_WRITE = 2, WATCH_CLOSED = 4 };

struct watch;
typedef void watch_fn(struct watch *w, int ready);

/* Edge-triggered, persistent, for all three at once: `ready` says what may have changed, and is a
 * hint, not work. Embedded in its owner (128 bytes of it are libevent's). */
struct watch {
	_Alignas(8) char event[128]; /* struct event, owned by libevent until watch_stop */
	struct loop *loop;           /* borrowed */
	watch_fn *fn;
};
/* The descriptor stays the caller's; stop before closing it. False, with errno: the kernel has no
 * memory, or watches as many as it may (fs.epoll.max_user_watches); nothing is called then, and
 * stopping is harmless. */
MUST_USE bool watch_start(struct watch *w, struct loop *loop, int fd, watch_fn *fn);
/* Level-triggered reading only, for listeners and signal descriptors. */
MUST_USE bool watch_start_level(struct watch *w, struct loop *loop, int fd, watch_fn *fn);
void watch_stop(struct watch *w);

/* --- tasks within the thread --------------------------------------------------------------- */
struct task;
typedef void task_fn(struct task *t);
/* Embedded in its owner; on at most one list at a time. Queueing one twice is the same as once. */
struct task {
	struct link link;
	task_fn *fn;
};
void task_init(struct task *t, task_fn *fn);
/* Runs later in this turn, after the events: for a stream that stopped early with input left
 * (an edge does not come twice), for an exchange that was woken. */
void loop_ready(struct loop *loop, struct task *t);
/* Runs in the next turn, after its events, which then are not waited for: for what has used up its
 * share of this turn. */
void loop_ready_next(struct loop *loop, struct task *t);
/* Runs once at the end of this turn, after everything else: flushing. */
void loop_at_turn_end(struct loop *loop, struct task *t);
/* Runs after the turn's flushes: freeing what callbacks may still have had on their stack. */
void loop_defer(struct loop *loop, struct task *t);
/* Takes it off whichever list it is on. */
void task_cancel(struct task *t);

/* --- tasks from other threads -------------------------------------------------------------- */
/* Any thread: `fn(arg)` runs on the loop's thread, in order of posting. Never blocks on the loop.
 * Posts still queued when the loop is freed are run by loop_free. */
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* --- timers -------------------------------------------------------------------------------- */
struct timer;
typedef void timer_fn(struct timer *t);
struct timer {
	struct link link;
	int64_t deadline_ms;
	timer_fn *fn;
};
void timer_init(struct timer *t, timer_fn *fn);
/* Fires once, `after_ms` (0 to 31 days) from the turn's clock, never early, at most one
 * LOOP_TICK_MS late when the loop is not busy. Restarts when running. O(1) for a duration that
 * was used before; at most LOOP_TIMER_CLASSES distinct durations, others are rounded up. */
#define LOOP_TICK_MS 10
#define LOOP_TIMER_CLASSES 256
void timer_start(struct loop *loop, struct timer *t, int64_t after_ms);
/* Harmless when not running. */
void timer_stop(struct timer *t);
static inline bool timer_is_running(const struct timer *t)
{
	return !list_is_empty(&t->link);
}
