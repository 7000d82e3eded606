/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#define REQ  CHAIN_REQUEST
#define RSP  CHAIN_RESPONSE
#define NAME "header-injection"

static struct rig *injected(const char *config)
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_plugin(r, PLUGINS "/header-injection.so"), NAME, config);
	return r;
}

static struct str requested(struct visit *v, const char *name)
{
	const struct field *f = fields_get(&v->request.fields, str_of(name));
	return f ? f->value : STR_EMPTY;
}

START_TEST(sets_fields_both_ways)
{
	struct rig *r = injected(
		"{\"inboundHeaders\":[{\"key\":\"x-in\",\"value\":\"#[attributes.method]\"},"
		"{\"key\":\"x-fixed\",\"value\":\"yes\"},{\"key\":\"x-n\",\"value\":7}],"
		"\"outboundHeaders\":[{\"key\":\"x-out\",\"value\":\"#[attributes.statusCode]\"}]"
		"}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	assert_str(requested(v, "x-in"), "GET");
	assert_str(requested(v, "x-fixed"), "yes");
	assert_str(requested(v, "x-n"), "7");
	ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
	assert_str(visit_answered(v, "x-out"), "200");
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(what_a_client_sent_under_the_name_is_gone)
{
	struct rig *r = injected("{\"inboundHeaders\":[{\"key\":\"X-Role\",\"value\":\"user\"},"
				 "{\"key\":\"x-gone\",\"value\":null},"
				 "{\"key\":\"x-role\",\"value\":\"guest\"}]}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	visit_field(v, REQ, "x-role", "admin");
	visit_field(v, REQ, "x-role", "root");
	visit_field(v, REQ, "x-gone", "1");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	uint32_t at = 0;
	assert_str(fields_next(&v->request.fields, STR("x-role"), &at)->value, "user");
	assert_str(fields_next(&v->request.fields, STR("x-role"), &at)->value, "guest");
	ck_assert_ptr_null(fields_next(&v->request.fields, STR("x-role"), &at));
	ck_assert_ptr_null(fields_get(&v->request.fields, STR("x-gone")));
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(a_value_that_cannot_be_had_is_500)
{
	static const char *const rows[] = {
		"{\"inboundHeaders\":[{\"key\":\"x-a\",\"value\":\"#[attributes.headers]\"}]}",
		"{\"inboundHeaders\":[{\"key\":\"x-a\",\"value\":\"#[' a']\"}]}",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = injected(rows[i]);
		struct visit *v = visit_new(r, 0);
		visit_begin(v);
		ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_RESPONDED);
		ck_assert_uint_eq(v->x.local->head.status, 500);
		assert_str(v->x.local->reason, "header_injection_failed");
		visit_free(v);
		rig_free(r);
	}
}
END_TEST

START_TEST(refuses_fields_that_are_none_or_the_gateways)
{
	static const char *const rows[] = {
		"{\"inboundHeaders\":[{\"key\":\"x a\",\"value\":\"1\"}]}",
		"{\"inboundHeaders\":[{\"key\":\"\",\"value\":\"1\"}]}",
		"{\"inboundHeaders\":[{\"key\":\"x-a\",\"value\":\"a\\nb\"}]}",
		"{\"inboundHeaders\":[{\"key\":\"Content-Length\",\"value\":\"1\"}]}",
		"{\"outboundHeaders\":[{\"key\":\"Connection\",\"value\":\"1\"}]}",
		"{\"outboundHeaders\":[{\"key\":\"x-a\",\"value\":\"#[payload]\"}]}",
		"{\"outboundHeaders\":[{\"key\":\"x-a\",\"value\":\"#[nonsense(]\"}]}",
	};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/header-injection.so");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_ptr_null(rig_try_bind(r, p, NAME, rows[i]));
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
	}
	ck_assert_str_eq(r->diagnostics.items[0].path, "config.inboundHeaders[0].key");
	ck_assert_str_eq(r->diagnostics.items[2].path, "config.inboundHeaders[0].value");
	rig_free(r);
}
END_TEST

UNIT_SUITE(header_injection, sets_fields_both_ways, what_a_client_sent_under_the_name_is_gone,
	a_value_that_cannot_be_had_is_500, refuses_fields_that_are_none_or_the_gateways)
