/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

static void assert_filled(const char *schema, const char *instance, const char *expected)
{
	struct json_builder *b = json_builder_new();
	struct schema *s = schema_of(schema);
	struct json_document *d = json_of(instance), *e = json_of(expected);
	const struct json_value *filled = schema_apply_defaults(s, json_root(d), b);
	struct buffer out;
	buffer_init(&out, 1u << 20);
	/* What was filled in is the builder's. */
	schema_free(s);
	json_write(filled, &out);
	ck_assert_msg(json_is_equal(filled, json_root(e)), "got %.*s, expected %s",
		STR_ARG(buffer_str(&out)), expected);
	buffer_deinit(&out);
	json_free(d);
	json_free(e);
	json_builder_free(b);
}

START_TEST(absent_members_get_their_default)
{
	const char *schema =
		"{'properties': {'a': {'default': 1}, 'b': {'default': [2]}, 'c': {}}}";
	assert_filled(schema, "{}", "{'a': 1, 'b': [2]}");
	assert_filled(schema, "{'a': null, 'x': 9}", "{'a': null, 'x': 9, 'b': [2]}");
	assert_filled(schema, "[]", "[]");
	assert_filled("{'default': 5}", "null", "null");
}
END_TEST

START_TEST(an_unchanged_instance_is_shared)
{
	struct json_builder *b = json_builder_new();
	struct schema *s = schema_of("{'properties': {'a': {'properties': {'x': {'default': 1}}},"
				     " 'b': {'items': {'properties': {'y': {'default': 2}}}}}}");
	struct json_document *whole = json_of("{'a': {'x': 3}, 'b': [{'y': 4}]}");
	struct json_document *half = json_of("{'a': {'x': 3}, 'b': [{}, {'y': 7}]}");
	ck_assert_ptr_eq(schema_apply_defaults(s, json_root(whole), b), json_root(whole));
	const struct json_value *filled = schema_apply_defaults(s, json_root(half), b);
	ck_assert_ptr_ne(filled, json_root(half));
	ck_assert_ptr_eq(filled->u.object.members[0].value.u.object.members,
		json_get(json_root(half), STR("a"))->u.object.members);
	json_free(whole);
	json_free(half);
	schema_free(s);
	json_builder_free(b);
}
END_TEST

START_TEST(origins_stay_with_what_was_written)
{
	int here = 0, key_here = 0;
	struct json_builder *b = json_builder_new();
	struct schema *s = schema_of("{'properties': {'a': {'default': 1}, 'o': {'properties':"
				     " {'x': {'default': 2}}}}}");
	struct json_member members[] = {
		{STR("o"), {.type = JSON_OBJECT, .origin = &here}, &key_here}};
	struct json_value root = {.type = JSON_OBJECT, .origin = &here};
	root.u.object.members = members;
	root.u.object.count = 1;
	const struct json_value *filled = schema_apply_defaults(s, &root, b);
	ck_assert_uint_eq(filled->u.object.count, 2);
	ck_assert_ptr_eq(filled->origin, &here);
	ck_assert_ptr_eq(filled->u.object.members[0].key_origin, &key_here);
	ck_assert_ptr_eq(filled->u.object.members[0].value.origin, &here);
	ck_assert_ptr_null(filled->u.object.members[1].value.origin);
	schema_free(s);
	json_builder_free(b);
}
END_TEST

START_TEST(defaults_reach_into_items_and_defaults)
{
	assert_filled("{'items': {'properties': {'a': {'default': 1}}}}", "[{}, 3, {'a': 2}]",
		"[{'a': 1}, 3, {'a': 2}]");
	assert_filled("{'prefixItems': [{'properties': {'a': {'default': 1}}}]}", "[{}, {}]",
		"[{'a': 1}, {}]");
	assert_filled("{'properties': {'o': {'default': {}, 'properties': {'x': {'default': 1}}}}}",
		"{}", "{'o': {'x': 1}}");
	assert_filled("{'additionalProperties': {'properties': {'x': {'default': 1}}}}",
		"{'k': {}}", "{'k': {'x': 1}}");
	assert_filled("{'patternProperties': {'^k': {'properties': {'x': {'default': 1}}}}}",
		"{'k': {}, 'j': {}}", "{'k': {'x': 1}, 'j': {}}");
}
END_TEST

