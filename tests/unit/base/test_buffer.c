/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/buffer.h"

START_TEST(takes_exactly_its_maximum)
{
	struct buffer b;
	buffer_init(&b, 10);
	buffer_add(&b, STR("12345"));
	buffer_add(&b, STR("67890"));
	ck_assert(!b.failed);
	assert_str(buffer_str(&b), "1234567890");
	buffer_add_char(&b, 'x');
	ck_assert(b.failed);
	assert_str(buffer_str(&b), "1234567890");
	buffer_deinit(&b);
}
END_TEST

START_TEST(formatted_text_may_fill_it_too)
{
	struct buffer b;
	buffer_init(&b, 5);
	buffer_addf(&b, "%s", "12345");
	ck_assert(!b.failed);
	assert_str(buffer_str(&b), "12345");
	buffer_reset(&b);
	buffer_addf(&b, "%s", "123456");
	ck_assert(b.failed);
	ck_assert_uint_eq(b.n, 0);
	buffer_deinit(&b);
}
END_TEST

START_TEST(failure_sticks_until_reset)
{
	struct buffer b;
	buffer_init(&b, 4);
	buffer_add(&b, STR("12345"));
	buffer_add(&b, STR("1"));
	ck_assert(b.failed);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_ptr_null(buffer_reserve(&b, 1));
	buffer_reset(&b);
	buffer_add(&b, STR("1"));
	ck_assert(!b.failed);
	assert_str(buffer_str(&b), "1");
	buffer_deinit(&b);
}
END_TEST

START_TEST(a_maximum_of_nothing_takes_nothing)
{
	struct buffer b;
	buffer_init(&b, 0);
	buffer_add(&b, STR_EMPTY);
	ck_assert(!b.failed);
	buffer_add_char(&b, 'x');
	ck_assert(b.failed);
	buffer_deinit(&b);
}
END_TEST

START_TEST(writes_numbers)
{
	struct buffer b;
	buffer_init(&b, 1000);
	buffer_add_u64(&b, 0);
	buffer_add_char(&b, ' ');
	buffer_add_u64(&b, UINT64_MAX);
	buffer_add_char(&b, ' ');
	buffer_add_i64(&b, INT64_MIN);
	buffer_add_char(&b, ' ');
	buffer_add_i64(&b, INT64_MAX);
	buffer_addf(&b, " %d", -1);
	assert_str(buffer_str(&b),
		"0 18446744073709551615 -9223372036854775808 9223372036854775807 -1");
	buffer_deinit(&b);
}
END_TEST

START_TEST(grows_over_many_appends)
{
	struct buffer b;
	buffer_init(&b, 100000);
	for (int i = 0; i < 100000; i++)
		buffer_add_char(&b, (char)('a' + i % 26));
	ck_assert(!b.failed);
	ck_assert_uint_eq(b.n, 100000);
	for (int i = 0; i < 100000; i++)
		ck_assert_int_eq(b.p[i], 'a' + i % 26);
	buffer_deinit(&b);
}
END_TEST

START_TEST(reserves_and_commits)
{
	struct buffer b;
	buffer_init(&b, 8);
	memcpy(buffer_reserve(&b, 8), "abcdefgh", 8);
	ck_assert_uint_eq(b.n, 0);
	buffer_commit(&b, 3);
	assert_str(buffer_str(&b), "abc");
	ck_assert_ptr_null(buffer_reserve(&b, 6));
	ck_assert(b.failed);
	buffer_deinit(&b);
}
END_TEST

START_TEST(drains_from_the_front)
{
	struct buffer b;
	buffer_init(&b, 100);
	buffer_add(&b, STR("abcdef"));
	buffer_drain(&b, 0);
	assert_str(buffer_str(&b), "abcdef");
	buffer_drain(&b, 2);
	assert_str(buffer_str(&b), "cdef");
	buffer_drain(&b, 4);
	ck_assert_uint_eq(b.n, 0);
	buffer_deinit(&b);
}
END_TEST

START_TEST(escapes_json)
{
	static const struct {
		struct str in;
		const char *out;
	} rows[] = {
		{STR(""), "\"\""},
		{STR("plain"), "\"plain\""},
		{STR("a\"b\\c"), "\"a\\\"b\\\\c\""},
		{STR("\n\r\t"), "\"\\n\\r\\t\""},
		{STR("\0\x1f\x7f"), "\"\\u0000\\u001f\\u007f\""},
		{STR("\xc3\xa9"), "\"\xc3\xa9\""},
		{STR("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\""},
		{STR("x\xff"), "\"x\xef\xbf\xbd\""},
		{STR("\xc3"), "\"\xef\xbf\xbd\""},
		{STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer b;
		buffer_init(&b, 1000);
		buffer_add_json(&b, rows[i].in);
		ck_assert_msg(str_eq(buffer_str(&b), str_of(rows[i].out)), "row %zu: %.*s", i,
			STR_ARG(buffer_str(&b)));
		buffer_deinit(&b);
	}
}
END_TEST

START_TEST(every_maximum_cuts_cleanly)
{
	for (size_t max = 0; max < 40; max++) {
		struct buffer b;
		buffer_init(&b, max);
		for (int i = 0; i < 10; i++)
			buffer_addf(&b, "%d,", i * 11);
		ck_assert_uint_le(b.n, max);
		ck_assert_int_eq(b.failed, max < 29);
		buffer_deinit(&b);
	}
}
END_TEST

UNIT_SUITE(buffer, takes_exactly_its_maximum, formatted_text_may_fill_it_too,
	failure_sticks_until_reset, a_maximum_of_nothing_takes_nothing, writes_numbers,
	grows_over_many_appends, reserves_and_commits, drains_from_the_front, escapes_json,
	every_maximum_cuts_cleanly)
