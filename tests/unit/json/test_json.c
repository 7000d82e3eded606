/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/memory.h"

#include <stdlib.h>

#define SUITE "json-test-suite"

/* Well-formed, but the contract of json.h refuses them: ambiguous, or a NUL in a string. */
static const char *const refused_by_contract[] = {"y_object_duplicated_key.json",
	"y_object_duplicated_key_and_value.json", "y_object_escaped_null_in_key.json",
	"y_string_null_escape.json"};

static bool is_refused_by_contract(const char *name)
{
	for (size_t i = 0; i < sizeof(refused_by_contract) / sizeof(*refused_by_contract); i++)
		if (strcmp(name, refused_by_contract[i]) == 0)
			return true;
	return false;
}

/* What was read, written and read again is the same. */
static void assert_round_trip(const struct json_document *d, const char *name)
{
	struct buffer out;
	struct json_document *again;
	struct json_error error;
	buffer_init(&out, 1u << 20);
	json_write(json_root(d), &out);
	ck_assert_msg(json_parse(buffer_str(&out), &again, &error) == RC_OK, "%s: wrote %.*s", name,
		STR_ARG(buffer_str(&out)));
	ck_assert_msg(json_is_equal(json_root(d), json_root(again)), "%s: wrote %.*s", name,
		STR_ARG(buffer_str(&out)));
	json_free(again);
	buffer_deinit(&out);
}

static void run_file(const char *name)
{
	struct str text = read_shared(SUITE, name);
	struct json_document *d = NULL;
	struct json_error error;
	bool accepted = json_parse(text, &d, &error) == RC_OK;
	bool expected = name[0] == 'y' && !is_refused_by_contract(name);
	if (name[0] != 'i')
		ck_assert_msg(accepted == expected, "%s: %s", name,
			accepted ? "accepted" : error.message);
	if (accepted)
		assert_round_trip(d, name);
	else
		ck_assert_uint_le(error.offset, text.n);
	json_free(d);
	free((char *)text.p);
}

START_TEST(keeps_the_json_test_suite)
{
	char **names;
	if (!has_shared(SUITE))
		return;
	size_t count = shared_names(SUITE, &names);
	ck_assert_uint_ge(count, 300);
	for (size_t i = 0; i < count; i++)
		run_file(names[i]);
	free_names(names, count);
}
END_TEST

START_TEST(numbers_keep_their_kind)
{
	struct json_document *d = json_of("[0, -9223372036854775808, 9223372036854775807, 1.0, 1e2,"
					  " -0.5, 1.7976931348623157e308, 5e-324]");
	const struct json_value *items = json_root(d)->u.array.items;
	ck_assert_uint_eq(json_root(d)->u.array.count, 8);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(items[i].type, i < 3 ? JSON_INTEGER : JSON_REAL);
	ck_assert_int_eq(items[1].u.integer, INT64_MIN);
	ck_assert_int_eq(items[2].u.integer, INT64_MAX);
	ck_assert_double_eq(items[4].u.real, 100);
	assert_round_trip(d, "numbers");
	json_free(d);
}
END_TEST

START_TEST(members_keep_their_order)
{
	struct json_document *d = json_of("{'z': true, 'a': null, 'm': {'x': 'y'}}");
	const struct json_member *members = json_root(d)->u.object.members;
	assert_str(members[0].key, "z");
	assert_str(members[1].key, "a");
	assert_str(members[2].key, "m");
	ck_assert(json_get(json_root(d), STR("z"))->u.boolean);
	assert_str(json_get(json_get(json_root(d), STR("m")), STR("x"))->u.string, "y");
	ck_assert_ptr_null(json_get(json_root(d), STR("y")));
	ck_assert_ptr_null(json_get(json_get(json_root(d), STR("y")), STR("y")));
	ck_assert_ptr_null(json_get(&members[0].value, STR("x")));
	json_free(d);
}
END_TEST

static void assert_refuses(
	struct str text, const char *message, size_t offset, uint32_t line, uint32_t column)
{
	struct json_document *d = NULL;
	struct json_error error;
	ck_assert_int_eq(json_parse(text, &d, &error), RC_INVALID);
	ck_assert_ptr_null(d);
	ck_assert_str_eq(error.message, message);
	ck_assert_uint_eq(error.offset, offset);
	ck_assert_uint_eq(error.line, line);
	ck_assert_uint_eq(error.column, column);
}