START_TEST(all_parts_of_a_schema_bring_their_defaults)
{
	assert_filled("{'$ref': '#/$defs/p', '$defs': {'p': {'properties': {'a': {'$ref':"
		      " '#/$defs/n'}}}, 'n': {'default': 7}}}",
		"{}", "{'a': 7}");
	assert_filled("{'allOf': [{'properties': {'a': {'default': {}}}}, {'properties': {'a':"
		      " {'properties': {'b': {'default': 1}}}}}]}",
		"{}", "{'a': {'b': 1}}");
	/* The first to bring one wins. */
	assert_filled("{'allOf': [{'properties': {'a': {'default': 1}}}], 'properties': {'a':"
		      " {'default': 2}}}",
		"{}", "{'a': 1}");
}
END_TEST

START_TEST(only_the_taken_branch_brings_its_defaults)
{
	const char *schema =
		"{'if': {'required': ['tls']}, 'then': {'properties': {'port': {'default':"
		" 443}}}, 'else': {'properties': {'port': {'default': 80}}}}";
	assert_filled(schema, "{'tls': 1}", "{'tls': 1, 'port': 443}");
	assert_filled(schema, "{}", "{'port': 80}");
	assert_filled("{'oneOf': [{'required': ['a'], 'properties': {'x': {'default': 1}}},"
		      " {'required': ['b'], 'properties': {'x': {'default': 2}}}]}",
		"{'b': 0}", "{'b': 0, 'x': 2}");
	assert_filled("{'anyOf': [{'required': ['a'], 'properties': {'x': {'default': 1}}}]}", "{}",
		"{}");
	/* Judged as written: the default of `mode` does not choose a branch. */
	assert_filled("{'properties': {'mode': {'default': 'a'}}, 'if': {'required': ['mode']},"
		      " 'then': {'properties': {'x': {'default': 1}}}}",
		"{}", "{'mode': 'a'}");
}
END_TEST

START_TEST(a_schema_within_itself_is_filled_once)
{
	assert_filled(
		"{'properties': {'a': {'$ref': '#', 'default': {}}}}", "{}", "{'a': {'a': {}}}");
	assert_filled("{'properties': {'a': {'$ref': '#'}, 'n': {'default': 1}}}",
		"{'a': {'a': {}}}", "{'a': {'a': {'n': 1}, 'n': 1}, 'n': 1}");
}
END_TEST

static void add_line(void *arg, struct str place, const struct schema_problem *p)
{
	buffer_addf(
		arg, "%.*s: %.*s: %.*s\n", STR_ARG(place), STR_ARG(p->path), STR_ARG(p->message));
}

START_TEST(defaults_that_do_not_fit_are_told)
{
	struct buffer lines;
	struct schema *s =
		schema_of("{'properties': {'a': {'type': 'integer', 'default': 'x'},"
			  " 'b': {'type': 'integer', 'default': 1},"
			  " 'c': {'properties': {'d': {'minimum': 2}}, 'default': {'d': 1}},"
			  " 'e': {'$ref': '#/$defs/f', 'default': true}},"
			  " '$defs': {'f': {'type': 'string', 'x-secret': true}}}");
	buffer_init(&lines, 4096);
	ck_assert_uint_eq(schema_check_defaults(s, add_line, &lines), 3);
	assert_str(buffer_str(&lines),
		"#/properties/a/default: : expected an integer, found the string \"x\"\n"
		"#/properties/c/default: d: must be at least 2, found 1\n"
		"#/properties/e/default: : expected a string, found true or false\n");
	buffer_deinit(&lines);
	schema_free(s);
}
END_TEST

UNIT_SUITE(schema_defaults, absent_members_get_their_default, an_unchanged_instance_is_shared,
	origins_stay_with_what_was_written, defaults_reach_into_items_and_defaults,
	all_parts_of_a_schema_bring_their_defaults, only_the_taken_branch_brings_its_defaults,
	a_schema_within_itself_is_filled_once, defaults_that_do_not_fit_are_told)
