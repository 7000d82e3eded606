/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#define REQ CHAIN_REQUEST

static struct rig *guarded(void)
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_plugin(r, PLUGINS "/http-basic-authentication.so"),
		"http-basic-authentication", "{\"username\":\"ann\",\"password\":\"s3:cret\"}");
	return r;
}

static enum chain_result ask(struct visit *v, const char *authorization)
{
	visit_begin(v);
	if (authorization)
		visit_field(v, REQ, "Authorization", authorization);
	return chain_step(&v->x, REQ);
}

START_TEST(lets_the_one_user_pass)
{
	static const char *const rows[] = {
		"Basic YW5uOnMzOmNyZXQ=", "basic YW5uOnMzOmNyZXQ=", "BASIC   YW5uOnMzOmNyZXQ="};
	struct rig *r = guarded();
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(ask(v, rows[i]), CHAIN_MORE);
		assert_str(v->x.principal, "ann");
	}
	visit_free(v);
	rig_free(r);
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
	struct rig *r = guarded();
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(ask(v, rows[i]) == CHAIN_RESPONDED, "row %zu", i);
		ck_assert_uint_eq(v->x.local->head.status, 401);
		ck_assert_uint_eq(v->x.principal.n, 0);
		ck_assert_int_eq(visit_answer(v), CHAIN_DONE);
		ck_assert(str_starts(visit_answered(v, "www-authenticate"), STR("Basic realm=\"")));
		assert_str(visit_answered(v, "content-type"), "application/json; charset=UTF-8");
	}
	ck_assert_uint_eq(
		rig_counter(r, "authentication_failures", 0), sizeof(rows) / sizeof(rows[0]));
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(two_credentials_are_none)
{
	struct rig *r = guarded();
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	visit_field(v, REQ, "Authorization", "Basic YW5uOnMzOmNyZXQ=");
	visit_field(v, REQ, "Authorization", "Basic YW5uOnMzOmNyZXQ=");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_RESPONDED);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(a_user_name_cannot_hold_a_colon)
{
	static const char *const rows[] = {"{\"username\":\"a:b\",\"password\":\"x\"}",
		"{\"username\":\"\",\"password\":\"x\"}", "{\"password\":\"x\"}"};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/http-basic-authentication.so");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_ptr_null(rig_try_bind(r, p, "http-basic-authentication", rows[i]));
	ck_assert_uint_eq(r->diagnostics.count, 3);
	ck_assert_str_eq(r->diagnostics.items[0].path, "config.username");
	rig_free(r);
}
END_TEST

UNIT_SUITE(http_basic_authentication, lets_the_one_user_pass, asks_everybody_else_for_a_password,
	two_credentials_are_none, a_user_name_cannot_hold_a_colon)
