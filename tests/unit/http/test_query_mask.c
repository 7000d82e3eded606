/* SPDX-License-Identifier: Apache-2.0 */
#include "http/query_mask.h"
#include "support.h"

#include <stdio.h>

static void assert_is(struct str actual, const char *expected)
{
	ck_assert_msg(
		str_eq(actual, str_of(expected)), "%.*s, expected %s", STR_ARG(actual), expected);
}

START_TEST(hides_every_value)
{
	static const char *const rows[][2] = {
		{"/a", "/a"},
		{"/a=b", "/a=b"},
		{"/a?b", "/a?b"},
		{"/a?b=c", "/a?b=*"},
		{"/a?b=c=d&e=&f&=g", "/a?b=*&e=*&f&=*"},
		{"/a?b=?c&d=e?f=g", "/a?b=*&d=*"},
	};
	char out[64];
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_is(query_mask_all(str_of(rows[i][0]), out, sizeof(out)), rows[i][1]);
	for (size_t room = 1; room <= 9; room++) {
		struct str cut = query_mask_all(STR("/a?b=cdef&g"), out, room);
		ck_assert(str_starts(STR("/a?b=*&g"), cut));
		ck_assert_uint_le(cut.n, room);
	}
}
END_TEST

static bool is_key(void *asked, struct str name)
{
	++*(unsigned *)asked;
	return str_eq_nocase(name, STR("key"));
}

START_TEST(hides_the_values_of_secrets)
{
	static const struct {
		const char *target, *expected;
		int32_t masked;
	} rows[] = {
		{"/key=1", "/key=1", 0},
		{"/?", "/?", 0},
		{"/?key", "/?key", 0},
		{"/?key=1", "/?key=***", 1},
		{"/?a=key&b&&", "/?a=key&b&&", 0},
		{"/?a=1&Key=x=y&b&k%65y=&key", "/?a=1&Key=***&b&k%65y=***&key", 2},
		{"/?&&key=a?key=b&", "/?&&key=***&", 1},
		{"/?k+ey=1&k%zzey=2&%6b%65%79=3", "/?k+ey=1&k%zzey=2&%6b%65%79=***", 1},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		unsigned asked = 0;
		int32_t masked;
		struct str got =
			query_mask(str_of(rows[i].target), is_key, &asked, test_arena(), &masked);
		assert_is(got, rows[i].expected);
		ck_assert_int_eq(masked, rows[i].masked);
	}
}
END_TEST

START_TEST(shows_no_query_when_the_memory_is_spent)
{
	static const char *const targets[] = {"/a?key=1", "/a?b=1&k%65y=2"};
	for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
		struct pool *pool = pool_new();
		struct arena arena;
		unsigned asked = 0;
		int32_t masked;
		arena_init(&arena, pool, 1);
		ck_assert_ptr_null(arena_alloc(&arena, 4096));
		assert_str(query_mask(str_of(targets[i]), is_key, &asked, &arena, &masked), "/a");
		ck_assert_int_eq(masked, -1);
		arena_reset(&arena);
		pool_free(pool);
	}
}
END_TEST

UNIT_SUITE(query_mask, hides_every_value, hides_the_values_of_secrets,
	shows_no_query_when_the_memory_is_spent)
