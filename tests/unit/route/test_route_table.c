/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "plan_text.h"
#include "http/uri.h"
#include "route/route_table.h"

#include <stdio.h>

static struct plan *plan;
static struct route_table *table;
static char message[256];

static enum rc make(const char *apis)
{
	plan = plan_text(apis);
	message[0] = '\0';
	return route_table_of_plan(plan_root(plan), 0, &table, message, sizeof(message));
}

static void drop(void)
{
	route_table_free(table);
	plan_free(plan);
	table = NULL;
}

/* "2 /rest", or "none". */
static const char *find(const char *path)
{
	static char text[300];
	struct route_match match;
	if (!route_table_find(table, STR("shop.test"), str_of(path), &match))
		return "none";
	if (match.rest.n > 0)
		ck_assert_ptr_eq(match.rest.p, path + strlen(path) - match.rest.n);
	snprintf(text, sizeof(text), "%zu %.*s", match.api, STR_ARG(match.rest));
	return text;
}

START_TEST(the_longest_base_path_at_a_segment_wins)
{
	ck_assert_int_eq(make("[{'listener': 0, 'basePath': '/shop'},"
			      " {'listener': 0, 'basePath': '/shop/cats/dogs'},"
			      " {'listener': 0, 'basePath': '/shopping'},"
			      " {'listener': 1, 'basePath': '/other'},"
			      " {'listener': 0, 'basePath': '/s'}]"),
		RC_OK);
	static const char *const rows[][2] = {{"/shop", "0 "}, {"/shop/", "0 /"},
		{"/shop/x", "0 /x"}, {"/shoppin", "none"}, {"/shopping", "2 "},
		{"/shopping/x", "2 /x"}, {"/shoppingx", "none"}, {"/shop/cats", "0 /cats"},
		{"/shop/cats/dogs", "1 "}, {"/shop/cats/dogs/1", "1 /1"},
		{"/shop/cats/dogsx", "0 /cats/dogsx"}, {"/s", "4 "}, {"/s/hop", "4 /hop"},
		{"/sh", "none"}, {"/", "none"}, {"/other", "none"}, {"*", "none"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(find(rows[i][0]), rows[i][1]);
	drop();
}
END_TEST

START_TEST(the_root_takes_what_is_left_and_options_star)
{
	ck_assert_int_eq(
		make("[{'listener': 0, 'basePath': '/a'}, {'listener': 0, 'basePath': ''}]"),
		RC_OK);
	ck_assert_str_eq(find("/"), "1 /");
	ck_assert_str_eq(find("/x"), "1 /x");
	ck_assert_str_eq(find("/ax"), "1 /ax");
	ck_assert_str_eq(find("/a"), "0 ");
	ck_assert_str_eq(find("*"), "1 *");
	drop();
}
END_TEST

START_TEST(ignores_a_trailing_slash_of_the_base_path)
{
	ck_assert_int_eq(
		make("[{'listener': 0, 'basePath': '/a/'}, {'listener': 0, 'basePath': '/'}]"),
		RC_OK);
	ck_assert_str_eq(find("/a"), "0 ");
	ck_assert_str_eq(find("/a/b"), "0 /b");
	ck_assert_str_eq(find("/b"), "1 /b");
	drop();
}
END_TEST

START_TEST(an_empty_table_finds_nothing)
{
	ck_assert_int_eq(make("[]"), RC_OK);
	ck_assert_str_eq(find("/"), "none");
	ck_assert_str_eq(find("*"), "none");
	ck_assert_str_eq(find(""), "none");
	drop();
}
END_TEST

START_TEST(refuses_two_of_the_same_base_path)
{
	ck_assert_int_eq(make("[{'name': 'a', 'namespace': 'n', 'listener': 0, 'basePath': '/x'},"
			      " {'name': 'c', 'listener': 0, 'basePath': '/x/y'},"
			      " {'name': 'd', 'listener': 1, 'basePath': '/x'},"
			      " {'name': 'b', 'listener': 0, 'basePath': '/x/'}]"),
		RC_EXISTS);
	ck_assert_str_eq(message, "n/a and default/b have the same base path \"/x\"");
	drop();
}
END_TEST

START_TEST(refuses_what_is_no_path)
{
	ck_assert_int_eq(make("[{'name': 'a', 'listener': 0, 'basePath': 'x'}]"), RC_INVALID);
	ck_assert_str_eq(message, "the base path \"x\" of default/a does not begin with a slash");
	drop();
}
END_TEST

/* --- against a naive oracle --------------------------------------------------------------------
 */

#define PREFIXES 10000
#define LOOKUPS  20000
static char prefixes[PREFIXES][64];
static uint64_t state = 0x1234567;

static unsigned draw(unsigned below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % below;
}

/* Few words, some of which begin like others, so that paths share much and nest. */
static void make_path(char out[64], unsigned segments)
{
	static const char *const words[] = {"a", "ab", "abc", "shop", "shopping", "s", "cats",
		"cat", "v1", "v10", "v2", "orders", "order", "x", "api", "apis"};
	size_t n = 0;
	for (unsigned i = 0; i < segments; i++)
		n += (size_t)snprintf(
			out + n, 64 - n, "/%s%s", words[draw(16)], draw(3) ? "" : words[draw(16)]);
	out[n] = '\0';
}

static size_t naive(const char *path, size_t *end)
{
	size_t best = SIZE_MAX;
	for (size_t i = 0; i < PREFIXES; i++) {
		size_t n = strlen(prefixes[i]);
		bool fits = strncmp(path, prefixes[i], n) == 0 && (path[n] == '/' || !path[n]);
		if (fits && (best == SIZE_MAX || n > *end)) {
			best = i;
			*end = n;
		}
	}
	return best;
}

static void write_prefixes(struct plan_writer *w)
{
	struct position nowhere = {0};
	plan_open_array(w, NULL, nowhere);
	for (size_t i = 0; i < PREFIXES; i++) {
		make_path(prefixes[i], 1 + draw(4));
		for (size_t k = 0; k < i; k++)
			if (strcmp(prefixes[k], prefixes[i]) == 0) {
				snprintf(prefixes[i], 64, "/u%zu", i);
				break;
			}
		plan_open_object(w, NULL, nowhere);
		plan_write_integer(w, "listener", nowhere, 0);
		plan_write_string(w, "basePath", nowhere, str_of(prefixes[i]));
		plan_close(w);
	}
	plan_close(w);
}

START_TEST(finds_what_a_naive_search_finds)
{
	struct plan_writer *w = plan_writer_new();
	struct buffer bytes;
	buffer_init(&bytes, 16 << 20);
	write_prefixes(w);
	ck_assert_int_eq(plan_writer_finish(w, &bytes), RC_OK);
	ck_assert_int_eq(plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)), RC_OK);
	plan_writer_free(w);
	buffer_deinit(&bytes);
	ck_assert_int_eq(
		route_table_of_plan(plan_root(plan), 0, &table, message, sizeof(message)), RC_OK);
	size_t found = 0;
	for (int i = 0; i < LOOKUPS; i++) {
		char path[64];
		size_t end = 0;
		struct route_match match;
		make_path(path, draw(6));
		if (!path[0])
			memcpy(path, "/", 2);
		size_t expected = naive(path, &end);
		bool is = route_table_find(table, STR(""), str_of(path), &match);
		ck_assert_msg(is == (expected != SIZE_MAX), "%s", path);
		ck_assert_msg(!is || (match.api == expected && match.rest.p == path + end &&
					     match.rest.n == strlen(path) - end),
			"%s", path);
		found += is;
	}
	ck_assert_uint_gt(found, LOOKUPS / 4);
	ck_assert_uint_lt(found, LOOKUPS - LOOKUPS / 20);
	drop();
}
END_TEST

