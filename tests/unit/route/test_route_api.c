/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "plan_text.h"
#include "base/limits.h"
#include "route/route_table.h"

#include <stdio.h>

static struct plan *plan;
static struct route_api *api;
static struct pool *pool;
static struct arena arena;
static struct http_request request;
static char message[256];

static void setup(void)
{
	pool = pool_new();
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	http_request_init(&request, &arena);
	request.method_name = STR("GET");
	request.authority = STR("shop.test:8081");
}

static void teardown(void)
{
	route_api_free(api);
	plan_free(plan);
	arena_reset(&arena);
	pool_free(pool);
}

/* Services: 0 and 1 are plain, 2 has a path. The API must not need the plan any more. */
static enum rc make(const char *text)
{
	struct plan *services = plan_text(
		"[{'name': 'a'}, {'name': 'b', 'path': '/'}, {'name': 'c', 'path': '/base/'}]");
	route_api_free(api);
	api = NULL;
	message[0] = '\0';
	plan = plan_text(text);
	struct route_services list = route_services_of_plan(plan_root(services));
	enum rc rc = route_api_new(plan_root(plan), &list, &api, message, sizeof(message));
	plan_free(plan);
	plan = NULL;
	plan_free(services);
	return rc;
}

/* One route with this rule and destination. */
static void make_route(const char *rules, const char *destination)
{
	char text[1024];
	snprintf(text, sizeof(text), "{'routes': [{'rules': [%s], 'destinations': [{%s}]}]}", rules,
		destination);
	enum rc rc = make(text);
	ck_assert_msg(rc == RC_OK, "%s", message);
}

static struct route_choice choice;
static struct str allowed;

static enum rc choose(const char *rest)
{
	allowed = STR_EMPTY;
	return route_api_choose(api, &request, str_of(rest), 0, &arena, &choice, &allowed);
}

/* --- the path -------------------------------------------------------------------------------- */

static const struct {
	const char *rules, *destination, *rest;
	const char *upstream; /* NULL: no route; "!": refused */
} paths[] = {
	/* The vendor's table; base paths are stripped already. */
	{"", "'service': 0", "/x", "/x"},
	{"{'path': '/foo(/.*)'}", "'service': 0", "/foo/bar", "/bar"},
	{"{'path': '/foo/.*'}", "'service': 0", "/foo/bar", "/foo/bar"},
	{"{'path': '/foo(/.*)'}", "'service': 0, 'destinationPath': '/orders'", "/foo/bar",
		"/orders/bar"},
	/* Nothing behind the base path is "/". */
	{"", "'service': 0", "", "/"},
	{"{'path': '/'}", "'service': 0", "", "/"},
	{"", "'service': 0, 'destinationPath': '/orders'", "", "/orders/"},
	{"", "'service': 0, 'destinationPath': '/orders'", "/", "/orders/"},
	{"{'path': ''}", "'service': 0", "", NULL},
	/* Whole values. */
	{"{'path': '/foo'}", "'service': 0", "/foo/", NULL},
	{"{'path': '/foo'}", "'service': 0", "/x/foo", NULL},
	{"{'path': '/foo|/bar'}", "'service': 0", "/bar", "/bar"},
	{"{'path': '/foo|/bar'}", "'service': 0", "/foo/bar", NULL},
	{"{'path': '.*'}", "'service': 0", "/any", "/any"},
	/* Groups, one after the other; those that took no part are empty. */
	{"{'path': '(/a)/x(/.*)'}", "'service': 0", "/a/x/b", "/a/b"},
	{"{'path': '/(a)?(b)?c'}", "'service': 0", "/bc", "/b"},
	{"{'path': '/foo/(.*)'}", "'service': 0", "/foo/bar", "/bar"},
	{"{'path': '/foo/(.*)'}", "'service': 0, 'destinationPath': '/o'", "/foo/bar", "/o/bar"},
	{"{'path': '/foo(/.*)?'}", "'service': 0", "/foo", "/"},
	{"{'path': '/foo(/.*)?'}", "'service': 0, 'destinationPath': '/o'", "/foo", "/o"},
	{"{'path': '/foo(?:/.*)?'}", "'service': 0", "/foo", "/foo"},
	/* What a rewrite makes is made canonical, inside of its prefix. */
	{"{'path': '/a(/.).(\\..*)'}", "'service': 0", "/a/.x./b", "!"},
	{"{'path': '/a(/x/.).(\\..*)'}", "'service': 0", "/a/x/.-./b", "/b"},
	{"{'path': '/a(/x/.).(\\..*)'}", "'service': 0, 'destinationPath': '/o'", "/a/x/.-./b",
		"/o/b"},
	{"{'path': '/a(/.).(\\..*)'}", "'service': 0, 'destinationPath': '/o'", "/a/.x./b", "!"},
	{"{'path': '/a(/).(/.*)'}", "'service': 0", "/a/x/b", "/b"},
	{"{'path': '/a(/%).(2f)'}", "'service': 0", "/a/%x2f", "!"},
	/* Prefixes: of the service's address, of the destination, of both. */
	{"", "'service': 1", "/x", "/x"},
	{"", "'service': 2", "/x", "/base/x"},
	{"", "'service': 2", "", "/base/"},
	{"", "'service': 2, 'destinationPath': '/v2/'", "/x", "/base/v2/x"},
	{"", "'service': 0, 'destinationPath': '/'", "/x", "/x"},
	{"", "'service': 0, 'destinationPath': 'v2'", "/x", "/v2/x"},
	{"", "'service': 0, 'destinationPath': '/a/../b//%7e'", "/x", "/b/~/x"},
	/* OPTIONS * */
	{"", "'service': 2, 'destinationPath': '/v2'", "*", "*"},
	{"", "'service': 0", "*", "*"},
	/* A policy may have made anything of the path. */
	{"", "'service': 0", "ping", "!"},
};

