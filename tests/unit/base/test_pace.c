/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pace.h"
#include "unit.h"

static const struct pace_rule rule = {512, 10000, 60000};

/* Seconds until a peer that passes `bytes` each `every_ms` is given up; -1: not within 1000. */
static int seconds_until_given_up(const struct pace_rule *r, uint64_t bytes, int64_t every_ms)
{
	struct pace p;
	uint64_t passed = 0;
	pace_begin(&p, r, 0, 0);
	for (int64_t ms = 250; ms <= 1000000; ms += 250) {
		if (ms % every_ms == 0)
			passed += bytes;
		if (!pace_keeps(&p, r, ms, passed, true))
			return (int)(ms / 1000);
	}
	return -1;
}

START_TEST(a_silent_peer_has_the_grace_alone)
{
	ck_assert_int_eq(seconds_until_given_up(&rule, 0, 1000), 10);
	static const struct pace_rule any = {0, 10000, 60000};
	ck_assert_int_eq(seconds_until_given_up(&any, 0, 1000), 10);
}
END_TEST

START_TEST(the_rate_decides_and_not_the_lumps)
{
	ck_assert_int_eq(seconds_until_given_up(&rule, 513, 1000), -1);
	ck_assert_int_eq(seconds_until_given_up(&rule, 520 * 9, 9000), -1);
	int slow = seconds_until_given_up(&rule, 256, 1000);
	ck_assert_int_ge(slow, 19);
	ck_assert_int_le(slow, 21);
	ck_assert_int_eq(seconds_until_given_up(&rule, 1, 1000), 10);
}
END_TEST

START_TEST(any_byte_is_enough_without_a_rate)
{
	static const struct pace_rule any = {0, 10000, 60000};
	ck_assert_int_eq(seconds_until_given_up(&any, 1, 9000), -1);
}
END_TEST

START_TEST(what_was_fast_before_pays_for_a_bounded_silence)
{
	struct pace p;
	pace_begin(&p, &rule, 0, 0);
	ck_assert(pace_keeps(&p, &rule, 1000, 1ull << 40, true));
	ck_assert(pace_keeps(&p, &rule, 60999, 1ull << 40, true));
	ck_assert(!pace_keeps(&p, &rule, 61000, 1ull << 40, true));
}
END_TEST

START_TEST(time_that_is_not_the_peers_costs_it_nothing)
{
	struct pace p;
	pace_begin(&p, &rule, 0, 100);
	ck_assert(pace_keeps(&p, &rule, 9000, 100, true));
	ck_assert(pace_keeps(&p, &rule, 1000000, 100, false));
	ck_assert(pace_keeps(&p, &rule, 1009000, 100, true));
	ck_assert(!pace_keeps(&p, &rule, 1010000, 100, true));
}
END_TEST

/* A count that was estimated may fall back a little. */
START_TEST(a_count_that_falls_is_no_progress)
{
	struct pace p;
	pace_begin(&p, &rule, 0, 1000);
	ck_assert(pace_keeps(&p, &rule, 5000, 500, true));
	ck_assert(pace_keeps(&p, &rule, 9000, 1000, true));
	ck_assert(!pace_keeps(&p, &rule, 10000, 900, true));
}
END_TEST

UNIT_SUITE(pace, a_silent_peer_has_the_grace_alone, the_rate_decides_and_not_the_lumps,
	any_byte_is_enough_without_a_rate, what_was_fast_before_pays_for_a_bounded_silence,
	time_that_is_not_the_peers_costs_it_nothing, a_count_that_falls_is_no_progress)
