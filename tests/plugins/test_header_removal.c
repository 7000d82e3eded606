/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/check.h"

#include <stdio.h>

#define REQ  CHAIN_REQUEST
#define RSP  CHAIN_RESPONSE
#define NAME "header-removal"

static struct rig *removing(const char *config)
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_plugin(r, PLUGINS "/header-removal.so"), NAME, config);
	return r;
}

static bool is_there(const struct fields *fields, const char *name)
{
	return fields_get(fields, str_of(name)) != NULL;
}

START_TEST(removes_names_both_ways)
{
	struct rig *r = removing("{\"inboundHeaders\":[\"Authorization\",\"x_a\"],"
				 "\"outboundHeaders\":[\"SERVER\",\"x-not-there\"]}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	visit_field(v, REQ, "authorization", "secret");
	visit_field(v, REQ, "X_A", "1");
	visit_field(v, REQ, "x_a", "2");
	visit_field(v, REQ, "Server", "stays");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	ck_assert_uint_eq(v->request.fields.count, 1);
	ck_assert(is_there(&v->request.fields, "server"));
	visit_field(v, RSP, "Server", "gone");
	visit_field(v, RSP, "Authorization", "stays");
	ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
	ck_assert_uint_eq(v->response.fields.count, 1);
	ck_assert(is_there(&v->response.fields, "authorization"));
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(patterns_match_whole_names_without_case)
{
	struct rig *r = removing("{\"inboundHeaders\":[\"x-internal-.*\",\"a|b\"]}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	static const char *const names[] = {"X-Internal-User", "x-internal-", "x-internal",
		"not-x-internal-a", "A", "b", "ab", "X-INTERNAL-USER"};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		visit_field(v, REQ, names[i], "1");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	ck_assert_uint_eq(v->request.fields.count, 3);
	ck_assert(is_there(&v->request.fields, "x-internal"));
	ck_assert(is_there(&v->request.fields, "not-x-internal-a"));
	ck_assert(is_there(&v->request.fields, "ab"));
	visit_free(v);
	rig_free(r);
}
END_TEST

/* The framing ones do not stand among the fields at all. */
START_TEST(a_pattern_passes_over_what_is_protected)
{
	static const char *const kept[] = {"Accept", "Content-Type", "Date"};
	struct rig *r = removing("{\"inboundHeaders\":[\".*\"],\"outboundHeaders\":[\".+\"]}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	for (int d = REQ; d <= RSP; d++) {
		visit_field(v, (enum chain_direction)d, "X-A", "1");
		for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
			visit_field(v, (enum chain_direction)d, kept[i], "1");
		visit_field(v, (enum chain_direction)d, "Z", "1");
	}
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
	ck_assert_uint_eq(v->request.fields.count, ARRAY_COUNT(kept));
	ck_assert_uint_eq(v->response.fields.count, ARRAY_COUNT(kept));
	for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
		ck_assert(is_there(&v->response.fields, kept[i]));
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(denies_when_a_pattern_gives_up)
{
	struct rig *r = removing("{\"inboundHeaders\":[\"(a+)+[bc]\"]}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	visit_field(v, REQ, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_FAILED);
	ck_assert_str_eq(v->x.fault_reason, "policy_failed");
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(refuses_protected_names_and_bad_patterns)
{
	static const char *const names[] = {"accept", "HOST", "Content-Type", "content-length",
		"Date", "transfer-encoding", "Connection", "keep-alive", "proxy-connection", "TE",
		"trailer", "upgrade", "Expect", "x-("};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/header-removal.so");
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		char config[100];
		snprintf(
			config, sizeof(config), "{\"outboundHeaders\":[\"x-a\",\"%s\"]}", names[i]);
		ck_assert_ptr_null(rig_try_bind(r, p, NAME, config));
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
		ck_assert_str_eq(r->diagnostics.items[i].path, "config.outboundHeaders[1]");
	}
	rig_free(r);
}
END_TEST

UNIT_SUITE(header_removal, removes_names_both_ways, patterns_match_whole_names_without_case,
	a_pattern_passes_over_what_is_protected, denies_when_a_pattern_gives_up,
	refuses_protected_names_and_bad_patterns)