START_TEST(makes_the_upstream_path)
{
	make_route(paths[_i].rules, paths[_i].destination);
	enum rc rc = choose(paths[_i].rest);
	const char *expected = paths[_i].upstream;
	if (!expected || strcmp(expected, "!") == 0) {
		ck_assert_int_eq(rc, expected ? RC_INVALID : RC_NOT_FOUND);
		return;
	}
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_msg(str_eq(choice.path, str_of(expected)), "got %.*s", STR_ARG(choice.path));
}
END_TEST

START_TEST(a_path_that_stays_is_not_copied)
{
	const char *rest = "/foo/bar";
	make_route("{'path': '/foo/.*'}", "'service': 0");
	ck_assert_int_eq(choose(rest), RC_OK);
	ck_assert_ptr_eq(choice.path.p, rest);
	make_route("", "'service': 0");
	ck_assert_int_eq(choose(rest), RC_OK);
	ck_assert_ptr_eq(choice.path.p, rest);
	ck_assert_uint_eq(arena.bytes_used, 0);
}
END_TEST

START_TEST(a_spent_arena_is_full)
{
	make_route("", "'service': 2");
	arena.failed = true;
	ck_assert_int_eq(choose("/x"), RC_FULL);
}
END_TEST

/* --- rules ----------------------------------------------------------------------------------- */

static void add_field(const char *name, const char *value)
{
	ck_assert_int_eq(fields_add(&request.fields, str_of(name), str_of(value)), RC_OK);
}