START_TEST(errors_name_their_place)
{
	assert_refuses(STR("{\n \"a\": 1,\n \"a\": 2}"), "duplicate key", 12, 3, 2);
	assert_refuses(STR("[1,\n  x]"), "invalid token near 'x'", 6, 2, 3);
	assert_refuses(STR("\"\xc3\xa9\" x"), "more text after the value", 5, 1, 5);
	assert_refuses(STR("[1, "), "the text ends too early", 4, 1, 5);
	assert_refuses(STR(""), "the text ends too early", 0, 1, 1);
	assert_refuses(STR_EMPTY, "the text ends too early", 0, 1, 1);
	assert_refuses(STR("9223372036854775808"), "a number that does not fit", 0, 1, 1);
	assert_refuses(STR("[1e999]"), "a number that does not fit", 1, 1, 2);
	assert_refuses(STR("[\"a\\u0000\"]"), "a NUL character in a string", 1, 1, 2);
	assert_refuses(STR("{\"a\\u0000\": 1}"), "a NUL character in a string", 1, 1, 2);
	assert_refuses(STR("[\"a\xff\"]"), "invalid UTF-8", 1, 1, 2);
	assert_refuses(STR("[1]\0 [2]"), "a NUL byte", 3, 1, 4);
	assert_refuses(STR("{\"a\" 1}"), "':' expected near '1'", 5, 1, 6);
}
END_TEST

/* Every prefix of a document ends too early or is a number cut short: it never reads beyond. */
START_TEST(a_document_cut_anywhere_is_refused)
{
	struct str text =
		STR("{\"a\":[1,2.5e3,\"\\ud834\\udd1e\xe2\x82\xac\",{\"b\":null}],\"c\":true}");
	size_t accepted = 0;
	for (size_t n = 0; n <= text.n; n++) {
		struct json_document *d = NULL;
		struct json_error error;
		char *copy = heap_alloc(n);
		memcpy(copy, text.p, n);
		accepted += json_parse(str_n(copy, n), &d, &error) == RC_OK;
		json_free(d);
		free(copy);
	}
	ck_assert_uint_eq(accepted, 1);
}
END_TEST

static struct str nested(struct buffer *b, char open, char close, size_t depth)
{
	buffer_reset(b);
	for (size_t i = 0; i < depth; i++)
		buffer_add(b, open == '{' ? STR("{\"a\":") : str_n(&open, 1));
	buffer_add(b, STR("1"));
	for (size_t i = 0; i < depth; i++)
		buffer_add_char(b, close);
	return buffer_str(b);
}

START_TEST(nesting_is_bounded)
{
	struct buffer b;
	struct json_document *d;
	struct json_error error;
	buffer_init(&b, 16u << 20);
	ck_assert_int_eq(json_parse(nested(&b, '[', ']', JSON_DEPTH_MAX), &d, &error), RC_OK);
	assert_round_trip(d, "arrays");
	json_free(d);
	ck_assert_int_eq(json_parse(nested(&b, '{', '}', JSON_DEPTH_MAX), &d, &error), RC_OK);
	assert_round_trip(d, "objects");
	json_free(d);
	assert_refuses(nested(&b, '[', ']', JSON_DEPTH_MAX + 1), "nested too deeply",
		JSON_DEPTH_MAX, 1, JSON_DEPTH_MAX + 1);
	ck_assert_int_eq(json_parse(nested(&b, '{', '}', 1000000), &d, &error), RC_INVALID);
	buffer_deinit(&b);
}
END_TEST

START_TEST(brackets_in_strings_are_no_nesting)
{
	struct buffer b;
	struct json_document *d;
	struct json_error error;
	buffer_init(&b, 1u << 20);
	buffer_add(&b, STR("[\"\\\"\\\\"));
	for (size_t i = 0; i < 1000; i++)
		buffer_add(&b, STR("[{"));
	buffer_add(&b, STR("\"]"));
	ck_assert_int_eq(json_parse(buffer_str(&b), &d, &error), RC_OK);
	json_free(d);
	buffer_deinit(&b);
}
END_TEST

UNIT_SUITE(json, keeps_the_json_test_suite, numbers_keep_their_kind, members_keep_their_order,
	errors_name_their_place, a_document_cut_anywhere_is_refused, nesting_is_bounded,
	brackets_in_strings_are_no_nesting)
