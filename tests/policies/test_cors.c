/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME "cors"

static struct visit *shared(const char *config)
{
	return visit_policy(NAME, NAME, config);
}

static const char public_config[] = "{}";
static const char groups[] =
	"{\"publicResource\":false,\"supportCredentials\":true,\"originGroups\":["
	"{\"origins\":[\"https://shop.example\",\"https://Admin.Example:443\"],"
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
	const char *value = sluice_test_field(v->x, RSP, name);
	ck_assert_msg((value != NULL) == (expected != NULL), "row %zu: %s", row, name);
	ck_assert_msg(
		!expected || strcmp(value, expected) == 0, "row %zu: %s: %s", row, name, value);
}

static void ask(struct visit *v, const struct row *row)
{
	visit_begin(v, row->method, "/");
	if (row->origin)
		visit_field(v, REQ, "Origin", row->origin);
	if (row->asks_method)
		visit_field(v, REQ, "Access-Control-Request-Method", row->asks_method);
	if (row->asks_headers)
		visit_field(v, REQ, "Access-Control-Request-Headers", row->asks_headers);
	bool is_options = strcmp(row->method, "OPTIONS") == 0;
	ck_assert_int_eq(
		visit_send(v, NULL), is_options ? SLUICE_TEST_ANSWERED : SLUICE_TEST_PASSED);
	if (!is_options)
		ck_assert_int_eq(visit_reply(v, "ok"), SLUICE_TEST_PASSED);
}

START_TEST(allows_what_is_allowed_and_nothing_else)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct visit *v = shared(row->config);
		ask(v, row);
		ck_assert_uint_eq(sluice_test_status(v->x), 200);
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
		visit_leave(v);
	}
	ck_assert_uint_ge(COUNT(rows), 30);
}
END_TEST

START_TEST(exposes_what_scripts_may_read)
{
	static const struct row shop = {groups, "GET", SHOP, NULL, NULL, SHOP, NULL, NULL};
	static const struct row other = {
		starred, "GET", "https://b.x", NULL, NULL, "*", NULL, NULL};
	struct visit *v = shared(groups);
	ask(v, &shop);
	ck_assert_str_eq(visit_answered(v, "access-control-expose-headers"), "X-B, X-C");
	visit_leave(v);
	v = shared(starred);
	ask(v, &other);
	ck_assert_str_eq(visit_answered(v, "access-control-expose-headers"), "*");
	visit_leave(v);
}
END_TEST

START_TEST(what_the_upstream_says_about_origins_does_not_count)
{
	struct visit *v = shared(groups);
	for (int allowed = 0; allowed < 2; allowed++) {
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "Origin", allowed ? SHOP : "https://evil.example");
		ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_PASSED);
		visit_field(v, RSP, "Access-Control-Allow-Origin", "*");
		visit_field(v, RSP, "access-control-allow-credentials", "true");
		visit_field(v, RSP, "Access-Control-Allow-Private-Network", "true");
		ck_assert_int_eq(visit_reply(v, "ok"), SLUICE_TEST_PASSED);
		assert_field(v, 0, "access-control-allow-origin", allowed ? SHOP : NULL);
		assert_field(v, 0, "access-control-allow-credentials", allowed ? "true" : NULL);
		assert_field(v, 0, "access-control-allow-private-network", NULL);
		ck_assert_uint_eq(sluice_test_field_count(v->x, RSP, ""), allowed ? 4 : 1);
	}
	visit_leave(v);
}
END_TEST

START_TEST(says_vary_once)
{
	static const struct {
		const char *given;
		uint32_t count;
	} vary[] = {{"Accept-Encoding", 2}, {"accept, ORIGIN", 1}, {"*", 1}, {"Original", 2}};
	struct visit *v = shared(public_config);
	for (size_t i = 0; i < COUNT(vary); i++) {
		visit_begin(v, "GET", "/");
		ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_PASSED);
		visit_field(v, RSP, "Vary", vary[i].given);
		ck_assert_int_eq(visit_reply(v, "ok"), SLUICE_TEST_PASSED);
		ck_assert_uint_eq(sluice_test_field_count(v->x, RSP, ""), vary[i].count);
	}
	visit_leave(v);
}
END_TEST

