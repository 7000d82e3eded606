/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/check.h"

#include <stdio.h>

#define REQ  CHAIN_REQUEST
#define RSP  CHAIN_RESPONSE
#define NAME "cors"

static struct rig *shared(const char *config)
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_plugin(r, PLUGINS "/cors.so"), NAME, config);
	return r;
}

static const char public_config[] = "{}";
static const char groups[] =
	"{\"publicResource\":false,\"supportCredentials\":true,\"originGroups\":["
	"{\"origins\":[\"https://shop.example\",\"HTTPS://Admin.Example:443\"],"
	" \"accessControlMaxAge\":600,"
	" \"allowedMethods\":[{\"methodName\":\"GET\"},{\"methodName\":\"PUT\",\"isAllowed\":true},"
	"  {\"methodName\":\"DELETE\",\"isAllowed\":false}],"
	" \"headers\":[\"Content-Type\",\"X-A\"],\"exposedHeaders\":[\"X-B\",\"X-C\"]},"
	"{\"origins\":[\"http://[::1]:8080\",\"https://shop.example\"],\"headers\":[\"*\"]}]}";
static const char starred[] =
	"{\"publicResource\":false,\"originGroups\":["
	"{\"origins\":[\"*\"],\"headers\":[\"X-Any\"],\"exposedHeaders\":[\"*\"]},"
	"{\"origins\":[\"https://shop.example\"],\"headers\":[\"*\"],"
	" \"allowedMethods\":[{\"methodName\":\"PATCH\"}]}]}";

/* What stands in the answer; NULL: no such field. */
struct row {
	const char *config, *method, *origin, *asks_method, *asks_headers;
	const char *allow_origin, *allow_methods, *allow_headers;
};

#define SHOP  "https://shop.example"
#define ADMIN "https://admin.example"
#define LISTS "GET, PUT", "Content-Type, X-A"

