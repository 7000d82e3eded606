/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "expr/expr_json.h"
#include "support.h"

#include <stdio.h>

START_TEST(a_payload_is_read_from_json)
{
	struct fixture f;
	fixture_init(&f);
	struct str text =
		STR("{\"a\": [1, -2.5, \"x\\u00e9\", true, null, {}, []], \"b\": {\"c\": \"\"}}");
	ck_assert_int_eq(expr_from_json(text, &f.arena, &f.payload), RC_OK);
	ck_assert_str_eq(fixture_run(&f, STR("payload")),
		"{a: [1, -2.5, \"xé\", true, null, {}, []], b: {c: \"\"}}");
	ck_assert_str_eq(fixture_run(&f, STR("payload.a[0] + payload.a[1]")), "-1.5");
	ck_assert_str_eq(fixture_run(&f, STR("isEmpty(payload.b.c)")), "true");
	fixture_deinit(&f);
}
END_TEST

START_TEST(any_json_value_can_be_a_payload)
{
	static const char *const rows[] = {"null", "true", "false", "42", "\"text\"", "[]", "{}"};
	struct fixture f;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(expr_from_json(str_of(rows[i]), &f.arena, &f.payload), RC_OK);
		ck_assert_str_eq(fixture_run(&f, STR("payload")), rows[i]);
	}
	fixture_deinit(&f);
}
END_TEST

/* Some need a parser, some do not: nobody sees which. */
START_TEST(texts_and_numbers_alone_are_as_inside_of_an_object)
{
	static const char *const rows[] = {"\"\"", "\"a b~\"", "\"a\\\"b\"", "\"\\\\\"",
		"\"\xc3\xa9\"", "\"\\u00e9\"", "0", "7", "-0", "-5", "120", "999999999999999",
		"9007199254740993", "1e3", "1.5", " 5 ", " \"a\""};
	struct fixture f;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char object[64], alone[64];
		snprintf(object, sizeof(object), "{\"v\":%s}", rows[i]);
		ck_assert_int_eq(expr_from_json(str_of(rows[i]), &f.arena, &f.payload), RC_OK);
		snprintf(alone, sizeof(alone), "%s", fixture_run(&f, STR("payload")));
		ck_assert_int_eq(expr_from_json(str_of(object), &f.arena, &f.payload), RC_OK);
		ck_assert_str_eq(fixture_run(&f, STR("payload.v")), alone);
	}
	fixture_deinit(&f);
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
	static const char *const rows[] = {"", "{", "{\"a\": 1, \"a\": 2}", "[1,]", "nul", "1 2",
		"\"\xff\"", "\"", "\"a", "a\"", "\"a\"b\"", "\"a\\\"", "\"\t\"", "01", "-", "1a",
		"+1"};
	struct fixture f;
	struct expr_value value;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_int_eq(expr_from_json(str_of(rows[i]), &f.arena, &value), RC_INVALID);
	fixture_deinit(&f);
}
END_TEST

START_TEST(a_spent_arena_fails_at_each_allocation)
{
	struct fixture f;
	struct expr_value value;
	struct arena small;
	struct str text = STR("{\"a\": [\"b\", [1, 2]], \"c\": {\"d\": \"e\"}}");
	fixture_init(&f);
	enum rc rc = RC_FULL;
	for (size_t bytes = 0; rc == RC_FULL && bytes < 4096; bytes += 16) {
		arena_init(&small, f.pool, bytes);
		rc = expr_from_json(text, &small, &value);
		ck_assert(rc == RC_OK || rc == RC_FULL);
		ck_assert(bytes > 0 || rc == RC_FULL);
		arena_reset(&small);
	}
	ck_assert_int_eq(rc, RC_OK);
	fixture_deinit(&f);
}
END_TEST

UNIT_SUITE(expr_json, a_payload_is_read_from_json, any_json_value_can_be_a_payload,
	texts_and_numbers_alone_are_as_inside_of_an_object, what_is_no_json_is_refused,
	a_spent_arena_fails_at_each_allocation)
