/* SPDX-License-Identifier: Apache-2.0 */
/* str, utf8, nearest, rc: small functions of text, row by row. */
#include "unit.h"

#include "base/nearest.h"
#include "base/utf8.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(compares)
{
	static const struct {
		struct str a, b;
		int order;
		bool nocase;
	} rows[] = {
		{STR_EMPTY, STR_EMPTY, 0, true},
		{STR_EMPTY, STR(""), 0, true},
		{STR("a"), STR_EMPTY, 1, false},
		{STR("a"), STR("A"), 1, true},
		{STR("abc"), STR("abd"), -1, false},
		{STR("ab"), STR("abc"), -1, false},
		{STR("\xff"), STR("a"), 1, false},
		{STR("a\0b"), STR("a\0c"), -1, false},
		{STR("K"), STR("\xe2\x84\xaa"), -1, false},
		{STR("[@`{"), STR("{`@["), -1, false},
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		int order = str_compare(rows[i].a, rows[i].b);
		ck_assert_int_eq((order > 0) - (order < 0), rows[i].order);
		ck_assert_int_eq(str_eq(rows[i].a, rows[i].b), rows[i].order == 0);
		ck_assert_int_eq(str_eq_nocase(rows[i].a, rows[i].b), rows[i].nocase);
	}
}
END_TEST

START_TEST(finds_prefixes_and_suffixes)
{
	ck_assert(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR_EMPTY));
	ck_assert(!str_starts(STR("ab"), STR("abc")) && !str_starts(STR("abc"), STR("b")));
	ck_assert(str_ends(STR("abc"), STR("bc")) && str_ends(STR_EMPTY, STR_EMPTY));
	ck_assert(!str_ends(STR("bc"), STR("abc")) && !str_ends(STR("abc"), STR("b")));
}
END_TEST

START_TEST(slices_clamp)
{
	assert_str(str_from(STR("abc"), 1), "bc");
	assert_str(str_from(STR("abc"), 3), "");
	assert_str(str_from(STR("abc"), 99), "");
	assert_str(str_slice(STR("abc"), 1, 1), "b");
	assert_str(str_slice(STR("abc"), 1, SIZE_MAX), "bc");
	assert_str(str_slice(STR("abc"), 9, 1), "");
	ck_assert_uint_eq(str_slice(STR_EMPTY, 1, 1).n, 0);
}
END_TEST

