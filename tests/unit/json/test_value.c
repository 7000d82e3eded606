/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/memory.h"

static bool are_equal(const char *a, const char *b)
{
	struct json_document *x = json_of(a), *y = json_of(b);
	bool equal = json_is_equal(json_root(x), json_root(y));
	ck_assert_int_eq(json_is_equal(json_root(y), json_root(x)), equal);
	ck_assert(json_is_equal(json_root(x), json_root(x)));
	json_free(x);
	json_free(y);
	return equal;
}

START_TEST(equality_looks_at_values_not_at_spelling)
{
	ck_assert(are_equal("1", "1.0"));
	ck_assert(are_equal("-0.0", "0"));
	ck_assert(are_equal("1e2", "100"));
	ck_assert(are_equal("{'a': 1, 'b': [2]}", "{'b': [2.0], 'a': 1}"));
	ck_assert(are_equal("'\\u0041'", "'A'"));
	ck_assert(are_equal("[]", "[]"));
	ck_assert(!are_equal("1", "true"));
	ck_assert(!are_equal("0", "false"));
	ck_assert(!are_equal("null", "false"));
	ck_assert(!are_equal("1", "'1'"));
	ck_assert(!are_equal("[1, 2]", "[2, 1]"));
	ck_assert(!are_equal("[1]", "[1, 1]"));
	ck_assert(!are_equal("{'a': 1}", "{'b': 1}"));
	ck_assert(!are_equal("{'a': 1}", "{'a': 1, 'b': 1}"));
	ck_assert(!are_equal("{}", "[]"));
}
END_TEST

START_TEST(large_integers_are_compared_exactly)
{
	ck_assert(!are_equal("9007199254740993", "9007199254740992.0"));
	ck_assert(are_equal("9007199254740992", "9007199254740992.0"));
	ck_assert(!are_equal("9223372036854775807", "9223372036854775808.0"));
	ck_assert(are_equal("-9223372036854775808", "-9223372036854775808.0"));
}
END_TEST

/* n members "k0".. in rising or falling order; the value of `odd` is different. */
static struct json_document *object_of(size_t n, bool falling, size_t odd)
{
	struct buffer b;
	buffer_init(&b, 1u << 20);
	buffer_add_char(&b, '{');
	for (size_t i = 0; i < n; i++) {
		size_t k = falling ? n - 1 - i : i;
		buffer_addf(&b, "%s\"k%zu\":%zu", i ? "," : "", k, k == odd ? 0 : k + 1);
	}
	buffer_add(&b, STR("}"));
	buffer_add_char(&b, '\0');
	struct json_document *d = json_of(b.p);
	buffer_deinit(&b);
	return d;
}

START_TEST(large_objects_are_equal_in_any_order)
{
	size_t sizes[] = {16, 17, 2000};
	for (size_t i = 0; i < 3; i++) {
		struct json_document *a = object_of(sizes[i], false, sizes[i]);
		struct json_document *b = object_of(sizes[i], true, sizes[i]);
		struct json_document *c = object_of(sizes[i], true, sizes[i] / 2);
		ck_assert(json_is_equal(json_root(a), json_root(b)));
		ck_assert(!json_is_equal(json_root(a), json_root(c)));
		json_free(a);
		json_free(b);
		json_free(c);
	}
}
END_TEST

static void assert_writes(const char *text, const char *expected)
{
	struct json_document *d = json_of(text);
	struct buffer out;
	buffer_init(&out, 1000);
	json_write(json_root(d), &out);
	buffer_add_char(&out, '\0');
	ck_assert_str_eq(out.p, expected);
	buffer_deinit(&out);
	json_free(d);
}

START_TEST(writes_compactly_in_the_order_of_the_tree)
{
	assert_writes(" { 'z' : [ 1 , true , null , false ] , 'a' : { } , 'e':[] } ",
		"{\"z\":[1,true,null,false],\"a\":{},\"e\":[]}");
	assert_writes("'\\u0001\\n\\\"\\\\\\/\\u00e9'", "\"\\u0001\\n\\\"\\\\/\xc3\xa9\"");
}
END_TEST

START_TEST(reals_are_short_and_stay_reals)
{
	assert_writes("[0.1, 1.0, 1e2, 1e300, -2.50, 0.30000000000000004, 1e-7]",
		"[0.1,1.0,100.0,1e+300,-2.5,0.30000000000000004,1e-07]");
}
END_TEST

START_TEST(a_builder_gives_aligned_memory_of_every_size)
{
	struct json_builder *b = json_builder_new();
	for (size_t size = 0; size < 5000; size += 37) {
		char *p = json_builder_alloc(b, size);
		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		memset(p, 1, size);
	}
	struct str copy = json_builder_copy(b, STR("text"));
	ck_assert_str_eq(copy.p, "text");
	ck_assert_uint_eq(json_builder_copy(b, STR_EMPTY).n, 0);
	json_builder_free(b);
	json_builder_free(NULL);
}
END_TEST

UNIT_SUITE(value, equality_looks_at_values_not_at_spelling, large_integers_are_compared_exactly,
	large_objects_are_equal_in_any_order, writes_compactly_in_the_order_of_the_tree,
	reals_are_short_and_stay_reals, a_builder_gives_aligned_memory_of_every_size)
