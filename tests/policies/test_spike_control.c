/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME "spike-control"

static struct sluice_test_exchange *sent(struct visit *v)
{
	struct sluice_test_exchange *x = sluice_test_request(v->t, "GET", "/");
	sluice_test_send(x, NULL);
	return x;
}

static void assert_passes(struct visit *v, int passes)
{
	struct sluice_test_exchange *x = sent(v);
	ck_assert_int_eq(sluice_test_outcome(x) == SLUICE_TEST_PASSED, passes);
	sluice_test_end(x);
}

START_TEST(in_no_window_more_than_the_maximum_pass)
{
	struct visit *v =
		visit_policy(NAME, NAME, "{maximumRequests: 2, timePeriodInMilliseconds: 1000}");
	assert_passes(v, 1);
	sluice_test_advance(v->t, 900);
	assert_passes(v, 1);
	sluice_test_advance(v->t, 99);
	assert_passes(v, 0);
	sluice_test_advance(v->t, 1); /* the first is 1,000 ms old, the second 100 */
	assert_passes(v, 1);
	assert_passes(v, 0);
	sluice_test_advance(v->t, 899);
	assert_passes(v, 0);
	sluice_test_advance(v->t, 1);
	assert_passes(v, 1);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "spike_refused"), 3);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "spike_delayed"), 0);
	visit_leave(v);
}
END_TEST

START_TEST(a_refusal_is_429_and_tells_when_to_come_back)
{
	struct visit *v =
		visit_policy(NAME, NAME, "{timePeriodInMilliseconds: 2500, exposeHeaders: true}");
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-remaining"), "0");
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-reset"), "2500");
	sluice_test_advance(v->t, 100);
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), ANSWERED);
	visit_assert_answer(v, 429, "spike");
	ck_assert_str_eq(sluice_test_body(v->x, RSP), "{\"error\":\"Quota has been exceeded\"}");
	ck_assert_str_eq(visit_answered(v, "retry-after"), "3");
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), "1");
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-reset"), "2400");
	visit_leave(v);
}
END_TEST

START_TEST(with_quota_left_the_reset_is_0)
{
	struct visit *v = visit_policy(NAME, NAME, "{maximumRequests: 2, exposeHeaders: true}");
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-remaining"), "1");
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-reset"), "0");
	visit_leave(v);
}
END_TEST

START_TEST(what_comes_too_fast_waits_and_goes_on)
{
	struct visit *v = visit_policy(
		NAME, NAME, "{delayTimeInMillis: 400, delayAttempts: 3, queuingLimit: 1}");
	assert_passes(v, 1);
	struct sluice_test_exchange *x = sent(v);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
	assert_passes(v, 0); /* one waits already */
	sluice_test_advance(v->t, 800);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
	sluice_test_advance(v->t, 400);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PASSED);
	sluice_test_end(x);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "spike_delayed"), 1);
	x = sent(v); /* the place is free again */
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
	sluice_test_end(x);
	visit_leave(v);
}
END_TEST

START_TEST(who_has_waited_in_vain_is_refused)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{timePeriodInMilliseconds: 5000, delayTimeInMillis: 100, delayAttempts: 2, "
		"queuingLimit: 1}");
	assert_passes(v, 1);
	for (int i = 0; i < 3; i++) {
		struct sluice_test_exchange *x = sent(v);
		sluice_test_advance(v->t, 199);
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
		sluice_test_advance(v->t, 1);
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_ANSWERED);
		ck_assert_int_eq(sluice_test_status(x), 429);
		sluice_test_end(x);
	}
	visit_leave(v);
}
END_TEST

START_TEST(a_client_that_goes_away_leaves_the_queue)
{
	struct visit *v =
		visit_policy(NAME, NAME, "{timePeriodInMilliseconds: 5000, queuingLimit: 1}");
	assert_passes(v, 1);
	for (int i = 0; i < 3; i++) {
		struct sluice_test_exchange *x = sent(v);
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
		sluice_test_cancel(x);
		sluice_test_end(x);
	}
	visit_leave(v);
}
END_TEST

START_TEST(a_save_keeps_the_window)
{
	struct visit *v = visit_policy(NAME, NAME, "timePeriodInMilliseconds: 5000");
	assert_passes(v, 1);
	ck_assert_str_eq(sluice_test_rebind(
				 v->t, 0, "{timePeriodInMilliseconds: 5000, exposeHeaders: true}"),
		"");
	assert_passes(v, 0);
	ck_assert_str_eq(sluice_test_rebind(v->t, 0, "timePeriodInMilliseconds: 4000"), "");
	assert_passes(v, 1);
	visit_leave(v);
}
END_TEST

START_TEST(refuses_what_is_no_window)
{
	assert_refused(NAME, NAME, "maximumRequests: 0", "config.maximumRequests", NULL);
	assert_refused(NAME, NAME, "timePeriodInMilliseconds: 5001",
		"config.timePeriodInMilliseconds", NULL);
}
END_TEST

/* With a queue, time may pass until a pause ends, and the window with it. */
static void scenario(void *config)
{
	struct visit *v = visit_try(NAME, NAME, config);
	if (!sluice_test_problems(v->t)[0]) {
		struct sluice_test_exchange *x[3];
		int passed = 0, waits = 0;
		for (size_t i = 0; i < COUNT(x); i++) {
			x[i] = sent(v);
			passed += sluice_test_outcome(x[i]) == SLUICE_TEST_PASSED;
		}
		for (size_t i = 0; i < COUNT(x); i++) {
			waits += sluice_test_outcome(x[i]) == SLUICE_TEST_PAUSED;
			sluice_test_end(x[i]);
		}
		ck_assert_int_le(waits, 1);
		ck_assert(passed <= 1 || strcmp(config, "queuingLimit: 0") != 0);
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	char none[] = "queuingLimit: 0", one[] = "queuingLimit: 1";
	assert_faults(scenario, none);
	assert_faults(scenario, one);
}
END_TEST

UNIT_SUITE(spike_control, in_no_window_more_than_the_maximum_pass,
	a_refusal_is_429_and_tells_when_to_come_back, with_quota_left_the_reset_is_0,
	what_comes_too_fast_waits_and_goes_on, who_has_waited_in_vain_is_refused,
	a_client_that_goes_away_leaves_the_queue, a_save_keeps_the_window,
	refuses_what_is_no_window, never_fails_open)