static const struct {
	const char *rule, *method, *authority, *value; /* of x-beta */
	enum rc rc;
} rules[] = {
	{"'methods': 'GET|HEAD'", "HEAD", "a", NULL, RC_OK},
	{"'methods': 'GET|HEAD'", "GETX", "a", NULL, RC_REFUSED},
	{"'methods': 'GET|HEAD'", "get", "a", NULL, RC_REFUSED},
	{"'methods': 'P.*'", "PROPFIND", "a", NULL, RC_OK},
	{"'host': 'shop\\.test'", "GET", "shop.test", NULL, RC_OK},
	{"'host': 'shop\\.test'", "GET", "shop.test:8081", NULL, RC_OK},
	{"'host': 'shop\\.test:8081'", "GET", "shop.test:8081", NULL, RC_OK},
	{"'host': 'shop\\.test:8081'", "GET", "shop.test", NULL, RC_NOT_FOUND},
	{"'host': 'shop\\.test:80'", "GET", "shop.test:8081", NULL, RC_NOT_FOUND},
	{"'host': 'shop\\.test'", "GET", "shopxtest", NULL, RC_NOT_FOUND},
	{"'host': 'shop\\.test'", "GET", "www.shop.test", NULL, RC_NOT_FOUND},
	{"'host': 'Shop\\.TEST'", "GET", "shop.test:1", NULL, RC_OK},
	{"'host': '\\[::1\\]'", "GET", "[::1]:80", NULL, RC_OK},
	{"'host': '\\[::1\\]'", "GET", "[::1]", NULL, RC_OK},
	{"'host': '.*'", "GET", "", NULL, RC_OK},
	{"'headers': {'X-Beta': 'on|1'}", "GET", "a", "on", RC_OK},
	{"'headers': {'x-beta': 'on|1'}", "GET", "a", "1", RC_OK},
	{"'headers': {'x-beta': 'on|1'}", "GET", "a", "on1", RC_NOT_FOUND},
	{"'headers': {'x-beta': 'on|1'}", "GET", "a", NULL, RC_NOT_FOUND},
	{"'headers': {'x-beta': '.*'}", "GET", "a", NULL, RC_NOT_FOUND},
	{"'headers': {'x-beta': '.*'}", "GET", "a", "", RC_OK},
	{"'headers': {'x-beta': 'on', 'x-gamma': 'on'}", "GET", "a", "on", RC_NOT_FOUND},
	{"'headers': {'Host': 'shop'}", "GET", "shop:80", NULL, RC_OK},
	{"'headers': {'Host': 'shop'}", "GET", "ship:80", NULL, RC_NOT_FOUND},
	{"'path': '/x', 'methods': 'GET'", "PUT", "a", NULL, RC_REFUSED},
	{"'path': '/y', 'methods': 'GET'", "PUT", "a", NULL, RC_NOT_FOUND},
	{"'host': 'b', 'methods': 'GET'", "PUT", "a", NULL, RC_NOT_FOUND},
	{"'path': '/x', 'methods': null, 'host': null, 'headers': null", "PUT", "a", NULL, RC_OK},
};

START_TEST(judges_each_part_of_a_rule)
{
	char text[256];
	snprintf(text, sizeof(text), "{%s}", rules[_i].rule);
	make_route(text, "'service': 0");
	request.method_name = str_of(rules[_i].method);
	request.authority = str_of(rules[_i].authority);
	if (rules[_i].value)
		add_field("x-beta", rules[_i].value);
	ck_assert_msg(choose("/x") == rules[_i].rc, "%s", rules[_i].rule);
}
END_TEST

START_TEST(one_of_a_fields_values_is_enough)
{
	make_route("{'headers': {'x-role': 'admin'}}", "'service': 0");
	add_field("x-role", "user");
	ck_assert_int_eq(choose("/"), RC_NOT_FOUND);
	add_field("X-Role", "admin");
	ck_assert_int_eq(choose("/"), RC_OK);
}
END_TEST

START_TEST(the_first_rule_that_matches_splits_the_path)
{
	make_route("{'path': '/a(/.*)', 'methods': 'PUT'}, {'path': '/a/.*'}, {'path': '(/.).*'}",
		"'service': 0");
	ck_assert_int_eq(choose("/a/b"), RC_OK);
	assert_str(choice.path, "/a/b");
	request.method_name = STR("PUT");
	ck_assert_int_eq(choose("/a/b"), RC_OK);
	assert_str(choice.path, "/b");
	ck_assert_int_eq(choose("/cd"), RC_OK);
	assert_str(choice.path, "/c");
}
END_TEST

START_TEST(takes_the_first_route_that_matches)
{
	ck_assert_int_eq(make("{'routes': ["
			      "{'rules': [{'path': '/a', 'methods': 'GET'}],"
			      " 'destinations': [{'service': 0}]},"
			      "{'rules': [{'path': '/a|/b'}], 'destinations': [{'service': 1}]}]}"),
		RC_OK);
	ck_assert_int_eq(choose("/a"), RC_OK);
	ck_assert_uint_eq(choice.route, 0);
	ck_assert_uint_eq(choice.service, 0);
	request.method_name = STR("PUT");
	ck_assert_int_eq(choose("/a"), RC_OK);
	ck_assert_uint_eq(choice.route, 1);
	ck_assert_uint_eq(choice.service, 1);
	ck_assert_int_eq(choose("/c"), RC_NOT_FOUND);
}
END_TEST

START_TEST(an_api_without_routes_has_none)
{
	ck_assert_int_eq(make("{}"), RC_OK);
	ck_assert_int_eq(choose("/a"), RC_NOT_FOUND);
}
END_TEST

