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

static struct lease_answer answer_of(struct shared *s, int64_t now_ms, int64_t cost, int64_t more)
{
	int64_t ahead = cost <= s->left ? (s->left - cost) / 8 : 0;
	struct lease_answer a = {.asked_ms = now_ms, .more = more, .is_answered = 1};
	ahead = ahead < more ? ahead : more;
	s->left -= cost <= s->left ? cost + ahead : 0;
	a.ahead = ahead;
	a.left = s->left;
	a.reset_ms = s->start_ms + PERIOD_MS - now_ms;
	return a;
}

/* A request; whether it passes, and how many questions it made. */
static int request(struct shared *s, int64_t now_ms, int64_t cost, unsigned *asked)
{
	struct lease_told told = leases_take(leases, key, now_ms, (uint64_t)cost);
	int64_t own = told.verdict == LEASE_NONE ? cost : 0;
	int passes = told.verdict == LEASE_HAS || (own > 0 && own <= s->left);
	if (told.verdict == LEASE_DENIED || (told.verdict == LEASE_HAS && told.more == 0))
		return passes;
	const struct lease_answer a = answer_of(s, now_ms, own, told.more);
	leases_put(leases, key, &a);
	++*asked;
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
	const struct lease_answer a = answer_of(&next, PERIOD_MS, 1, told.more);
	leases_put(leases, key, &a);
	ck_assert_int_eq(next.left, 10000 - 1 - told.more);
	leases_unref(leases);
}
END_TEST

START_TEST(no_more_is_held_than_is_allowed)
{
	struct shared s = {6400, 0};
	begin(6400);
	int64_t held = 0;
	for (int64_t i = 0; i < 3000; i++) {
		struct lease_told told = leases_take(leases, key, i, 1);
		held -= told.verdict == LEASE_HAS;
		if (told.verdict == LEASE_DENIED || told.more == 0)
			continue;
		const struct lease_answer a =
			answer_of(&s, i, told.verdict == LEASE_NONE, told.more);
		leases_put(leases, key, &a);
		held += a.ahead;
		ck_assert_int_le(held, 100);
	}
	ck_assert_int_gt(held, 0);
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
	/* An answer that never comes holds nobody up for long. */
	ck_assert_int_gt(leases_take(leases, key, LEASE_ASKED_MS, 1).more, 0);
	const struct lease_answer a = answer_of(&s, 0, 1, first.more);
	leases_put(leases, key, &a);
	ck_assert_int_eq(leases_take(leases, key, 1, 1).verdict, LEASE_HAS);
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
		const struct lease_answer a = answer_of(&s, 0, 1, told.more);
		leases_put(leases, k, &a);
	}
	leases_unref(leases);
}
END_TEST

UNIT_SUITE(leases, all_of_a_window_passes_and_few_ask, costs_are_counted_whole,
	a_slice_ends_with_its_window, no_more_is_held_than_is_allowed,
	one_question_at_a_time_takes_ahead, what_is_spent_is_not_asked_for_all_the_time,
	keys_without_room_ask_for_each_request)
