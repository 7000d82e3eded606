/* SPDX-License-Identifier: Apache-2.0 */
/* Plain objects, and that a tree says the same of each. The same is asked of anything by fuzz_json. */
#include "unit.h"

#include "base/check.h"
#include "json/json.h"
#include "json/plain_object.h"

#include <stdlib.h>

static void assert_as_tree(struct str text, const struct json_plain_member *members, uint32_t count)
{
	struct json_document *d;
	struct json_error error;
	struct buffer written;
	ck_assert_msg(json_parse(text, &d, &error) == RC_OK, "%.*s", STR_ARG(text));
	ck_assert_uint_eq(json_root(d)->u.object.count, count);
	buffer_init(&written, 65536);
	for (uint32_t i = 0; i < count; i++) {
		const struct json_member *m = &json_root(d)->u.object.members[i];
		buffer_reset(&written);
		json_write(&m->value, &written);
		ck_assert(str_eq(m->key, members[i].name));
		ck_assert_msg(str_eq(buffer_str(&written), members[i].json), "%.*s",
			STR_ARG(members[i].json));
	}
	buffer_deinit(&written);
	json_free(d);
}

START_TEST(takes_what_is_written_as_we_write_it)
{
	static const struct {
		struct str text;
		uint32_t count;
	} rows[] = {
		{STR("{}"), 0},
		{STR(" {\n} \t"), 0},
		{STR("{\"sub\":\"ann\",\"exp\":1700000000}"), 2},
		{STR("{ \"sub\" : \"a b~!/\" ,\r\n\"\" : -1 }"), 2},
		{STR("{\"a\":0,\"b\":true,\"c\":false,\"d\":null,\"e\":[],\"f\":{}}"), 6},
		{STR("{\"a\":[\"x\",-999999999999999999,[{\"b\":1}]],\"b\":{\"a\":1,\"b\":[]}}"),
			2},
	};
	struct json_plain_member members[JSON_PLAIN_MEMBERS_MAX];
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint32_t count = 77;
		ck_assert_msg(
			json_plain_object(rows[i].text, members, &count) == RC_OK, "row %zu", i);
		ck_assert_uint_eq(count, rows[i].count);
		assert_as_tree(rows[i].text, members, count);
	}
}
END_TEST

/* Good and bad: json_parse knows which. */
START_TEST(leaves_all_else_to_who_reads_trees)
{
	static const char *const rows[] = {"", " ", "{", "}", "[]", "1", "\"a\"", "{}x", "{},",
		"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,\"a\":1}", "{a:1}", "{\"a\" 1}",
		"{\"a\":01}", "{\"a\":-0}", "{\"a\":-}", "{\"a\":+1}", "{\"a\":1.5}", "{\"a\":1e2}",
		"{\"a\":1234567890123456789}", "{\"a\":\"\\n\"}", "{\"\\u0061\":1}",
		"{\"a\":\"\xc3\xa9\"}", "{\"a\":\"\x7f\"}", "{\"a\":\"\n\"}", "{\"a\":\"b}",
		"{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":2}}", "{\"a\":[1, 2]}", "{\"a\":[1,]}",
		"{\"a\":[,1]}", "{\"a\":[1}", "{\"a\":{\"b\":1]}", "{\"a\":{\"b\" :1}}",
		"{\"a\":[[[[[1]]]]]}", "{\"a\":tru}", "{\"a\":True}", "{\"a\":nul}",
		"{\"a\":trues}"};
	struct json_plain_member members[JSON_PLAIN_MEMBERS_MAX];
	uint32_t count;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_msg(json_plain_object(str_of(rows[i]), members, &count) == RC_UNSUPPORTED,
			"%s", rows[i]);
	ck_assert_int_eq(json_plain_object(STR("{\"a\":1}\0"), members, &count), RC_UNSUPPORTED);
}
END_TEST

/* In a block of its very size, so that a sanitizer sees a look behind it. */
START_TEST(looks_at_no_byte_behind_the_text)
{
	const struct str text = STR("{\"a\":[true,{\"b\":null}],\"n\":-12,\"s\":\"x\"} ");
	struct json_plain_member members[JSON_PLAIN_MEMBERS_MAX];
	for (size_t n = 0; n <= text.n; n++) {
		uint32_t count;
		char *copy = malloc(n + 1);
		memmove(copy + 1, text.p, n);
		enum rc rc = json_plain_object(str_n(copy + 1, n), members, &count);
		ck_assert_int_eq(rc, n + 1 >= text.n ? RC_OK : RC_UNSUPPORTED);
		free(copy);
	}
}
END_TEST

START_TEST(members_have_a_bound)
{
	struct json_plain_member members[JSON_PLAIN_MEMBERS_MAX];
	for (int inside = 0; inside < 2; inside++) {
		for (uint32_t n = 15; n < 40; n++) {
			struct buffer text;
			uint32_t count, most = inside ? 16 : JSON_PLAIN_MEMBERS_MAX;
			buffer_init(&text, 4096);
			buffer_add(&text, inside ? STR("{\"in\":{") : STR("{"));
			for (uint32_t i = 0; i < n; i++)
				buffer_addf(&text, "%s\"m%u\":1", i ? "," : "", i);
			buffer_add(&text, inside ? STR("}}") : STR("}"));
			ck_assert_int_eq(json_plain_object(buffer_str(&text), members, &count),
				n <= most ? RC_OK : RC_UNSUPPORTED);
			buffer_deinit(&text);
		}
	}
}
END_TEST

UNIT_SUITE(plain_object, takes_what_is_written_as_we_write_it, leaves_all_else_to_who_reads_trees,
	looks_at_no_byte_behind_the_text, members_have_a_bound)
