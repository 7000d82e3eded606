/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/answer_tally.h - why requests did not get their upstream's answer: how often, by API,
 * reason and policy.
 *
 * Reasons are words of policies, so which there are is known only when they come. A worker counts
 * them in a table of its own, which the main thread empties into the metrics once a second. Nothing
 * is allocated for what came before.
 *
 * Invariants   T1  at most METRICS_SERIES_MAX rows, the last of which stands for all others.
 *              T2  a row never moves or changes but for its count: the main thread may read it.
 * Threads      one worker. The fields of a row that are the main thread's say so. */
#pragma once

#include "base/map.h"
#include "observe/metrics.h"

struct answer_row {
	struct str api, reason, policy; /* owned with the row */
	uint64_t count;                 /* since it was taken; the worker's */
	struct metric_series *series;   /* the main thread's; NULL: not yet */
	struct answer_row *next;        /* made before this one */
};

struct answer_tally {
	struct map by_key;
	struct answer_row *rows; /* owned; the newest first */
	struct answer_row
		*last; /* that was counted: answers of one kind come in a row; NULL: none */
	size_t row_count;
};

/* What a row counted. */
struct answer_taken {
	struct answer_row *row;
	uint64_t count;
};

void answer_tally_init(struct answer_tally *t);
void answer_tally_deinit(struct answer_tally *t);
/* `api` and `policy` are empty where there is none. */
void answer_tally_count(
	struct answer_tally *t, struct str api, struct str reason, struct str policy);
/* Moves up to `max` counts to `out`, and sets them to 0; how many. What does not fit stays. */
size_t answer_tally_take(struct answer_tally *t, struct answer_taken *out, size_t max);