START_TEST(trims_space_and_tab_alone)
{
	assert_str(str_trim(STR(" \t a b\t ")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
	assert_str(str_trim(STR("\na\r")), "\na\r");
	ck_assert_uint_eq(str_trim(STR_EMPTY).n, 0);
}
END_TEST

START_TEST(searches)
{
	ck_assert_uint_eq(str_index(STR("abcb"), 'b'), 1);
	ck_assert_uint_eq(str_index(STR("abc"), 'x'), 3);
	ck_assert_uint_eq(str_index(STR_EMPTY, 'x'), 0);
	ck_assert_uint_eq(str_find(STR("abcabd"), STR("abd")), 3);
	ck_assert_uint_eq(str_find(STR("abc"), STR("abcd")), 3);
	ck_assert_uint_eq(str_find(STR("abc"), STR_EMPTY), 0);
	ck_assert_uint_eq(str_find(STR_EMPTY, STR("a")), 0);
}
END_TEST

START_TEST(a_file_s_stem_is_behind_the_last_slash)
{
	assert_str(str_file_stem("/lib/a.so/quota.so", STR(".so")), "quota");
	assert_str(str_file_stem("quota.so.1", STR(".so")), "quota.so.1");
	assert_str(str_file_stem("./.so", STR(".so")), "");
	assert_str(str_file_stem("a/", STR(".so")), "");
}
END_TEST

START_TEST(cuts_at_each_separator)
{
	struct str s = STR("a,,b");
	assert_str(str_cut(&s, ','), "a");
	assert_str(str_cut(&s, ','), "");
	assert_str(str_cut(&s, ','), "b");
	ck_assert_ptr_null(s.p);
	s = STR("a,");
	assert_str(str_cut(&s, ','), "a");
	ck_assert_ptr_nonnull(s.p);
	assert_str(str_cut(&s, ','), "");
	ck_assert_ptr_null(s.p);
}
END_TEST

START_TEST(reads_numbers_strictly)
{
	static const struct {
		struct str in;
		uint64_t max, value;
		bool ok;
	} rows[] = {
		{STR("0"), 0, 0, true},
		{STR("1"), 0, 0, false},
		{STR("65535"), 65535, 65535, true},
		{STR("65536"), 65535, 0, false},
		{STR("007"), 7, 7, true},
		{STR("18446744073709551615"), UINT64_MAX, UINT64_MAX, true},
		{STR("18446744073709551616"), UINT64_MAX, 0, false},
		{STR("99999999999999999999"), UINT64_MAX, 0, false},
		{STR_EMPTY, UINT64_MAX, 0, false},
		{STR("-1"), UINT64_MAX, 0, false},
		{STR("+1"), UINT64_MAX, 0, false},
		{STR(" 1"), UINT64_MAX, 0, false},
		{STR("1 "), UINT64_MAX, 0, false},
		{STR("1\0"), UINT64_MAX, 0, false},
		{STR("0x1"), UINT64_MAX, 0, false},
		{STR("\xb2"), UINT64_MAX, 0, false},
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t value = 4711;
		enum rc rc = str_to_u64(rows[i].in, rows[i].max, &value);
		ck_assert_msg(rc == (rows[i].ok ? RC_OK : RC_INVALID), "row %zu", i);
		ck_assert_uint_eq(value, rows[i].ok ? rows[i].value : 4711);
	}
}
END_TEST

START_TEST(hashes_depend_on_every_byte)
{
	ck_assert_uint_eq(str_hash(STR("abc")), str_hash(STR("abc")));
	ck_assert_uint_ne(str_hash(STR("abc")), str_hash(STR("abd")));
	ck_assert_uint_ne(str_hash(STR("")), str_hash(STR("\0")));
}
END_TEST

START_TEST(knows_well_formed_utf8)
{
	static const struct {
		struct str in;
		size_t first; /* bytes of the first sequence; 0: ill-formed */
	} rows[] = {
		{STR_EMPTY, 0},
		{STR("a"), 1},
		{STR("\x7f"), 1},
		{STR("\x80"), 0},
		{STR("\xbf"), 0},
		{STR("\xc0\x80"), 0},
		{STR("\xc1\xbf"), 0},
		{STR("\xc2\x80"), 2},
		{STR("\xdf\xbf"), 2},
		{STR("\xc2"), 0},
		{STR("\xc2\x7f"), 0},
		{STR("\xc2\xc0"), 0},
		{STR("\xe0\x9f\xbf"), 0},
		{STR("\xe0\xa0\x80"), 3},
		{STR("\xed\x9f\xbf"), 3},
		{STR("\xed\xa0\x80"), 0},
		{STR("\xed\xbf\xbf"), 0},
		{STR("\xee\x80\x80"), 3},
		{STR("\xef\xbf\xbf"), 3},
		{STR("\xe1\x80"), 0},
		{STR("\xe1\x80\x7f"), 0},
		{STR("\xf0\x8f\xbf\xbf"), 0},
		{STR("\xf0\x90\x80\x80"), 4},
		{STR("\xf4\x8f\xbf\xbf"), 4},
		{STR("\xf4\x90\x80\x80"), 0},
		{STR("\xf5\x80\x80\x80"), 0},
		{STR("\xf1\x80\x80"), 0},
		{STR("\xf1\x80\x80\xc0"), 0},
		{STR("\xfe"), 0},
		{STR("\xff"), 0},
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		ck_assert_msg(utf8_sequence(rows[i].in) == rows[i].first, "row %zu", i);
		bool valid = rows[i].first == rows[i].in.n;
		ck_assert_msg(utf8_is_valid(rows[i].in) == valid, "row %zu", i);
	}
	ck_assert(utf8_is_valid(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
	ck_assert(!utf8_is_valid(STR("a\xc3\xa9\xe2\x82")));
	ck_assert_uint_eq(utf8_length(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
	ck_assert_uint_eq(utf8_length(STR("\xff\xff"
					  "a")),
		3);
	ck_assert_uint_eq(utf8_length(STR_EMPTY), 0);
}
END_TEST

START_TEST(names_the_nearest)
{
	static const char *const names[] = {
		"maximumRequests", "timePeriodInMilliseconds", "order", "Policy", "policies", "a"};
	static const struct {
		const char *word, *best;
	} rows[] = {
		{"maximumRequest", "maximumRequests"},
		{"MAXIMUMREQUESTS", "maximumRequests"},
		{"maxRequests", NULL},
		{"oder", "order"},
		{"rodre", NULL},
		{"ordre", "order"},
		{"policy", "Policy"},
		{"polices", "policies"},
		{"", NULL},
		{"b", "a"},
		{"zz", NULL},
		{"timePeriodInMillisecond", "timePeriodInMilliseconds"},
		{"timePeriodInMs", NULL},
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *best = nearest_name(str_of(rows[i].word), names, ROWS(names));
		ck_assert_msg(best == rows[i].best ||
				      (best && rows[i].best && strcmp(best, rows[i].best) == 0),
			"%s: %s", rows[i].word, best ? best : "(none)");
	}
	ck_assert_ptr_null(nearest_name(STR("order"), names, 0));
}
END_TEST

START_TEST(all_names_that_are_equally_near_are_found)
{
	const char *names[] = {"shop-a", "store", "shop-b", "shop-bb", "shop-"};
	bool is_near[ROWS(names)];
	ck_assert_uint_eq(nearest_names(STR("SHOP-C"), names, ROWS(names), is_near), 3);
	ck_assert(is_near[0] && !is_near[1] && is_near[2] && !is_near[3] && is_near[4]);
	ck_assert_uint_eq(nearest_names(STR("shop-bb"), names, ROWS(names), is_near), 1);
	ck_assert(is_near[3]);
	ck_assert_uint_eq(nearest_names(STR("warehouse"), names, ROWS(names), is_near), 0);
	ck_assert(!is_near[0] && !is_near[4]);
}
END_TEST

START_TEST(names_over_64_bytes_are_near_nothing)
{
	char longer[66];
	memset(longer, 'x', 65);
	longer[65] = '\0';
	const char *names[] = {longer};
	ck_assert_ptr_null(nearest_name(str_n(longer, 65), names, 1));
	ck_assert_ptr_null(nearest_name(str_n(longer, 64), names, 1));
	longer[64] = '\0';
	ck_assert_ptr_eq(nearest_name(str_n(longer, 63), names, 1), longer);
}
END_TEST

START_TEST(every_result_has_a_name)
{
	for (int rc = RC_OK; rc <= RC_IO; rc++)
		ck_assert_str_ne(rc_name((enum rc)rc), "unknown");
	ck_assert_str_eq(rc_name(RC_NOT_FOUND), "not found");
	ck_assert_str_eq(rc_name(RC_IO), "i/o");
	ck_assert_str_eq(rc_name((enum rc)99), "unknown");
}
END_TEST

UNIT_SUITE(text, compares, finds_prefixes_and_suffixes, slices_clamp, trims_space_and_tab_alone,
	searches, a_file_s_stem_is_behind_the_last_slash, cuts_at_each_separator, reads_numbers_strictly, hashes_depend_on_every_byte,
	knows_well_formed_utf8, names_the_nearest, all_names_that_are_equally_near_are_found,
	names_over_64_bytes_are_near_nothing, every_result_has_a_name)
