/* SPDX-License-Identifier: Apache-2.0 */
/* process/binding_metrics.h - brings what the workers' bindings did into the metrics.
 *
 * Threads      the main thread. */
#pragma once

#include "observe/metrics.h"
#include "proxy/binding_tally.h"

struct binding_metrics {
	struct metric_family *families[BINDING_COUNT_KINDS + 1]; /* the last: the histogram */
	unsigned cell;                                           /* the main thread's */
};

void binding_metrics_init(struct binding_metrics *b, struct metrics *m);
/* What came into the rows (the newest, and all before it) since they were looked at last. */
void binding_metrics_take(struct binding_metrics *b, struct binding_row *rows);
