/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include <stdio.h>

static void assert_refused(const char *schema, const char *expected)
{
	struct json_document *d = json_of(schema);
	struct schema *s = NULL;
	char message[300] = "";
	enum rc rc = schema_new(json_root(d), &test_hooks, &s, message, sizeof(message));
	ck_assert_msg(rc == RC_INVALID, "accepted %s", schema);
	ck_assert_ptr_null(s);
	ck_assert_str_eq(message, expected);
	json_free(d);
}

START_TEST(unknown_keywords_are_errors_with_the_nearest_name)
{
	assert_refused("{'properties': {'a/b~c': {'maximun': 3}}}",
		"#/properties/a~1b~0c: unknown keyword \"maximun\"; did you mean \"maximum\"?");
	assert_refused("{'items': {'unevaluatedItems': false}}",
		"#/items: unknown keyword \"unevaluatedItems\"");
	assert_refused("{'$id': 'x'}", "#: unknown keyword \"$id\"");
}
END_TEST

START_TEST(values_of_the_wrong_kind_are_errors)
{
	assert_refused("3", "#: expected a schema: an object, true or false");
	assert_refused("{'not': []}", "#/not: expected a schema: an object, true or false");
	assert_refused("{'minimum': '3'}", "#/minimum: expected a number");
	assert_refused("{'multipleOf': 0}", "#/multipleOf: must be greater than 0");
	assert_refused("{'minLength': -1}", "#/minLength: expected a whole number of at least 0");
	assert_refused("{'maxItems': 1.5}", "#/maxItems: expected a whole number of at least 0");
	assert_refused("{'uniqueItems': 1}", "#/uniqueItems: expected true or false");
	assert_refused("{'enum': []}", "#/enum: expected an array of at least one value");
	assert_refused("{'allOf': []}", "#/allOf: expected an array of at least one schema");
	assert_refused(
		"{'anyOf': [true, 3]}", "#/anyOf/1: expected a schema: an object, true or false");
	assert_refused("{'properties': []}", "#/properties: expected an object of schemas");
	assert_refused("{'required': 'a'}", "#/required: expected an array of names");
	assert_refused("{'required': ['a', 'b', 'a']}", "#/required: \"a\" stands twice");
	assert_refused("{'dependentRequired': {'a': [1]}}",
		"#/dependentRequired/a: expected an array of names");
	assert_refused("{'title': 1}", "#/title: expected a string");
	assert_refused("{'type': 'int'}",
		"#/type: expected null, boolean, integer, number, string, array or object");
	assert_refused("{'type': []}", "#/type: expected at least one type");
	assert_refused("{'$schema': 'http://json-schema.org/draft-07/schema#'}",
		"#/$schema: expected \"https://json-schema.org/draft/2020-12/schema\"");
	assert_refused("{'$defs': {'a': {'type': 3}}}",
		"#/$defs/a/type: expected null, boolean, integer, number, string, array or object");
}
END_TEST

START_TEST(patterns_and_formats_are_those_of_the_hooks)
{
	assert_refused("{'format': 'unknown'}", "#/format: unknown format \"unknown\"");
	assert_refused("{'pattern': '('}", "#/pattern: no regular expression: Unmatched ( or \\(");
	assert_refused("{'patternProperties': {'a': true, '(': true}}",
		"#/patternProperties/(: no regular expression: Unmatched ( or \\(");
	schema_free(schema_of("{'format': 'anything', 'pattern': '^a'}"));
}
END_TEST

START_TEST(without_hooks_there_are_no_patterns_and_only_secret_strings)
{
	struct json_document *pattern = json_of("{'pattern': 'a'}");
	struct json_document *format = json_of("{'format': 'upper'}");
	struct json_document *secret = json_of("{'format': 'secret'}");
	struct schema *s;
	char message[100];
	ck_assert_int_eq(
		schema_new(json_root(pattern), NULL, &s, message, sizeof(message)), RC_INVALID);
	ck_assert_str_eq(
		message, "#/pattern: no regular expression: patterns are not supported here");
	ck_assert_int_eq(
		schema_new(json_root(format), NULL, &s, message, sizeof(message)), RC_INVALID);
	ck_assert_int_eq(schema_new(json_root(secret), NULL, &s, message, sizeof(message)), RC_OK);
	schema_free(s);
	json_free(pattern);
	json_free(format);
	json_free(secret);
}
END_TEST

