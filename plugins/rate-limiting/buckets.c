/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/buckets.c - open addressing with linear probing, at most three quarters full.
 *
 * Nothing is deleted one by one: a shard that is full is rebuilt without the keys that have all
 * their quota, and doubled if that frees less than a quarter. A shard at its largest that is
 * still full is swept again only when something in it can have expired. */
#include "buckets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Most limits count all requests as one, and gateways have thousands of them. */
#define SLOTS_FIRST 8
#define CACHE_LINE  64
/* Of what most requests do not need: their way stays short (90 instructions of 200 less). */
#define RARE __attribute__((cold, noinline))

/* A slot: the key, then one account per limit. A key of zeroes marks a free slot. */
struct bucket {
	struct bucket_key key;
	int64_t accounts[];
};

/* Two shards never share a cache line: workers would fight for it. */
struct shard {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	char *slots; /* owned; `capacity` buckets of bucket_bytes; NULL at first */
	size_t capacity;
	size_t count;
	int64_t sweep_at_ms;     /* nothing expires before */
	struct bucket *overflow; /* owned; made when needed */
};

/* A limit of few keys has few shards, and no room for 64. */
#define GROUP_SHARDS 8
#define GROUP_COUNT  (BUCKET_SHARDS / GROUP_SHARDS)

struct shard_group {
	struct shard *_Atomic shards[GROUP_SHARDS]; /* owned; made when needed */
};

struct buckets {
	_Atomic unsigned refs;
	const struct algorithm *algorithm;
	size_t window_count;
	size_t bucket_bytes;
	size_t capacity_max;                             /* of a shard: a power of two */
	struct shard_group *_Atomic groups[GROUP_COUNT]; /* owned; made when needed */
	_Alignas(CACHE_LINE) pthread_mutex_t all_lock;
	struct bucket *all;            /* owned; of all requests as one */
	struct window_limit windows[]; /* window_count */
};

/* --- life ------------------------------------------------------------------------------------ */
/* C17 7.22.3.1: the size is a multiple of the alignment. */
static void *lines_alloc(size_t size)
{
	return aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
}

