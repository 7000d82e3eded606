/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

static void put_path(void *arg, struct str path)
{
	buffer_add(arg, path);
	buffer_add_char(arg, ' ');
}

static void assert_secrets(const char *schema, const char *instance, const char *expected)
{
	struct schema *s = schema_of(schema);
	struct json_document *d = json_of(instance);
	struct buffer out;
	buffer_init(&out, 1000);
	schema_each_secret(s, json_root(d), put_path, &out);
	buffer_add_char(&out, '\0');
	ck_assert_str_eq(out.p, expected);
	buffer_deinit(&out);
	json_free(d);
	schema_free(s);
}

START_TEST(strings_with_a_secret_schema_are_found)
{
	assert_secrets("{'properties': {'p': {'format': 'secret'}, 'q': {'x-secret': true},"
		       " 'r': {'x-secret': false}}}",
		"{'p': 'a', 'q': 'b', 'r': 'c', 's': 'd'}", "p q ");
	assert_secrets("{'items': {'$ref': '#/$defs/s'}, '$defs': {'s': {'format': 'secret'}}}",
		"['a', 3, 'b']", "[0] [2] ");
	assert_secrets(
		"{'prefixItems': [{'format': 'secret'}], 'items': {}}", "['a', 'b']", "[0] ");
	assert_secrets("{'patternProperties': {'^k': {'format': 'secret'}},"
		       " 'additionalProperties': {'properties': {'x.y': {'format': 'secret'}}}}",
		"{'k': 'a', 'j': {'x.y': 'b'}}", "k j[\"x.y\"] ");
	assert_secrets("{'format': 'secret'}", "'a'", " ");
	assert_secrets("{'format': 'secret'}", "3", "");
}
END_TEST

START_TEST(everything_within_a_secret_is_secret)
{
	assert_secrets("{'properties': {'p': {'x-secret': true}}}",
		"{'p': {'a': ['x', {'b': 'y'}], 'n': 1}}", "p.a[0] p.a[1].b ");
}
END_TEST

START_TEST(branches_that_are_not_taken_count_and_each_string_is_told_once)
{
	assert_secrets("{'properties': {'p': {}}, 'if': {'required': ['x']}, 'then': {'properties':"
		       " {'p': {'format': 'secret'}}}}",
		"{'p': 'a'}", "p ");
	assert_secrets(
		"{'allOf': [{'properties': {'p': {'format': 'secret'}}}, {'properties': {'p':"
		" {'format': 'secret'}}}], 'anyOf': [{'additionalProperties': {'x-secret':"
		" true}}]}",
		"{'p': 'a'}", "p ");
}
END_TEST

START_TEST(a_schema_within_itself_ends)
{
	assert_secrets("{'properties': {'p': {'format': 'secret'}, 'a': {'$ref': '#'}}}",
		"{'a': {'a': {'p': 'x'}, 'p': 'y'}}", "a.a.p a.p ");
}
END_TEST

UNIT_SUITE(schema_secret, strings_with_a_secret_schema_are_found,
	everything_within_a_secret_is_secret,
	branches_that_are_not_taken_count_and_each_string_is_told_once, a_schema_within_itself_ends)