START_TEST(lists_the_methods_that_would_be_allowed)
{
	ck_assert_int_eq(make("{'routes': ["
			      "{'rules': [{'path': '/a', 'methods': 'GET|HEAD'},"
			      "           {'path': '/a', 'methods': 'HEAD|M-SEARCH'},"
			      "           {'path': '/a', 'methods': 'X.*'},"
			      "           {'path': '/b', 'methods': 'DELETE'}],"
			      " 'destinations': [{'service': 0}]},"
			      "{'rules': [{'path': '/a', 'methods': 'PUT'}],"
			      " 'destinations': [{'service': 0}]}]}"),
		RC_OK);
	request.method_name = STR("PATCH");
	ck_assert_int_eq(choose("/a"), RC_REFUSED);
	assert_str(allowed, "GET, HEAD, M-SEARCH, PUT");
	ck_assert_int_eq(choose("/b"), RC_REFUSED);
	assert_str(allowed, "DELETE");
	ck_assert_int_eq(choose("/c"), RC_NOT_FOUND);
}
END_TEST

START_TEST(a_rule_that_takes_too_long_is_full)
{
	char rest[4096] = "/";
	memset(rest + 1, 'a', sizeof(rest) - 4);
	memcpy(rest + sizeof(rest) - 3, "!b", 3);
	make_route("{'path': '/(a|aa|a?a)+b'}", "'service': 0");
	ck_assert_int_eq(choose(rest), RC_FULL);
	uint64_t active = 0;
	ck_assert_int_eq(make("{'chain': [{'rules': [{'path': '/(a|aa|a?a)+b'}]}]}"), RC_OK);
	ck_assert_int_eq(route_api_active(api, &request, str_of(rest), &active), RC_FULL);
}
END_TEST

/* --- bindings -------------------------------------------------------------------------------- */

START_TEST(tells_which_bindings_are_active)
{
	uint64_t active = 0;
	ck_assert_int_eq(make("{'chain': [{'policy': 'p'},"
			      " {'rules': [{'path': '/a.*'}, {'methods': 'PUT'}]},"
			      " {'rules': []},"
			      " {'rules': [{}, {'path': '/never'}]},"
			      " {'rules': [{'path': '/'}]}]}"),
		RC_OK);
	ck_assert(!route_api_is_unconditional(api, &active));
	ck_assert_int_eq(route_api_active(api, &request, STR("/b"), &active), RC_OK);
	ck_assert_uint_eq(active, 13);
	ck_assert_int_eq(route_api_active(api, &request, STR("/ab"), &active), RC_OK);
	ck_assert_uint_eq(active, 15);
	ck_assert_int_eq(route_api_active(api, &request, STR(""), &active), RC_OK);
	ck_assert_uint_eq(active, 29);
	request.method_name = STR("PUT");
	ck_assert_int_eq(route_api_active(api, &request, STR("/b"), &active), RC_OK);
	ck_assert_uint_eq(active, 15);
}
END_TEST

START_TEST(knows_chains_without_rules)
{
	uint64_t active = 0, same = 0;
	ck_assert_int_eq(
		make("{'chain': [{'policy': 'p'}, {'rules': []}, {'rules': null}]}"), RC_OK);
	ck_assert(route_api_is_unconditional(api, &active));
	ck_assert_uint_eq(active, 7);
	ck_assert_int_eq(route_api_active(api, &request, STR("/"), &same), RC_OK);
	ck_assert_uint_eq(same, 7);
}
END_TEST

START_TEST(takes_64_bindings_and_no_more)
{
	char text[4096] = "{'chain': [";
	uint64_t active;
	for (int i = 0; i < 64; i++)
		memcpy(text + strlen(text), "{},", 4);
	size_t n = strlen(text);
	memcpy(text + n, "]}", 3);
	ck_assert_int_eq(make(text), RC_OK);
	ck_assert(route_api_is_unconditional(api, &active));
	ck_assert_uint_eq(active, UINT64_MAX);
	memcpy(text + n, "{}]}", 5);
	ck_assert_int_eq(make(text), RC_INVALID);
	ck_assert_str_eq(message, "a chain has at most 64 policies, found 65");
}
END_TEST

/* --- weights --------------------------------------------------------------------------------- */

