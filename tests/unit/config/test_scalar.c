/* SPDX-License-Identifier: Apache-2.0 */
/* Plain scalars by YAML 1.2's core schema. */
#include "config/document.h"

#include "unit.h"

struct row {
	const char *text;
	enum node_type type;
	double number;
};

static const struct row rows[] = {
	{"", NODE_NULL, 0},
	{"~", NODE_NULL, 0},
	{"null", NODE_NULL, 0},
	{"true", NODE_BOOL, 1},
	{"False", NODE_BOOL, 0},
	{"on", NODE_STRING, 0},
	{"yes", NODE_STRING, 0},
	{"NO", NODE_STRING, 0},
	{"tRUE", NODE_STRING, 0},
	{"0", NODE_INTEGER, 0},
	{"-0", NODE_INTEGER, 0},
	{"+12", NODE_INTEGER, 12},
	{"-7", NODE_INTEGER, -7},
	{"0x1F", NODE_INTEGER, 31},
	{"0o17", NODE_INTEGER, 15},
	{"0b11", NODE_STRING, 0},
	{"9007199254740991", NODE_INTEGER, 9007199254740991.0},
	{"1_000", NODE_STRING, 0},
	{"1:30", NODE_STRING, 0},
	{"1.5", NODE_REAL, 1.5},
	{".5", NODE_REAL, 0.5},
	{"5.", NODE_REAL, 5},
	{"1e3", NODE_REAL, 1000},
	{"-1.5E-2", NODE_REAL, -0.015},
	{".", NODE_STRING, 0},
	{"-", NODE_STRING, 0},
	{"1e", NODE_STRING, 0},
	{"1.2.3", NODE_STRING, 0},
	{"10s", NODE_STRING, 0},
};

START_TEST(gives_plain_scalars_their_type)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct node n = {0};
		const char *message = NULL;
		ck_assert_msg(scalar_resolve(str_of(rows[i].text), &n, &message), "%s: %s",
			rows[i].text, message);
		ck_assert_msg(n.type == rows[i].type, "%s has type %d", rows[i].text, n.type);
		if (n.type == NODE_INTEGER)
			ck_assert(n.u.integer == (int64_t)rows[i].number);
		if (n.type == NODE_REAL)
			ck_assert(n.u.real == rows[i].number);
		if (n.type == NODE_BOOL)
			ck_assert(n.u.boolean == (rows[i].number != 0));
	}
}
END_TEST

START_TEST(refuses_numbers_that_readers_disagree_on)
{
	static const char *const texts[] = {"017", "00", "-01", "9007199254740992",
		"-9007199254740992", "99999999999999999999999999999999999999", "0xFFFFFFFFFFFFFFFF",
		"1e999", ".inf", "-.INF", ".nan"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct node n = {0};
		const char *message = NULL;
		ck_assert_msg(!scalar_resolve(str_of(texts[i]), &n, &message), "%s", texts[i]);
		ck_assert_ptr_nonnull(message);
	}
}
END_TEST

UNIT_SUITE(scalar, gives_plain_scalars_their_type, refuses_numbers_that_readers_disagree_on)
