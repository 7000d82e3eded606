/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define PLUGIN "oauth2-token-introspection"
#define OIDC   "openidconnect-access-token-enforcement"
#define SERVER "introspectionURL: 'http://auth.example:9000/ask', authorizationValue: Bearer me"
#define FREE   ", skipClientIdValidation: true"
#define GOOD   "{\"active\":true,\"sub\":\"ann\",\"client_id\":\"shop\",\"scope\":\"read\"}"

static struct visit *asking(const char *policy, const char *config, int status, const char *answer)
{
	struct visit *v = visit_try(PLUGIN, policy, config);
	if (!sluice_test_problems(v->t)[0])
		sluice_test_upstream(
			v->t, "http://auth.example:9000", "POST", "/ask", status, answer);
	return v;
}

static enum sluice_test_outcome ask(struct visit *v, const char *field)
{
	visit_begin(v, "GET", "/");
	if (field)
		visit_field(v, REQ, "authorization", field);
	enum sluice_test_outcome outcome = visit_send(v, NULL);
	for (int64_t ms = 1; outcome == SLUICE_TEST_PAUSED && ms < 100000; ms *= 10) {
		sluice_test_advance(v->t, ms);
		outcome = sluice_test_outcome(v->x);
	}
	return outcome;
}

START_TEST(an_active_token_tells_who_it_is)
{
	static const char *const policies[] = {PLUGIN, OIDC};
	for (size_t i = 0; i < COUNT(policies); i++) {
		struct visit *v = asking(policies[i], "{" SERVER FREE "}", 200, GOOD);
		for (int k = 0; k < 3; k++)
			ck_assert_int_eq(ask(v, "Bearer t"), PASSED);
		ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "ann");
		ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_ID), "shop");
		ck_assert_str_eq(sluice_test_claim(v->x, "scope"), "\"read\"");
		ck_assert_uint_eq(sluice_test_counter(v->t, 0, "token_remembered"), 2);
		visit_leave(v);
	}
}
END_TEST

START_TEST(an_answer_counts_for_its_time)
{
	static const struct {
		const char *policy, *config, *answer;
		int64_t s;
	} rows[] = {
		{PLUGIN, "{" SERVER FREE ", validatedTokenTTL: 30}", GOOD, 30},
		{PLUGIN, "{" SERVER FREE "}", GOOD, 600},
		{OIDC, "{" SERVER "}", GOOD, 600},
		{OIDC, "{" SERVER ", maxFederationExpirationTime: 60}", GOOD, 60},
		/* the harness begins at 1,700,000,000 s */
		{OIDC, "{" SERVER "}", "{\"active\":true,\"exp\":1700007000}", 7000},
		{PLUGIN, "{" SERVER FREE "}", "{\"active\":true,\"exp\":1700007000}", 600},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = asking(rows[i].policy, rows[i].config, 200, rows[i].answer);
		ck_assert_int_eq(ask(v, "Bearer t"), PASSED);
		sluice_test_advance(v->t, rows[i].s * 1000 - 2000);
		ck_assert_int_eq(ask(v, "Bearer t"), PASSED);
		ck_assert_msg(sluice_test_counter(v->t, 0, "token_remembered") == 1, "row %zu", i);
		sluice_test_advance(v->t, 3000);
		ask(v, "Bearer t");
		ck_assert_msg(sluice_test_counter(v->t, 0, "token_remembered") == 1, "row %zu", i);
		visit_leave(v);
	}
}
END_TEST

START_TEST(whoever_has_no_such_token_is_refused)
{
	static const struct {
		const char *field, *answer;
		int status;
		const char *reason;
	} rows[] = {
		{NULL, GOOD, 401, "token_missing"},
		{"Basic YTpi", GOOD, 401, "token_missing"},
		{"Bearer a b", GOOD, 400, "token_unreadable"},
		{"Bearer \"a\"", GOOD, 400, "token_unreadable"},
		{"Bearer t", "{\"active\":false}", 401, "token_inactive"},
		{"Bearer t", "{\"active\":true,\"exp\":1600000000}", 401, "token_inactive"},
		{"Bearer t", "{\"active\":true,\"exp\":\"never\"}", 401, "token_inactive"},
		{"Bearer t", "{\"active\":1}", 500, "token_server_answer"},
		{"Bearer t", "", 500, "token_server_answer"},
		{"Bearer t", "{\"active\":true,\"scope\":\"write\"}", 403, "token_scopes"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v =
			asking(PLUGIN, "{" SERVER FREE ", scopes: read}", 200, rows[i].answer);
		ck_assert_msg(ask(v, rows[i].field) == SLUICE_TEST_ANSWERED, "row %zu", i);
		visit_assert_answer(v, rows[i].status, rows[i].reason);
		ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "");
		ck_assert_uint_eq(sluice_test_counter(v->t, 0, "token_refused"), 1);
		visit_leave(v);
	}
}
END_TEST

START_TEST(a_server_that_is_away_is_503)
{
	static const enum sluice_test_failure rows[] = {
		SLUICE_TEST_REFUSED, SLUICE_TEST_SILENT, SLUICE_TEST_CUT_OFF};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = visit_policy(PLUGIN, PLUGIN, "{" SERVER FREE "}");
		sluice_test_upstream_fails(sluice_test_upstream(v->t, "http://auth.example:9000",
						   NULL, NULL, 200, GOOD),
			rows[i]);
		ck_assert_msg(ask(v, "Bearer t") == SLUICE_TEST_ANSWERED, "row %zu", i);
		visit_assert_answer(v, 503, "token_server_unavailable");
		visit_leave(v);
	}
}
END_TEST

START_TEST(mistakes_are_told_at_their_place)
{
	static const struct {
		const char *config, *path;
	} rows[] = {
		{"{authorizationValue: x}", "config"},
		{"{introspectionURL: 'http://auth.example'}", "config"},
		{"{introspectionURL: '', authorizationValue: x}", "config.introspectionURL"},
		{"{introspectionURL: 'http://auth.example', authorizationValue: \"a\\r\\nb: c\"}",
			"config.authorizationValue"},
		{"{" SERVER ", consumerBy: sub}", "config.consumerBy"},
		{"{" SERVER ", validatedTokenTTL: -1}", "config.validatedTokenTTL"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_refused(PLUGIN, PLUGIN, rows[i].config, rows[i].path, NULL);
}
END_TEST

/* A token that is not active never passes. */
static void scenario(void *arg)
{
	struct visit *v = asking(PLUGIN, "{" SERVER FREE ", exposeHeaders: true}", 200, arg);
	if (!sluice_test_problems(v->t)[0]) {
		enum sluice_test_outcome outcome = ask(v, "Bearer t");
		ck_assert_int_ne(ask(v, NULL), PASSED);
		if (strstr(arg, "false"))
			ck_assert_int_ne(outcome, PASSED);
		ask(v, "Bearer t");
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	char good[] = GOOD, bad[] = "{\"active\":false}";
	assert_faults(scenario, good);
	assert_faults(scenario, bad);
}
END_TEST

UNIT_SUITE(token_introspection, an_active_token_tells_who_it_is, an_answer_counts_for_its_time,
	whoever_has_no_such_token_is_refused, a_server_that_is_away_is_503,
	mistakes_are_told_at_their_place, never_fails_open)
