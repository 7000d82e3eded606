/* SPDX-License-Identifier: Apache-2.0 */
/* What several workers do with one quota: tests/plugins/test_rate_limiting_workers.c. */
#include "policy.h"

#define NAME "rate-limiting"

/* One request; whether it passed. */
static bool passes(struct visit *v, const char *tenant)
{
	visit_begin(v, "GET", "/");
	if (tenant)
		visit_field(v, REQ, "x-tenant", tenant);
	enum sluice_test_outcome outcome = visit_send(v, NULL);
	ck_assert(outcome == SLUICE_TEST_PASSED || outcome == SLUICE_TEST_ANSWERED);
	return outcome == SLUICE_TEST_PASSED;
}

START_TEST(answers_429_beyond_the_quota)
{
	struct visit *v = visit_policy(
		NAME, NAME, "rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 2500}]");
	ck_assert(passes(v, NULL));
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), "");
	ck_assert(passes(v, NULL));
	ck_assert(!passes(v, NULL));
	visit_assert_answer(v, 429, "rate_limited");
	ck_assert_str_eq(sluice_test_body(v->x, RSP), "{\"error\":\"Quota has been exceeded\"}");
	ck_assert_str_eq(visit_answered(v, "retry-after"), "3");
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), "");
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "rate_limited"), 1);
	sluice_test_advance(v->t, 2500);
	ck_assert(passes(v, NULL));
	visit_leave(v);
}
END_TEST

START_TEST(tells_the_client_what_is_left)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 60000}],"
		" exposeHeaders: true}");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(passes(v, NULL), i == 0);
		if (i == 0)
			ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
		ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), "1");
		ck_assert_str_eq(visit_answered(v, "x-ratelimit-remaining"), "0");
		ck_assert_str_eq(visit_answered(v, "x-ratelimit-reset"), "60000");
	}
	visit_leave(v);
}
END_TEST

START_TEST(a_key_is_case_sensitive_and_may_be_missing)
{
	static const struct {
		const char *tenant;
		bool passes;
	} rows[] = {{"a", true}, {"b", true}, {"a", false}, {"A", true}, {NULL, true},
		{NULL, false}, {"", false}};
	struct visit *v = visit_policy(NAME, NAME,
		"{rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 60000}],"
		" keySelector: \"#[attributes.headers['x-tenant']]\"}");
	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(passes(v, rows[i].tenant) == rows[i].passes, "row %zu", i);
	visit_leave(v);
}
END_TEST

START_TEST(a_key_that_cannot_be_had_fails_closed)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{rateLimits: [{maximumRequests: 9, timePeriodInMilliseconds: 60000}],"
		" keySelector: \"#[attributes.headers]\"}");
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), DENIED);
	visit_leave(v);
}
END_TEST

START_TEST(refuses_what_cannot_be_counted)
{
	static const struct {
		const char *config, *path;
	} rows[] = {
		{"{}", "config"},
		{"rateLimits: []", "config.rateLimits"},
		{"rateLimits: [{maximumRequests: 0, timePeriodInMilliseconds: 1}]",
			"config.rateLimits[0].maximumRequests"},
		{"rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 0}]",
			"config.rateLimits[0].timePeriodInMilliseconds"},
		{"{rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 1}],"
		 " keySelector: \"#[payload]\"}",
			"config.keySelector"},
		{"{rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 1}],"
		 " keySelector: \"#[1 +]\"}",
			"config.keySelector"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_refused(NAME, NAME, rows[i].config, rows[i].path, NULL);
}
END_TEST

START_TEST(refuses_what_does_not_go_with_the_algorithm)
{
	static const struct {
		const char *config, *path;
	} rows[] = {
		{"{rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 1000, burst: 1}]}",
			"config.rateLimits[0].burst"},
		{"{algorithm: gcra, rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: "
		 "1000, burst: 3}]}",
			"config.rateLimits[0].burst"},
		{"{algorithm: slidingWindow, rateLimits: [{maximumRequests: 4294967296, "
		 "timePeriodInMilliseconds: 1000}]}",
			"config.rateLimits[0].maximumRequests"},
		{"{mode: exact, clusterizable: false, rateLimits: [{maximumRequests: 2, "
		 "timePeriodInMilliseconds: 1000}]}",
			"config.mode"},
		{"{mode: leased, algorithm: gcra, rateLimits: [{maximumRequests: 2, "
		 "timePeriodInMilliseconds: 1000}]}",
			"config.mode"},
		{"{mode: leased, rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: "
		 "1000}, "
		 "{maximumRequests: 9, timePeriodInMilliseconds: 9000}]}",
			"config.mode"},
		{"{mode: near, rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 1000}]}",
			"config.mode"},
		{"{algorithm: leaky, rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: "
		 "1000}]}",
			"config.algorithm"},
		{"{rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 1000}], cost: "
		 "\"5\"}",
			"config.cost"},
		{"{rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 1000}], cost: -1}",
			"config.cost"},
		{"{rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 1000}], cost: 1.5}",
			"config.cost"},
		{"{rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 1000}], cost: "
		 "\"#[payload.n]\"}",
			"config.cost"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_refused(NAME, NAME, rows[i].config, rows[i].path, NULL);
}
END_TEST

/* At 900 ms of a period: a fixed window would have all back at 1,000. */
START_TEST(a_sliding_window_knows_no_edge)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{algorithm: slidingWindow, rateLimits: [{maximumRequests: 1, "
		"timePeriodInMilliseconds: 1600}]}");
	ck_assert(passes(v, NULL));
	sluice_test_advance(v->t, 1599);
	ck_assert(!passes(v, NULL));
	sluice_test_advance(v->t, 101);
	ck_assert(passes(v, NULL));
	visit_leave(v);
}
END_TEST

START_TEST(gcra_lets_a_burst_pass_and_then_one_by_one)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{algorithm: gcra, exposeHeaders: true, exposeRateLimitFields: true, rateLimits: "
		"[{maximumRequests: 10, timePeriodInMilliseconds: 10000, burst: 2}]}");
	ck_assert(passes(v, NULL));
	ck_assert(passes(v, NULL));
	ck_assert(!passes(v, NULL));
	ck_assert_str_eq(visit_answered(v, "retry-after"), "1");
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), "2");
	ck_assert_str_eq(visit_answered(v, "ratelimit-policy"), "\"1\";q=2;w=2");
	ck_assert_str_eq(visit_answered(v, "ratelimit"), "\"1\";r=0;t=1");
	sluice_test_advance(v->t, 1000);
	ck_assert(passes(v, NULL));
	ck_assert(!passes(v, NULL));
	visit_leave(v);
}
END_TEST

START_TEST(the_fields_of_the_standard_name_the_limit_that_is_nearest)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{exposeRateLimitFields: true, rateLimits: "
		"[{maximumRequests: 9, timePeriodInMilliseconds: 1500},"
		" {maximumRequests: 3, timePeriodInMilliseconds: 60000}]}");
	ck_assert(passes(v, NULL));
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_str_eq(visit_answered(v, "ratelimit-policy"), "\"1\";q=9, \"2\";q=3;w=60");
	ck_assert_str_eq(visit_answered(v, "ratelimit"), "\"2\";r=2;t=60");
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), "");
	visit_leave(v);
}
END_TEST

