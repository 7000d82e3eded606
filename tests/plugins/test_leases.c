/* SPDX-License-Identifier: Apache-2.0 */
/* Slices that are taken ahead; the shared quota is the test's. */
#include "unit.h"

#include "rate-limiting/leases.h"

#define PERIOD_MS 10000

static const struct bucket_key key = {1, 2};

/* Of what is left, as the store gives it ahead. */
struct shared {
	int64_t left, start_ms;
};

static struct leases *leases;

static void begin(uint64_t limit)
{
	const struct window_limit window = {limit, PERIOD_MS, 0};
	leases = leases_new(&window);
	ck_assert_ptr_nonnull(leases);
}

/* A request's own question, or one for `more` ahead. */
static void ask(struct shared *s, struct bucket_key k, int64_t now_ms, int64_t cost, int64_t more)
{
	struct lease_answer a = {.asked_ms = now_ms, .more = more, .is_answered = 1};
	a.ahead = s->left / 8 < more ? s->left / 8 : more;
	s->left -= more ? a.ahead : cost;
	a.left = s->left;
	a.reset_ms = s->start_ms + PERIOD_MS - now_ms;
	leases_put(leases, k, &a);
}

/* A request; whether it passes, and how many questions it made. */
static int request(struct shared *s, int64_t now_ms, int64_t cost, unsigned *asked)
{
	struct lease_told told = leases_take(leases, key, now_ms, (uint64_t)cost);
	int asks = told.verdict == LEASE_NONE,
	    passes = asks ? cost <= s->left : told.verdict == LEASE_HAS;
	*asked += (unsigned)asks + (told.more > 0);
	if (asks)
		ask(s, key, now_ms, passes ? cost : 0, 0);
	if (told.more > 0)
		ask(s, key, now_ms, 0, told.more);
	return passes;
}

START_TEST(all_of_a_window_passes_and_few_ask)
{
	struct shared s = {10000, 0};
	unsigned asked = 0, passed = 0;
	begin(10000);
	for (int64_t i = 0; i < 12000; i++)
		passed += (unsigned)request(&s, i / 4, 1, &asked);
	ck_assert_uint_eq(passed, 10000);
	ck_assert_uint_lt(asked, 400);
	leases_unref(leases);
}
END_TEST

/* Four requests a millisecond for half a second, then nothing for as long as a slice may last thrice over. */
START_TEST(a_pause_ends_no_slices)
{
	struct shared s = {1000000, 0};
	unsigned asked = 0, before;
	begin(1000000);
	for (int64_t i = 0; i < 2000; i++)
		request(&s, i / 4, 1, &asked);
	before = asked;
	for (int64_t i = 0; i < 2000; i++)
		ck_assert_int_eq(request(&s, 500 + 3 * LEASE_LONG_MS + i / 4, 1, &asked), 1);
	ck_assert_uint_lt(asked - before, 100);
	leases_unref(leases);
}
END_TEST

START_TEST(costs_are_counted_whole)
{
	struct shared s = {5000, 0};
	int64_t passed = 0;
	unsigned asked = 0;
	begin(5000);
	for (int64_t i = 0; i < 6000; i++)
		passed += request(&s, i, i % 7, &asked) ? i % 7 : 0;
	ck_assert_int_le(passed, 5000);
	ck_assert_int_ge(passed, 5000 - 6 - 5000 / 64);
	leases_unref(leases);
}
END_TEST

START_TEST(a_slice_ends_with_its_window)
{
	struct shared s = {10000, 0}, next = {10000, PERIOD_MS};
	unsigned asked = 0;
	begin(10000);
	for (int64_t i = 0; i < 100; i++)
		ck_assert(request(&s, i, 1, &asked));
	ck_assert_int_eq(leases_take(leases, key, PERIOD_MS - 1, 1).verdict, LEASE_HAS);
	struct lease_told told = leases_take(leases, key, PERIOD_MS, 1);
	ck_assert_int_eq(told.verdict, LEASE_NONE);
	ask(&next, key, PERIOD_MS, 1, 0);
	ck_assert_int_eq(leases_take(leases, key, PERIOD_MS, 1).verdict, LEASE_NONE);
	ask(&next, key, PERIOD_MS, 0, told.more);
	for (int64_t i = 0; i < told.more; i++)
		ck_assert_int_eq(leases_take(leases, key, PERIOD_MS, 1).verdict, LEASE_HAS);
	ck_assert_int_eq(leases_take(leases, key, PERIOD_MS, 1).verdict, LEASE_NONE);
	leases_unref(leases);
}
END_TEST

