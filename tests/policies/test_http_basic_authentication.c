/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME   "http-basic-authentication"
#define CONFIG "{username: ann, password: \"s3:cret\"}"

static enum sluice_test_outcome ask(struct visit *v, const char *authorization)
{
	visit_begin(v, "GET", "/");
	if (authorization)
		visit_field(v, REQ, "Authorization", authorization);
	return visit_send(v, NULL);
}

START_TEST(lets_the_one_user_pass)
{
	static const char *const rows[] = {
		"Basic YW5uOnMzOmNyZXQ=", "basic YW5uOnMzOmNyZXQ=", "BASIC   YW5uOnMzOmNyZXQ="};
	struct visit *v = visit_policy(NAME, NAME, CONFIG);
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(ask(v, rows[i]), PASSED);
		ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "ann");
	}
	visit_leave(v);
}
END_TEST

START_TEST(asks_everybody_else_for_a_password)
{
	static const char *const rows[] = {
		NULL,
		"",
		"Basic",
		"Basic YW5uOnMzOmNyZXQ",    /* no padding */
		"Basic YW5uOnMzOmNyZXQ= x", /* more behind it */
		"Basic YW5uOnMzOmNyZXR4",   /* ann:s3:cretx */
		"Basic YW5uOnMzOmNyZQ==",   /* ann:s3:cre */
		"Basic Ym9iOnMzOmNyZXQ=",   /* bob:s3:cret */
		"Basic YW5u",               /* ann */
		"Basic Og==",               /* : */
		"Basic OnMzOmNyZXQ=",       /* :s3:cret */
		"Basic %%%%",
		"Bearer YW5uOnMzOmNyZXQ=",
		"BasicYW5uOnMzOmNyZXQ=",
	};
	struct visit *v = visit_policy(NAME, NAME, CONFIG);
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_msg(ask(v, rows[i]) == SLUICE_TEST_ANSWERED, "row %zu", i);
		ck_assert_int_eq(sluice_test_status(v->x), 401);
		ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "");
		ck_assert_int_eq(
			strncmp(visit_answered(v, "www-authenticate"), "Basic realm=\"", 13), 0);
		ck_assert_str_eq(
			visit_answered(v, "content-type"), "application/json; charset=UTF-8");
	}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "authentication_failures"), COUNT(rows));
	visit_leave(v);
}
END_TEST

START_TEST(two_credentials_are_none)
{
	struct visit *v = visit_policy(NAME, NAME, CONFIG);
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "Authorization", "Basic YW5uOnMzOmNyZXQ=");
	visit_field(v, REQ, "Authorization", "Basic YW5uOnMzOmNyZXQ=");
	ck_assert_int_eq(visit_send(v, NULL), ANSWERED);
	visit_leave(v);
}
END_TEST

START_TEST(a_user_name_cannot_hold_a_colon)
{
	assert_refused(NAME, NAME, "{username: \"a:b\", password: x}", "config.username", NULL);
	assert_refused(NAME, NAME, "{username: \"\", password: x}", "config.username", NULL);
	assert_refused(NAME, NAME, "{password: x}", "config", "\"username\"");
}
END_TEST

/* A wrong password never passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME, CONFIG);
	if (!sluice_test_problems(v->t)[0]) {
		ck_assert_int_ne(ask(v, "Basic YW5uOnMzOmNyZQ=="), PASSED);
		ck_assert_int_ne(ask(v, NULL), PASSED);
		ask(v, "Basic YW5uOnMzOmNyZXQ=");
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(http_basic_authentication, lets_the_one_user_pass, asks_everybody_else_for_a_password,
	two_credentials_are_none, a_user_name_cannot_hold_a_colon, never_fails_open)
