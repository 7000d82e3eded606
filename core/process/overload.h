/* SPDX-License-Identifier: Apache-2.0 */
/* process/overload.h - the limits of connections, and the ladder of what is given up when memory runs
 * short.
 *
 *   of the limit  80 %  idle connections close early, pools shrink
 *                 90 %  no keep-alive
 *                 95 %  new requests get 503 with Retry-After
 *                 98 %  nobody new comes in, the largest exchanges are cut
 *
 * A step is left 3 points below where it began, so that the ladder does not flutter. The measure is
 * the process's resident memory, looked at every OVERLOAD_LOOK_MS while there is a limit. Admin and
 * probes are the main thread's and take no part in it.
 *
 * Threads      the main thread; workers are told by posts. */
#pragma once

#include "plan/plan.h"
#include "process/thread.h"

#define OVERLOAD_LOOK_MS 250

struct overload;

/* `descriptors`: how many the process may have open. */
struct overload *overload_new(struct loop *loop, unsigned descriptors);
/* Begins to look. The threads are borrowed until overload_free. */
void overload_start(struct overload *o, struct worker_thread **threads, unsigned workers);
/* No worker is told any more. NULL is harmless. */
void overload_stop(struct overload *o);
/* Every worker has ended. NULL is harmless. */
void overload_free(struct overload *o);
/* What admits the workers' clients; for worker_options. */
struct admission *overload_admission(struct overload *o);
/* `settings` of a plan: its "admission" and its "overload". */
void overload_configure(struct overload *o, const struct plan_node *settings);

enum pressure overload_pressure(const struct overload *o);
/* "none", "trim", "close", "refuse", "reset". */
const char *pressure_name(enum pressure p);
/* The step that follows from `used` of `max` bytes (0: no limit) when `now` is the one before. */
enum pressure pressure_step(enum pressure now, uint64_t used, uint64_t max);
uint64_t overload_memory_bytes(const struct overload *o);
/* 0: none. */
uint64_t overload_memory_max(const struct overload *o);
/* Prometheus text: refused connections by limit, the step, memory. */
void overload_print(const struct overload *o, struct buffer *out);
