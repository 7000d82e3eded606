/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/buffer.h"
#include "base/check.h"

#include <stdlib.h>

#define V30 SCHEMA_OPENAPI_30
#define V31 SCHEMA_OPENAPI_31

static bool is_valid(const char *document, enum schema_dialect dialect, const char *instance)
{
	struct json_document *d = json_of(document), *i = json_of(instance);
	struct schema *s = NULL;
	char message[200];
	if (schema_new_at(json_root(d), STR("#"), dialect, &test_hooks, &s, message,
		    sizeof(message)) != RC_OK)
		ck_abort_msg("%s: %s", document, message);
	bool ok = schema_is_valid(s, json_root(i));
	schema_free(s);
	json_free(i);
	json_free(d);
	return ok;
}

/* Those who take it choose by t; m, b and z alone would say otherwise. */
#define PETS                                                                                       \
	"{'anyOf':[{'$ref':'#/$defs/cat'},{'$ref':'#/$defs/dog'},{'$ref':'#/$defs/a~1b'},"         \
	"{'type':'null'}],'discriminator':{'propertyName':'t','mapping':{'hound':'#/$defs/dog',"   \
	"'other':'cat'}},'$defs':{'cat':{'required':['m']},'dog':{'required':['b']},"              \
	"'a/b':{'required':['z']}}}"

