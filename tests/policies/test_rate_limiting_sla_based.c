/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME "rate-limiting-sla-based"
#define TWO_WINDOWS                                                                                \
	"{id: '7', name: gold, limits: ["                                                          \
	"{maximumRequests: 2, timePeriodInMilliseconds: 1000},"                                    \
	"{maximumRequests: 3, timePeriodInMilliseconds: 5000}]}"

static struct visit *guarded(const char *config)
{
	struct visit *v = visit_try(NAME, NAME, config);
	sluice_test_contract(v->t, "{id: shop, secret: s}", TWO_WINDOWS);
	sluice_test_contract(v->t, "{id: till, secret: t}", TWO_WINDOWS);
	sluice_test_contract(v->t, "{id: free}", NULL);
	ck_assert_str_eq(sluice_test_problems(v->t), "");
	return v;
}

/* One request; its outcome once stores have answered. */
static enum sluice_test_outcome ask(struct visit *v, const char *id)
{
	visit_begin(v, "GET", "/");
	if (id)
		visit_field(v, REQ, "client_id", id);
	visit_field(v, REQ, "client_secret", "s");
	visit_send(v, NULL);
	if (sluice_test_outcome(v->x) == SLUICE_TEST_PAUSED)
		sluice_test_advance(v->t, 0);
	return sluice_test_outcome(v->x);
}

static void assert_rows_in_every_window(enum sluice_test_store how)
{
	static const struct {
		const char *id;
		int64_t after_ms;
		int passes;
	} rows[] = {
		{"shop", 0, 1},
		{"shop", 0, 1},
		{"shop", 0, 0}, /* of the first window; the second has counted 2 */
		{"till", 0, 1},
		{"free", 0, 1},
		{"free", 0, 1},
		{"shop", 1000, 1}, /* 3 in the second */
		{"shop", 0, 0},
		{"shop", 0, 0},
		{"shop", 3999, 0}, /* refusals have counted in none */
		{"shop", 1, 1},
		{"shop", 0, 1},
		{"shop", 0, 0},
	};
	struct visit *v = guarded("{}");
	ck_assert_str_eq(sluice_test_problems(v->t), "");
	sluice_test_store(v->t, how);
	for (size_t i = 0; i < COUNT(rows); i++) {
		sluice_test_advance(v->t, rows[i].after_ms);
		enum sluice_test_outcome outcome = ask(v, rows[i].id);
		ck_assert_msg((outcome == SLUICE_TEST_PASSED) == rows[i].passes, "row %zu", i);
		if (!rows[i].passes)
			visit_assert_answer(v, 429, "rate_limited");
	}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "sla_rate_limited"), 5);
	visit_leave(v);
}

START_TEST(every_window_of_the_tier_counts)
{
	assert_rows_in_every_window(SLUICE_TEST_STORE_AT_ONCE);
}
END_TEST

START_TEST(a_store_elsewhere_counts_the_same)
{
	assert_rows_in_every_window(SLUICE_TEST_STORE_LATE);
}
END_TEST

/* A store in memory is gone, too. */
START_TEST(a_store_that_is_gone_lets_nobody_pass)
{
	static const char *const configs[] = {
		"{}", "{onStoreError: deny}", "{onStoreError: local}"};
	for (size_t i = 0; i < COUNT(configs); i++) {
		struct visit *v = guarded(configs[i]);
		sluice_test_store(v->t, SLUICE_TEST_STORE_GONE);
		ck_assert_int_eq(ask(v, "shop"), ANSWERED);
		visit_assert_answer(v, 503, "quota_unknown");
		ck_assert_int_eq(ask(v, "nobody"), ANSWERED);
		visit_assert_answer(v, 401, "client_unknown");
		ck_assert_uint_eq(sluice_test_counter(v->t, 0, "sla_undecided"), 1);
		visit_leave(v);
	}
}
END_TEST

START_TEST(who_cannot_be_counted_may_pass)
{
	struct visit *v = guarded("{onStoreError: allow, exposeHeaders: true}");
	sluice_test_store(v->t, SLUICE_TEST_STORE_GONE);
	ck_assert_int_eq(ask(v, "shop"), PASSED);
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), "");
	visit_leave(v);
}
END_TEST

