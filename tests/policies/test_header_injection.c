/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME "header-injection"

START_TEST(sets_fields_both_ways)
{
	struct visit *v = visit_policy(NAME, NAME,
		"inboundHeaders:\n"
		"  - {key: x-in, value: \"#[attributes.method]\"}\n"
		"  - {key: x-fixed, value: \"yes\"}\n"
		"  - {key: x-n, value: 7}\n"
		"outboundHeaders: [{key: x-out, value: \"#[attributes.statusCode]\"}]\n");
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_str_eq(visit_sent(v, "x-in"), "GET");
	ck_assert_str_eq(visit_sent(v, "x-fixed"), "yes");
	ck_assert_str_eq(visit_sent(v, "x-n"), "7");
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_str_eq(visit_answered(v, "x-out"), "200");
	visit_leave(v);
}
END_TEST

START_TEST(what_a_client_sent_under_the_name_is_gone)
{
	struct visit *v = visit_policy(NAME, NAME,
		"inboundHeaders: [{key: X-Role, value: user}, {key: x-gone, value: null},"
		" {key: x-role, value: guest}]");
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "x-role", "admin");
	visit_field(v, REQ, "x-role", "root");
	visit_field(v, REQ, "x-gone", "1");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_uint_eq(sluice_test_field_count(v->x, REQ, "x-role"), 2);
	ck_assert_str_eq(sluice_test_field_at(v->x, REQ, "x-role", 0), "user");
	ck_assert_str_eq(sluice_test_field_at(v->x, REQ, "x-role", 1), "guest");
	ck_assert_ptr_null(sluice_test_field(v->x, REQ, "x-gone"));
	visit_leave(v);
}
END_TEST

START_TEST(a_value_that_cannot_be_had_is_500)
{
	static const char *const rows[] = {
		"inboundHeaders: [{key: x-a, value: \"#[attributes.headers]\"}]",
		"inboundHeaders: [{key: x-a, value: \"#[' a']\"}]",
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = visit_policy(NAME, NAME, rows[i]);
		visit_begin(v, "GET", "/");
		visit_send(v, NULL);
		visit_assert_answer(v, 500, "header_injection_failed");
		visit_leave(v);
	}
}
END_TEST

START_TEST(refuses_fields_that_are_none_or_the_gateways)
{
	static const struct {
		const char *config, *path;
	} rows[] = {
		{"inboundHeaders: [{key: x a, value: \"1\"}]", "config.inboundHeaders[0].key"},
		{"inboundHeaders: [{key: \"\", value: \"1\"}]", "config.inboundHeaders[0].key"},
		{"inboundHeaders: [{key: x-a, value: \"a\\nb\"}]",
			"config.inboundHeaders[0].value"},
		{"inboundHeaders: [{key: Content-Length, value: \"1\"}]",
			"config.inboundHeaders[0].key"},
		{"outboundHeaders: [{key: Connection, value: \"1\"}]",
			"config.outboundHeaders[0].key"},
		{"outboundHeaders: [{key: x-a, value: \"#[payload]\"}]",
			"config.outboundHeaders[0].value"},
		{"outboundHeaders: [{key: x-a, value: \"#[nonsense(]\"}]",
			"config.outboundHeaders[0].value"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_refused(NAME, NAME, rows[i].config, rows[i].path, NULL);
}
END_TEST

/* What the client sent under the name never passes as if the gateway had. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME,
		"inboundHeaders: [{key: x-role, value: \"#['user ' ++ attributes.method]\"}]");
	if (!sluice_test_problems(v->t)[0]) {
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "x-role", "admin");
		if (visit_send(v, NULL) == SLUICE_TEST_PASSED)
			ck_assert_str_eq(visit_sent(v, "x-role"), "user GET");
	}
	visit_leave(v);
}

START_TEST(whatever_fails_a_clients_value_does_not_stand)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(header_injection, sets_fields_both_ways, what_a_client_sent_under_the_name_is_gone,
	a_value_that_cannot_be_had_is_500, refuses_fields_that_are_none_or_the_gateways,
	whatever_fails_a_clients_value_does_not_stand)
