/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "http/uri.h"
#include "support.h"

#include <stdio.h>

static const char REFUSED[] = "refused";

static void check_path(const char *in, const char *expected)
{
	struct str out = STR_EMPTY;
	enum rc rc = uri_canonical_path(str_of(in), test_arena(), 0, &out);
	if (expected == REFUSED)
		ck_assert_msg(rc == RC_INVALID, "%s became %.*s", in, STR_ARG(out));
	else
		ck_assert_msg(rc == RC_OK && str_eq(out, str_of(expected)),
			"%s became %.*s (%s), expected %s", in, STR_ARG(out), rc_name(rc),
			expected);
}

START_TEST(gives_one_form_of_a_path)
{
	static const char *const rows[][2] = {
		{"/", "/"},
		{"/a/b", "/a/b"},
		{"/a/", "/a/"},
		{"//a", "/a"},
		{"/a//b", "/a/b"},
		{"/./a", "/a"},
		{"/a/.", "/a/"},
		{"/a/./b", "/a/b"},
		{"/x/../a", "/a"},
		{"/a/..", "/"},
		{"/a/b/..", "/a/"},
		{"/%61dmin", "/admin"},
		{"/adm%69n", "/admin"},
		{"/x/%2e%2e/a", "/a"},
		{"/x/%2E%2e/a", "/a"},
		{"/x/.%2e/a", "/a"},
		{"/%2e/a", "/a"},
		{"/x//../a", "/a"},
		{"/.a", "/.a"},
		{"/..a", "/..a"},
		{"/a..", "/a.."},
		{"/...", "/..."},
		{"/a%20b", "/a%20b"},
		{"/%c3%a9", "/%C3%A9"},
		{"/%7e", "/~"},
		{"/%3b", "/%3B"},
		{"/a;b=c/d", "/a;b=c/d"},
		{"/a.;b", "/a.;b"},
		{"/%25", "/%25"},
		{"/100%25/x", "/100%25/x"},
		{"/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="},
		{"/a|b", "/a|b"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		check_path(rows[i][0], rows[i][1]);
}
END_TEST

START_TEST(refuses_paths_that_peers_read_differently)
{
	static const char *const rows[] = {"", "a", "*", "/..", "/../a", "/a/../../b", "/%2e%2e/a",
		"/./../x", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00", "/%0a", "/%1f", "/%7f",
		"/%", "/%1", "/%zz", "/%4", "/a#b", "/a b", "/a\tb", "/\x80", "/a?b", "/x/..;/a",
		"/x/.;/a", "/x/..;a=b/c", "/%2e%2e;/a", "/%2561", "/%252e%252e/a", "/%252f",
		"/%25%32%65", "/%2525", "/%c0%af", "/%c1%81", "/%e0%80%af", "/%f0%80%80%af"};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		check_path(rows[i], REFUSED);
}
END_TEST

START_TEST(says_what_servers_disagree_on)
{
	static const struct {
		const char *in, *expected;
		uint8_t holds;
	} rows[] = {{"/a", "/a", 0}, {"/a%2fb", "/a%2Fb", URI_ENCODED_SLASH},
		{"/a;b", "/a;b", URI_PARAMETERS}, {"/a;b%2Fc", "/a;b%2Fc", 3},
		{"/x/../a%2F", "/a%2F", URI_ENCODED_SLASH}, {"/%3b", "/%3B", 0},
		{"/a;b/..", "/", 0}, {"/a%2fb/../c", "/c", 0}, {"/a%2f..%2fb", REFUSED, 0},
		{"/a%2f..", REFUSED, 0}, {"/a%2f.", REFUSED, 0}, {"/..%2fb", REFUSED, 0},
		{"/%2f../b", REFUSED, 0}, {"/a%2f..;x", REFUSED, 0}, {"/a%2f.;x/b", REFUSED, 0},
		{"/a%2F%2e%2e", REFUSED, 0}, {"/a%252fb", REFUSED, 0}, {"/a%2f%5cb", REFUSED, 0}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str out, again;
		uint8_t holds = 0, holds_again = 0;
		enum rc rc = uri_read_path(str_of(rows[i].in), test_arena(), &out, &holds);
		if (rows[i].expected == REFUSED) {
			ck_assert_msg(rc == RC_INVALID, "%s", rows[i].in);
			continue;
		}
		ck_assert_msg(rc == RC_OK && str_eq(out, str_of(rows[i].expected)),
			"%s became %.*s", rows[i].in, STR_ARG(out));
		ck_assert_msg(holds == rows[i].holds, "%s holds %d", rows[i].in, holds);
		ck_assert_int_eq(uri_read_path(out, test_arena(), &again, &holds_again), RC_OK);
		ck_assert(str_eq(out, again));
		rc = uri_canonical_path(str_of(rows[i].in), test_arena(), URI_ENCODED_SLASH, &out);
		ck_assert_int_eq(rc, RC_OK);
	}
}
END_TEST

START_TEST(takes_parameters_out)
{
	static const char *const rows[][2] = {{"/a;b", "/a"}, {"/a;b/c;d=e;f/", "/a/c/"},
		{"/;a/b", "/b"}, {"/a/;b", "/a/"}, {"/a;", "/a"}, {"/;", "/"}, {"/a", "/a"},
		{"/a;b%2Fc/d", "/a/d"}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str out;
		ck_assert_int_eq(
			uri_strip_parameters(str_of(rows[i][0]), test_arena(), &out), RC_OK);
		ck_assert_msg(str_eq(out, str_of(rows[i][1])), "%s became %.*s", rows[i][0],
			STR_ARG(out));
	}
}
END_TEST

START_TEST(lowers_all_but_escapes)
{
	static const char *const rows[][2] = {{"/A/b", "/a/b"}, {"/%C3%A9A", "/%C3%A9a"},
		{"/a", "/a"}, {"/%E2}", "/%E2}"}, {"/A%2FB", "/a%2Fb"}, {"/%25AB", "/%25ab"}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str in = str_of(rows[i][0]), out;
		ck_assert_int_eq(uri_lower_path(in, test_arena(), &out), RC_OK);
		ck_assert_msg(str_eq(out, str_of(rows[i][1])), "%s became %.*s", rows[i][0],
			STR_ARG(out));
		if (str_eq(in, out))
			ck_assert_ptr_eq(in.p, out.p);
	}
}
END_TEST

START_TEST(treats_an_escape_alike_wherever_it_stands)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		static const char *const forms[] = {"/%%%02xx", "/x%%%02xy", "/x/y%%%02x"};
		enum rc first = RC_OK;
		for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
			char text[32];
			struct str out;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof(text), forms[i], byte);
#pragma GCC diagnostic pop
			enum rc rc = uri_canonical_path(str_of(text), test_arena(), 0, &out);
			if (i == 0)
				first = rc;
			ck_assert_msg(rc == first, "%s", text);
		}
	}
}
END_TEST