static struct shard *shard_new(void)
{
	struct shard *s = lines_alloc(sizeof(*s));
	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

static void shard_free(struct shard *s)
{
	pthread_mutex_destroy(&s->lock);
	free(s->slots);
	free(s->overflow);
	free(s);
}

/* Two workers may make it at once: one of theirs stays. So it is with a shard. */
static struct shard_group *group_make(struct buckets *b, size_t i)
{
	struct shard_group *g = NULL, *made = calloc(1, sizeof(*made));
	if (!made || atomic_compare_exchange_strong(&b->groups[i], &g, made))
		return made;
	free(made);
	return g;
}

static struct shard_group *group_that_is(const struct buckets *b, size_t i)
{
	return atomic_load_explicit(&b->groups[i / GROUP_SHARDS], memory_order_acquire);
}

static RARE struct shard *shard_make(struct buckets *b, size_t i)
{
	struct shard_group *g = group_that_is(b, i);
	if (!g && !(g = group_make(b, i / GROUP_SHARDS)))
		return NULL;
	struct shard *s = NULL, *made = shard_new();
	if (!made || atomic_compare_exchange_strong(&g->shards[i % GROUP_SHARDS], &s, made))
		return made;
	shard_free(made);
	return s;
}

/* NULL: it was never needed. */
static inline struct shard *shard_that_is(const struct buckets *b, size_t i)
{
	struct shard_group *g = group_that_is(b, i);
	return g ? atomic_load_explicit(&g->shards[i % GROUP_SHARDS], memory_order_acquire) : NULL;
}

struct buckets *buckets_new(const struct limits *limits)
{
	const struct algorithm *algorithm = limits->algorithm;
	size_t count = limits->count;
	struct buckets *b = lines_alloc(sizeof(*b) + count * sizeof(b->windows[0]));
	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	atomic_init(&b->refs, 1);
	b->algorithm = algorithm;
	b->window_count = count;
	for (size_t i = 0; i < count; i++)
		b->windows[i] = limits->windows[i];
	b->bucket_bytes = sizeof(struct bucket) + count * algorithm->bytes;
	b->capacity_max = SLOTS_FIRST;
	while (b->capacity_max * 2 * b->bucket_bytes <= BUCKETS_SHARD_BYTES_MAX)
		b->capacity_max *= 2;
	pthread_mutex_init(&b->all_lock, NULL);
	b->all = calloc(1, b->bucket_bytes);
	if (b->all)
		return b;
	buckets_unref(b);
	return NULL;
}

struct buckets *buckets_ref(struct buckets *b)
{
	atomic_fetch_add(&b->refs, 1);
	return b;
}

void buckets_unref(struct buckets *b)
{
	if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	for (size_t i = 0; i < BUCKET_SHARDS; i++) {
		struct shard *s = shard_that_is(b, i);
		if (s)
			shard_free(s);
	}
	for (size_t i = 0; i < GROUP_COUNT; i++)
		free(atomic_load(&b->groups[i]));
	pthread_mutex_destroy(&b->all_lock);
	free(b->all);
	free(b);
}

int buckets_match(const struct buckets *b, const struct limits *limits)
{
	if (limits->algorithm != b->algorithm || limits->count != b->window_count)
		return 0;
	for (size_t i = 0; i < limits->count; i++)
		if (limits->windows[i].requests_max != b->windows[i].requests_max ||
			limits->windows[i].period_ms != b->windows[i].period_ms ||
			limits->windows[i].burst != b->windows[i].burst)
			return 0;
	return 1;
}

/* --- accounts -------------------------------------------------------------------------------- */
static const void *account_seen(const struct buckets *b, const struct bucket *bucket, size_t i)
{
	return (const char *)bucket->accounts + i * b->algorithm->bytes;
}

static void *account_at(const struct buckets *b, struct bucket *bucket, size_t i)
{
	return (char *)bucket->accounts + i * b->algorithm->bytes;
}

/* When the last of its limits has all its quota. */
static int64_t bucket_end(const struct buckets *b, const struct bucket *bucket)
{
	int64_t end = INT64_MIN;
	for (size_t i = 0; i < b->window_count; i++) {
		int64_t e = b->algorithm->end_ms(&b->windows[i], account_seen(b, bucket, i));
		if (e > end)
			end = e;
	}
	return end;
}

static RARE void bucket_open(
	const struct buckets *b, struct bucket *bucket, struct bucket_key key, int64_t now_ms)
{
	bucket->key = key;
	for (size_t i = 0; i < b->window_count; i++)
		b->algorithm->open(account_at(b, bucket, i), now_ms);
}

/* The least remaining; among equals the one that takes longest to recover. */
static int is_nearer(const struct quota *a, const struct quota *b)
{
	return a->remaining < b->remaining ||
	       (a->remaining == b->remaining && a->reset_ms > b->reset_ms);
}

static RARE struct quota bucket_take_all(
	const struct buckets *b, struct bucket *bucket, int64_t now_ms, uint64_t cost)
{
	const struct algorithm *how = b->algorithm;
	int is_allowed = 1;
	for (size_t i = 0; i < b->window_count; i++)
		is_allowed &= how->has(&b->windows[i], account_at(b, bucket, i), now_ms, cost);
	struct quota nearest = {.remaining = UINT64_MAX};
	for (size_t i = 0; i < b->window_count; i++) {
		struct quota q = how->take(
			&b->windows[i], account_at(b, bucket, i), now_ms, cost, is_allowed);
		q.index = (uint32_t)i;
		if (is_nearer(&q, &nearest))
			nearest = q;
	}
	return nearest;
}

static inline struct quota bucket_take(
	const struct buckets *b, struct bucket *bucket, int64_t now_ms, uint64_t cost)
{
	const struct window_limit *limit = &b->windows[0];
	if (b->algorithm != &algorithm_fixed_window || b->window_count > 1)
		return bucket_take_all(b, bucket, now_ms, cost);
	int is_allowed = fixed_window_has(limit, bucket->accounts, now_ms, cost);
	return fixed_window_take(limit, bucket->accounts, now_ms, cost, is_allowed);
}

/* --- shards ---------------------------------------------------------------------------------- */
static struct bucket *slot_at(const struct buckets *b, char *slots, size_t i)
{
	return (struct bucket *)(void *)(slots + i * b->bucket_bytes);
}

static int is_free(const struct bucket *bucket)
{
	return bucket->key.a == 0 && bucket->key.b == 0;
}

/* The slot of the key, or the free one where it belongs. */
static struct bucket *slot_find(
	const struct buckets *b, char *slots, size_t capacity, struct bucket_key key)
{
	for (size_t i = key.b & (capacity - 1);; i = (i + 1) & (capacity - 1)) {
		struct bucket *bucket = slot_at(b, slots, i);
		if (is_free(bucket) || (bucket->key.a == key.a && bucket->key.b == key.b))
			return bucket;
	}
}

/* Moves what lives into a table of `capacity`; 0: no memory, all is as before. */
static int shard_rebuild(const struct buckets *b, struct shard *s, size_t capacity, int64_t now_ms)
{
	char *slots = calloc(capacity, b->bucket_bytes);
	if (!slots)
		return 0;
	size_t count = 0;
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < s->capacity; i++) {
		const struct bucket *old = slot_at(b, s->slots, i);
		int64_t end = bucket_end(b, old);
		if (is_free(old) || now_ms >= end)
			continue;
		memcpy(slot_find(b, slots, capacity, old->key), old, b->bucket_bytes);
		next = end < next ? end : next;
		count++;
	}
	free(s->slots);
	s->slots = slots;
	s->capacity = capacity;
	s->count = count;
	s->sweep_at_ms = next;
	return 1;
}

