/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "upstream/upstream.h"

#define ENDPOINTS_MAX 8

static struct service *service;
static struct balancer *balancer;
static int64_t now_ms;

static void begin(unsigned count, unsigned percent_max, unsigned healthy_percent_min)
{
	struct endpoint_options endpoints[ENDPOINTS_MAX];
	for (unsigned i = 0; i < count; i++)
		endpoints[i] = (struct endpoint_options){
			.host = STR("127.0.0.1"), .port = (uint16_t)(9000 + i), .weight = 1};
	struct service_options o = {
		.name = STR("default/several"),
		.scheme = STR("http"),
		.endpoints = endpoints,
		.endpoint_count = count,
		.balancing.outlier = {.consecutive_failures = 3,
			.interval_ms = 1000,
			.base_ms = 5000,
			.max_ms = 12000,
			.percent_max = percent_max,
			.healthy_percent_min = healthy_percent_min},
	};
	service = service_new(&o);
	balancer = service_balancer(service);
	now_ms = 100000;
}

static bool note(unsigned i, enum endpoint_outcome outcome)
{
	return outlier_note(balancer, &balancer->endpoints[i], outcome, now_ms);
}

/* Whether the last of them made it leave. */
static bool fail_times(unsigned i, unsigned times)
{
	bool leaves = false;
	while (times-- > 0)
		leaves = note(i, OUTCOME_FAILURE);
	return leaves;
}

static bool is_out(unsigned i)
{
	return outlier_is_out(&balancer->endpoints[i].outlier, now_ms);
}

/* Who is asked in `count` choices, as bits. */
static unsigned asked(unsigned count)
{
	unsigned seen = 0;
	while (count-- > 0) {
		struct balance_wish wish = {.now_ms = now_ms};
		struct endpoint *e = balancer_take(balancer, &wish);
		seen |= 1u << e->index;
		balancer_leave(e);
	}
	return seen;
}

START_TEST(failures_in_a_row_take_an_endpoint_out_for_a_while)
{
	begin(2, 50, 0);
	ck_assert(!fail_times(0, 2));
	ck_assert(!note(0, OUTCOME_SUCCESS));
	ck_assert(!fail_times(0, 2));
	ck_assert(!note(0, OUTCOME_NONE));
	ck_assert(fail_times(0, 1));
	ck_assert(is_out(0) && !is_out(1));
	ck_assert_uint_eq(asked(6), 2);
	ck_assert_uint_eq(balancer_count_available(balancer, now_ms), 1);
	now_ms += 5000;
	ck_assert(!is_out(0));
	ck_assert_uint_eq(asked(6), 3);
	service_unref(service);
}
END_TEST

START_TEST(it_is_out_longer_each_time_until_that_wears_off)
{
	begin(2, 50, 0);
	ck_assert(fail_times(0, 3));
	now_ms += 5000;
	ck_assert(fail_times(0, 3));
	now_ms += 9999;
	ck_assert(is_out(0));
	now_ms += 1;
	ck_assert(!is_out(0));
	ck_assert(fail_times(0, 3));
	now_ms += 12000; /* and not 15000 */
	ck_assert(!is_out(0));
	now_ms += 3000; /* three intervals */
	ck_assert(fail_times(0, 3));
	now_ms += 5000;
	ck_assert(!is_out(0));
	service_unref(service);
}
END_TEST

START_TEST(no_more_are_out_than_allowed)
{
	begin(5, 40, 0);
	ck_assert(fail_times(0, 3));
	ck_assert(fail_times(1, 3));
	ck_assert(!fail_times(2, 9));
	ck_assert_uint_eq(balancer_count_available(balancer, now_ms), 3);
	now_ms += 5000;
	ck_assert(fail_times(2, 1)); /* its failures were not forgotten */
	service_unref(service);
}
END_TEST

START_TEST(one_may_be_out_at_least_but_never_the_last)
{
	begin(3, 10, 0);
	ck_assert(fail_times(0, 3));
	ck_assert(!fail_times(1, 3));
	service_unref(service);
	begin(3, 0, 0);
	ck_assert(!fail_times(0, 9));
	service_unref(service);
	begin(2, 100, 0);
	ck_assert(fail_times(0, 3));
	ck_assert(!fail_times(1, 9));
	service_unref(service);
	begin(1, 100, 0);
	ck_assert(!fail_times(0, 9));
	service_unref(service);
}
END_TEST

/* How many of 110 choices fall on the first. */
static unsigned share_of_first(void)
{
	unsigned count = 0;
	for (unsigned i = 0; i < 110; i++) {
		struct balance_wish wish = {.now_ms = now_ms};
		struct endpoint *e = balancer_take(balancer, &wish);
		count += e->index == 0;
		balancer_leave(e);
	}
	return count;
}

START_TEST(who_comes_back_gets_its_share_little_by_little)
{
	begin(2, 50, 0);
	balancer->options.slow_start_ms = 1000;
	ck_assert_uint_eq(share_of_first(), 55);
	ck_assert(fail_times(0, 3));
	ck_assert_uint_eq(share_of_first(), 0);
	now_ms += 5000;
	ck_assert_uint_le(share_of_first(), 11); /* a tenth beside a whole */
	now_ms += 500;
	ck_assert_uint_le(share_of_first(), 38);
	ck_assert_uint_ge(share_of_first(), 35);
	now_ms += 500;
	ck_assert_uint_ge(share_of_first(), 54);
	service_unref(service);
}
END_TEST

START_TEST(with_too_few_left_those_that_are_out_are_asked_again)
{
	begin(4, 75, 50);
	ck_assert(fail_times(0, 3));
	ck_assert(fail_times(1, 3));
	ck_assert_uint_eq(asked(8), 0xc);
	ck_assert(fail_times(2, 3));
	ck_assert_uint_eq(asked(8), 0xf);
	service_unref(service);
}
END_TEST

UNIT_SUITE(outlier, failures_in_a_row_take_an_endpoint_out_for_a_while,
	it_is_out_longer_each_time_until_that_wears_off, no_more_are_out_than_allowed,
	one_may_be_out_at_least_but_never_the_last, who_comes_back_gets_its_share_little_by_little,
	with_too_few_left_those_that_are_out_are_asked_again)
