/* SPDX-License-Identifier: Apache-2.0 */
#include "fallback.h"

static uint64_t part_of(uint64_t whole, uint32_t replicas)
{
	return whole < replicas ? whole > 0 : whole / replicas;
}

static struct limits limits_of(const struct limits *all, uint32_t replicas)
{
	struct limits own = *all;
	for (size_t i = 0; i < own.count; i++) {
		own.windows[i].requests_max = part_of(all->windows[i].requests_max, replicas);
		own.windows[i].burst = part_of(all->windows[i].burst, replicas);
	}
	return own;
}

void fallback_init(struct fallback *f)
{
	pthread_mutex_init(&f->lock, NULL);
}

void fallback_deinit(struct fallback *f)
{
	pthread_mutex_destroy(&f->lock);
	buckets_unref(f->buckets);
}

/* A reference; NULL: no memory. */
static struct buckets *buckets_of(struct fallback *f, const struct limits *all, uint32_t replicas)
{
	pthread_mutex_lock(&f->lock);
	if (!f->buckets || f->replicas != replicas) {
		const struct limits own = limits_of(all, replicas);
		buckets_unref(f->buckets);
		f->buckets = buckets_new(&own);
		f->replicas = replicas;
	}
	struct buckets *b = f->buckets ? buckets_ref(f->buckets) : NULL;
	pthread_mutex_unlock(&f->lock);
	return b;
}

struct quota fallback_take(struct fallback *f, const struct limits *all, uint32_t replicas,
	struct bucket_key key, int64_t now_ms, uint64_t cost)
{
	struct buckets *b = buckets_of(f, all, replicas);
	struct quota q = {0};
	if (b)
		q = buckets_take(b, key, now_ms, cost);
	buckets_unref(b);
	return q;
}
