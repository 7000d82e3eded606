/* SPDX-License-Identifier: Apache-2.0 */
/* util/quota_algorithm.h - what one key has used of one limit, by one of three ways to count.
 *
 * Invariants   A1  fixed windows: never more than `requests_max` between a window's start and end.
 *              A2  sliding window: never more than `requests_max` in any period, wherever it begins.
 *                  Counts are kept by sixteenths of a period, and one that has not wholly left it
 *                  counts in full: what was used comes back up to a sixteenth later than it might.
 *              A3  GCRA: never more than `burst` at once, and in no period more than `burst` and
 *                  `requests_max`. An interval is rounded up to a nanosecond.
 *              A4  what is refused uses nothing.
 * Threads      pure functions; who calls them holds the account's lock.
 */
#ifndef SLUICE_UTIL_QUOTA_ALGORITHM_H
#define SLUICE_UTIL_QUOTA_ALGORITHM_H

#include "util/quota_answer.h"

#include <stddef.h>
#include <stdint.h>

/* Of what is no fixed window: counts have 32 bits, and no sum of intervals overflows. */
#define ALGORITHM_REQUESTS_MAX UINT32_MAX

struct window_limit {
	uint64_t requests_max;
	int64_t period_ms;
	uint64_t burst; /* GCRA: 1 to requests_max; otherwise 0 */
};

struct algorithm {
	const char *name;
	size_t bytes; /* of an account, which is aligned as int64_t is */
	void (*open)(void *account, int64_t now_ms);
	/* Whether `cost` more fit. Workers' clocks differ by a turn: a moment before the last is it. */
	int (*has)(const struct window_limit *limit, void *account, int64_t now_ms, uint64_t cost);
	/* Behind `has`: uses `cost`, if it is allowed, and tells what is left, and how long until
	 * there is more; where `cost` does not fit, until it would, or, if that is never, until
	 * nothing is used. */
	struct quota (*take)(const struct window_limit *limit, void *account, int64_t now_ms,
		uint64_t cost, int is_allowed);
	/* From then on the account is as a new one. */
	int64_t (*end_ms)(const struct window_limit *limit, const void *account);
};

/* --- fixed windows, which most limits are: to be inlined ------------------------------------- */
struct fixed_window {
	int64_t start_ms;
	uint64_t used;
};

/* Ended windows begin anew with the request that finds them so. */
static inline int fixed_window_has(
	const struct window_limit *limit, void *account, int64_t now_ms, uint64_t cost)
{
	struct fixed_window *w = account;
	if (now_ms >= w->start_ms + limit->period_ms)
		*w = (struct fixed_window){.start_ms = now_ms};
	return cost <= limit->requests_max - w->used;
}

static inline struct quota fixed_window_take(const struct window_limit *limit, void *account,
	int64_t now_ms, uint64_t cost, int is_allowed)
{
	struct fixed_window *w = account;
	int64_t reset = w->start_ms + limit->period_ms - now_ms;
	w->used += is_allowed ? cost : 0;
	return (struct quota){
		.allowed = is_allowed,
		.limit = limit->requests_max,
		.remaining = limit->requests_max - w->used,
		.reset_ms = reset > limit->period_ms ? limit->period_ms : reset,
	};
}

extern const struct algorithm algorithm_fixed_window, algorithm_sliding_window, algorithm_gcra;

#endif
