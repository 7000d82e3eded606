/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

static void put_problem(void *arg, const struct schema_problem *p)
{
	struct buffer *out = arg;
	buffer_add(out, p->path);
	buffer_add(out, STR(": "));
	buffer_add(out, p->message);
	if (p->member) {
		buffer_add(out, STR(" @"));
		buffer_add(out, p->member->key);
	}
	buffer_add_char(out, '\n');
}

/* `expected`: a line for each problem, "path: message", and " @" with the member that it names. */
static void assert_tells(const char *schema, const char *instance, const char *expected)
{
	struct schema *s = schema_of(schema);
	struct json_document *d = json_of(instance);
	struct buffer out;
	buffer_init(&out, 1u << 20);
	size_t count = schema_check(s, json_root(d), put_problem, &out);
	size_t lines = 0;
	for (size_t i = 0; i < out.n; i++)
		lines += out.p[i] == '\n';
	ck_assert_uint_eq(count, lines);
	buffer_add_char(&out, '\0');
	ck_assert_str_eq(out.p, expected);
	buffer_deinit(&out);
	json_free(d);
	schema_free(s);
}

START_TEST(types_say_what_was_found)
{
	assert_tells("{'type': 'integer'}", "'soon'",
		": expected an integer, found the string \"soon\"\n");
	assert_tells("{'type': 'integer'}", "1.5", ": expected an integer, found the number 1.5\n");
	assert_tells("{'type': 'string'}", "12", ": expected a string, found the number 12\n");
	assert_tells("{'type': 'boolean'}", "null", ": expected true or false, found null\n");
	assert_tells("{'type': 'object'}", "[1]", ": expected an object, found an array\n");
	assert_tells("{'type': ['string', 'null', 'array']}", "true",
		": expected null, a string or an array, found true\n");
	assert_tells(
		"{'type': ['integer', 'number']}", "{}", ": expected a number, found an object\n");
	assert_tells("{'type': 'integer'}", "3.0", "");
}
END_TEST

START_TEST(long_strings_are_cut_between_characters)
{
	assert_tells("{'type': 'null'}",
		"'1234567890123456789012345678901234567890123456789012345678901\\u00e9'",
		": expected null, found the string "
		"\"123456789012345678901234567890123456789012345678901234567890\"...\n");
	assert_tells("{'type': 'null'}",
		"'12345678901234567890123456789012345678901234567890123456789\\u20acab'",
		": expected null, found the string "
		"\"12345678901234567890123456789012345678901234567"
		"890123456789\xe2\x82\xac\"...\n");
}
END_TEST

START_TEST(a_wrong_type_hides_what_follows_from_it)
{
	assert_tells("{'type': 'string', 'enum': ['a'], 'minLength': 3}", "1",
		": expected a string, found the number 1\n");
}
END_TEST

START_TEST(bounds_say_what_was_found)
{
	assert_tells("{'minimum': 1}", "0", ": must be at least 1, found 0\n");
	assert_tells("{'maximum': 2.5}", "3", ": must be at most 2.5, found 3\n");
	assert_tells("{'exclusiveMinimum': 0}", "0.0", ": must be greater than 0, found 0.0\n");
	assert_tells("{'exclusiveMaximum': 5}", "5", ": must be less than 5, found 5\n");
	assert_tells("{'multipleOf': 10}", "15", ": must be a multiple of 10, found 15\n");
	assert_tells("{'minimum': 5, 'multipleOf': 2}", "3",
		": must be at least 5, found 3\n: must be a multiple of 2, found 3\n");
	assert_tells(
		"{'minLength': 2}", "'\\u20ac'", ": must have at least 2 characters, found 1\n");
	assert_tells("{'maxLength': 1}", "'ab'", ": must have at most 1 character, found 2\n");
	assert_tells("{'minItems': 1}", "[]", ": must have at least 1 item, found 0\n");
	assert_tells("{'maxItems': 1}", "[1, 2]", ": must have at most 1 item, found 2\n");
	assert_tells(
		"{'minProperties': 2}", "{'a': 1}", ": must have at least 2 fields, found 1\n");
	assert_tells("{'contains': {'const': 1}}", "[2]",
		": must contain at least 1 item of a certain form, found 0\n");
	assert_tells("{'contains': {'const': 1}, 'maxContains': 1}", "[1, 1]",
		": must contain at most 1 item of a certain form, found 2\n");
	assert_tells("{'uniqueItems': true}", "[3, 1, 2, 1.0]",
		": must not repeat items: [1] and [3] are equal\n");
}
END_TEST

