/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "proxy/answer_tally.h"

#include <stdio.h>

#define TAKEN_MAX (METRICS_SERIES_MAX + 10)
static struct answer_taken taken[TAKEN_MAX];

START_TEST(counts_by_all_three)
{
	struct answer_tally t;
	answer_tally_init(&t);
	answer_tally_count(&t, STR("a"), STR("b"), STR("c"));
	answer_tally_count(&t, STR("ab"), STR(""), STR("c"));
	answer_tally_count(&t, STR("a"), STR("b"), STR("c"));
	answer_tally_count(&t, STR("a"), STR("b"), STR("c"));
	answer_tally_count(&t, STR_EMPTY, STR("b"), STR_EMPTY);
	answer_tally_count(&t, STR_EMPTY, STR("b"), STR("c"));
	ck_assert_uint_eq(answer_tally_take(&t, taken, TAKEN_MAX), 4);
	ck_assert_uint_eq(taken[3].count, 3);
	assert_str(taken[3].row->api, "a");
	assert_str(taken[3].row->reason, "b");
	assert_str(taken[3].row->policy, "c");
	ck_assert_uint_eq(taken[1].row->policy.n, 0);
	answer_tally_deinit(&t);
}
END_TEST

START_TEST(what_was_taken_is_not_taken_again)
{
	struct answer_tally t;
	answer_tally_init(&t);
	answer_tally_count(&t, STR("a"), STR("b"), STR("c"));
	ck_assert_uint_eq(answer_tally_take(&t, taken, TAKEN_MAX), 1);
	struct answer_row *row = taken[0].row;
	ck_assert_uint_eq(answer_tally_take(&t, taken, TAKEN_MAX), 0);
	answer_tally_count(&t, STR("a"), STR("b"), STR("c"));
	ck_assert_uint_eq(answer_tally_take(&t, taken, TAKEN_MAX), 1);
	ck_assert_ptr_eq(taken[0].row, row);
	ck_assert_uint_eq(taken[0].count, 1);
	answer_tally_deinit(&t);
}
END_TEST

START_TEST(what_does_not_fit_stays)
{
	struct answer_tally t;
	answer_tally_init(&t);
	for (int i = 0; i < 3; i++)
		answer_tally_count(&t, STR("a"), str_n("xyz" + i, 1), STR("c"));
	ck_assert_uint_eq(answer_tally_take(&t, taken, 2), 2);
	ck_assert_uint_eq(answer_tally_take(&t, taken, 2), 1);
	ck_assert_uint_eq(answer_tally_take(&t, taken, 2), 0);
	answer_tally_deinit(&t);
}
END_TEST

START_TEST(beyond_the_bound_all_are_others)
{
	struct answer_tally t;
	answer_tally_init(&t);
	for (int i = 0; i < METRICS_SERIES_MAX + 500; i++) {
		char reason[16];
		snprintf(reason, sizeof(reason), "r%d", i);
		answer_tally_count(&t, STR("a"), str_of(reason), STR("c"));
	}
	ck_assert_uint_eq(t.row_count, METRICS_SERIES_MAX);
	ck_assert_uint_eq(answer_tally_take(&t, taken, TAKEN_MAX), METRICS_SERIES_MAX);
	assert_str(taken[0].row->reason, "other");
	ck_assert_uint_eq(taken[0].count, 501);
	answer_tally_deinit(&t);
}
END_TEST

START_TEST(long_labels_are_cut)
{
	static char text[5000];
	struct answer_tally t;
	memset(text, 'x', sizeof(text));
	struct str s = str_n(text, sizeof(text));
	answer_tally_init(&t);
	answer_tally_count(&t, s, s, s);
	ck_assert_uint_eq(answer_tally_take(&t, taken, TAKEN_MAX), 1);
	ck_assert_uint_eq(taken[0].row->reason.n, 512);
	answer_tally_deinit(&t);
}
END_TEST

UNIT_SUITE(answer_tally, counts_by_all_three, what_was_taken_is_not_taken_again,
	what_does_not_fit_stays, beyond_the_bound_all_are_others, long_labels_are_cut)