START_TEST(too_many_limits_let_nobody_pass_and_the_log_says_so)
{
	char sla[2048];
	size_t n = (size_t)snprintf(sla, sizeof(sla), "{name: gold, limits: [");
	for (int i = 0; i < 17; i++)
		n += (size_t)snprintf(sla + n, sizeof(sla) - n,
			"{maximumRequests: 9, timePeriodInMilliseconds: %d},", 1000 + i);
	snprintf(sla + n, sizeof(sla) - n, "]}");
	struct visit *v = visit_try(NAME, NAME, "{}");
	sluice_test_contract(v->t, "{id: shop}", sla);
	ck_assert_int_eq(ask(v, "shop"), DENIED);
	ck_assert_ptr_nonnull(strstr(sluice_test_log(v->t), "more than 16 limits"));
	visit_leave(v);
}
END_TEST

START_TEST(the_window_that_is_nearest_is_told)
{
	static const struct {
		const char *limit, *remaining, *reset;
	} rows[] = {{"2", "1", "1000"}, {"2", "0", "1000"}, {"2", "0", "1000"}};
	struct visit *v = guarded("exposeHeaders: true");
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (ask(v, "shop") == SLUICE_TEST_PASSED)
			ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
		else
			ck_assert_str_eq(visit_answered(v, "retry-after"), "1");
		ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), rows[i].limit);
		ck_assert_str_eq(visit_answered(v, "x-ratelimit-remaining"), rows[i].remaining);
		ck_assert_str_eq(visit_answered(v, "x-ratelimit-reset"), rows[i].reset);
	}
	ck_assert_int_eq(ask(v, "free"), PASSED);
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_str_eq(visit_answered(v, "x-ratelimit-limit"), "");
	visit_leave(v);
}
END_TEST

START_TEST(who_has_no_contract_is_401)
{
	struct visit *v =
		guarded("clientSecretExpression: \"#[attributes.headers['client_secret']]\"");
	static const char *const ids[] = {"nobody", "till", "free", NULL};
	for (size_t i = 0; i < COUNT(ids); i++) {
		ck_assert_int_eq(ask(v, ids[i]), ANSWERED);
		visit_assert_answer(v, 401, "client_unknown");
		ck_assert_str_eq(visit_answered(v, "www-authenticate"), "Client-ID-Enforcement");
	}
	ck_assert_int_eq(ask(v, "shop"), PASSED);
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_ID), "shop");
	ck_assert_str_eq(sluice_test_property(v->x, "slaTierName"), "gold");
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "sla_client_unknown"), 4);
	visit_leave(v);
}
END_TEST

START_TEST(an_expression_that_fails_is_500)
{
	struct visit *v = guarded("clientIdExpression: \"#[attributes.headers]\"");
	ck_assert_int_eq(ask(v, "shop"), ANSWERED);
	visit_assert_answer(v, 500, "client_expression_failed");
	visit_leave(v);
}
END_TEST

START_TEST(a_save_keeps_what_was_counted)
{
	struct visit *v = guarded("{}");
	ck_assert_int_eq(ask(v, "shop"), PASSED);
	ck_assert_int_eq(ask(v, "shop"), PASSED);
	ck_assert_str_eq(sluice_test_rebind(v->t, 0, "exposeHeaders: true"), "");
	ck_assert_int_eq(ask(v, "shop"), ANSWERED);
	visit_leave(v);
}
END_TEST

START_TEST(refuses_what_tells_no_client_from_another)
{
	assert_refused(NAME, NAME, "clientIdExpression: shop", "config.clientIdExpression", NULL);
	assert_refused(NAME, NAME, "rateLimits: []", "config.rateLimits", NULL);
}
END_TEST

static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME, "exposeHeaders: true");
	sluice_test_contract(v->t, "{id: shop}",
		"{name: gold, limits: [{maximumRequests: 1, timePeriodInMilliseconds: 3600000}]}");
	if (!sluice_test_problems(v->t)[0]) {
		ck_assert_int_ne(ask(v, "nobody"), PASSED);
		int passed = 0;
		for (int i = 0; i < 3; i++)
			passed += ask(v, "shop") == SLUICE_TEST_PASSED;
		ck_assert_int_le(passed, 1);
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(rate_limiting_sla_based, every_window_of_the_tier_counts,
	a_store_elsewhere_counts_the_same, a_store_that_is_gone_lets_nobody_pass,
	who_cannot_be_counted_may_pass, too_many_limits_let_nobody_pass_and_the_log_says_so,
	the_window_that_is_nearest_is_told, who_has_no_contract_is_401,
	an_expression_that_fails_is_500, a_save_keeps_what_was_counted,
	refuses_what_tells_no_client_from_another, never_fails_open)
