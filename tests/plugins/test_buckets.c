/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rate-limiting/buckets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const struct limits three_a_second = {
	.algorithm = &algorithm_fixed_window, .count = 1, .windows = {{3, 1000, 0}}};

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
	struct buckets *b = buckets_new(&three_a_second);
	assert_quota(buckets_take(b, key(1), 5000, 1), 1, 2, 1000);
	assert_quota(buckets_take(b, key(1), 5400, 1), 1, 1, 600);
	assert_quota(buckets_take(b, key(1), 5999, 1), 1, 0, 1);
	assert_quota(buckets_take(b, key(1), 5999, 1), 0, 0, 1);
	assert_quota(buckets_take(b, key(1), 6000, 1), 1, 2, 1000);
	ck_assert_uint_eq(buckets_count(b), 1);
	buckets_unref(b);
}
END_TEST

START_TEST(keys_have_their_own_quota)
{
	struct buckets *b = buckets_new(&three_a_second);
	for (uint64_t k = 0; k < 1000; k++)
		for (uint64_t i = 0; i < 4; i++)
			ck_assert_int_eq(buckets_take(b, key(k), 100, 1).allowed, i < 3);
	ck_assert_uint_eq(buckets_count(b), 1000);
	buckets_unref(b);
}
END_TEST

START_TEST(all_requests_together_have_a_quota_of_their_own)
{
	struct buckets *b = buckets_new(&three_a_second);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(buckets_take(b, key(1), 5000, 1).allowed, 1);
	assert_quota(buckets_take_of_all(b, 5000, 1), 1, 2, 1000);
	assert_quota(buckets_take_of_all(b, 5400, 2), 1, 0, 600);
	assert_quota(buckets_take_of_all(b, 5999, 1), 0, 0, 1);
	assert_quota(buckets_take_of_all(b, 6000, 1), 1, 2, 1000);
	ck_assert_uint_eq(buckets_count(b), 1);
	buckets_unref(b);
}
END_TEST

START_TEST(the_key_of_zeroes_is_a_key)
{
	struct buckets *b = buckets_new(&three_a_second);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(buckets_take(b, (struct bucket_key){0, 0}, 100, 1).allowed, i < 3);
	buckets_unref(b);
}
END_TEST

START_TEST(every_window_must_have_quota_and_a_refusal_takes_none)
{
	static const struct limits two = {.algorithm = &algorithm_fixed_window,
		.count = 2,
		.windows = {{2, 300, 0}, {3, 60000, 0}}};
	struct buckets *b = buckets_new(&two);
	assert_quota(buckets_take(b, key(1), 0, 1), 1, 1, 300);
	assert_quota(buckets_take(b, key(1), 0, 1), 1, 0, 300);
	for (int i = 0; i < 5; i++)
		assert_quota(buckets_take(b, key(1), 10, 1), 0, 0, 290);
	/* One is left of the long window: the refusals took nothing from it. */
	struct quota q = buckets_take(b, key(1), 300, 1);
	assert_quota(q, 1, 0, 59700);
	ck_assert_uint_eq(q.limit, 3);
	ck_assert_uint_eq(q.index, 1);
	assert_quota(buckets_take(b, key(1), 310, 1), 0, 0, 59690);
	buckets_unref(b);
}
END_TEST

START_TEST(a_clock_that_lags_stays_in_the_window)
{
	struct buckets *b = buckets_new(&three_a_second);
	assert_quota(buckets_take(b, key(1), 5000, 1), 1, 2, 1000);
	assert_quota(buckets_take(b, key(1), 4900, 1), 1, 1, 1000);
	buckets_unref(b);
}
END_TEST

START_TEST(ended_keys_make_room)
{
	struct buckets *b = buckets_new(&three_a_second);
	for (uint64_t k = 0; k < 200000; k++)
		ck_assert_int_eq(buckets_take(b, key(k), (int64_t)k, 1).allowed, 1);
	/* Of the last second there are a thousand; the tables never doubled for the others. */
	ck_assert_uint_lt(buckets_count(b), 64 * 48 + 1);
	buckets_unref(b);
}
END_TEST