START_TEST(large_integers_are_judged_exactly)
{
	assert_tells("{'maximum': 9007199254740992.0}", "9007199254740993",
		": must be at most 9007199254740992.0, found 9007199254740993\n");
	assert_tells("{'minimum': -9223372036854775808}", "-9223372036854775808", "");
}
END_TEST

START_TEST(strings_are_judged_by_the_hooks)
{
	assert_tells("{'pattern': '^[a-z]+$'}", "'a1'",
		": must match the pattern ^[a-z]+$, found \"a1\"\n");
	assert_tells("{'format': 'upper'}", "'Ab'", ": expected upper case, found \"Ab\"\n");
	assert_tells("{'format': 'upper'}", "3", "");
}
END_TEST

START_TEST(values_come_with_the_nearest_one)
{
	assert_tells("{'enum': ['deny', 'skip', 3]}", "'denny'",
		": must be one of \"deny\", \"skip\" or 3, found \"denny\"; did you mean "
		"\"deny\"?\n");
	assert_tells("{'const': 'v1'}", "2", ": must be \"v1\", found 2\n");
	assert_tells("{'enum': [1,2,3,4,5,6,7,8,9,10,11,12,13]}", "0",
		": must be one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ..., found 0\n");
	assert_tells("{'enum': [[1], {}]}", "[2]",
		": must be one of an array or an object, found an array\n");
}
END_TEST

static const char *const limits =
	"{'type': 'object', 'additionalProperties': false, 'required': ['rateLimits'], "
	"'properties':"
	" {'rateLimits': {'type': 'array', 'items': {'type': 'object', 'additionalProperties': "
	"false,"
	" 'required': ['maximumRequests'], 'properties': {'maximumRequests': {'type': 'integer',"
	" 'minimum': 1}, 'timePeriodInMilliseconds': {'type': 'integer'}}}}}}";

START_TEST(all_problems_are_told_with_their_paths)
{
	assert_tells(limits, "{'rateLimits': [{'maximumRequests': 5}]}", "");
	assert_tells(limits,
		"{'rateLimits': [{'maximumRequest': 5}, {'maximumRequests': 0}], 'x': 1}",
		"rateLimits[0]: missing field \"maximumRequests\"\n"
		"rateLimits[0]: unknown field \"maximumRequest\"; did you mean \"maximumRequests\"?"
		" @maximumRequest\n"
		"rateLimits[1].maximumRequests: must be at least 1, found 0\n"
		": unknown field \"x\"; expected \"rateLimits\" @x\n");
	assert_tells(limits, "{}", ": missing field \"rateLimits\"\n");
	assert_tells(limits, "{'rateLimits': [{'maximumRequests': 1, 'z': 1}]}",
		"rateLimits[0]: unknown field \"z\"; expected one of \"maximumRequests\" or "
		"\"timePeriodInMilliseconds\" @z\n");
}
END_TEST

START_TEST(an_object_is_open_unless_it_is_closed)
{
	assert_tells("{'properties': {'a': {'type': 'null'}}}", "{'b': 1}", "");
	assert_tells("{'properties': {'a': false}}", "{'a': 1}", "a: is not allowed here\n");
	assert_tells("{'patternProperties': {'^x-': true}, 'additionalProperties': false}",
		"{'x-a': 1, 'y': 2}", ": unknown field \"y\" @y\n");
	assert_tells("{'additionalProperties': {'type': 'integer'}}", "{'a': 'b'}",
		"a: expected an integer, found the string \"b\"\n");
}
END_TEST

START_TEST(unusual_names_stand_in_brackets)
{
	assert_tells("{'additionalProperties': {'items': {'type': 'null'}}}",
		"{'a.b': [1], '': [null, 2], 'x-y_1': [3]}",
		"[\"a.b\"][0]: expected null, found the number 1\n"
		"[\"\"][1]: expected null, found the number 2\n"
		"x-y_1[0]: expected null, found the number 3\n");
}
END_TEST

