/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME  "client-id-enforcement"
#define BASIC "credentialsOriginHasHttpBasicAuthenticationHeader: httpBasicAuthenticationHeader"
#define BOTH  "clientSecretExpression: \"#[attributes.headers['client_secret']]\""

/* With three clients: one of a tier and without a name, one without a secret. */
static struct visit *guarded(const char *config)
{
	struct visit *v = visit_try(NAME, NAME, config);
	sluice_test_contract(v->t, "{id: shop, name: The shop, secret: open:sesame}", NULL);
	sluice_test_contract(v->t, "{id: till, secret: t}",
		"{id: '7', name: gold, limits: [{maximumRequests: 1, timePeriodInMilliseconds: "
		"9}]}");
	sluice_test_contract(v->t, "{id: open, name: Open}", NULL);
	ck_assert_str_eq(sluice_test_problems(v->t), "");
	return v;
}

static enum sluice_test_outcome ask(struct visit *v, const char *id, const char *secret)
{
	visit_begin(v, "GET", "/");
	if (id)
		visit_field(v, REQ, "client_id", id);
	if (secret)
		visit_field(v, REQ, "client_secret", secret);
	return visit_send(v, NULL);
}

static void assert_refused_as(struct visit *v, const char *challenge)
{
	visit_assert_answer(v, 401, "client_unknown");
	ck_assert_str_eq(
		sluice_test_body(v->x, RSP), "{\"error\":\"Invalid client id or secret\"}");
	ck_assert_str_eq(visit_answered(v, "www-authenticate"), challenge);
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_ID), "");
}

START_TEST(an_id_is_enough_where_no_secret_is_asked_for)
{
	static const struct {
		const char *id, *name;
	} rows[] = {
		{"shop", "The shop"}, {"open", "Open"}, {"SHOP", NULL}, {"", NULL}, {NULL, NULL}};
	struct visit *v = guarded("{}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum sluice_test_outcome outcome = ask(v, rows[i].id, NULL);
		ck_assert_msg((outcome == SLUICE_TEST_PASSED) == (rows[i].name != 0), "row %zu", i);
		if (!rows[i].name) {
			assert_refused_as(v, "Client-ID-Enforcement");
			continue;
		}
		ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_ID), rows[i].id);
		ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_NAME), rows[i].name);
	}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "client_id_refused"), 3);
	visit_leave(v);
}
END_TEST

START_TEST(a_secret_has_to_be_the_clients)
{
	static const struct {
		const char *id, *secret;
		int passes;
	} rows[] = {
		{"shop", "open:sesame", 1},
		{"till", "t", 1},
		{"shop", "t", 0},
		{"shop", "", 0},
		{"shop", NULL, 0},
		{"nobody", "t", 0},
		{"open", "", 0}, /* it has none to give */
		{"open", NULL, 0},
		{NULL, "t", 0},
	};
	struct visit *v = guarded(BOTH);
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum sluice_test_outcome outcome = ask(v, rows[i].id, rows[i].secret);
		ck_assert_msg(
			(outcome == SLUICE_TEST_PASSED) == (rows[i].passes != 0), "row %zu", i);
		if (!rows[i].passes)
			assert_refused_as(v, "Client-ID-Enforcement");
	}
	visit_leave(v);
}
END_TEST

START_TEST(basic_credentials_are_id_and_secret)
{
	static const struct {
		const char *field;
		int passes;
	} rows[] = {
		{"Basic c2hvcDpvcGVuOnNlc2FtZQ==", 1}, /* shop:open:sesame */
		{"bAsIc   dGlsbDp0", 1},               /* till:t */
		{"Basic dGlsbDpU", 0},                 /* till:T */
		{"Basic b3Blbjo=", 0},                 /* open: */
		{"Basic dGlsbA==", 0},                 /* till */
		{"Basic OnQ=", 0},                     /* :t */
		{"Basic dGlsbDp0=", 0},
		{"Basic dGlsbDp0 x", 0},
		{"Basic", 0},
		{"Bearer dGlsbDp0", 0},
		{"BasicdGlsbDp0", 0},
	};
	struct visit *v = guarded(BASIC);
	for (size_t i = 0; i < COUNT(rows); i++) {
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "authorization", rows[i].field);
		enum sluice_test_outcome outcome = visit_send(v, NULL);
		ck_assert_msg(
			(outcome == SLUICE_TEST_PASSED) == (rows[i].passes != 0), "row %zu", i);
		if (!rows[i].passes)
			assert_refused_as(v, "Basic realm=\"sluice\", charset=\"UTF-8\"");
	}
	visit_leave(v);
}
END_TEST

