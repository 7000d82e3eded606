/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "plan_text.h"
#include "base/limits.h"

#include <math.h>
#include <stdio.h>

static const struct position nowhere;

static struct plan_writer *writer;
static struct buffer bytes;

static void setup(void)
{
	writer = plan_writer_new();
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
}

static void teardown(void)
{
	plan_writer_free(writer);
	buffer_deinit(&bytes);
}

static struct plan *finish(void)
{
	struct plan *p;
	char message[160] = "";
	ck_assert_int_eq(plan_writer_finish(writer, &bytes), RC_OK);
	enum rc rc = plan_decode(buffer_str(&bytes), &p, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	return p;
}

START_TEST(keeps_values_order_and_positions)
{
	struct position here = {"a/b.yaml", 3, 9}, there = {"c.yaml", 4000000000u, 7};
	plan_open_object(writer, NULL, here);
	plan_write_integer(writer, "min", nowhere, INT64_MIN);
	plan_write_string(writer, "text", there, str_n("a\0b", 3));
	plan_open_array(writer, "list", there);
	plan_write_real(writer, NULL, nowhere, -0.1);
	plan_open_object(writer, NULL, here);
	plan_write_bool(writer, "", nowhere, true);
	plan_close(writer);
	plan_close(writer);
	plan_write_null(writer, "last", nowhere);
	plan_close(writer);
	struct plan *p = finish();
	const struct plan_node *root = plan_root(p), *list = plan_at(root, 2);
	ck_assert_uint_eq(plan_count(root), 4);
	ck_assert_int_eq(plan_at(root, 0)->u.integer, INT64_MIN);
	ck_assert_str_eq(plan_at(root, 0)->position.file, "a/b.yaml");
	ck_assert_uint_eq(plan_at(root, 0)->position.line, 3);
	ck_assert_uint_eq(plan_at(root, 0)->position.column, 9);
	ck_assert(str_eq(plan_string(root, "text", STR_EMPTY), str_n("a\0b", 3)));
	ck_assert_uint_eq(plan_at(root, 1)->position.line, 4000000000u);
	assert_str(list->key, "list");
	ck_assert_double_eq(plan_at(list, 0)->u.real, -0.1);
	ck_assert_str_eq(plan_at(list, 0)->position.file, "c.yaml");
	ck_assert_uint_eq(plan_at(list, 0)->key.n, 0);
	ck_assert(plan_bool(plan_at(list, 1), "", false));
	ck_assert_str_eq(plan_at(plan_at(list, 1), 0)->position.file, "a/b.yaml");
	assert_str(plan_at(root, 3)->key, "last");
	plan_free(p);
}
END_TEST

START_TEST(writes_a_scalar_root)
{
	plan_write_string(writer, NULL, nowhere, STR("x"));
	struct plan *p = finish();
	assert_str(plan_root(p)->u.string, "x");
	ck_assert_ptr_null(plan_root(p)->position.file);
	plan_free(p);
}
END_TEST

START_TEST(stores_a_string_once)
{
	char text[1000];
	memset(text, 'x', sizeof(text));
	plan_open_array(writer, NULL, nowhere);
	for (int i = 0; i < 100; i++)
		plan_write_string(writer, NULL, nowhere, str_n(text, sizeof(text)));
	plan_close(writer);
	plan_free(finish());
	ck_assert_uint_lt(bytes.n, 5000);
}
END_TEST

START_TEST(refuses_keys_that_repeat)
{
	plan_open_object(writer, NULL, nowhere);
	for (int i = 0; i < 2; i++) {
		plan_open_object(writer, i ? "b" : "a", nowhere);
		plan_write_null(writer, "x", nowhere);
		plan_write_null(writer, "y", nowhere);
		if (i == _i - 1)
			plan_write_null(writer, "x", nowhere);
		plan_close(writer);
	}
	plan_close(writer);
	ck_assert_int_eq(plan_writer_finish(writer, &bytes), _i > 0 ? RC_INVALID : RC_OK);
	ck_assert(_i == 0 || bytes.n == 0);
}
END_TEST

static void leave_open(void)
{
	plan_open_array(writer, NULL, nowhere);
}
static void write_nothing(void)
{
}
static void close_too_much(void)
{
	plan_write_null(writer, NULL, nowhere);
	plan_close(writer);
}
static void write_two_roots(void)
{
	plan_write_null(writer, NULL, nowhere);
	plan_write_null(writer, NULL, nowhere);
}
static void key_in_array(void)
{
	plan_open_array(writer, NULL, nowhere);
	plan_write_null(writer, "x", nowhere);
	plan_close(writer);
}
static void no_key_in_object(void)
{
	plan_open_object(writer, NULL, nowhere);
	plan_write_null(writer, NULL, nowhere);
	plan_close(writer);
}
static void key_at_root(void)
{
	plan_write_null(writer, "x", nowhere);
}
static void write_infinity(void)
{
	plan_write_real(writer, NULL, nowhere, INFINITY);
}
static void nest(int depth)
{
	for (int i = 0; i < depth; i++)
		plan_open_array(writer, NULL, nowhere);
	for (int i = 0; i < depth; i++)
		plan_close(writer);
}
static void nest_too_deeply(void)
{
	nest(PLAN_DEPTH_MAX + 1);
}
static void (*const mistakes[])(void) = {leave_open, write_nothing, close_too_much, write_two_roots,
	key_in_array, no_key_in_object, key_at_root, write_infinity, nest_too_deeply};

START_TEST(refuses_what_is_no_tree)
{
	mistakes[_i]();
	ck_assert_int_eq(plan_writer_finish(writer, &bytes), RC_INVALID);
	ck_assert_uint_eq(bytes.n, 0);
}
END_TEST

START_TEST(nests_as_deep_as_allowed)
{
	nest(PLAN_DEPTH_MAX);
	struct plan *p = finish();
	const struct plan_node *n = plan_root(p);
	int depth = 1;
	for (; plan_count(n) > 0; n = plan_at(n, 0))
		depth++;
	ck_assert_int_eq(depth, PLAN_DEPTH_MAX);
	plan_free(p);
}
END_TEST

START_TEST(is_full_when_the_buffer_is)
{
	struct buffer small;
	buffer_init(&small, 64);
	plan_open_array(writer, NULL, nowhere);
	plan_write_string(writer, NULL, nowhere, STR("a string that has no room in it"));
	plan_close(writer);
	ck_assert_int_eq(plan_writer_finish(writer, &small), RC_FULL);
	buffer_deinit(&small);
	ck_assert_int_eq(plan_writer_finish(writer, &bytes), RC_OK);
}
END_TEST

START_TEST(is_full_above_the_limit)
{
	size_t n = 100u << 20;
	char *text = calloc(1, n + 2);
	ck_assert_ptr_nonnull(text);
	plan_open_array(writer, NULL, nowhere);
	for (size_t i = 0; i < 3; i++)
		plan_write_string(writer, NULL, nowhere, str_n(text, n + i));
	plan_close(writer);
	free(text);
	ck_assert_int_eq(plan_writer_finish(writer, &bytes), RC_FULL);
}
END_TEST

static void write_api(int i)
{
	char name[32], path[300];
	struct position at = {"apis.yaml", (uint32_t)i, 3};
	snprintf(name, sizeof(name), "api-%d", i);
	memset(path, 'a' + i % 26, sizeof(path));
	memcpy(path, name, strlen(name));
	plan_open_object(writer, NULL, at);
	plan_write_string(writer, "name", at, str_of(name));
	plan_write_string(writer, "address", at, str_n(path, sizeof(path)));
	for (int k = 0; k < 12; k++) {
		char key[16];
		snprintf(key, sizeof(key), "policy%d", k);
		plan_open_object(writer, key, at);
		plan_write_integer(writer, "order", at, k);
		plan_write_string(writer, "policy", at, STR("rate-limiting"));
		plan_open_array(writer, "list", at);
		plan_write_bool(writer, NULL, at, true);
		plan_close(writer);
		plan_close(writer);
	}
	plan_close(writer);
}

START_TEST(a_plan_of_10000_apis_is_read)
{
	plan_open_array(writer, NULL, nowhere);
	for (int i = 0; i < 10000; i++)
		write_api(i);
	plan_close(writer);
	struct plan *p = finish();
	ck_assert_uint_gt(bytes.n, 15u << 20);
	ck_assert_uint_eq(plan_count(plan_root(p)), 10000);
	plan_free(p);
}
END_TEST

static Suite *make_plan_writer(void)
{
	Suite *suite = suite_create("plan_writer");
	TCase *tcase = tcase_create("plan_writer");
	tcase_set_timeout(tcase, 240);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, keeps_values_order_and_positions);
	tcase_add_test(tcase, writes_a_scalar_root);
	tcase_add_test(tcase, stores_a_string_once);
	tcase_add_loop_test(tcase, refuses_keys_that_repeat, 0, 3);
	tcase_add_loop_test(
		tcase, refuses_what_is_no_tree, 0, sizeof(mistakes) / sizeof(mistakes[0]));
	tcase_add_test(tcase, nests_as_deep_as_allowed);
	tcase_add_test(tcase, is_full_when_the_buffer_is);
	tcase_add_test(tcase, is_full_above_the_limit);
	tcase_add_test(tcase, a_plan_of_10000_apis_is_read);
	suite_add_tcase(suite, tcase);
	return suite;
}

__attribute__((constructor)) static void register_plan_writer(void)
{
	static struct unit_suite entry = {"plan_writer", make_plan_writer, NULL};
	unit_register(&entry);
}