static size_t live_count(const struct buckets *b, const struct shard *s, int64_t now_ms)
{
	size_t live = 0;
	for (size_t i = 0; i < s->capacity; i++) {
		const struct bucket *bucket = slot_at(b, s->slots, i);
		live += !is_free(bucket) && now_ms < bucket_end(b, bucket);
	}
	return live;
}

/* Room for one more key; 0 when there is none. */
static int shard_make_room(const struct buckets *b, struct shard *s, int64_t now_ms)
{
	size_t room = s->capacity / 4 * 3;
	if (s->count < room)
		return 1;
	if (s->capacity == 0)
		return shard_rebuild(b, s, SLOTS_FIRST, now_ms);
	int is_largest = s->capacity == b->capacity_max;
	if (is_largest && now_ms < s->sweep_at_ms)
		return 0;
	size_t live = live_count(b, s, now_ms);
	size_t capacity = live > room / 4 * 3 && !is_largest ? s->capacity * 2 : s->capacity;
	if (!shard_rebuild(b, s, capacity, now_ms))
		return 0;
	/* Full again soon after: the next look is not for the very next request. */
	if (is_largest && s->sweep_at_ms < now_ms + 100)
		s->sweep_at_ms = now_ms + 100;
	return s->count < s->capacity / 4 * 3;
}

static struct bucket *shard_overflow(const struct buckets *b, struct shard *s, int64_t now_ms)
{
	if (!s->overflow) {
		s->overflow = calloc(1, b->bucket_bytes);
		if (s->overflow)
			bucket_open(b, s->overflow, (struct bucket_key){0}, now_ms);
	}
	return s->overflow;
}

/* NULL: no memory at all. */
static RARE struct bucket *shard_add(
	const struct buckets *b, struct shard *s, struct bucket_key key, int64_t now_ms)
{
	if (!shard_make_room(b, s, now_ms))
		return shard_overflow(b, s, now_ms);
	struct bucket *added = slot_find(b, s->slots, s->capacity, key);
	bucket_open(b, added, key, now_ms);
	s->count++;
	return added;
}

/* NULL: it is new. */
static inline struct bucket *shard_find(
	const struct buckets *b, const struct shard *s, struct bucket_key key)
{
	struct bucket *found = s->capacity ? slot_find(b, s->slots, s->capacity, key) : NULL;
	return found && !is_free(found) ? found : NULL;
}

struct quota buckets_take(struct buckets *b, struct bucket_key key, int64_t now_ms, uint64_t cost)
{
	struct shard *s = shard_that_is(b, key.a % BUCKET_SHARDS);
	struct quota q = {0}; /* no memory at all: refused */
	if (!s && !(s = shard_make(b, key.a % BUCKET_SHARDS)))
		return q;
	if (key.a == 0 && key.b == 0)
		key.b = 1;
	pthread_mutex_lock(&s->lock);
	struct bucket *bucket = shard_find(b, s, key);
	if (bucket || (bucket = shard_add(b, s, key, now_ms)))
		q = bucket_take(b, bucket, now_ms, cost);
	pthread_mutex_unlock(&s->lock);
	return q;
}

struct quota buckets_take_of_all(struct buckets *b, int64_t now_ms, uint64_t cost)
{
	pthread_mutex_lock(&b->all_lock);
	if (is_free(b->all))
		bucket_open(b, b->all, (struct bucket_key){0, 1}, now_ms);
	struct quota q = bucket_take(b, b->all, now_ms, cost);
	pthread_mutex_unlock(&b->all_lock);
	return q;
}

size_t buckets_count(struct buckets *b)
{
	size_t count = 0;
	for (size_t i = 0; i < BUCKET_SHARDS; i++) {
		struct shard *s = shard_that_is(b, i);
		if (!s)
			continue;
		pthread_mutex_lock(&s->lock);
		count += s->count;
		pthread_mutex_unlock(&s->lock);
	}
	return count;
}