START_TEST(no_more_is_held_than_is_allowed)
{
	struct shared s = {6400, 0};
	int64_t held = 0, most = 0;
	begin(6400);
	for (int64_t i = 0; i < 3000; i++) {
		struct lease_told told = leases_take(leases, key, i, 1);
		int64_t before = s.left;
		held -= told.verdict == LEASE_HAS;
		if (told.more > 0)
			ask(&s, key, i, 0, told.more);
		held += before - s.left;
		most = held > most ? held : most;
		if (told.verdict == LEASE_NONE)
			ask(&s, key, i, 1, 0);
	}
	ck_assert_int_gt(most, 50);
	ck_assert_int_le(most, 100);
	leases_unref(leases);
}
END_TEST

START_TEST(one_question_at_a_time_takes_ahead)
{
	struct shared s = {10000, 0};
	begin(10000);
	struct lease_told first = leases_take(leases, key, 0, 1), second;
	ck_assert_int_gt(first.more, 0);
	second = leases_take(leases, key, 0, 1);
	ck_assert_int_eq(second.verdict, LEASE_NONE);
	ck_assert_int_eq(second.more, 0);
	ask(&s, key, 0, 0, first.more);
	second = leases_take(leases, key, 1, 1);
	ck_assert_int_eq(second.verdict, LEASE_HAS);
	ck_assert_int_gt(second.more, 0);
	leases_unref(leases);
}
END_TEST

START_TEST(what_was_asked_in_vain_is_not_asked_for_at_once)
{
	begin(10000);
	const struct lease_answer none = {
		.asked_ms = 0, .more = leases_take(leases, key, 0, 1).more};
	leases_put(leases, key, &none);
	struct lease_told told = leases_take(leases, key, LEASE_RETRY_MS - 1, 1);
	ck_assert_int_eq(told.verdict, LEASE_NONE);
	ck_assert_int_eq(told.more, 0);
	ck_assert_int_gt(leases_take(leases, key, LEASE_RETRY_MS, 1).more, 0);
	leases_unref(leases);
}
END_TEST

START_TEST(what_is_spent_is_not_asked_for_all_the_time)
{
	struct shared s = {1, 0};
	unsigned asked = 0;
	begin(1000);
	ck_assert(request(&s, 0, 1, &asked));
	ck_assert_int_eq(leases_take(leases, key, 1, 1).verdict, LEASE_DENIED);
	ck_assert_int_eq(leases_take(leases, key, 1, 0).verdict, LEASE_HAS);
	ck_assert_int_eq(leases_take(leases, key, LEASE_DENIED_MS, 1).verdict, LEASE_NONE);
	leases_unref(leases);
}
END_TEST

/* A set's places are few: who finds none asks for itself, and is told nothing wrong. */
START_TEST(keys_without_room_ask_for_each_request)
{
	struct shared s = {100000, 0};
	begin(100000);
	for (uint64_t i = 0; i < 9; i++) {
		const struct bucket_key k = {LEASES_MAX, i + 1};
		struct lease_told told = leases_take(leases, k, 0, 1);
		ck_assert_int_eq(told.verdict, LEASE_NONE);
		ck_assert_int_eq(told.more > 0, i < 4);
		ask(&s, k, 0, 1, 0);
		if (told.more > 0)
			ask(&s, k, 0, 0, told.more);
	}
	leases_unref(leases);
}
END_TEST

UNIT_SUITE(leases, all_of_a_window_passes_and_few_ask, a_pause_ends_no_slices,
	costs_are_counted_whole, a_slice_ends_with_its_window, no_more_is_held_than_is_allowed,
	one_question_at_a_time_takes_ahead, what_was_asked_in_vain_is_not_asked_for_at_once,
	what_is_spent_is_not_asked_for_all_the_time, keys_without_room_ask_for_each_request)
