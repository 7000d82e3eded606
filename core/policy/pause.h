/* SPDX-License-Identifier: Apache-2.0 */
/* policy/pause.h - tokens of paused exchanges.
 *
 * A token is worker (8 bits), slot (24) and generation (32), never a pointer: whoever resumes late
 * hits another generation and is told that it is stale.
 *
 *   FREE --arm--> ARMED --resume (any thread, CAS)--> RESUMED --post on the worker--> FREE
 *                   \--cancel or deadline (worker, CAS)--> FREE
 *
 * Invariants   T1  a slot's generation grows each time it becomes FREE.
 *              T2  exactly one of resume, cancel and deadline wins.
 *              T3  a RESUMED slot has exactly one post under way, which frees it.
 * Threads      pause_resume: any. All else: the worker.
 */
#pragma once

#include "loop/loop.h"

/* Called on the worker when a token was resumed or its deadline passed; at most once. */
typedef void pause_fn(void *owner, unsigned tag, bool timed_out);

/* Before the worker's first pause and after its last exchange; stop waits for posts under way. */
void pause_worker_start(uint32_t worker, struct loop *loop);
void pause_worker_stop(uint32_t worker);

/* A token, or 0 when the worker has too many out. */
uint64_t pause_arm(uint32_t worker, uint32_t deadline_ms, pause_fn *fn, void *owner, unsigned tag);
/* RC_OK, or RC_NOT_FOUND: stale. */
enum rc pause_resume(uint64_t token);
/* fn does not come any more. True when the token was resumed already (and fn had not been called).
 */
bool pause_cancel(uint64_t token);
/* Whether the token has been resumed while fn has not been called; then as pause_cancel. */
bool pause_take_early(uint64_t token);
/* Tokens out on this worker, for tests and statistics. */
size_t pause_count(uint32_t worker);
