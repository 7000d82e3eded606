/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "http/forwarded.h"

#include <stdio.h>

/* All nodes from the right, joined by a space; "!" where the list is malformed. */
static const char *nodes_of(struct str list, bool is_rfc7239)
{
	static char text[512];
	size_t n = 0;
	for (unsigned hops = 0; hops < 20; hops++) {
		struct forwarded_hop hop;
		enum forwarded_step step = is_rfc7239 ? forwarded_pop(&list, &hop)
						      : forwarded_for_pop(&list, &hop);
		if (step == FORWARDED_END)
			break;
		if (step == FORWARDED_MALFORMED) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "!");
			break;
		}
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s ", STR_ARG(hop.node));
	}
	text[n] = '\0';
	return text;
}

struct row {
	const char *list, *nodes;
};

static void check_rows(const struct row *rows, size_t count, bool is_rfc7239)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = nodes_of(str_of(rows[i].list), is_rfc7239);
		ck_assert_msg(strcmp(got, rows[i].nodes) == 0, "%s: got \"%s\", expected \"%s\"",
			rows[i].list, got, rows[i].nodes);
	}
}

START_TEST(reads_x_forwarded_for_from_the_right)
{
	static const struct row rows[] = {
		{"", ""},
		{" , ,", ""},
		{"192.0.2.1", "192.0.2.1 "},
		{"192.0.2.1, 198.51.100.2,203.0.113.3", "203.0.113.3 198.51.100.2 192.0.2.1 "},
		{"192.0.2.1:4711", "192.0.2.1 "},
		{"2001:db8::1", "2001:db8::1 "},
		{"[2001:db8::1]", "2001:db8::1 "},
		{"[2001:db8::1]:443 ,, 192.0.2.1", "192.0.2.1 2001:db8::1 "},
		{"unknown, 192.0.2.1", "192.0.2.1 !"},
		{"<script>, 192.0.2.1", "192.0.2.1 !"},
		{"\"192.0.2.1", "!"},
		{"192.0.2.1:x", "!"},
		{"192.0.2.1:99999", "!"},
		{"192.0.2.1:", "!"},
		{"[2001:db8::1", "!"},
		{"[]", "!"},
		{"[::1]x", "!"},
		{":80", "!"},
	};
	check_rows(rows, ARRAY_COUNT(rows), false);
}
END_TEST

START_TEST(reads_forwarded_from_the_right)
{
	static const struct row rows[] = {
		{"", ""},
		{"for=192.0.2.1", "192.0.2.1 "},
		{"For=\"[2001:db8::1]:4711\";proto=https, for=192.0.2.2;by=203.0.113.43",
			"192.0.2.2 2001:db8::1 "},
		{"for=192.0.2.1;host=\"a, b;c=d\", for=192.0.2.2", "192.0.2.2 192.0.2.1 "},
		{"for=unknown, for=192.0.2.2", "192.0.2.2 !"},
		{"for=_hidden", "!"},
		{"proto=https", "!"},
		{"for=192.0.2.1;for=192.0.2.9", "!"},
		{"for=", "!"},
		{"for=192.0.2.1;", "192.0.2.1 "},
		{"for=192.0.2.1;;proto=http", "192.0.2.1 "},
		{"for=2001:db8::1", "!"}, /* a colon has to be quoted */
		/* What a client left open swallows nothing of what proxies write behind it. */
		{"for=\", for=192.0.2.2", "192.0.2.2 !"},
		{"for=\"192.0.2.66, for=192.0.2.2", "192.0.2.2 !"},
		{"for=\"\\\"192.0.2.66\", for=192.0.2.2", "192.0.2.2 !"},
	};
	check_rows(rows, ARRAY_COUNT(rows), true);
}
END_TEST

START_TEST(tells_proto_and_host)
{
	struct str list = STR("for=192.0.2.1;PROTO=https;host=\"api.example:8443\"");
	struct forwarded_hop hop;
	ck_assert_int_eq(forwarded_pop(&list, &hop), FORWARDED_HOP);
	assert_str(hop.proto, "https");
	assert_str(hop.host, "api.example:8443");
}
END_TEST

/* Whatever stands before a comma, the element behind it reads the same. */
START_TEST(nothing_at_the_left_changes_the_right)
{
	static const char left[] = "a\"b=c;d\\,e[f:1 ";
	for (size_t from = 0; from < sizeof(left) - 1; from++) {
		for (size_t n = 0; from + n < sizeof(left); n++) {
			char text[100];
			struct forwarded_hop hop;
			snprintf(text, sizeof(text), "%.*s, for=192.0.2.2", (int)n, left + from);
			struct str list = str_of(text);
			ck_assert_int_eq(forwarded_pop(&list, &hop), FORWARDED_HOP);
			assert_str(hop.node, "192.0.2.2");
			snprintf(text, sizeof(text), "%.*s, 192.0.2.2", (int)n, left + from);
			list = str_of(text);
			ck_assert_int_eq(forwarded_for_pop(&list, &hop), FORWARDED_HOP);
			assert_str(hop.node, "192.0.2.2");
		}
	}
}
END_TEST

UNIT_SUITE(forwarded, reads_x_forwarded_for_from_the_right, reads_forwarded_from_the_right,
	tells_proto_and_host, nothing_at_the_left_changes_the_right)
