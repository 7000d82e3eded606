/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "proxy/client_address.h"

struct walk {
	struct pool *pool;
	struct arena arena;
	struct fields fields;
	struct edge edge;
	char text[ADDRESS_TEXT_BYTES];
};

static void walk_init(struct walk *w, const char *trusted)
{
	*w = (struct walk){.pool = pool_new()};
	arena_init(&w->arena, w->pool, 65536);
	fields_init(&w->fields, &w->arena);
	struct str rest = str_of(trusted);
	while (rest.p)
		ck_assert_int_eq(cidr_set_add(&w->edge.proxies, str_cut(&rest, ' ')), RC_OK);
}

static void walk_deinit(struct walk *w)
{
	edge_deinit(&w->edge);
	arena_reset(&w->arena);
	pool_free(w->pool);
}

/* Fields are "Name: value" lines. */
static struct str client_of(struct walk *w, const char *lines)
{
	struct address peer;
	struct client_address found;
	ck_assert_int_eq(address_from_ip(STR("10.0.0.1"), 4711, &peer), RC_OK);
	fields_init(&w->fields, &w->arena);
	for (struct str rest = str_of(lines); rest.n > 0;) {
		struct str line = str_cut(&rest, '\n'), name = str_cut(&line, ':');
		ck_assert_int_eq(fields_add(&w->fields, name, str_trim(line)), RC_OK);
	}
	client_address_find(&w->edge, &peer, &w->fields, &found);
	return address_ip_text(&found.address, w->text);
}

START_TEST(walks_to_the_first_that_is_not_trusted)
{
	static const struct {
		const char *lines, *client;
	} rows[] = {
		{"", "10.0.0.1"},
		{"X-Forwarded-For: 203.0.113.9", "203.0.113.9"},
		{"x-forwarded-for: 6.6.6.6, 203.0.113.9", "203.0.113.9"},
		{"X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.2.0.1, 192.0.2.5", "203.0.113.9"},
		{"X-Forwarded-For: 203.0.113.9\nX-Forwarded-For: 10.2.0.1", "203.0.113.9"},
		{"X-Forwarded-For: 10.3.3.3, 10.2.0.1", "10.3.3.3"},
		{"X-Forwarded-For: rubbish, 10.2.0.1", "10.2.0.1"},
		{"X-Forwarded-For: 6.6.6.6, 999.1.1.1, 10.2.0.1", "10.2.0.1"},
		{"X-Forwarded-For: rubbish", "10.0.0.1"},
		{"X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: rubbish", "10.0.0.1"},
		{"X-Forwarded-For: 6.6.6.6, , 203.0.113.9,", "203.0.113.9"},
		{"X-Forwarded-For: [2001:db8::7]:80", "2001:db8::7"},
		{"X-Forwarded-For: ::ffff:10.2.0.1", "10.2.0.1"},
		{"X-Forwarded-For: 6.6.6.6, ::ffff:203.0.113.9", "203.0.113.9"},
		{"Forwarded: for=6.6.6.6\nX-Real-IP: 6.6.6.6", "10.0.0.1"},
	};
	struct walk w;
	walk_init(&w, "10.0.0.0/8 192.0.2.0/24");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str client = client_of(&w, rows[i].lines);
		ck_assert_msg(str_eq(client, str_of(rows[i].client)), "%s: %.*s", rows[i].lines,
			STR_ARG(client));
	}
	walk_deinit(&w);
}
END_TEST

START_TEST(takes_the_nth_from_the_right)
{
	struct walk w;
	walk_init(&w, "10.0.0.0/8");
	w.edge.hops = 2;
	assert_str(client_of(&w, "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3"), "2.2.2.2");
	assert_str(client_of(&w, "X-Forwarded-For: 1.1.1.1, 10.2.2.2, 10.3.3.3"), "10.2.2.2");
	assert_str(client_of(&w, "X-Forwarded-For: 3.3.3.3"), "3.3.3.3");
	assert_str(client_of(&w, ""), "10.0.0.1");
	assert_str(client_of(&w, "X-Forwarded-For: 1.1.1.1, x, 3.3.3.3"), "3.3.3.3");
	walk_deinit(&w);
}
END_TEST

START_TEST(reads_the_header_that_is_configured)
{
	struct walk w;
	walk_init(&w, "10.0.0.0/8");
	w.edge.header = EDGE_FORWARDED;
	assert_str(
		client_of(&w, "Forwarded: for=6.6.6.6, for=203.0.113.9;proto=https, for=10.1.1.1"),
		"203.0.113.9");
	assert_str(client_of(&w, "X-Forwarded-For: 6.6.6.6"), "10.0.0.1");
	w.edge.header = EDGE_OTHER_HEADER;
	w.edge.header_name = STR("True-Client-IP");
	assert_str(client_of(&w, "true-client-ip: 203.0.113.9\nX-Forwarded-For: 6.6.6.6"),
		"203.0.113.9");
	walk_deinit(&w);
}
END_TEST

START_TEST(ends_after_a_bound)
{
	struct walk w;
	char lines[32 + 100 * 10] = "X-Forwarded-For: 10.9.9.9";
	for (size_t i = 0, n = strlen(lines); i < 99; i++, n += 9)
		memcpy(lines + n, i < 35 ? ",10.1.1.1" : ",10.2.2.2", 10);
	walk_init(&w, "10.0.0.0/8");
	assert_str(client_of(&w, lines), "10.2.2.2"); /* the 64th from the right */
	walk_deinit(&w);
}
END_TEST

UNIT_SUITE(client_address, walks_to_the_first_that_is_not_trusted, takes_the_nth_from_the_right,
	reads_the_header_that_is_configured, ends_after_a_bound)