START_TEST(beyond_its_memory_new_keys_share_and_are_counted)
{
	struct limits sixteen = {.algorithm = &algorithm_fixed_window, .count = 16};
	for (int i = 0; i < 16; i++)
		sixteen.windows[i] =
			(struct window_limit){.requests_max = i ? 9 : 1, .period_ms = 60000 + i};
	struct buckets *b = buckets_new(&sixteen);
	size_t most = (size_t)BUCKET_SHARDS * BUCKETS_SHARD_BYTES_MAX / (16 + 16 * 16);
	uint64_t allowed = 0, keys = 2 * most;
	for (uint64_t k = 0; k < keys; k++)
		allowed += (uint64_t)buckets_take(b, key(k), 10, 1).allowed;
	size_t held = buckets_count(b);
	ck_assert_uint_le(held, most);
	ck_assert_uint_ge(held, most / 3);
	/* One each for the keys that are held, and one for each shard's overflow. */
	ck_assert_uint_eq(allowed, held + BUCKET_SHARDS);
	/* The keys that were first are still counted by themselves. */
	ck_assert_int_eq(buckets_take(b, key(0), 20, 1).allowed, 0);
	/* When the windows have ended there is room again. */
	ck_assert_int_eq(buckets_take(b, key(keys + 1), 200000, 1).allowed, 1);
	ck_assert_int_eq(buckets_take(b, key(keys + 1), 200000, 1).allowed, 0);
	buckets_unref(b);
}
END_TEST

START_TEST(matches_the_same_limits_only)
{
	static const struct limits two = {
		.algorithm = &algorithm_gcra, .count = 2, .windows = {{3, 1000, 3}, {4, 1000, 4}}};
	struct buckets *b = buckets_new(&two);
	ck_assert(buckets_match(b, &two));
	struct limits other = two;
	other.count = 1;
	ck_assert(!buckets_match(b, &other));
	other = two;
	other.algorithm = &algorithm_sliding_window;
	ck_assert(!buckets_match(b, &other));
	for (int i = 0; i < 3; i++) {
		other = two;
		other.windows[1].requests_max += i == 0;
		other.windows[1].period_ms += i == 1;
		other.windows[1].burst -= i == 2;
		ck_assert(!buckets_match(b, &other));
	}
	ck_assert_ptr_eq(buckets_ref(b), b);
	buckets_unref(b);
	buckets_unref(b);
	buckets_unref(NULL);
}
END_TEST

/* Keys that have all their quota again go, whatever counts them. */
START_TEST(every_algorithm_lets_ended_keys_go)
{
	static const struct algorithm *const all[] = {
		&algorithm_fixed_window, &algorithm_sliding_window, &algorithm_gcra};
	for (size_t i = 0; i < 3; i++) {
		struct limits one = {.algorithm = all[i], .count = 1, .windows = {{2, 1000, 0}}};
		one.windows[0].burst = i == 2 ? 2 : 0;
		struct buckets *b = buckets_new(&one);
		for (uint64_t k = 0; k < 30000; k++)
			for (int n = 0; n < 3; n++)
				ck_assert_int_eq(
					buckets_take(b, key(k), (int64_t)k, 1).allowed, n < 2);
		ck_assert_uint_lt(buckets_count(b), 64 * 48 + 1);
		buckets_unref(b);
	}
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
		t->allowed += (uint64_t)buckets_take(t->buckets, key(i % KEYS), 50, 1).allowed;
	return NULL;
}

START_TEST(threads_together_get_no_more_than_the_quota)
{
	struct buckets *b = buckets_new(&three_a_second);
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
	all_requests_together_have_a_quota_of_their_own, the_key_of_zeroes_is_a_key,
	every_window_must_have_quota_and_a_refusal_takes_none,
	a_clock_that_lags_stays_in_the_window, ended_keys_make_room,
	beyond_its_memory_new_keys_share_and_are_counted, matches_the_same_limits_only,
	every_algorithm_lets_ended_keys_go, threads_together_get_no_more_than_the_quota)
