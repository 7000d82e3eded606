/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rate-limiting/fallback.h"

static const struct bucket_key key = {1, 2};
static struct fallback fallback;

static unsigned passing(const struct limits *all, uint32_t replicas, int64_t now_ms)
{
	unsigned passed = 0;
	while (fallback_take(&fallback, all, replicas, key, now_ms, 1).allowed)
		passed++;
	return passed;
}

START_TEST(each_of_the_replicas_lets_its_part_pass)
{
	const struct limits windows = {.algorithm = &algorithm_fixed_window,
		.count = 2,
		.windows = {{10, 1000, 0}, {12, 9000, 0}}};
	fallback = (struct fallback){0};
	fallback_init(&fallback);
	ck_assert_uint_eq(passing(&windows, 4, 0), 2);
	ck_assert_uint_eq(passing(&windows, 4, 1000), 1);
	ck_assert_uint_eq(passing(&windows, 4, 2000), 0);
	/* Another number of them begins anew. */
	ck_assert_uint_eq(passing(&windows, 2, 2000), 5);
	fallback_deinit(&fallback);
}
END_TEST

START_TEST(a_part_is_one_request_at_least)
{
	const struct limits few = {
		.algorithm = &algorithm_gcra, .count = 1, .windows = {{3, 1000, 2}}};
	fallback = (struct fallback){0};
	fallback_init(&fallback);
	ck_assert_uint_eq(passing(&few, 10000, 0), 1);
	ck_assert_uint_eq(passing(&few, 10000, 999), 0);
	ck_assert_uint_eq(passing(&few, 10000, 1000), 1);
	fallback_deinit(&fallback);
}
END_TEST

UNIT_SUITE(fallback, each_of_the_replicas_lets_its_part_pass, a_part_is_one_request_at_least)
