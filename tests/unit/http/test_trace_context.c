/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "http/trace_context.h"

#define ID     "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define ZEROS  "00000000000000000000000000000000"

START_TEST(takes_valid_parents)
{
	static const char *const rows[] = {
		"00-" ID "-" PARENT "-01",
		"00-" ID "-" PARENT "-ff",
		"01-" ID "-" PARENT "-00",
		"cc-" ID "-" PARENT "-01-what-comes-later",
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str id;
		ck_assert_msg(traceparent_is_valid(str_of(rows[i]), &id), "%s", rows[i]);
		assert_str(id, ID);
	}
}
END_TEST

START_TEST(refuses_other_parents)
{
	static const char *const rows[] = {
		"",
		"00",
		"00-" ID "-" PARENT,
		"00-" ID "-" PARENT "-1",
		"00-" ID "-" PARENT "-01-",
		"00-" ID "-" PARENT "-01x",
		"01-" ID "-" PARENT "-01x",
		"ff-" ID "-" PARENT "-01",
		"0g-" ID "-" PARENT "-01",
		"00-" ZEROS "-" PARENT "-01",
		"00-" ID "-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
		"00_" ID "-" PARENT "-01",
		"00-" ID "_" PARENT "-01",
		"00-" ID "-" PARENT "_01",
		"00-" ID "-" PARENT "-0 ",
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str id;
		ck_assert_msg(!traceparent_is_valid(str_of(rows[i]), &id), "%s", rows[i]);
	}
}
END_TEST

START_TEST(judges_states)
{
	static const struct {
		const char *value;
		bool is_valid;
	} rows[] = {
		{"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
		{"a=1 , b=2,", true},
		{"tenant@system=x y", true},
		{"1a=b", true},
		{"", false},
		{",", false},
		{"a", false},
		{"a=", false},
		{"=b", false},
		{"A=b", false},
		{"a b=c", false},
		{"a=b=c", false},
		{"a@b@c=d", false},
		{"@a=b", false},
		{"a@=b", false},
		{"a=\x01", false},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_msg(tracestate_is_valid(str_of(rows[i].value)) == rows[i].is_valid, "%s",
			rows[i].value);
}
END_TEST

START_TEST(states_have_32_members_at_most)
{
	char text[33 * 4 + 1];
	for (size_t i = 0; i < 33; i++)
		memcpy(text + i * 4, "a=1,", 4);
	ck_assert(tracestate_is_valid(str_n(text, 32 * 4)));
	ck_assert(!tracestate_is_valid(str_n(text, 33 * 4)));
}
END_TEST

UNIT_SUITE(trace_context, takes_valid_parents, refuses_other_parents, judges_states,
	states_have_32_members_at_most)
