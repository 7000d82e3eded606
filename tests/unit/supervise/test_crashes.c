/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "supervise/crashes.h"

static enum crash_verdict add(struct crash_log *log, int64_t at_ms, uint64_t key, uint64_t plan)
{
	struct crash c = {at_ms, key, plan, 0};
	return crash_log_add(log, &c, 3, 60000);
}

START_TEST(bindings_of_a_plugin_that_take_turns_are_the_plugin)
{
	struct crash_log log = {0};
	for (int i = 0; i < CRASHES_OF_PLUGIN; i++) {
		struct crash c = {1000 + i, (uint64_t)(1 + i % 6), 1, 77};
		struct crash other = {1000 + i, (uint64_t)(100 + i), 1, (uint64_t)(200 + i)};
		bool is_last = i == CRASHES_OF_PLUGIN - 1;
		ck_assert_int_eq(crash_log_add(&log, &other, 3, 60000), CRASH_NOTED);
		ck_assert_int_eq(crash_log_add(&log, &c, 3, 60000),
			is_last ? CRASH_QUARANTINE_PLUGIN : CRASH_NOTED);
	}
	struct crash again = {3000, 50, 1, 77};
	ck_assert_int_eq(crash_log_add(&log, &again, 3, 60000), CRASH_NOTED);
}
END_TEST

START_TEST(so_many_of_one_suspect_within_the_window_quarantine_it)
{
	struct crash_log log = {0};
	ck_assert_int_eq(add(&log, 1000, 7, 1), CRASH_NOTED);
	ck_assert_int_eq(add(&log, 2000, 8, 1), CRASH_NOTED);
	ck_assert_int_eq(add(&log, 3000, 7, 2), CRASH_NOTED);
	ck_assert_int_eq(add(&log, 4000, 8, 1), CRASH_NOTED);
	ck_assert_int_eq(add(&log, 60999, 7, 1), CRASH_QUARANTINE);
	ck_assert_int_eq(add(&log, 61000, 7, 1), CRASH_NOTED);
}
END_TEST

START_TEST(old_ones_do_not_count)
{
	struct crash_log log = {0};
	for (int64_t at = 1000; at < 2000000; at += 30001)
		ck_assert_int_eq(add(&log, at, 7, 1), CRASH_NOTED);
}
END_TEST

START_TEST(without_a_suspect_the_plan_is_avoided)
{
	struct crash_log log = {0};
	ck_assert_int_eq(add(&log, 1000, 0, 5), CRASH_NOTED);
	ck_assert_int_eq(add(&log, 1001, 0, 6), CRASH_NOTED);
	ck_assert_int_eq(add(&log, 1002, 0, 5), CRASH_NOTED);
	ck_assert_int_eq(add(&log, 1003, 0, 5), CRASH_AVOID_PLAN);
}
END_TEST

START_TEST(nobody_and_nothing_is_never_decided_upon)
{
	struct crash_log log = {0};
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(add(&log, 1000 + i, 0, 0), CRASH_NOTED);
}
END_TEST

UNIT_SUITE(crashes, so_many_of_one_suspect_within_the_window_quarantine_it, old_ones_do_not_count,
	bindings_of_a_plugin_that_take_turns_are_the_plugin, without_a_suspect_the_plan_is_avoided,
	nobody_and_nothing_is_never_decided_upon)
