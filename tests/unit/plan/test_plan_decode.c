/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "plan_text.h"
#include "plan/plan_priv.h"

static struct buffer bytes;
static char message[160];

static void encode(const char *text)
{
	buffer_init(&bytes, 1 << 20);
	plan_text_encode(text, &bytes);
}

static enum rc decode(struct str in)
{
	struct plan *p;
	message[0] = '\0';
	/* A heap block of its own, so that reading past the end shows. */
	char *copy = malloc(in.n ? in.n : 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, in.p, in.n);
	enum rc rc = plan_decode(str_n(copy, in.n), &p, message, sizeof(message));
	free(copy);
	if (rc == RC_OK)
		plan_free(p);
	else
		ck_assert_uint_gt(strlen(message), 10);
	return rc;
}

static void seal(void)
{
	plan_store64(bytes.p + PLAN_AT_CHECKSUM, plan_checksum(buffer_str(&bytes)));
}

static const char sample[] = "{'name': 'x', 'list': [1, 2.5, {'y': null, 'z': true}], 'u': 'name'}";

START_TEST(refuses_every_truncation)
{
	encode(sample);
	ck_assert_int_eq(decode(buffer_str(&bytes)), RC_OK);
	for (size_t n = 0; n < bytes.n; n++)
		ck_assert_int_eq(decode(str_n(bytes.p, n)), RC_INVALID);
	buffer_add_char(&bytes, 'x');
	ck_assert_int_eq(decode(buffer_str(&bytes)), RC_INVALID);
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(refuses_every_flipped_bit)
{
	encode(sample);
	for (size_t i = 0; i < bytes.n * 8; i++) {
		bytes.p[i / 8] ^= (char)(1 << i % 8);
		ck_assert_int_ne(decode(buffer_str(&bytes)), RC_OK);
		bytes.p[i / 8] ^= (char)(1 << i % 8);
	}
	buffer_deinit(&bytes);
}
END_TEST

/* With a checksum that fits, the structure alone protects. */
START_TEST(survives_every_byte_behind_a_right_checksum)
{
	encode(sample);
	for (size_t i = PLAN_AT_STRING_COUNT; i < bytes.n; i++) {
		char was = bytes.p[i];
		for (int v = 0; v < 256; v++) {
			bytes.p[i] = (char)v;
			seal();
			enum rc rc = decode(buffer_str(&bytes));
			ck_assert(rc == RC_OK || rc == RC_INVALID);
		}
		bytes.p[i] = was;
	}
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(names_another_version)
{
	encode(sample);
	plan_store32(bytes.p + PLAN_AT_VERSION, 7);
	ck_assert_int_eq(decode(buffer_str(&bytes)), RC_UNSUPPORTED);
	ck_assert_str_eq(
		message, "this plan has version 7 of the binary form; this build reads versions 1 and 2");
	buffer_deinit(&bytes);
}
END_TEST

/* Nodes of [[1], {'a': 2, 'b': 3}]: 0 root, 1 array, 2 object, 3 in 1, 4 and 5 in 2. Strings: "",
 * a, b, t.yaml. */
static const struct {
	uint32_t node, field, value;
	const char *error;
} patches[] = {
	{0, PLAN_NODE_VALUE, 6, "a list has more elements than there are"},
	{0, PLAN_NODE_VALUE, 0xffffffff, "a list has more elements than there are"},
	{0, PLAN_NODE_VALUE + 4, 1, "a list has more elements than there are"},
	{0, PLAN_NODE_VALUE, 1, "a node has no parent"},
	{2, PLAN_NODE_VALUE, 1, "a node has no parent"},
	{2, PLAN_NODE_VALUE, 3, "a list has more elements than there are"},
	{0, PLAN_NODE_KEY, 1, "a key stands where none can be"},
	{3, PLAN_NODE_KEY, 1, "a key stands where none can be"},
	{4, PLAN_NODE_KEY, 2, "an object has a key twice"},
	{4, PLAN_NODE_KEY, 4, "a key stands where none can be"},
	{5, PLAN_NODE_FILE, 4, "a file's name is missing"},
	{5, PLAN_NODE_FILE, 0, "a position has no file"},
	{5, PLAN_NODE_COLUMN, 7, "a node has an unknown type"},
	{5, PLAN_NODE_COLUMN, PLAN_BOOL, "a boolean is neither true nor false"},
	{5, PLAN_NODE_COLUMN, PLAN_NULL, "a null has a value"},
	{5, PLAN_NODE_VALUE + 4, 0x7ff00000, NULL},
};

START_TEST(says_what_breaks_the_structure)
{
	encode("[[1], {'a': 2, 'b': 3}]");
	char *node = bytes.p + bytes.n - (6 - patches[_i].node) * PLAN_NODE_BYTES;
	plan_store32(node + patches[_i].field, patches[_i].value);
	seal();
	enum rc rc = decode(buffer_str(&bytes));
	if (patches[_i].error) {
		ck_assert_int_eq(rc, RC_INVALID);
		ck_assert_msg(strstr(message, patches[_i].error) != NULL, "%s", message);
	} else {
		ck_assert_int_eq(rc, RC_OK);
	}
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(refuses_numbers_that_are_not_finite)
{
	encode("[1.5]");
	plan_store64(bytes.p + bytes.n - 8, 0x7ff8000000000000);
	seal();
	ck_assert_int_eq(decode(buffer_str(&bytes)), RC_INVALID);
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(refuses_strings_out_of_order_or_with_a_nul_in_a_key)
{
	encode("{'aa': 1, 'bb': 2}");
	char *strings = bytes.p + PLAN_HEADER_BYTES + 4 * 4;
	ck_assert_int_eq(memcmp(strings, "\0aa\0bb\0t.yaml", 14), 0);
	memcpy(strings + 1, "cc", 2);
	seal();
	ck_assert_int_eq(decode(buffer_str(&bytes)), RC_INVALID);
	memcpy(strings + 1, "bb", 2);
	seal();
	ck_assert_int_eq(decode(buffer_str(&bytes)), RC_INVALID);
	memcpy(strings + 1, "a\0", 2);
	seal();
	ck_assert_int_eq(decode(buffer_str(&bytes)), RC_INVALID);
	ck_assert_ptr_nonnull(strstr(message, "a key has a NUL"));
	buffer_deinit(&bytes);
}
END_TEST

/* The writer refuses such a plan, so it is made by hand: arrays of one element each, and a scalar.
 */
START_TEST(refuses_lists_that_nest_too_deeply)
{
	for (uint32_t depth = PLAN_DEPTH_MAX - 1; depth <= PLAN_DEPTH_MAX; depth++) {
		size_t n = PLAN_HEADER_BYTES + 4 + 1 + (size_t)(depth + 1) * PLAN_NODE_BYTES;
		buffer_init(&bytes, n);
		memset(buffer_reserve(&bytes, n), 0, n);
		buffer_commit(&bytes, n);
		memcpy(bytes.p, PLAN_MAGIC, 8);
		plan_store32(bytes.p + PLAN_AT_VERSION, PLAN_VERSION);
		plan_store32(bytes.p + PLAN_AT_LENGTH, (uint32_t)n);
		plan_store32(bytes.p + PLAN_AT_STRING_COUNT, 1);
		plan_store32(bytes.p + PLAN_AT_NODE_COUNT, depth + 1);
		plan_store32(bytes.p + PLAN_AT_STRING_BYTES, 1);
		for (uint32_t i = 0; i < depth; i++) {
			char *node = bytes.p + PLAN_HEADER_BYTES + 5 + i * PLAN_NODE_BYTES;
			plan_store32(node + PLAN_NODE_COLUMN, PLAN_ARRAY);
			plan_store64(node + PLAN_NODE_VALUE, 1);
		}
		seal();
		ck_assert_int_eq(
			decode(buffer_str(&bytes)), depth < PLAN_DEPTH_MAX ? RC_OK : RC_INVALID);
		buffer_deinit(&bytes);
	}
	ck_assert_ptr_nonnull(strstr(message, "nested too deeply"));
}
END_TEST

static Suite *make_plan_decode(void)
{
	Suite *suite = suite_create("plan_decode");
	TCase *tcase = tcase_create("plan_decode");
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, refuses_every_truncation);
	tcase_add_test(tcase, refuses_every_flipped_bit);
	tcase_add_test(tcase, survives_every_byte_behind_a_right_checksum);
	tcase_add_test(tcase, names_another_version);
	tcase_add_loop_test(
		tcase, says_what_breaks_the_structure, 0, sizeof(patches) / sizeof(patches[0]));
	tcase_add_test(tcase, refuses_numbers_that_are_not_finite);
	tcase_add_test(tcase, refuses_strings_out_of_order_or_with_a_nul_in_a_key);
	tcase_add_test(tcase, refuses_lists_that_nest_too_deeply);
	suite_add_tcase(suite, tcase);
	return suite;
}

__attribute__((constructor)) static void register_plan_decode(void)
{
	static struct unit_suite entry = {"plan_decode", make_plan_decode, NULL};
	unit_register(&entry);
}
