/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/binding_tally.h - what the bindings of a worker's exchanges did: how often they ran,
 * answered, failed, and how long they took.
 *
 * Most exchanges of an API run the same bindings as the one before, so an API keeps the set and how
 * often it came (struct api_worker); only another set, or the clock, brings that into the rows. A
 * request costs the same few instructions whether it has one policy or fifty. Nobody is given a row
 * before a binding of it has run.
 *
 * Invariants   B1  at most LIMIT_BINDINGS_MEASURED rows, the last of which stands for all others.
 *              B2  a row never moves or goes away while the worker runs; its numbers only grow.
 *              B3  an API is in `pending` while it has exchanges that no row has yet; not when it
 *                  is let go.
 * Threads      one worker. A row's texts and atomics may be read by the main thread; what is the
 *              main thread's says so.
 */
#pragma once

#include "base/map.h"
#include "generation/api.h"
#include "observe/metrics.h"
#include "policy/chain_watch.h"

#include <stdatomic.h>

/* Buckets of a binding's time, in nanoseconds; one more for what is longer. */
#define BINDING_BOUNDS(X)                                                                          \
	X(5e-6) X(25e-6) X(100e-6) X(500e-6) X(2.5e-3) X(10e-3) X(50e-3) X(250e-3) X(1) X(5)
#define BINDING_BUCKETS 11
/* One exchange in so many is watched by the clock. */
#define BINDING_SAMPLE 64

/* X(id): what is counted. */
#define BINDING_COUNTS(X) X(RUNS) X(ANSWERS) X(FAILURES) X(VIOLATIONS)
enum binding_count {
#define X(id) BINDING_##id,
	BINDING_COUNTS(X)
#undef X
		BINDING_COUNT_KINDS,
};

/* Counters as read at one moment. */
struct binding_numbers {
	uint64_t counts[BINDING_COUNT_KINDS];
	uint64_t buckets[BINDING_BUCKETS];
	uint64_t sum_us;
};

struct binding_row {
	struct str api, policy, binding; /* owned with the row */
	_Atomic uint64_t counts[BINDING_COUNT_KINDS];
	_Atomic uint64_t buckets[BINDING_BUCKETS];
	_Atomic uint64_t sum_ns;
	struct binding_row *next; /* made before this one */
	/* The main thread's. */
	struct binding_numbers told;
	struct metric_series *series[BINDING_COUNT_KINDS + 1]; /* the last: the histogram */
};

struct binding_tally {
	struct map by_key;
	struct binding_row *rows; /* owned; the newest first */
	size_t row_count;
	struct link pending; /* of struct api_worker */
	unsigned unsampled;  /* exchanges until the next one is watched */
};

void binding_tally_init(struct binding_tally *t);
void binding_tally_deinit(struct binding_tally *t);
/* An exchange of `api` ends that began the bindings in x->begun. */
void binding_tally_ran_others(
	struct binding_tally *t, const struct api *api, struct api_worker *own, uint64_t begun);
static inline void binding_tally_ran(
	struct binding_tally *t, const struct api *api, struct api_worker *own, uint64_t begun)
{
	if (LIKELY(begun == own->ran_mask))
		own->ran_count++;
	else
		binding_tally_ran_others(t, api, own, begun);
}
/* Whether the next exchange is to be watched. Then `unsampled` is 0 until it is set anew. */
static inline bool binding_tally_samples(struct binding_tally *t)
{
	return t && UNLIKELY(--t->unsampled == 0);
}
/* One answered, or failed, or was passed over. */
void binding_tally_add(struct binding_tally *t, const struct api *api, struct api_worker *own,
	unsigned binding, enum binding_count what);
/* What the bindings in `begun` took. */
void binding_tally_watched(struct binding_tally *t, const struct api *api, struct api_worker *own,
	uint64_t begun, const struct chain_watch *watch);
/* Brings what is pending into the rows: of all APIs, or of one that is let go. */
void binding_tally_settle(struct binding_tally *t);
void binding_tally_settle_api(struct api_worker *own);
/* What a row holds now. Any thread. */
void binding_row_read(const struct binding_row *r, struct binding_numbers *out);
