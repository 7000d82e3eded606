/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/breaker.h - how much of a service may be in use at once, among all workers.
 *
 * Counters are atomic and exact: whoever would go beyond a threshold is refused, and no place is
 * given away twice. A service without a breaker has none of them on the request path.
 *
 * Invariants   B1  a count is at most its threshold, but for BREAKER_CONNECTIONS, of which each
 *                  worker may always have one: a worker's idle connections serve no other worker.
 *              B2  each place taken is left once.
 * Threads      all workers. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

/* X(id, the vendor's name of its threshold) */
#define BREAKER_KINDS(X)                                                                           \
	X(CONNECTIONS, "maxConnections")                                                           \
	X(PENDING, "maxPendingRequests")                                                           \
	X(REQUESTS, "maxRequests")                                                                 \
	X(RETRIES, "maxRetries")

enum breaker_kind {
#define X(id, name) BREAKER_##id,
	BREAKER_KINDS(X)
#undef X
		BREAKER_KIND_COUNT,
};

struct breaker_limits {
	unsigned max[BREAKER_KIND_COUNT]; /* 0: any */
};

struct breaker {
	struct breaker_limits limits;
	atomic_uint taken[BREAKER_KIND_COUNT];
};

static inline bool breaker_bounds(const struct breaker *b, enum breaker_kind kind)
{
	return b->limits.max[kind] > 0;
}
/* A place; false: all are taken. Without a threshold there always is one, and it counts. */
bool breaker_take(struct breaker *b, enum breaker_kind kind);
/* One beyond the threshold (B1). */
void breaker_take_anyway(struct breaker *b, enum breaker_kind kind);
void breaker_leave(struct breaker *b, enum breaker_kind kind);
/* "maxRequests" */
const char *breaker_name(enum breaker_kind kind);