/* Sent with a cost; whether it passed. */
static bool passes_for(struct visit *v, const char *cost)
{
	visit_begin(v, "GET", "/");
	if (cost)
		visit_field(v, REQ, "x-cost", cost);
	return visit_send(v, NULL) == SLUICE_TEST_PASSED;
}

START_TEST(a_request_takes_what_it_costs)
{
	static const struct {
		const char *cost;
		bool passes;
	} rows[] = {{"6", true}, {"5", false}, {"4", true}, {"1", false}, {"0", true}};
	struct visit *v = visit_policy(NAME, NAME,
		"{rateLimits: [{maximumRequests: 10, timePeriodInMilliseconds: 60000}],"
		" cost: \"#[attributes.headers['x-cost'] as Number]\"}");
	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(passes_for(v, rows[i].cost) == rows[i].passes, "row %zu", i);
	visit_leave(v);
}
END_TEST

START_TEST(a_cost_that_is_none_fails_closed)
{
	static const char *const rows[] = {NULL, "-1", "1.5", "1e17", "many"};
	struct visit *v = visit_policy(NAME, NAME,
		"{rateLimits: [{maximumRequests: 10, timePeriodInMilliseconds: 60000}],"
		" cost: \"#[attributes.headers['x-cost'] as Number]\"}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		visit_begin(v, "GET", "/");
		if (rows[i])
			visit_field(v, REQ, "x-cost", rows[i]);
		ck_assert_int_eq(visit_send(v, NULL), DENIED);
	}
	visit_leave(v);
}
END_TEST

START_TEST(what_is_only_reported_passes)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 60000}],"
		" reportOnly: true, exposeHeaders: true}");
	for (int i = 0; i < 3; i++) {
		ck_assert(passes(v, NULL));
		ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
		ck_assert_str_eq(visit_answered(v, "x-ratelimit-remaining"), "0");
	}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "rate_limit_reported"), 2);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "rate_limited"), 0);
	visit_leave(v);
}
END_TEST

/* What was used up stays so, and what changed counts from the next request on. */
START_TEST(a_save_keeps_what_was_counted)
{
	struct visit *v = visit_policy(
		NAME, NAME, "rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 60000}]");
	ck_assert(passes(v, NULL));
	ck_assert(passes(v, NULL));
	ck_assert(!passes(v, NULL));
	ck_assert_str_eq(sluice_test_rebind(v->t, 0,
				 "{rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: "
				 "60000}], exposeHeaders: true}"),
		"");
	ck_assert(!passes(v, NULL));
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-remaining"), "0");
	visit_leave(v);
}
END_TEST

/* Of one in a window the second never passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME,
		"{rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 60000}],"
		" keySelector: \"#[attributes.headers['x-tenant']]\"}");
	int passed = 0;
	for (int i = 0; i < 2 && !sluice_test_problems(v->t)[0]; i++) {
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "x-tenant", "a");
		passed += visit_send(v, NULL) == SLUICE_TEST_PASSED;
	}
	ck_assert_int_le(passed, 1);
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(rate_limiting, answers_429_beyond_the_quota, tells_the_client_what_is_left,
	a_key_is_case_sensitive_and_may_be_missing, a_key_that_cannot_be_had_fails_closed,
	refuses_what_cannot_be_counted, refuses_what_does_not_go_with_the_algorithm,
	a_sliding_window_knows_no_edge, gcra_lets_a_burst_pass_and_then_one_by_one,
	the_fields_of_the_standard_name_the_limit_that_is_nearest, a_request_takes_what_it_costs,
	a_cost_that_is_none_fails_closed, what_is_only_reported_passes,
	a_save_keeps_what_was_counted, never_fails_open)
