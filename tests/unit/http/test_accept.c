/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "http/accept.h"

static unsigned weight(const char *first, const char *second, const char *type)
{
	struct pool *pool = pool_new();
	struct arena arena;
	struct fields f;
	arena_init(&arena, pool, 65536);
	fields_init(&f, &arena);
	if (first)
		ck_assert_int_eq(fields_add(&f, STR("Accept"), str_of(first)), RC_OK);
	if (second)
		ck_assert_int_eq(fields_add(&f, STR("accept"), str_of(second)), RC_OK);
	unsigned found = accept_weight(&f, str_of(type));
	arena_reset(&arena);
	pool_free(pool);
	return found;
}

START_TEST(the_most_specific_range_counts)
{
	static const struct {
		const char *first, *second, *type;
		unsigned weight;
	} rows[] = {
		{NULL, NULL, "text/html", 1000},
		{"", NULL, "text/html", 1000},
		{"*/*", NULL, "text/html", 1000},
		{"text/html", NULL, "text/html", 1000},
		{"TEXT/HTML", NULL, "text/html", 1000},
		{"text/html", NULL, "text/plain", 0},
		{"text/*;q=0.5", NULL, "text/html", 500},
		{"text/*", NULL, "textual/html", 0},
		{"text/html;q=0, */*", NULL, "text/html", 0},
		{"*/*;q=0.1, text/*;q=0.2, text/html;q=0.3", NULL, "text/html", 300},
		{"text/html;q=0.3, text/*;q=0.2, */*;q=0.1", NULL, "text/plain", 200},
		{"image/png", "text/html;q=0.125", "text/html", 125},
		{"text/html ; level=1 ; Q=0.4", NULL, "text/html", 400},
		{"text/html;q=1.000", NULL, "text/html", 1000},
		{"text/html;q=1.", NULL, "text/html", 1000},
		{"text/html;q=1.001", NULL, "text/html", 1000},
		{"text/html;q=2, */*;q=0.7", NULL, "text/html", 700},
		{"text/html;q=.5, */*;q=0.7", NULL, "text/html", 700},
		{"text/html;q=0.1234, */*;q=0.7", NULL, "text/html", 700},
		{"text/html;q=, */*;q=0.7", NULL, "text/html", 700},
		{"text/html;q=0x1, */*;q=0.7", NULL, "text/html", 700},
		{",,;", NULL, "text/html", 1000},
		/* No ranges: a weight alone, one half, nothing that begins with any type. */
		{"rubbish", NULL, "text/html", 1000},
		{";q=1", NULL, "text/html", 1000},
		{";q=0.5, text/*;q=0.2", NULL, "text/html", 200},
		{"text/, /html, */html, te xt/html, *", NULL, "text/html", 1000},
		{"*;q=0.2, */*;q=0.3", NULL, "text/html", 300},
		{"text/html;q=0", NULL, "text/html", 0},
		{"*/*;q=0", NULL, "text/html", 0},
		{"text/html;q=0.000, text/plain", NULL, "text/html", 0},
		/* One with parameters of its own says less about what has none. */
		{"text/html;level=1;q=0.1, text/html;q=0.7", NULL, "text/html", 700},
		{"text/html;q=0.7, text/html;level=1;q=0.1", NULL, "text/html", 700},
		{"text/html;charset=utf-8", NULL, "text/html", 1000},
		{"text/html;charset=utf-8;q=0.1, text/*", NULL, "text/html", 100},
		/* What stands in quotes separates nothing. */
		{"text/html;a=\"x,y;q=0\";q=0.5", NULL, "text/html", 500},
		{"text/html;a=\"\\\", */*;q=0.9\";q=0.5", NULL, "text/html", 500},
		{"text/html;a=\", */*;q=0.9", NULL, "text/html", 1000},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		unsigned got = weight(rows[i].first, rows[i].second, rows[i].type);
		ck_assert_msg(got == rows[i].weight, "%s: %u", rows[i].first, got);
	}
}
END_TEST

UNIT_SUITE(accept, the_most_specific_range_counts)
