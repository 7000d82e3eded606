/* SPDX-License-Identifier: Apache-2.0 */
/* spike-control/window.h - a sliding window that all workers count in, and how many requests wait for it.
 *
 * Invariants   W1  in any `period_ms` at most `requests_max` are granted.
 *              W2  a request that is refused takes nothing.
 *              W3  whoever joined the queue leaves it once.
 * Ownership    counted: the instance of a later generation may take it over while this one's still serves. So it
 *              lives on the C heap, and not on an instance's account: 8 bytes for each of requests_max.
 * Threads      any.
 */
#pragma once

#include "util/quota_answer.h"

#include <stddef.h>
#include <stdint.h>

struct window;

/* NULL: no memory. */
struct window *window_new(size_t requests_max, int64_t period_ms);
struct window *window_ref(struct window *w);
void window_unref(struct window *w);
int window_is(const struct window *w, size_t requests_max, int64_t period_ms);
/* Counts one request, if there is quota. */
struct quota window_take(struct window *w, int64_t now_ms);
/* One more that waits, unless `waiting_max` do; whether it does. */
int window_queue_join(struct window *w, size_t waiting_max);
void window_queue_leave(struct window *w);