START_TEST(names_of_fields_have_schemas)
{
	assert_tells("{'propertyNames': {'pattern': '^[a-z]+$', 'maxLength': 3}}",
		"{'abc': 1, 'ABCD': 2}",
		": the name of a field must have at most 3 characters, found 4 @ABCD\n"
		": the name of a field must match the pattern ^[a-z]+$, found \"ABCD\" @ABCD\n");
	assert_tells("{'dependentRequired': {'a': ['b', 'c']}}", "{'a': 1, 'c': 1}",
		": missing field \"b\", which \"a\" asks for\n");
	assert_tells("{'dependentSchemas': {'a': {'required': ['b']}}}", "{'a': 1}",
		": missing field \"b\"\n");
}
END_TEST

START_TEST(alternatives_of_types_are_told_as_one)
{
	assert_tells("{'anyOf': [{'type': 'string'}, {'$ref': '#/$defs/n'}], '$defs':"
		     " {'n': {'oneOf': [{'type': 'integer'}, {'type': 'null'}]}}}",
		"[]", ": expected null, an integer or a string, found an array\n");
	assert_tells("{'oneOf': [{'const': 'a'}, {'const': 'b'}, {'enum': ['c', 'd']}]}",
		"'unlike'", ": must be one of \"a\", \"b\", \"c\" or \"d\", found \"unlike\"\n");
	assert_tells("{'anyOf': [{'oneOf': [{'const': 'a'}, {'const': 'b'}]}, {'const': 'c'}]}",
		"'unlike'", ": must be one of \"a\" or \"b\", found \"unlike\"\n");
}
END_TEST

START_TEST(the_alternative_that_comes_closest_explains_itself)
{
	const char *schema =
		"{'oneOf': [{'type': 'string'},"
		" {'type': 'object', 'required': ['kind', 'path'], 'properties': {'kind': "
		"{'const': 'file'},"
		"  'path': {'type': 'string'}}},"
		" {'type': 'object', 'required': ['kind', 'port', 'host', 'name'], 'properties':"
		"  {'kind': {'const': 'tcp'}, 'port': {'type': 'integer'}}}]}";
	assert_tells(schema, "{'kind': 'file', 'path': 'x'}", "");
	assert_tells(schema, "{'kind': 'tcp', 'port': '80'}",
		": missing field \"host\"\n: missing field \"name\"\n"
		"port: expected an integer, found the string \"80\"\n");
	assert_tells(schema, "{'kind': 'file'}", ": missing field \"path\"\n");
	assert_tells("{'oneOf': [{'type': 'integer'}, {'minimum': 2}]}", "3",
		": fits more than one of 2 alternatives: number 1 and number 2\n");
}
END_TEST

START_TEST(branches_and_exclusions)
{
	const char *schema =
		"{'if': {'required': ['tls'], 'properties': {'tls': {'const': true}}},"
		" 'then': {'required': ['key']}, 'else': {'not': {'required': ['key']}}}";
	assert_tells(schema, "{'tls': true}", ": missing field \"key\"\n");
	assert_tells(schema, "{'key': 1}", ": must not have the field \"key\"\n");
	assert_tells(schema, "{'key': 1, 'tls': true}", "");
	assert_tells("{'not': {'required': ['a', 'b']}}", "{'a': 1, 'b': 1}",
		": must not have the field \"a\" together with \"b\"\n");
	assert_tells("{'not': {'const': 'x'}}", "'x'", ": must not be \"x\"\n");
	assert_tells("{'not': {'pattern': 'x'}}", "'x'", ": must not match the pattern x\n");
	assert_tells("{'not': {'title': 'a name in use', 'pattern': 'x'}}", "'x'",
		": must not be a name in use\n");
	assert_tells(
		"{'not': {'$ref': '#/$defs/a'}, '$defs': {'a': {'title': 'ten', 'const': 10}}}",
		"10", ": must not be ten\n");
	assert_tells("{'not': {'type': 'null'}}", "null", ": must not be null\n");
	assert_tells("{'not': {}}", "1", ": has a form that is excluded here\n");
	assert_tells("{'allOf': [{'minimum': 5}, {'multipleOf': 2}]}", "3",
		": must be at least 5, found 3\n: must be a multiple of 2, found 3\n");
}
END_TEST

