/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/buckets.h - what each key has used of every limit, shared by all workers.
 *
 * A key is kept as 128 bits of keyed hash. The table is sharded, each shard under its own lock for
 * the few instructions of a look-up.
 *
 * Invariants   B1  all limits of a key are looked at and used at once (algorithm.h: how).
 *              B2  a shard's table takes at most BUCKETS_SHARD_BYTES_MAX. When it is full of live
 *                  keys, new ones share the shard's overflow bucket: memory is bounded, and nobody
 *                  passes uncounted.
 *              B3  a request that is refused uses nothing of any limit.
 * Ownership    counted: the instance of a later generation may take it over while this one's still
 *              serves. So it lives on the C heap, and not on an instance's account.
 * Threads      any.
 */
#ifndef RATE_LIMITING_BUCKETS_H
#define RATE_LIMITING_BUCKETS_H

#include "limits.h"

#include <stddef.h>
#include <stdint.h>

#define BUCKET_SHARDS 64
/* 64 MiB in all: of one limit 1.5 million keys with fixed windows or by GCRA, 390,000 with
 * sliding windows. */
#define BUCKETS_SHARD_BYTES_MAX (1u << 20)

struct bucket_key {
	uint64_t a, b;
};

struct buckets;

/* NULL: no memory. */
struct buckets *buckets_new(const struct limits *limits);
struct buckets *buckets_ref(struct buckets *b);
void buckets_unref(struct buckets *b);
/* Whether it counts exactly these limits in this way. */
int buckets_match(const struct buckets *b, const struct limits *limits);
/* Counts a request of `cost`, if every limit has as much. Told of is the limit with the least left,
 * `index` being its place among them. */
struct quota buckets_take(struct buckets *b, struct bucket_key key, int64_t now_ms, uint64_t cost);
/* The same of what all requests use together: no key is looked for. */
struct quota buckets_take_of_all(struct buckets *b, int64_t now_ms, uint64_t cost);
/* Keys held, for tests. */
size_t buckets_count(struct buckets *b);

#endif