/* "2 /path /rest", "none", or "refused". */
static const char *take(const char *target)
{
	static char text[300];
	static struct pool *pool;
	struct arena arena;
	struct http_request r;
	struct route_match match;
	pool = pool ? pool : pool_new();
	arena_init(&arena, pool, 65536);
	http_request_init(&r, &arena);
	ck_assert_int_eq(uri_read_path(str_of(target), &arena, &r.path, &r.path_holds), RC_OK);
	enum rc rc = route_table_take(table, &r, &arena, &match);
	snprintf(text, sizeof(text), "%zu %.*s %.*s", rc == RC_OK ? match.api : 0, STR_ARG(r.path),
		rc == RC_OK ? (int)match.rest.n : 0, rc == RC_OK ? match.rest.p : "");
	arena_reset(&arena);
	if (rc == RC_NOT_FOUND)
		return "none";
	return rc == RC_INVALID ? "refused" : text;
}

static void check_taken(const char *const (*rows)[2], size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(strcmp(take(rows[i][0]), rows[i][1]) == 0, "%s: %s, expected %s",
			rows[i][0], take(rows[i][0]), rows[i][1]);
	drop();
}

START_TEST(an_api_decides_about_slashes_and_parameters)
{
	ck_assert_int_eq(
		make("[{'listener': 0, 'basePath': '/plain'},"
		     " {'listener': 0, 'basePath': '/slash', 'paths': {'encodedSlash': 'keep'}},"
		     " {'listener': 0, 'basePath': '/reject', 'paths': {'parameters': 'reject'}},"
		     " {'listener': 0, 'basePath': '', 'paths': {'parameters': 'strip'}}]"),
		RC_OK);
	static const char *const rows[][2] = {{"/plain/a;b", "0 /plain/a;b /a;b"},
		{"/plain/a%2fb", "refused"}, {"/slash/a%2fb", "1 /slash/a%2Fb /a%2Fb"},
		{"/slash/a%2fb;c", "1 /slash/a%2Fb;c /a%2Fb;c"}, {"/reject/a;b", "refused"},
		{"/reject/a", "2 /reject/a /a"}, {"/x;y/z", "3 /x/z /x/z"},
		/* What is left is another API's, and that has its own mind. */
		{"/plain;x/a;b", "0 /plain/a /a"}, {"/slash;x/a%2Fb", "refused"},
		{"/reject;x/a", "2 /reject/a /a"}, {"/x;y/a%2Fb", "refused"}};
	check_taken(rows, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

START_TEST(an_api_may_have_no_regard_to_case)
{
	ck_assert_int_eq(make("[{'listener': 0, 'basePath': '/shop', 'paths': {'case': 'lower'}},"
			      " {'listener': 0, 'basePath': '/Shop'},"
			      " {'listener': 0, 'basePath': '/shop/Exact'},"
			      " {'listener': 0, 'basePath': '/other'},"
			      " {'listener': 0, 'basePath': '/shop/own'}]"),
		RC_OK);
	static const char *const rows[][2] = {{"/shop/A", "0 /shop/a /a"},
		{"/SHOP/A", "0 /shop/a /a"}, {"/Shop/A", "1 /Shop/A /A"},
		{"/shop/Exact/B", "2 /shop/Exact/B /B"}, {"/shop/exact", "0 /shop/exact /exact"},
		{"/other/B", "3 /other/B /B"}, {"/SHOP/EXACT", "0 /shop/exact /exact"},
		{"/OTHER", "none"}, {"/shop%c3%a9", "none"},
		/* In lower case it is another API's, which takes paths as they are. */
		{"/shop/own/x", "4 /shop/own/x /x"}, {"/shop/OWN/x", "none"}};
	check_taken(rows, sizeof(rows) / sizeof(rows[0]));
}
END_TEST

UNIT_SUITE(route_table, an_api_decides_about_slashes_and_parameters,
	an_api_may_have_no_regard_to_case, the_longest_base_path_at_a_segment_wins,
	the_root_takes_what_is_left_and_options_star, ignores_a_trailing_slash_of_the_base_path,
	an_empty_table_finds_nothing, refuses_two_of_the_same_base_path, refuses_what_is_no_path,
	finds_what_a_naive_search_finds)