START_TEST(references_lead_somewhere_in_the_same_schema)
{
	assert_refused(
		"{'$ref': 'other.json'}", "#/$ref: expected a string that begins with \"#\"");
	assert_refused("{'items': {'$ref': '#/$defs/b'}, '$defs': {'a': true}}",
		"#/items/$ref: nothing is at \"#/$defs/b\"");
	assert_refused("{'$ref': '#anchor'}", "#/$ref: nothing is at \"#anchor\"");
	assert_refused("{'$ref': '#/a~2'}", "#/$ref: nothing is at \"#/a~2\"");
	assert_refused("{'$ref': '#/%2'}", "#/$ref: nothing is at \"#/%2\"");
	assert_refused(
		"{'allOf': [true], '$ref': '#/allOf/1'}", "#/$ref: nothing is at \"#/allOf/1\"");
	/* What is referred to is a schema, wherever it stands. */
	assert_refused("{'$ref': '#/properties', 'properties': {'a': true}}",
		"#/properties: unknown keyword \"a\"");
	schema_free(schema_of("{'$ref': '#/definitions/a%20b', 'definitions': {'a b': true}}"));
}
END_TEST

START_TEST(a_schema_that_never_gets_further_is_refused)
{
	assert_refused("{'$ref': '#'}", "#: refers to itself without end");
	assert_refused("{'$defs': {'a': {'allOf': [{'not': {'$ref': '#/$defs/a'}}]}}}",
		"#/$defs/a: refers to itself without end");
	schema_free(schema_of("{'properties': {'a': {'$ref': '#'}}, 'items': {'$ref': '#'}}"));
}
END_TEST

/* a0 -> a1 -> ... -> a<n-1>, which allows everything. */
static enum rc chain_of(size_t n, struct schema **s, char *message, size_t message_size)
{
	struct buffer text;
	buffer_init(&text, 1u << 20);
	buffer_add(&text, STR("{'$defs': {"));
	for (size_t i = 0; i + 1 < n; i++)
		buffer_addf(&text, "'a%zu': {'$ref': '#/$defs/a%zu'}, ", i, i + 1);
	buffer_addf(&text, "'a%zu': true}}", n - 1);
	buffer_add_char(&text, '\0');
	struct json_document *d = json_of(text.p);
	enum rc rc = schema_new(json_root(d), &test_hooks, s, message, message_size);
	json_free(d);
	buffer_deinit(&text);
	return rc;
}

START_TEST(chains_of_references_are_bounded)
{
	struct schema *s;
	char message[200];
	ck_assert_int_eq(chain_of(32, &s, message, sizeof(message)), RC_OK);
	schema_free(s);
	ck_assert_int_eq(chain_of(33, &s, message, sizeof(message)), RC_INVALID);
	ck_assert_str_eq(message, "#/$defs/a32: more than 32 schemas follow each other here");
	ck_assert_int_eq(chain_of(20000, &s, message, sizeof(message)), RC_INVALID);
}
END_TEST

START_TEST(a_message_that_does_not_fit_is_cut)
{
	struct json_document *d = json_of("{'maximun': 3}");
	struct schema *s;
	char message[12];
	memset(message, 'x', sizeof(message));
	ck_assert_int_eq(schema_new(json_root(d), NULL, &s, message, 10), RC_INVALID);
	ck_assert_str_eq(message, "#: unknow");
	ck_assert_int_eq(message[10], 'x');
	ck_assert_int_eq(schema_new(json_root(d), NULL, &s, message, 2), RC_INVALID);
	ck_assert_str_eq(message, "#");
	json_free(d);
}
END_TEST

UNIT_SUITE(schema_compile, unknown_keywords_are_errors_with_the_nearest_name,
	values_of_the_wrong_kind_are_errors, patterns_and_formats_are_those_of_the_hooks,
	without_hooks_there_are_no_patterns_and_only_secret_strings,
	references_lead_somewhere_in_the_same_schema, a_schema_that_never_gets_further_is_refused,
	chains_of_references_are_bounded, a_message_that_does_not_fit_is_cut)
