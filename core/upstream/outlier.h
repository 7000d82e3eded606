/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/outlier.h - endpoints that keep failing are passed over for a while.
 *
 * What requests find out, no probe: so many failures in a row, of all workers together, and an
 * endpoint is out for base_ms, twice as long the second time, and so on up to max_ms; each
 * interval_ms that it serves without being ejected takes one time off.
 *
 * Invariants   O1  of n endpoints at most n * percent_max / 100 are out at once, or one where that
 *                  is less than one; never all of them, and none where percent_max is 0.
 *              O2  an ejection counts only while at least healthy_percent_min of the endpoints may
 *                  be asked: when few are left, a guess must not take away one more (choose.c).
 * Threads      all workers; nobody waits: who finds another one ejecting leaves it to the next
 *              failure. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct balancer;
struct endpoint;

struct outlier_options {
	unsigned consecutive_failures; /* 0: nobody is ejected */
	int interval_ms, base_ms, max_ms;
	unsigned percent_max, healthy_percent_min;
};

/* Of one endpoint. */
struct outlier {
	atomic_uint failures;             /* since the last success */
	atomic_uint ejections;            /* that have not worn off */
	_Atomic int64_t ejected_until_ms; /* 0: never was */
};

enum endpoint_outcome {
	OUTCOME_NONE, /* says nothing about the endpoint */
	OUTCOME_SUCCESS,
	OUTCOME_FAILURE,
};

/* Whether that made it leave. */
bool outlier_note(
	struct balancer *b, struct endpoint *e, enum endpoint_outcome outcome, int64_t now_ms);
static inline bool outlier_is_out(const struct outlier *o, int64_t now_ms)
{
	return now_ms < atomic_load_explicit(&o->ejected_until_ms, memory_order_relaxed);
}
