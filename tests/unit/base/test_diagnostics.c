/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/diagnostics.h"

static struct diagnostics d;
static struct buffer out;

static void begin(void)
{
	diagnostics_init(&d);
	buffer_init(&out, 1 << 20);
}

static void end(void)
{
	diagnostics_deinit(&d);
	buffer_deinit(&out);
}

START_TEST(prints_every_part_that_is_known)
{
	begin();
	diagnostics_add(&d, SEVERITY_ERROR, (struct position){"a.yaml", 4, 9}, "spec.x",
		"unknown field; did you mean \"%s\"?", "y");
	diagnostics_add(&d, SEVERITY_WARNING, (struct position){"b.yaml", 0, 0}, "", "odd");
	diagnostics_add(&d, SEVERITY_ERROR, (struct position){0}, NULL, "general");
	diagnostics_print(&d, &out);
	assert_str(buffer_str(&out), "general\n"
				     "a.yaml:4:9: spec.x: unknown field; did you mean \"y\"?\n"
				     "b.yaml: warning: odd\n");
	ck_assert_uint_eq(d.errors, 2);
	ck_assert_uint_eq(d.warnings, 1);
	end();
}
END_TEST

START_TEST(sorts_by_file_line_column_then_as_added)
{
	static const struct position at[] = {
		{"b", 1, 1}, {"a", 10, 1}, {"a", 9, 2}, {"a", 9, 1}, {"a", 9, 1}, {"B", 1, 1}};
	begin();
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		diagnostics_add(&d, SEVERITY_ERROR, at[i], "", "%zu", i);
	diagnostics_print(&d, &out);
	assert_str(
		buffer_str(&out), "B:1:1: 5\na:9:1: 3\na:9:1: 4\na:9:2: 2\na:10:1: 1\nb:1:1: 0\n");
	end();
}
END_TEST

START_TEST(keeps_copies)
{
	char file[] = "f", path[] = "p", message[] = "m", subject[] = "s";
	begin();
	diagnostics_add_for(
		&d, subject, SEVERITY_ERROR, (struct position){file, 1, 1}, path, message);
	file[0] = path[0] = message[0] = subject[0] = '!';
	diagnostics_print(&d, &out);
	assert_str(buffer_str(&out), "f:1:1: p: m\n");
	ck_assert_str_eq(d.items[0].subject, "s");
	end();
}
END_TEST

START_TEST(counts_what_it_does_not_keep)
{
	begin();
	for (int i = 0; i < DIAGNOSTICS_MAX + 5; i++)
		diagnostics_add(&d, SEVERITY_ERROR, (struct position){0}, "", "x");
	ck_assert_uint_eq(d.count, DIAGNOSTICS_MAX);
	ck_assert_uint_eq(d.errors, DIAGNOSTICS_MAX + 5);
	diagnostics_print(&d, &out);
	ck_assert(str_ends(buffer_str(&out), STR("... and 5 more\n")));
	end();
}
END_TEST

UNIT_SUITE(diagnostics, prints_every_part_that_is_known, sorts_by_file_line_column_then_as_added,
	keeps_copies, counts_what_it_does_not_keep)
