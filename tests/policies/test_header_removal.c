/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME "header-removal"

START_TEST(removes_names_both_ways)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{inboundHeaders: [Authorization, x_a], outboundHeaders: [SERVER, x-not-there]}");
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "authorization", "secret");
	visit_field(v, REQ, "X_A", "1");
	visit_field(v, REQ, "x_a", "2");
	visit_field(v, REQ, "Server", "stays");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_uint_eq(sluice_test_field_count(v->x, REQ, ""), 1);
	ck_assert_str_eq(visit_sent(v, "server"), "stays");
	visit_field(v, RSP, "Server", "gone");
	visit_field(v, RSP, "Authorization", "stays");
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_uint_eq(sluice_test_field_count(v->x, RSP, ""), 1);
	ck_assert_str_eq(visit_answered(v, "authorization"), "stays");
	visit_leave(v);
}
END_TEST

START_TEST(patterns_match_whole_names_without_case)
{
	static const char *const names[] = {"X-Internal-User", "x-internal-", "x-internal",
		"not-x-internal-a", "A", "b", "ab", "X-INTERNAL-USER"};
	struct visit *v =
		visit_policy(NAME, NAME, "{inboundHeaders: [\"x-internal-.*\", \"a|b\"]}");
	visit_begin(v, "GET", "/");
	for (size_t i = 0; i < COUNT(names); i++)
		visit_field(v, REQ, names[i], "1");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_uint_eq(sluice_test_field_count(v->x, REQ, ""), 3);
	ck_assert_str_eq(visit_sent(v, "x-internal"), "1");
	ck_assert_str_eq(visit_sent(v, "not-x-internal-a"), "1");
	ck_assert_str_eq(visit_sent(v, "ab"), "1");
	visit_leave(v);
}
END_TEST

/* The framing ones do not stand among the fields at all. */
START_TEST(a_pattern_passes_over_what_is_protected)
{
	static const char *const kept[] = {"Accept", "Content-Type", "Date"};
	struct visit *v =
		visit_policy(NAME, NAME, "{inboundHeaders: [\".*\"], outboundHeaders: [\".+\"]}");
	visit_begin(v, "GET", "/");
	for (int side = REQ; side <= RSP; side++) {
		visit_field(v, (enum sluice_side)side, "X-A", "1");
		for (size_t i = 0; i < COUNT(kept); i++)
			visit_field(v, (enum sluice_side)side, kept[i], "1");
		visit_field(v, (enum sluice_side)side, "Z", "1");
	}
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	ck_assert_uint_eq(sluice_test_field_count(v->x, REQ, ""), COUNT(kept));
	ck_assert_uint_eq(sluice_test_field_count(v->x, RSP, ""), COUNT(kept));
	for (size_t i = 0; i < COUNT(kept); i++)
		ck_assert_str_eq(visit_answered(v, kept[i]), "1");
	visit_leave(v);
}
END_TEST

START_TEST(denies_when_a_pattern_gives_up)
{
	struct visit *v = visit_policy(NAME, NAME, "{inboundHeaders: [\"(a+)+[bc]\"]}");
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1");
	ck_assert_int_eq(visit_send(v, NULL), DENIED);
	ck_assert_str_eq(sluice_test_reason(v->x), "policy_failed");
	visit_leave(v);
}
END_TEST

START_TEST(refuses_protected_names_and_bad_patterns)
{
	static const char *const names[] = {"accept", "HOST", "Content-Type", "content-length",
		"Date", "transfer-encoding", "Connection", "keep-alive", "proxy-connection", "TE",
		"trailer", "upgrade", "Expect", "x-("};
	for (size_t i = 0; i < COUNT(names); i++) {
		char config[100];
		snprintf(config, sizeof(config), "{outboundHeaders: [x-a, \"%s\"]}", names[i]);
		assert_refused(NAME, NAME, config, "config.outboundHeaders[1]", NULL);
	}
}
END_TEST

/* What has to go never passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME, "{inboundHeaders: [x-secret, \"x-in.*\"]}");
	if (!sluice_test_problems(v->t)[0]) {
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "x-secret", "1");
		visit_field(v, REQ, "x-internal", "1");
		if (visit_send(v, NULL) == SLUICE_TEST_PASSED)
			ck_assert_uint_eq(sluice_test_field_count(v->x, REQ, ""), 0);
	}
	visit_leave(v);
}

START_TEST(whatever_fails_nothing_leaks)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(header_removal, removes_names_both_ways, patterns_match_whole_names_without_case,
	a_pattern_passes_over_what_is_protected, denies_when_a_pattern_gives_up,
	refuses_protected_names_and_bad_patterns, whatever_fails_nothing_leaks)