static const struct row rows[] = {
	/* public: mirrors */
	{public_config, "OPTIONS", SHOP, "DELETE", "x-a, authorization", "*", "DELETE",
		"x-a, authorization"},
	{public_config, "OPTIONS", "null", "GET", NULL, "*", "GET", NULL},
	{public_config, "OPTIONS", SHOP, "G T", NULL, NULL, NULL, NULL},
	{public_config, "OPTIONS", SHOP, "GET", "x-a, (", NULL, NULL, NULL},
	{public_config, "OPTIONS", SHOP, NULL, NULL, "*", NULL, NULL},
	{public_config, "OPTIONS", NULL, "GET", NULL, NULL, NULL, NULL},
	{public_config, "GET", SHOP, NULL, NULL, "*", NULL, NULL},
	{public_config, "DELETE", "https://evil.example", NULL, NULL, "*", NULL, NULL},
	{public_config, "GET", NULL, NULL, NULL, NULL, NULL, NULL},
	/* groups, with credentials */
	{groups, "OPTIONS", SHOP, "GET", NULL, SHOP, LISTS},
	{groups, "OPTIONS", SHOP, "PUT", "content-type,x-a", SHOP, LISTS},
	{groups, "OPTIONS", SHOP, "PUT", "content-type, , X-A", SHOP, LISTS},
	{groups, "OPTIONS", ADMIN, "GET", NULL, ADMIN, LISTS},
	{groups, "OPTIONS", SHOP, "DELETE", NULL, NULL, NULL, NULL},
	{groups, "OPTIONS", SHOP, "put", NULL, NULL, NULL, NULL},
	{groups, "OPTIONS", SHOP, "POST", NULL, NULL, NULL, NULL},
	{groups, "OPTIONS", SHOP, "GET", "x-a, x-z", NULL, NULL, NULL},
	{groups, "OPTIONS", "http://[::1]:8080", "POST", "x-z", "http://[::1]:8080",
		"GET, HEAD, POST", "x-z"},
	{groups, "OPTIONS", "http://[::1]:8080", "PUT", "x-z", NULL, NULL, NULL},
	{groups, "GET", SHOP, NULL, NULL, SHOP, NULL, NULL},
	{groups, "DELETE", SHOP, NULL, NULL, NULL, NULL, NULL},
	/* what is not that origin */
	{groups, "GET", "null", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "http://shop.example", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://shop.example:8443", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://shop.example.evil.com", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://evilshop.example", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://shopXexample", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://a.shop.example", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://shop.example/", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://user@shop.example", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://SHOP.example", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://shop.example https://evil.com", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "https://shop.example, https://evil.com", NULL, NULL, NULL, NULL, NULL},
	{groups, "GET", "*", NULL, NULL, NULL, NULL, NULL},
	/* a group for all others */
	{starred, "OPTIONS", "https://b.example", "GET", "x-any", "*", "GET, HEAD, POST", "X-Any"},
	{starred, "OPTIONS", "https://b.example", "PATCH", NULL, NULL, NULL, NULL},
	{starred, "OPTIONS", SHOP, "PATCH", "x-z", SHOP, "PATCH", "x-z"},
	{starred, "OPTIONS", SHOP, "GET", NULL, NULL, NULL, NULL},
	{starred, "GET", "https://b.example", NULL, NULL, "*", NULL, NULL},
	{starred, "GET", "null", NULL, NULL, "*", NULL, NULL},
};

static void assert_field(struct visit *v, size_t row, const char *name, const char *expected)
{
	const struct field *f = fields_get(&v->x.response->fields, str_of(name));
	ck_assert_msg((f != NULL) == (expected != NULL), "row %zu: %s", row, name);
	ck_assert_msg(!expected || str_eq(f->value, str_of(expected)), "row %zu: %s: %.*s", row,
		name, STR_ARG(f->value));
}

static void ask(struct visit *v, const struct row *row)
{
	visit_begin(v);
	v->request.method_name = str_of(row->method);
	v->request.method = http_method_of(v->request.method_name);
	if (row->origin)
		visit_field(v, REQ, "Origin", row->origin);
	if (row->asks_method)
		visit_field(v, REQ, "Access-Control-Request-Method", row->asks_method);
	if (row->asks_headers)
		visit_field(v, REQ, "Access-Control-Request-Headers", row->asks_headers);
	bool is_options = strcmp(row->method, "OPTIONS") == 0;
	ck_assert_int_eq(chain_step(&v->x, REQ), is_options ? CHAIN_RESPONDED : CHAIN_MORE);
	if (is_options)
		ck_assert_int_eq(visit_answer(v), CHAIN_DONE);
	else
		ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
}

START_TEST(allows_what_is_allowed_and_nothing_else)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct rig *r = shared(row->config);
		struct visit *v = visit_new(r, 0);
		ask(v, row);
		ck_assert_uint_eq(v->x.response->status, 200);
		assert_field(v, i, "access-control-allow-origin", row->allow_origin);
		assert_field(v, i, "access-control-allow-methods", row->allow_methods);
		assert_field(v, i, "access-control-allow-headers", row->allow_headers);
		bool has_credentials = row->config == groups && row->allow_origin;
		assert_field(
			v, i, "access-control-allow-credentials", has_credentials ? "true" : NULL);
		const char *max_age =
			row->config == groups && row->allow_headers && row->allow_headers[0] == 'C'
				? "600"
				: "30";
		assert_field(v, i, "access-control-max-age", row->allow_methods ? max_age : NULL);
		assert_field(v, i, "vary",
			row->asks_method ? "Origin, Access-Control-Request-Method, "
					   "Access-Control-Request-Headers"
					 : "Origin");
		visit_free(v);
		rig_free(r);
	}
	ck_assert_uint_ge(ARRAY_COUNT(rows), 30);
}
END_TEST

