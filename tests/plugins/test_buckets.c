/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rate-limiting/buckets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const struct window_limit three_a_second = {.requests_max = 3, .period_ms = 1000};

static struct bucket_key key(uint64_t n)
{
	/* Spread as the keyed hash does it. */
	return (struct bucket_key){
		n * UINT64_C(0x9e3779b97f4a7c15) >> 7, n * UINT64_C(0xbf58476d1ce4e5b9) | 1};
}

static void assert_quota(struct quota q, int allowed, uint64_t remaining, int64_t reset_ms)
{
	ck_assert_int_eq(q.allowed, allowed);
	ck_assert_uint_eq(q.remaining, remaining);
	ck_assert_int_eq(q.reset_ms, reset_ms);
}

START_TEST(a_window_opens_with_its_first_request_and_is_fixed)
{
	struct buckets *b = buckets_new(&three_a_second, 1);
	assert_quota(buckets_take(b, key(1), 5000), 1, 2, 1000);
	assert_quota(buckets_take(b, key(1), 5400), 1, 1, 600);
	assert_quota(buckets_take(b, key(1), 5999), 1, 0, 1);
	assert_quota(buckets_take(b, key(1), 5999), 0, 0, 1);
	assert_quota(buckets_take(b, key(1), 6000), 1, 2, 1000);
	ck_assert_uint_eq(buckets_count(b), 1);
	buckets_unref(b);
}
END_TEST

START_TEST(keys_have_their_own_quota)
{
	struct buckets *b = buckets_new(&three_a_second, 1);
	for (uint64_t k = 0; k < 1000; k++)
		for (uint64_t i = 0; i < 4; i++)
			ck_assert_int_eq(buckets_take(b, key(k), 100).allowed, i < 3);
	ck_assert_uint_eq(buckets_count(b), 1000);
	buckets_unref(b);
}
END_TEST

START_TEST(the_key_of_zeroes_is_a_key)
{
	struct buckets *b = buckets_new(&three_a_second, 1);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(buckets_take(b, (struct bucket_key){0, 0}, 100).allowed, i < 3);
	buckets_unref(b);
}
END_TEST

START_TEST(every_window_must_have_quota_and_a_refusal_takes_none)
{
	static const struct window_limit windows[] = {{2, 300}, {3, 60000}};
	struct buckets *b = buckets_new(windows, 2);
	assert_quota(buckets_take(b, key(1), 0), 1, 1, 300);
	assert_quota(buckets_take(b, key(1), 0), 1, 0, 300);
	for (int i = 0; i < 5; i++)
		assert_quota(buckets_take(b, key(1), 10), 0, 0, 290);
	/* One is left of the long window: the refusals took nothing from it. */
	struct quota q = buckets_take(b, key(1), 300);
	assert_quota(q, 1, 0, 59700);
	ck_assert_uint_eq(q.limit, 3);
	assert_quota(buckets_take(b, key(1), 310), 0, 0, 59690);
	buckets_unref(b);
}
END_TEST

START_TEST(a_clock_that_lags_stays_in_the_window)
{
	struct buckets *b = buckets_new(&three_a_second, 1);
	assert_quota(buckets_take(b, key(1), 5000), 1, 2, 1000);
	assert_quota(buckets_take(b, key(1), 4900), 1, 1, 1000);
	buckets_unref(b);
}
END_TEST

START_TEST(ended_keys_make_room)
{
	struct buckets *b = buckets_new(&three_a_second, 1);
	for (uint64_t k = 0; k < 200000; k++)
		ck_assert_int_eq(buckets_take(b, key(k), (int64_t)k).allowed, 1);
	/* Of the last second there are a thousand; the tables never doubled for the others. */
	ck_assert_uint_lt(buckets_count(b), 64 * 48 + 1);
	buckets_unref(b);
}
END_TEST

START_TEST(beyond_its_memory_new_keys_share_and_are_counted)
{
	static const struct window_limit windows[16] = {{1, 60000}, {9, 60001}, {9, 60002},
		{9, 60003}, {9, 60004}, {9, 60005}, {9, 60006}, {9, 60007}, {9, 60008}, {9, 60009},
		{9, 60010}, {9, 60011}, {9, 60012}, {9, 60013}, {9, 60014}, {9, 60015}};
	struct buckets *b = buckets_new(windows, 16);
	size_t most = (size_t)BUCKET_SHARDS * BUCKETS_SHARD_BYTES_MAX / (16 + 16 * 16);
	uint64_t allowed = 0, keys = 2 * most;
	for (uint64_t k = 0; k < keys; k++)
		allowed += (uint64_t)buckets_take(b, key(k), 10).allowed;
	size_t held = buckets_count(b);
	ck_assert_uint_le(held, most);
	ck_assert_uint_ge(held, most / 3);
	/* One each for the keys that are held, and one for each shard's overflow. */
	ck_assert_uint_eq(allowed, held + BUCKET_SHARDS);
	/* The keys that were first are still counted by themselves. */
	ck_assert_int_eq(buckets_take(b, key(0), 20).allowed, 0);
	/* When the windows have ended there is room again. */
	ck_assert_int_eq(buckets_take(b, key(keys + 1), 200000).allowed, 1);
	ck_assert_int_eq(buckets_take(b, key(keys + 1), 200000).allowed, 0);
	buckets_unref(b);
}
END_TEST

START_TEST(matches_the_same_windows_only)
{
	static const struct window_limit windows[] = {{3, 1000}, {4, 1000}};
	struct buckets *b = buckets_new(windows, 2);
	ck_assert(buckets_match(b, windows, 2));
	ck_assert(!buckets_match(b, windows, 1));
	static const struct window_limit other[] = {{3, 1000}, {4, 2000}};
	ck_assert(!buckets_match(b, other, 2));
	ck_assert_ptr_null(buckets_new(windows, WINDOWS_MAX + 1));
	ck_assert_ptr_eq(buckets_ref(b), b);
	buckets_unref(b);
	buckets_unref(b);
	buckets_unref(NULL);
}
END_TEST

/* --- threads --------------------------------------------------------------------------------- */
enum { THREADS = 4, TAKES = 20000, KEYS = 300 };

struct taker {
	struct buckets *buckets;
	uint64_t allowed;
};

static void *take_many(void *arg)
{
	struct taker *t = arg;
	for (uint64_t i = 0; i < TAKES; i++)
		t->allowed += (uint64_t)buckets_take(t->buckets, key(i % KEYS), 50).allowed;
	return NULL;
}

START_TEST(threads_together_get_no_more_than_the_quota)
{
	struct buckets *b = buckets_new(&three_a_second, 1);
	struct taker takers[THREADS];
	pthread_t threads[THREADS];
	uint64_t allowed = 0;
	for (int i = 0; i < THREADS; i++) {
		takers[i] = (struct taker){.buckets = b};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		allowed += takers[i].allowed;
	}
	ck_assert_uint_eq(allowed, KEYS * 3);
	buckets_unref(b);
}
END_TEST

UNIT_SUITE(buckets, a_window_opens_with_its_first_request_and_is_fixed, keys_have_their_own_quota,
	the_key_of_zeroes_is_a_key, every_window_must_have_quota_and_a_refusal_takes_none,
	a_clock_that_lags_stays_in_the_window, ended_keys_make_room,
	beyond_its_memory_new_keys_share_and_are_counted, matches_the_same_windows_only,
	threads_together_get_no_more_than_the_quota)