START_TEST(splits_by_weight)
{
	size_t count[3] = {0};
	ck_assert_int_eq(make("{'routes': [{'destinations': [{'service': 0, 'weight': 70},"
			      " {'service': 1, 'weight': 0},"
			      " {'service': 2, 'weight': 30, 'destinationPath': '/v2'}]}]}"),
		RC_OK);
	for (uint64_t random = 0; random < 1000; random++) {
		ck_assert_int_eq(route_api_choose(api, &request, STR("/x"), random, &arena, &choice,
					 &allowed),
			RC_OK);
		count[choice.destination]++;
		ck_assert_uint_eq(choice.service, choice.destination);
		if (choice.destination == 0)
			assert_str(choice.path, "/x");
		else
			assert_str(choice.path, "/base/v2/x");
	}
	ck_assert_uint_eq(count[0], 700);
	ck_assert_uint_eq(count[1], 0);
	ck_assert_uint_eq(count[2], 300);
}
END_TEST

/* --- mistakes -------------------------------------------------------------------------------- */

static const struct {
	const char *api, *message;
} mistakes[] = {
	{"{'routes': [{'name': 'r', 'destinations': []}]}",
		"route r: it has no destination with a weight"},
	{"{'routes': [{'name': 'r', 'destinations': [{'service': 0, 'weight': 0}]}]}",
		"route r: it has no destination with a weight"},
	{"{'routes': [{'name': 'r', 'destinations': [{'service': 0, 'weight': -1}]}]}",
		"route r: weight: expected a number from 0 to 4294967295"},
	{"{'routes': [{'name': 'r', 'destinations': [{'service': 3}]}]}",
		"route r: service: there is none with this index"},
	{"{'routes': [{'name': 'r', 'destinations': [{'service': 0, 'destinationPath': '/a?b'}]}]}",
		"route r: destinationPath /a?b: expected a path"},
	{"{'routes': [{'name': 'r', 'destinations': [{'service': 0, 'destinationPath': "
	 "'/../b'}]}]}",
		"route r: destinationPath /../b: expected a path"},
	{"{'routes': [{'name': 'r', 'rules': 5, 'destinations': [{'service': 0}]}]}",
		"route r: rules: expected a list"},
	{"{'chain': [{'policy': 'p', 'rules': [{}, 5]}]}",
		"policy p: rules[1]: expected an object"},
	{"{'chain': [{'policy': 'p', 'rules': [{'path': 5}]}]}",
		"policy p: rules[0].path: expected a regular expression"},
	{"{'chain': [{'policy': 'p', 'rules': [{'headers': []}]}]}",
		"policy p: rules[0].headers: expected an object of names and regular expressions"},
	{"{'chain': [{'policy': 'p', 'rules': [{'headers': {'a': 5}}]}]}",
		"policy p: rules[0].headers: expected a regular expression for each name"},
	{"{'chain': [{'policy': 'p', 'rules': [{'methods': 'GET|('}]}]}",
		"policy p: rules[0].methods: \"GET|(\", at byte 5: "},
};

START_TEST(says_what_is_wrong)
{
	ck_assert_int_eq(make(mistakes[_i].api), RC_INVALID);
	ck_assert_msg(strncmp(message, mistakes[_i].message, strlen(mistakes[_i].message)) == 0,
		"got %s", message);
}
END_TEST

static Suite *make_route_api(void)
{
	Suite *suite = suite_create("route_api");
	TCase *tcase = tcase_create("route_api");
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, makes_the_upstream_path, 0, sizeof(paths) / sizeof(paths[0]));
	tcase_add_test(tcase, a_path_that_stays_is_not_copied);
	tcase_add_test(tcase, a_spent_arena_is_full);
	tcase_add_loop_test(tcase, judges_each_part_of_a_rule, 0, sizeof(rules) / sizeof(rules[0]));
	tcase_add_test(tcase, one_of_a_fields_values_is_enough);
	tcase_add_test(tcase, the_first_rule_that_matches_splits_the_path);
	tcase_add_test(tcase, takes_the_first_route_that_matches);
	tcase_add_test(tcase, an_api_without_routes_has_none);
	tcase_add_test(tcase, lists_the_methods_that_would_be_allowed);
	tcase_add_test(tcase, a_rule_that_takes_too_long_is_full);
	tcase_add_test(tcase, tells_which_bindings_are_active);
	tcase_add_test(tcase, knows_chains_without_rules);
	tcase_add_test(tcase, takes_64_bindings_and_no_more);
	tcase_add_test(tcase, splits_by_weight);
	tcase_add_loop_test(tcase, says_what_is_wrong, 0, sizeof(mistakes) / sizeof(mistakes[0]));
	suite_add_tcase(suite, tcase);
	return suite;
}

__attribute__((constructor)) static void register_route_api(void)
{
	static struct unit_suite entry = {"route_api", make_route_api, NULL};
	unit_register(&entry);
}
