/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/buckets.h - counters of fixed windows by key, shared by all workers.
 *
 * A key is kept as 128 bits of keyed hash. The table is sharded, each shard under its own lock for
 * the few instructions of a look-up.
 *
 * Invariants   B1  a window never grants more than its maximum between its start and its end.
 *              B2  a shard's table takes at most BUCKETS_SHARD_BYTES_MAX. When it is full of live
 *                  keys, new ones share the shard's overflow bucket: memory is bounded, and nobody
 *                  passes uncounted.
 *              B3  a request that is refused takes nothing from any window.
 * Ownership    counted: the instance of a later generation may take it over while this one's still
 *              serves. So it lives on the C heap, and not on an instance's account.
 * Threads      any.
 */
#ifndef RATE_LIMITING_BUCKETS_H
#define RATE_LIMITING_BUCKETS_H

#include "util/quota_answer.h"

#include <stddef.h>
#include <stdint.h>

#define WINDOWS_MAX   16
#define BUCKET_SHARDS 64
/* 64 MiB in all: 1.5 million keys with one window, 98,000 with sixteen. */
#define BUCKETS_SHARD_BYTES_MAX (1u << 20)

struct window_limit {
	uint64_t requests_max;
	int64_t period_ms;
};

struct bucket_key {
	uint64_t a, b;
};

struct buckets;

/* `count` <= WINDOWS_MAX. NULL: no memory. */
struct buckets *buckets_new(const struct window_limit *windows, size_t count);
struct buckets *buckets_ref(struct buckets *b);
void buckets_unref(struct buckets *b);
/* Whether it counts exactly these windows. */
int buckets_match(const struct buckets *b, const struct window_limit *windows, size_t count);
/* Counts one request, if every window has quota. */
struct quota buckets_take(struct buckets *b, struct bucket_key key, int64_t now_ms);
/* Keys held, for tests. */
size_t buckets_count(struct buckets *b);

#endif