START_TEST(returns_the_input_where_it_was_canonical)
{
	struct str in = STR("/a/b?c=%2f"), path, query;
	bool has_query;
	uint8_t holds;
	ck_assert_int_eq(
		uri_parse_origin_form(in, test_arena(), &path, &query, &has_query, &holds), RC_OK);
	ck_assert_ptr_eq(path.p, in.p);
	assert_str(path, "/a/b");
	assert_str(query, "c=%2f");
	ck_assert(has_query);
}
END_TEST

START_TEST(keeps_queries_as_they_are)
{
	static const struct {
		const char *target, *query;
		bool has_query;
	} rows[] = {{"/a", "", false}, {"/a?", "", true}, {"/a?b", "b", true},
		{"/a?b?c/../d", "b?c/../d", true}, {"/?a=%00", "a=%00", true}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str path, query;
		bool has_query;
		uint8_t holds;
		ck_assert_int_eq(uri_parse_origin_form(str_of(rows[i].target), test_arena(), &path,
					 &query, &has_query, &holds),
			RC_OK);
		ck_assert_msg(str_eq(query, str_of(rows[i].query)), "%s", rows[i].target);
		ck_assert_int_eq(has_query, rows[i].has_query);
	}
	static const char *const bad[] = {"/a?b#c", "/a?b c", "/a?\x80", "/a?\x7f", "?a"};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct str path, query;
		bool has_query;
		uint8_t holds;
		ck_assert_int_eq(uri_parse_origin_form(str_of(bad[i]), test_arena(), &path, &query,
					 &has_query, &holds),
			RC_INVALID);
	}
}
END_TEST