START_TEST(exposes_what_scripts_may_read)
{
	static const struct row shop = {groups, "GET", SHOP, NULL, NULL, SHOP, NULL, NULL};
	static const struct row other = {
		starred, "GET", "https://b.x", NULL, NULL, "*", NULL, NULL};
	struct rig *r = shared(groups);
	struct visit *v = visit_new(r, 0);
	ask(v, &shop);
	assert_str(visit_answered(v, "access-control-expose-headers"), "X-B, X-C");
	visit_free(v);
	rig_free(r);
	r = shared(starred);
	v = visit_new(r, 0);
	ask(v, &other);
	assert_str(visit_answered(v, "access-control-expose-headers"), "*");
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(what_the_upstream_says_about_origins_does_not_count)
{
	struct rig *r = shared(groups);
	struct visit *v = visit_new(r, 0);
	for (int allowed = 0; allowed < 2; allowed++) {
		visit_begin(v);
		visit_field(v, REQ, "Origin", allowed ? SHOP : "https://evil.example");
		ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
		visit_field(v, RSP, "Access-Control-Allow-Origin", "*");
		visit_field(v, RSP, "access-control-allow-credentials", "true");
		visit_field(v, RSP, "Access-Control-Allow-Private-Network", "true");
		ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
		assert_field(v, 0, "access-control-allow-origin", allowed ? SHOP : NULL);
		assert_field(v, 0, "access-control-allow-credentials", allowed ? "true" : NULL);
		assert_field(v, 0, "access-control-allow-private-network", NULL);
		ck_assert_uint_eq(v->response.fields.count, allowed ? 4 : 1);
	}
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(says_vary_once)
{
	static const struct {
		const char *given;
		uint32_t count;
	} vary[] = {{"Accept-Encoding", 2}, {"accept, ORIGIN", 1}, {"*", 1}, {"Original", 2}};
	struct rig *r = shared(public_config);
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < ARRAY_COUNT(vary); i++) {
		visit_begin(v);
		ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
		visit_field(v, RSP, "Vary", vary[i].given);
		ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
		ck_assert_uint_eq(v->response.fields.count, vary[i].count);
	}
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(two_origins_are_none)
{
	struct rig *r = shared(groups);
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	visit_field(v, REQ, "Origin", SHOP);
	visit_field(v, REQ, "Origin", SHOP);
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
	assert_field(v, 0, "access-control-allow-origin", NULL);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(passes_plain_options_on_when_told_to)
{
	struct rig *r = shared("{\"forwardPlainOptions\":true}");
	struct visit *v = visit_new(r, 0);
	for (int asks = 0; asks < 2; asks++) {
		visit_begin(v);
		v->request.method_name = STR("OPTIONS");
		visit_field(v, REQ, "Origin", SHOP);
		if (asks)
			visit_field(v, REQ, "Access-Control-Request-Method", "GET");
		ck_assert_int_eq(chain_step(&v->x, REQ), asks ? CHAIN_RESPONDED : CHAIN_MORE);
		if (asks)
			assert_str(v->x.local->reason, "cors_preflight");
		else
			ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
	}
	visit_free(v);
	rig_free(r);
}
END_TEST

/* --- configurations -------------------------------------------------------------------------- */
START_TEST(refuses_what_would_open_the_door)
{
	static const struct {
		const char *config, *path;
	} bad[] = {
		{"{\"supportCredentials\":true}", "config.supportCredentials"},
		{"{\"publicResource\":true,\"originGroups\":[{\"origins\":[\"https://a.b\"]}]}",
			"config.originGroups"},
		{"{\"publicResource\":false,\"supportCredentials\":true,\"originGroups\":[{"
		 "\"origins\":[\"https://a.b\",\"*\"]}]}",
			"config.originGroups[0].origins[1]"},
		{"{\"publicResource\":false,\"supportCredentials\":true,\"originGroups\":[{"
		 "\"origins\":[\"https://a.b\"],\"exposedHeaders\":[\"*\"]}]}",
			"config.originGroups[0].exposedHeaders"},
		{"{\"publicResource\":false,\"originGroups\":[{\"origins\":[]}]}",
			"config.originGroups[0]"},
		{"{\"publicResource\":false,\"originGroups\":[{\"origins\":[\"*\"],\"headers\":["
		 "\"a b\"]}]}",
			"config.originGroups[0].headers[0]"},
		{"{\"publicResource\":false,\"originGroups\":[{\"origins\":[\"*\"],"
		 "\"allowedMethods\":[{\"methodName\":\"*\"}]}]}",
			"config.originGroups[0].allowedMethods[0].methodName"},
	};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/cors.so");
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		ck_assert_msg(!rig_try_bind(r, p, NAME, bad[i].config), "row %zu", i);
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
		ck_assert_str_eq(r->diagnostics.items[i].path, bad[i].path);
	}
	rig_free(r);
}
END_TEST

START_TEST(refuses_what_is_no_origin)
{
	static const char *const origins[] = {"null", "", "shop.example", "https://",
		"https://shop.example/", "https://shop.example/path", "https://*.example",
		"https://a@b.c", "https://shop.example:", "https://shop.example:0",
		"https://shop.example:65536", "https://shop.example:08", "https://a b",
		"//shop.example", "https:/shop.example", "https://[::1", "https://::1",
		"https://a.b?x", "https://a.b#x", ".*", "https://a.b https://c.d"};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/cors.so");
	for (size_t i = 0; i < ARRAY_COUNT(origins); i++) {
		char config[200];
		snprintf(config, sizeof(config),
			"{\"publicResource\":false,\"originGroups\":[{\"origins\":[\"http://a\","
			"\"%s\"]}]}",
			origins[i]);
		ck_assert_msg(!rig_try_bind(r, p, NAME, config), "%s", origins[i]);
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
		ck_assert_str_eq(r->diagnostics.items[i].path, "config.originGroups[0].origins[1]");
	}
	rig_free(r);
}
END_TEST

UNIT_SUITE(cors, allows_what_is_allowed_and_nothing_else, exposes_what_scripts_may_read,
	what_the_upstream_says_about_origins_does_not_count, says_vary_once, two_origins_are_none,
	passes_plain_options_on_when_told_to, refuses_what_would_open_the_door,
	refuses_what_is_no_origin)
