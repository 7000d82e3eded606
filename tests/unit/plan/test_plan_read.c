/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "plan_text.h"

START_TEST(finds_members_and_falls_back)
{
	struct plan *p = plan_text("{'s': 'x', 'i': 7, 'r': 2.5, 'w': 1e3, 'b': true, 'n': null,"
				   " 'big': 1e300, 'l': [1, 2]}");
	const struct plan_node *n = plan_root(p);
	assert_str(plan_string(n, "s", STR("y")), "x");
	assert_str(plan_string(n, "i", STR("y")), "y");
	assert_str(plan_string(n, "n", STR("y")), "y");
	assert_str(plan_string(n, "none", STR("y")), "y");
	ck_assert_int_eq(plan_integer(n, "i", 1), 7);
	ck_assert_int_eq(plan_integer(n, "w", 1), 1000);
	ck_assert_int_eq(plan_integer(n, "r", 1), 1);
	ck_assert_int_eq(plan_integer(n, "big", 1), 1);
	ck_assert_int_eq(plan_integer(n, "s", 1), 1);
	ck_assert_double_eq(plan_number(n, "r", 1), 2.5);
	ck_assert_double_eq(plan_number(n, "i", 1), 7);
	ck_assert_double_eq(plan_number(n, "s", 1), 1);
	ck_assert(plan_bool(n, "b", false));
	ck_assert(plan_bool(n, "i", true));
	ck_assert_ptr_null(plan_get(n, "l1"));
	ck_assert_ptr_null(plan_get(NULL, "s"));
	ck_assert_ptr_null(plan_get(plan_get(n, "l"), "s"));
	ck_assert_uint_eq(plan_count(plan_get(n, "l")), 2);
	ck_assert_int_eq(plan_at(plan_get(n, "l"), 1)->u.integer, 2);
	ck_assert_ptr_null(plan_at(plan_get(n, "l"), 2));
	ck_assert_ptr_null(plan_at(plan_get(n, "s"), 0));
	ck_assert_uint_eq(plan_count(NULL), 0);
	plan_free(p);
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{"{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", true},
	{"{'a': {'x': 1, 'y': [1, 2]}}", "   {'a': {'y': [1, 2], 'x': 1}}", true},
	{"{'a': 1, 'b': 2}", "{'a': 2, 'b': 1}", false},
	{"{'a': 1}", "{'a': 1, 'b': null}", false},
	{"[1, 2]", "[2, 1]", false},
	{"[[1], 2]", "[[1, 2]]", false},
	{"[1]", "[1.0]", false},
	{"[0]", "[false]", false},
	{"[null]", "[false]", false},
	{"[]", "{}", false},
	{"['']", "[null]", false},
	{"['ab', 'c']", "['a', 'bc']", false},
	{"{'a': 'b'}", "{'b': 'a'}", false},
	{"{'a': {'b': 1}}", "{'b': {'a': 1}}", false},
	{"{'a': {'x': 1}, 'b': {'y': 2}}", "{'a': {'y': 2}, 'b': {'x': 1}}", false},
	{"['12345678']", "['12345679']", false},
};

static bool is_same_form(
	const struct plan_node *a, const struct plan_node *b, const char *const *without)
{
	struct buffer first, second;
	buffer_init(&first, 4096);
	buffer_init(&second, 4096);
	plan_canonical_without(a, without, &first);
	plan_canonical_without(b, without, &second);
	bool same = str_eq(buffer_str(&first), buffer_str(&second));
	ck_assert(!first.failed && !second.failed);
	buffer_deinit(&first);
	buffer_deinit(&second);
	return same;
}

START_TEST(canonical_is_content_without_order_of_members_and_positions)
{
	struct plan *a = plan_text(pairs[_i].a), *b = plan_text(pairs[_i].b);
	bool same = is_same_form(plan_root(a), plan_root(b), NULL);
	ck_assert_msg(same == pairs[_i].same, "%s and %s", pairs[_i].a, pairs[_i].b);
	plan_free(a);
	plan_free(b);
}
END_TEST

START_TEST(canonical_is_a_subtree_without_its_key)
{
	struct plan *p = plan_text("{'a': {'x': [1]}, 'b': {'x': [1]}}");
	const struct plan_node *n = plan_root(p);
	ck_assert(is_same_form(plan_get(n, "a"), plan_get(n, "b"), NULL));
	plan_free(p);
}
END_TEST

START_TEST(canonical_leaves_out_members_of_the_object_itself_alone)
{
	static const char *const without[] = {"i", "j", NULL};
	struct plan *a = plan_text("{'i': 1, 'x': {'i': 1}}");
	struct plan *b = plan_text("{'x': {'i': 1}, 'i': 2, 'j': []}");
	struct plan *c = plan_text("{'i': 1, 'x': {'i': 2}}");
	ck_assert(is_same_form(plan_root(a), plan_root(b), without));
	ck_assert(!is_same_form(plan_root(a), plan_root(b), NULL));
	ck_assert(!is_same_form(plan_root(a), plan_root(c), without));
	plan_free(a);
	plan_free(b);
	plan_free(c);
}
END_TEST

static void assert_json(const struct plan_node *n, const char *expected)
{
	struct buffer out;
	buffer_init(&out, 4096);
	plan_print_json(n, NULL, NULL, &out);
	ck_assert_msg(str_eq(buffer_str(&out), str_of(expected)), "got %.*s", (int)out.n, out.p);
	buffer_deinit(&out);
}

START_TEST(prints_readable_json)
{
	struct plan *p = plan_text("{'a': [1, -2.5, 1.0, 1e300, 0.1, true, null], 'e': [], 'o': {},"
				   " 'd': {'x': 'y'}}");
	assert_json(plan_root(p), "{\n"
				  "  \"a\": [\n"
				  "    1,\n"
				  "    -2.5,\n"
				  "    1.0,\n"
				  "    1e+300,\n"
				  "    0.1,\n"
				  "    true,\n"
				  "    null\n"
				  "  ],\n"
				  "  \"e\": [],\n"
				  "  \"o\": {},\n"
				  "  \"d\": {\n"
				  "    \"x\": \"y\"\n"
				  "  }\n"
				  "}\n");
	plan_free(p);
}
END_TEST

START_TEST(escapes_keys_and_strings)
{
	struct plan *p = plan_text("{'a\"\\\x01': 'l\nm\xff'}");
	assert_json(plan_root(p), "{\n  \"a\\\"\\\\\\u0001\": \"l\\nm\xef\xbf\xbd\"\n}\n");
	plan_free(p);
}
END_TEST

static Suite *make_plan_read(void)
{
	Suite *suite = suite_create("plan_read");
	TCase *tcase = tcase_create("plan_read");
	tcase_add_test(tcase, finds_members_and_falls_back);
	tcase_add_loop_test(tcase, canonical_is_content_without_order_of_members_and_positions, 0,
		sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_test(tcase, canonical_is_a_subtree_without_its_key);
	tcase_add_test(tcase, canonical_leaves_out_members_of_the_object_itself_alone);
	tcase_add_test(tcase, prints_readable_json);
	tcase_add_test(tcase, escapes_keys_and_strings);
	suite_add_tcase(suite, tcase);
	return suite;
}

__attribute__((constructor)) static void register_plan_read(void)
{
	static struct unit_suite entry = {"plan_read", make_plan_read, NULL};
	unit_register(&entry);
}