START_TEST(of_two_authorization_fields_neither_counts)
{
	struct visit *v = guarded(BASIC);
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "authorization", "Basic dGlsbDp0");
	visit_field(v, REQ, "authorization", "Basic dGlsbDp0");
	ck_assert_int_eq(visit_send(v, NULL), ANSWERED);
	visit_assert_answer(v, 401, "client_unknown");
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), ANSWERED);
	visit_assert_answer(v, 401, "client_unknown");
	visit_leave(v);
}
END_TEST

START_TEST(later_policies_learn_the_tier)
{
	struct visit *v = guarded("{}");
	ck_assert_int_eq(ask(v, "till", NULL), PASSED);
	ck_assert_str_eq(sluice_test_property(v->x, "slaTierId"), "7");
	ck_assert_str_eq(sluice_test_property(v->x, "slaTierName"), "gold");
	ck_assert_int_eq(ask(v, "shop", NULL), PASSED);
	ck_assert_ptr_null(sluice_test_property(v->x, "slaTierId"));
	visit_leave(v);
}
END_TEST

START_TEST(an_expression_that_fails_is_500)
{
	static const char *const configs[] = {"clientIdExpression: \"#[attributes.headers]\"",
		"clientSecretExpression: \"#[attributes.headers]\""};
	for (size_t i = 0; i < COUNT(configs); i++) {
		struct visit *v = guarded(configs[i]);
		ck_assert_int_eq(ask(v, "shop", "open:sesame"), ANSWERED);
		visit_assert_answer(v, 500, "client_expression_failed");
		visit_leave(v);
	}
}
END_TEST

START_TEST(refuses_what_tells_no_client_from_another)
{
	assert_refused(NAME, NAME, "clientIdExpression: shop", "config.clientIdExpression", NULL);
	assert_refused(NAME, NAME, "clientIdExpression: \"#[payload]\"",
		"config.clientIdExpression", "payload");
	assert_refused(NAME, NAME, "clientSecretExpression: \"#[1 +]\"",
		"config.clientSecretExpression", NULL);
	assert_refused(NAME, NAME, "clientSecretExpression: secret",
		"config.clientSecretExpression", "every request");
	assert_refused(NAME, NAME, "credentialsOriginHasHttpBasicAuthenticationHeader: basic",
		"config.credentialsOriginHasHttpBasicAuthenticationHeader", NULL);
}
END_TEST

/* By a wrong secret nobody passes. */
static void scenario(void *config)
{
	struct visit *v = visit_try(NAME, NAME, config);
	sluice_test_contract(v->t, "{id: till, secret: t}", "{id: '7', name: gold}");
	if (!sluice_test_problems(v->t)[0]) {
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "authorization", "Basic dGlsbDpU");
		visit_field(v, REQ, "client_id", "till");
		visit_field(v, REQ, "client_secret", "T");
		ck_assert_int_ne(visit_send(v, NULL), PASSED);
		ask(v, "till", "t");
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	char basic[] = BASIC, both[] = BOTH;
	assert_faults(scenario, basic);
	assert_faults(scenario, both);
}
END_TEST

UNIT_SUITE(client_id_enforcement, an_id_is_enough_where_no_secret_is_asked_for,
	a_secret_has_to_be_the_clients, basic_credentials_are_id_and_secret,
	of_two_authorization_fields_neither_counts, later_policies_learn_the_tier,
	an_expression_that_fails_is_500, refuses_what_tells_no_client_from_another,
	never_fails_open)