START_TEST(secrets_are_not_shown)
{
	assert_tells("{'properties': {'p': {'format': 'secret', 'type': 'string'}}}", "{'p': 1234}",
		"p: expected a string, found an integer\n");
	assert_tells("{'properties': {'p': {'x-secret': true, 'pattern': '^[0-9]+$'}}}",
		"{'p': 'hunter2'}", "p: must match the pattern ^[0-9]+$\n");
	assert_tells("{'properties': {'p': {'allOf': [{'format': 'secret'}, {'enum': ['aa']}]}}}",
		"{'p': 'ab'}", "p: must be \"aa\"\n");
	assert_tells("{'x-secret': true, 'items': {'type': 'null'}}", "['a', 5]",
		"[0]: expected null, found a string\n[1]: expected null, found an integer\n");
}
END_TEST

START_TEST(repeated_items_are_found_in_large_arrays)
{
	struct schema *s = schema_of("{'uniqueItems': true}");
	struct buffer text, out;
	buffer_init(&text, 16u << 20);
	buffer_init(&out, 1000);
	buffer_add_char(&text, '[');
	for (int i = 0; i < 100000; i++)
		buffer_addf(&text, "{'a': %d},", i);
	buffer_add(&text, STR("{'a': 70000}]"));
	buffer_add_char(&text, '\0');
	struct json_document *d = json_of(text.p);
	ck_assert_uint_eq(schema_check(s, json_root(d), put_problem, &out), 1);
	assert_str(buffer_str(&out), ": must not repeat items: [70000] and [100000] are equal\n");
	json_free(d);
	buffer_deinit(&text);
	buffer_deinit(&out);
	schema_free(s);
}
END_TEST

/* 4^14 ways through the alternatives, none of which fits. */
START_TEST(a_check_without_end_is_given_up)
{
	struct buffer text, out;
	buffer_init(&text, 1u << 20);
	buffer_init(&out, 1u << 20);
	buffer_add(&text, STR("{'not': {'$ref': '#/$defs/a0'}, '$defs': {"));
	for (int i = 0; i < 14; i++) {
		buffer_addf(&text, "'a%d': {'anyOf': [", i);
		for (int k = 0; k < 4; k++)
			buffer_addf(&text, "%s{'$ref': '#/$defs/a%d'}", k ? "," : "", i + 1);
		buffer_add(&text, STR("]}, "));
	}
	buffer_add(&text, STR("'a14': false}}"));
	buffer_add_char(&text, '\0');
	struct json_document *instance = json_of("1");
	struct schema *s = schema_of(text.p);
	ck_assert_uint_eq(schema_check(s, json_root(instance), put_problem, &out), 1);
	assert_str(buffer_str(&out), ": takes too long to check\n");
	json_free(instance);
	schema_free(s);
	buffer_deinit(&text);
	buffer_deinit(&out);
}
END_TEST

/* The deepest recursion that the bounds allow, on a stack as a thread has it. */
START_TEST(the_deepest_schema_on_the_deepest_instance)
{
	struct buffer text, out;
	char array[2 * JSON_DEPTH_MAX + 1] = {0};
	memset(array, '[', JSON_DEPTH_MAX);
	memset(array + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	buffer_init(&text, 1u << 20);
	buffer_init(&out, 1u << 20);
	buffer_add(&text, STR("{'$ref': '#/$defs/a0', '$defs': {"));
	for (int i = 0; i < 14; i++)
		buffer_addf(&text, "'a%d': {'anyOf': [{'$ref': '#/$defs/a%d'}]}, ", i, i + 1);
	buffer_add(&text, STR("'a14': {'items': {'$ref': '#'}, 'type': 'array'}}}"));
	buffer_add_char(&text, '\0');
	struct schema *s = schema_of(text.p);
	struct json_document *d = json_of(array);
	ck_assert_uint_eq(schema_check(s, json_root(d), put_problem, &out), 0);
	json_free(d);
	schema_free(s);
	buffer_deinit(&text);
	buffer_deinit(&out);
}
END_TEST

UNIT_SUITE(schema_check, types_say_what_was_found, long_strings_are_cut_between_characters,
	a_wrong_type_hides_what_follows_from_it, bounds_say_what_was_found,
	large_integers_are_judged_exactly, strings_are_judged_by_the_hooks,
	values_come_with_the_nearest_one, all_problems_are_told_with_their_paths,
	an_object_is_open_unless_it_is_closed, unusual_names_stand_in_brackets,
	names_of_fields_have_schemas, alternatives_of_types_are_told_as_one,
	the_alternative_that_comes_closest_explains_itself, branches_and_exclusions,
	secrets_are_not_shown, repeated_items_are_found_in_large_arrays,
	a_check_without_end_is_given_up, the_deepest_schema_on_the_deepest_instance)