START_TEST(two_origins_are_none)
{
	struct visit *v = shared(groups);
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "Origin", SHOP);
	visit_field(v, REQ, "Origin", SHOP);
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_PASSED);
	ck_assert_int_eq(visit_reply(v, "ok"), SLUICE_TEST_PASSED);
	assert_field(v, 0, "access-control-allow-origin", NULL);
	visit_leave(v);
}
END_TEST

START_TEST(passes_plain_options_on_when_told_to)
{
	struct visit *v = shared("{\"forwardPlainOptions\":true}");
	for (int asks = 0; asks < 2; asks++) {
		visit_begin(v, "OPTIONS", "/");
		visit_field(v, REQ, "Origin", SHOP);
		if (asks)
			visit_field(v, REQ, "Access-Control-Request-Method", "GET");
		ck_assert_int_eq(
			visit_send(v, NULL), asks ? SLUICE_TEST_ANSWERED : SLUICE_TEST_PASSED);
		if (asks)
			ck_assert_str_eq(sluice_test_reason(v->x), "cors_preflight");
		else
			ck_assert_int_eq(visit_reply(v, "ok"), SLUICE_TEST_PASSED);
	}
	visit_leave(v);
}
END_TEST

/* --- configurations -------------------------------------------------------------------------- */
START_TEST(refuses_what_would_open_the_door)
{
	static const struct {
		const char *config, *path;
	} bad[] = {
		{"{\"supportCredentials\":true}", "config"},
		{"{\"publicResource\":true,\"originGroups\":[{\"origins\":[\"https://a.b\"]}]}",
			"config"},
		{"{\"publicResource\":false,\"supportCredentials\":true,\"originGroups\":[{"
		 "\"origins\":[\"https://a.b\",\"*\"]}]}",
			"config.originGroups[0].origins[1]"},
		{"{\"publicResource\":false,\"supportCredentials\":true,\"originGroups\":[{"
		 "\"origins\":[\"https://a.b\"],\"exposedHeaders\":[\"*\"]}]}",
			"config.originGroups[0].exposedHeaders[0]"},
		{"{\"publicResource\":false,\"originGroups\":[{\"origins\":[]}]}",
			"config.originGroups[0].origins"},
		{"{\"publicResource\":false,\"originGroups\":[{\"origins\":[\"*\"],\"headers\":["
		 "\"a b\"]}]}",
			"config.originGroups[0].headers[0]"},
		{"{\"publicResource\":false,\"originGroups\":[{\"origins\":[\"*\"],"
		 "\"allowedMethods\":[{\"methodName\":\"*\"}]}]}",
			"config.originGroups[0].allowedMethods[0].methodName"},
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_refused(NAME, NAME, bad[i].config, bad[i].path, NULL);
	}
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
	for (size_t i = 0; i < COUNT(origins); i++) {
		char config[200];
		snprintf(config, sizeof(config),
			"{\"publicResource\":false,\"originGroups\":[{\"origins\":[\"http://a\","
			"\"%s\"]}]}",
			origins[i]);
		assert_refused(NAME, NAME, config, "config.originGroups[0].origins[1]", NULL);
	}
}
END_TEST

/* Whoever is not of the groups is never allowed, nor is what the upstream says passed on. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME, groups);
	if (!sluice_test_problems(v->t)[0]) {
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "origin", "https://evil.example");
		if (visit_send(v, NULL) == SLUICE_TEST_PASSED) {
			visit_field(v, RSP, "access-control-allow-origin", "*");
			if (visit_reply(v, "ok") == SLUICE_TEST_PASSED)
				assert_field(v, 0, "access-control-allow-origin", NULL);
		}
		visit_begin(v, "OPTIONS", "/");
		visit_field(v, REQ, "origin", SHOP);
		visit_field(v, REQ, "access-control-request-method", "DELETE");
		ck_assert_int_ne(visit_send(v, NULL), PASSED);
		assert_field(v, 0, "access-control-allow-origin", NULL);
	}
	visit_leave(v);
}

START_TEST(whatever_fails_no_door_opens)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(cors, allows_what_is_allowed_and_nothing_else, exposes_what_scripts_may_read,
	what_the_upstream_says_about_origins_does_not_count, says_vary_once, two_origins_are_none,
	passes_plain_options_on_when_told_to, refuses_what_would_open_the_door,
	refuses_what_is_no_origin, whatever_fails_no_door_opens)