START_TEST(checks_authorities)
{
	static const char *const good[][2] = {{"h", "h"}, {"Example.COM:80", "example.com:80"},
		{"[::1]", "[::1]"}, {"[FE80::1]:8080", "[fe80::1]:8080"},
		{"127.0.0.1:65535", "127.0.0.1:65535"}, {"a_b-c.d~", "a_b-c.d~"}};
	static const char *const bad[] = {"", ":80", "h:", "h:0", "h:65536", "h:8a", "u@h", "a,b",
		"a b", "a/b", "[::1", "[]", "[g::1]", "[::1]x", "h:80:80", "a\\b", "h%41", "\x80",
		"h:+1", "a?b", "a#b", "h:000080"};
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		struct str out;
		ck_assert_int_eq(
			uri_check_authority(str_of(good[i][0]), test_arena(), &out), RC_OK);
		ck_assert_msg(str_eq(out, str_of(good[i][1])), "%s", good[i][0]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct str out;
		ck_assert_msg(uri_check_authority(str_of(bad[i]), test_arena(), &out) == RC_INVALID,
			"%s", bad[i]);
	}
	struct str out;
	ck_assert_int_eq(uri_check_authority(repeated("a", 262), test_arena(), &out), RC_INVALID);
}
END_TEST

START_TEST(parses_absolute_uris)
{
	struct uri uri;
	ck_assert_int_eq(uri_parse_absolute(STR("https://Host:8443/a/b?c"), &uri), RC_OK);
	assert_str(uri.scheme, "https");
	assert_str(uri.host, "Host");
	ck_assert_uint_eq(uri.port, 8443);
	assert_str(uri.path, "/a/b");
	assert_str(uri.query, "c");
	ck_assert_int_eq(uri_parse_absolute(STR("h2://[::1]"), &uri), RC_OK);
	assert_str(uri.host, "::1");
	ck_assert(uri.host_is_ip6 && uri.port == 0 && uri.path.n == 0);
	static const char *const bad[] = {"", "h", "http:/h", "://h", "http://", "http://u@h/",
		"http://h:0/", "http://h:x/", "http://h/#f", "HTTP://h/", "http:///x", "1http://h",
		"http://h?a b"};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		ck_assert_msg(uri_parse_absolute(str_of(bad[i]), &uri) == RC_INVALID, "%s", bad[i]);
}
END_TEST

START_TEST(decodes_percent_escapes)
{
	struct str out;
	ck_assert_int_eq(uri_percent_decode(STR("a%20b+c%00"), test_arena(), &out), RC_OK);
	ck_assert(str_eq(out, STR("a b+c\0")));
	ck_assert_int_eq(uri_percent_decode(STR("a%2"), test_arena(), &out), RC_INVALID);
	ck_assert_int_eq(uri_percent_decode(STR("%gg"), test_arena(), &out), RC_INVALID);
}
END_TEST

START_TEST(walks_the_pairs_of_a_query)
{
	struct str query = STR("a=1&&b&c=d=e&=f&"), name, value;
	ck_assert(uri_query_next(&query, &name, &value));
	assert_str(name, "a");
	assert_str(value, "1");
	ck_assert(uri_query_next(&query, &name, &value));
	assert_str(name, "b");
	assert_str(value, "");
	ck_assert(uri_query_next(&query, &name, &value));
	assert_str(name, "c");
	assert_str(value, "d=e");
	ck_assert(uri_query_next(&query, &name, &value));
	assert_str(name, "");
	assert_str(value, "f");
	ck_assert(!uri_query_next(&query, &name, &value));
}
END_TEST

UNIT_SUITE(uri, gives_one_form_of_a_path, refuses_paths_that_peers_read_differently,
	says_what_servers_disagree_on, takes_parameters_out, lowers_all_but_escapes,
	treats_an_escape_alike_wherever_it_stands, returns_the_input_where_it_was_canonical,
	keeps_queries_as_they_are, checks_authorities, parses_absolute_uris,
	decodes_percent_escapes, walks_the_pairs_of_a_query)
