/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/leases.h - slices of one limit's shared quota that this replica took ahead: requests are
 * counted against them without a question to anybody.
 *
 * A slice is counted in the shared quota when it is taken, and ends before the window that it was taken
 * from: no window ever has more than its limit. What a replica has not used of its slice when the
 * quota is spent, others are refused for.
 *
 * Slices grow while they last less than LEASE_BRIEF_MS and shrink when they last longer than
 * LEASE_LONG_MS; each next one is asked for when half of the one before is used.
 *
 * Invariants   L1  of one key the replica never holds more than leases_size_max.
 *              L2  at most one question of a key takes ahead at a time; it is nobody's request, so that its
 *                  answer comes whoever leaves.
 *              L3  memory is LEASES_MAX keys; who finds no room asks for each request.
 * Ownership    counted: the instance of a later generation may take it over.
 * Threads      any.
 */
#ifndef RATE_LIMITING_LEASES_H
#define RATE_LIMITING_LEASES_H

#include "buckets.h"

/* 4 MiB, of which is touched what is used. */
#define LEASES_MAX     65536
#define LEASE_BRIEF_MS 100
#define LEASE_LONG_MS  1000
/* How long nothing is asked for ahead when it was in vain, and how long "nothing is left" is
 * believed. */
#define LEASE_RETRY_MS  1000
#define LEASE_DENIED_MS 1000

struct leases;

struct lease_told {
	enum {
		LEASE_HAS,   /* it is counted */
		LEASE_NONE,  /* ask for it */
		LEASE_DENIED /* nothing was left, and is not yet back */
	} verdict;
	int64_t more;  /* not 0: ask for so much ahead besides; leases_put has to come of it */
	uint64_t left; /* here and, when it was last asked, in the shared quota */
	int64_t reset_ms;
};

/* What became of a question. */
struct lease_answer {
	int64_t asked_ms;
	int64_t more; /* that was asked for; 0: a request's own question */
	int is_answered;
	int64_t ahead;    /* what was taken; 0: nothing */
	int64_t left;     /* in the shared quota */
	int64_t reset_ms; /* until the window's end, when it was answered */
};

/* A 64th of the limit: the most that a replica holds of a key. */
uint64_t leases_size_max(const struct window_limit *limit);

/* NULL: no memory. */
struct leases *leases_new(const struct window_limit *limit);
struct leases *leases_ref(struct leases *l);
void leases_unref(struct leases *l);
struct lease_told leases_take(
	struct leases *l, struct bucket_key key, int64_t now_ms, uint64_t cost);
void leases_put(struct leases *l, struct bucket_key key, const struct lease_answer *a);

#endif