START_TEST(dialects_differ_where_openapi_says)
{
	static const struct {
		enum schema_dialect dialect;
		const char *schema, *valid, *invalid;
	} rows[] = {
		{V30, "{'type':'string','nullable':true}", "null", "1"},
		{V30, "{'enum':['a'],'nullable':true}", "null", "'b'"},
		{V30, "{'type':'string','nullable':false}", "'a'", "null"},
		{V31, "{'type':'string','nullable':true}", "'a'", "null"},
		{V31, "{'type':['string','null']}", "null", "1"},
		{V30, "{'minimum':1,'exclusiveMinimum':true}", "1.5", "1"},
		{V30, "{'minimum':1,'exclusiveMinimum':false}", "1", "0"},
		{V30, "{'exclusiveMaximum':true,'maximum':1}", "0", "1"},
		{V31, "{'exclusiveMinimum':1}", "1.5", "1"},
		{V30, "{'properties':{'a':{'$ref':'#/x','type':'null'}},'x':{'type':'string'}}",
			"{'a':'s'}", "{'a':null}"},
		{V31,
			"{'properties':{'a':{'$ref':'#/$defs/x','maxLength':1}},"
			"'$defs':{'x':{'type':'string'}}}",
			"{'a':'s'}", "{'a':'long'}"},
		{V30, "{'type':'integer','format':'int32'}", "2147483647", "2147483648"},
		{V30, "{'format':'int32','minimum':0}", "0", "-1"},
		{V31, "{'type':'integer','format':'int64'}", "9223372036854775807", "'1'"},
		{V30, "{'required':['id','name'],'properties':{'id':{'readOnly':true},'name':{}}}",
			"{'name':1}", "{'id':1}"},
		{V31,
			"{'required':['id','b'],'properties':{'id':{'$ref':'#/$defs/id'}},"
			"'$defs':{'id':{'readOnly':true}}}",
			"{'b':1}", "{'id':1}"},
		{V30, "{'required':['id'],'properties':{'id':{'writeOnly':true}}}", "{'id':1}",
			"{}"},
		{V30, "{'type':'string','format':'unknown'}", "'x'", "1"},
		{V31, PETS, "{'t':'cat','m':1}", "{'t':'cat','b':1}"},
		{V31, PETS, "{'t':'hound','b':1}", "{'t':'hound','m':1}"},
		{V31, PETS, "{'t':'dog','b':1}", "{'t':'zebra','b':1}"},
		{V31, PETS, "{'t':'a/b','z':1}", "{'b':1}"},
		{V31, PETS, "null", "{'t':1,'b':1}"},
		{V31,
			"{'type':'object','discriminator':{'propertyName':'t'},'xml':{},'x-a':1,"
			"'example':{},'externalDocs':{},'contentMediaType':'a/b','zzzzzzzz':1}",
			"{}", "[]"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		ck_assert_msg(is_valid(rows[i].schema, rows[i].dialect, rows[i].valid), "%s: %s",
			rows[i].schema, rows[i].valid);
		ck_assert_msg(!is_valid(rows[i].schema, rows[i].dialect, rows[i].invalid), "%s: %s",
			rows[i].schema, rows[i].invalid);
	}
}
END_TEST

START_TEST(a_discriminator_leads_to_alternatives)
{
	static const char *const rows[][2] = {
		{"{'oneOf':[{'$ref':'#/$defs/a'}],'discriminator':{'propertyName':'t','mapping':"
		 "{'x':'#/$defs/b'}},'$defs':{'a':{},'b':{}}}",
			"#/discriminator/mapping/x: leads to none of the alternatives"},
		{"{'anyOf':[{'$ref':'#/$defs/a'}],'discriminator':{'propertyName':'t','mapping':"
		 "{'x':'c'}},'$defs':{'a':{}}}",
			"#/discriminator/mapping/x: leads to none of the alternatives"},
		{"{'anyOf':[{'$ref':'#/$defs/a'}],'discriminator':'t','$defs':{'a':{}}}",
			"#/discriminator: expected an object with a propertyName"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct json_document *d = json_of(rows[i][0]);
		struct schema *s = NULL;
		char message[200] = "";
		ck_assert_int_eq(schema_new_at(json_root(d), STR("#"), V31, &test_hooks, &s,
					 message, sizeof(message)),
			RC_INVALID);
		ck_assert_str_eq(message, rows[i][1]);
		json_free(d);
	}
}
END_TEST

START_TEST(what_is_not_enforced_is_refused)
{
	static const struct {
		const char *document, *pointer, *message;
	} rows[] = {
		{"{'unevaluatedProperties':false}", "#",
			"#/unevaluatedProperties: is not supported"},
		{"{'a':{'$id':'x'}}", "#/a", "#/a/$id: is not supported"},
		{"{'a b':{'items':{'maxItem':1}}}", "#/a%20b",
			"#/a%20b/items: unknown keyword \"maxItem\"; did you mean \"maxItems\"?"},
		{"{'a':{'$ref':'#/b'}}", "#/a", "#/a/$ref: nothing is at \"#/b\""},
		{"{}", "#/a", "#/a: nothing is there"},
		{"{'a':{'$ref':'other.yaml#/b'}}", "#/a",
			"#/a/$ref: expected a string that begins with \"#\""},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct json_document *d = json_of(rows[i].document);
		struct schema *s = NULL;
		char message[200] = "";
		ck_assert_int_eq(schema_new_at(json_root(d), str_of(rows[i].pointer), V31,
					 &test_hooks, &s, message, sizeof(message)),
			RC_INVALID);
		ck_assert_str_eq(message, rows[i].message);
		json_free(d);
	}
}
END_TEST

static void put_problem(void *arg, const struct schema_problem *p)
{
	buffer_addf(arg, "%.*s %s;", STR_ARG(p->pointer), p->keyword ? p->keyword : "?");
}

START_TEST(the_first_problem_has_a_pointer_and_a_keyword)
{
	static const struct {
		const char *schema, *instance, *told;
	} rows[] = {
		{"{'type':'string'}", "1", " type;"},
		{"{'properties':{'a~b/c':{'items':{'type':'string'}}}}", "{'a~b/c':['',1]}",
			"/a~0b~1c/1 type;"},
		{"{'enum':[1]}", "2", " enum;"},
		{"{'const':1}", "2", " const;"},
		{"{'multipleOf':2}", "3", " multipleOf;"},
		{"{'minimum':2}", "1", " minimum;"},
		{"{'maximum':2}", "3", " maximum;"},
		{"{'exclusiveMinimum':2}", "2", " exclusiveMinimum;"},
		{"{'exclusiveMaximum':2}", "2", " exclusiveMaximum;"},
		{"{'minLength':2}", "'a'", " minLength;"},
		{"{'maxLength':2}", "'abc'", " maxLength;"},
		{"{'pattern':'^a'}", "'b'", " pattern;"},
		{"{'format':'upper'}", "'a'", " format;"},
		{"{'minItems':1}", "[]", " minItems;"},
		{"{'maxItems':1}", "[1,2]", " maxItems;"},
		{"{'uniqueItems':true}", "[1,1]", " uniqueItems;"},
		{"{'contains':{'type':'null'}}", "[1]", " contains;"},
		{"{'contains':true,'maxContains':1}", "[1,1]", " maxContains;"},
		{"{'minProperties':1}", "{}", " minProperties;"},
		{"{'maxProperties':0}", "{'a':1}", " maxProperties;"},
		{"{'required':['a']}", "{}", " required;"},
		{"{'dependentRequired':{'a':['b']}}", "{'a':1}", " dependentRequired;"},
		{"{'additionalProperties':false}", "{'a':1}", " additionalProperties;"},
		{"{'propertyNames':{'maxLength':1}}", "{'ab':1}", " propertyNames;"},
		{"{'properties':{'a':false}}", "{'a':1}", "/a false;"},
		{"{'not':{'type':'string'}}", "'a'", " not;"},
		{"{'oneOf':[true,true]}", "1", " oneOf;"},
		{"{'anyOf':[{'type':'string'},{'type':'null'}]}", "1", " type;"},
		{"{'oneOf':[{'required':['a'],'properties':{'a':{'const':1}}},"
		 "{'required':['b']}]}",
			"{'a':2}", " required;"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct json_document *d = json_of(rows[i].instance);
		struct schema *s = schema_of(rows[i].schema);
		struct buffer told;
		buffer_init(&told, 1000);
		ck_assert_msg(!schema_is_valid(s, json_root(d)), "%s", rows[i].schema);
		schema_tell_first(s, json_root(d), put_problem, &told);
		ck_assert_msg(str_eq(buffer_str(&told), str_of(rows[i].told)), "%s: %.*s",
			rows[i].schema, STR_ARG(buffer_str(&told)));
		buffer_deinit(&told);
		schema_free(s);
		json_free(d);
	}
}
END_TEST

static struct json_document *many(const char *item, size_t count)
{
	struct buffer text;
	buffer_init(&text, 8 << 20);
	for (size_t i = 0; i < count; i++)
		buffer_addf(&text, "%c%s", i ? ',' : '[', item);
	buffer_add_char(&text, ']');
	buffer_add_char(&text, '\0');
	struct json_document *d = json_of(text.p);
	buffer_deinit(&text);
	return d;
}

START_TEST(a_message_that_is_wrong_everywhere_costs_no_more_than_one_place)
{
	struct json_document *d = many("1", 100000);
	struct schema *s = schema_of("{'items':{'anyOf':[{'type':'string'},{'type':'null'}]}}");
	struct buffer told;
	buffer_init(&told, 1000);
	ck_assert(!schema_is_valid(s, json_root(d)));
	schema_tell_first(s, json_root(d), put_problem, &told);
	assert_str(buffer_str(&told), "/0 type;");
	buffer_deinit(&told);
	schema_free(s);
	json_free(d);
}
END_TEST

START_TEST(what_takes_too_many_steps_is_not_valid)
{
	struct json_document *d = many("[1]", 100000);
	struct schema *s = schema_of("{'items':{'allOf':[{'items':{'type':'integer'}},"
				     "{'items':{'type':'integer'}},{'items':{'type':'integer'}},"
				     "{'items':{'type':'integer'}},{'items':{'type':'integer'}},"
				     "{'items':{'type':'integer'}}]}}");
	struct buffer told;
	buffer_init(&told, 1000);
	ck_assert(!schema_is_valid(s, json_root(d)));
	schema_tell_first(s, json_root(d), put_problem, &told);
	assert_str(buffer_str(&told), " time;");
	buffer_deinit(&told);
	schema_free(s);
	json_free(d);
}
END_TEST

START_TEST(what_no_pattern_can_tell_is_not_valid)
{
	static const char *const schemas[] = {"{\"pattern\":\"a\"}",
		"{\"not\":{\"pattern\":\"a\"}}", "{\"not\":{\"not\":{\"pattern\":\"a\"}}}",
		"{\"if\":{\"pattern\":\"a\"},\"then\":false}",
		"{\"anyOf\":[{\"pattern\":\"a\"},true]}"};
	for (size_t i = 0; i < ARRAY_COUNT(schemas); i++)
		ck_assert_msg(
			!is_valid(schemas[i], SCHEMA_OPENAPI_31, "\"slow\""), "%s", schemas[i]);
	const char *named = "{\"patternProperties\":{\"a\":false}}";
	ck_assert(is_valid(named, SCHEMA_OPENAPI_31, "{\"x\":1}"));
	ck_assert(!is_valid(named, SCHEMA_OPENAPI_31, "{\"slow\":1}"));
}
END_TEST

START_TEST(types_are_what_the_schema_says_by_itself)
{
	static const struct {
		const char *schema;
		unsigned types, item, property;
	} rows[] = {
		{"{}", 0, 0, 0},
		{"{'type':'integer'}", 4, 0, 0},
		{"{'type':['string','null']}", 17, 0, 0},
		{"{'$ref':'#/$defs/a','$defs':{'a':{'type':'array','items':{'type':'number'}}}}",
			32, 8, 0},
		{"{'allOf':[{'type':'object','properties':{'p':{'type':'boolean'}}},{}]}", 64, 0,
			2},
		{"{'oneOf':[{'type':'string'},{'type':'integer'}]}", 20, 0, 0},
		{"{'type':'object','additionalProperties':{'type':'integer'}}", 64, 0, 4},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct schema *s = schema_of(rows[i].schema);
		ck_assert_msg(schema_types(s) == rows[i].types, "%s", rows[i].schema);
		ck_assert_msg(schema_item_types(s) == rows[i].item, "%s", rows[i].schema);
		ck_assert_msg(schema_property_types(s, STR("p")) == rows[i].property, "%s",
			rows[i].schema);
		schema_free(s);
	}
}
END_TEST

UNIT_SUITE(schema_openapi, a_discriminator_leads_to_alternatives,
	dialects_differ_where_openapi_says, what_is_not_enforced_is_refused,
	the_first_problem_has_a_pointer_and_a_keyword,
	a_message_that_is_wrong_everywhere_costs_no_more_than_one_place,
	what_takes_too_many_steps_is_not_valid, what_no_pattern_can_tell_is_not_valid,
	types_are_what_the_schema_says_by_itself)
