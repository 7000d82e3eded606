/* SPDX-License-Identifier: Apache-2.0 */
/* process/stale_series.h - series of what is gone leave the metrics, but not at once.
 *
 * A scraper still sees the last values of an API that was taken away; an API that comes back within
 * the time goes on from where it was.
 *
 * Threads      the main thread. */
#pragma once

#include "loop/loop.h"
#include "observe/metrics.h"

struct stale_series {
	struct loop *loop;       /* borrowed */
	struct metrics *metrics; /* borrowed */
	struct timer timer;
};

/* From now on, a series without a reference stays for one to two times LIMIT_STALE_SERIES_MS. */
void stale_series_start(struct stale_series *s, struct loop *loop, struct metrics *metrics);
/* Harmless when it was not started. */
void stale_series_stop(struct stale_series *s);
