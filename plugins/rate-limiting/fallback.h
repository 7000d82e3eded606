/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/fallback.h - this replica's part of a shared quota, for as long as nobody can tell the whole.
 *
 * Of n replicas each lets an n-th of the limits pass, but one request of each at least.
 *
 * Ownership    part of an instance.
 * Threads      any; a lock is held for a moment, on this way alone. */
#ifndef RATE_LIMITING_FALLBACK_H
#define RATE_LIMITING_FALLBACK_H

#include "buckets.h"

#include <pthread.h>

struct fallback {
	pthread_mutex_t lock;
	uint32_t replicas;       /* that `buckets` are for */
	struct buckets *buckets; /* counted; NULL: none yet */
};

void fallback_init(struct fallback *f);
void fallback_deinit(struct fallback *f);
/* As buckets_take, of a part of the limits, which are always the same; without memory it is refused. */
struct quota fallback_take(struct fallback *f, const struct limits *all, uint32_t replicas,
	struct bucket_key key, int64_t now_ms, uint64_t cost);

#endif
