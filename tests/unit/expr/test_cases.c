/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sources and results: cases.tsv beside this file, and the examples of the
 * documentation. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "support.h"

static unsigned wrong, run;

static void check_row(struct fixture *f, size_t line, struct str source, struct str expected)
{
	const char *actual = fixture_run(f, source);
	run++;
	if (str_eq(str_of(actual), expected))
		return;
	wrong++;
	fprintf(stderr, "line %zu: %.*s\n  expected %.*s\n  got      %s\n", line, STR_ARG(source),
		STR_ARG(expected), actual);
}

static char *read_whole(const char *path)
{
	FILE *in = fopen(path, "rb");
	ck_assert_msg(in != NULL, "%s", path);
	char *text = calloc(1, 1u << 20);
	size_t n = fread(text, 1, (1u << 20) - 1, in);
	ck_assert(n > 0);
	fclose(in);
	return text;
}

/* Source, tab, result; lines without a tab are headings. */
static void check_tsv_line(struct fixture *f, size_t line, struct str text)
{
	struct str source = str_cut(&text, '\t');
	if (text.p)
		check_row(f, line, source, text);
}

/* The next `...` of a table's row; STR_EMPTY when there is none. "\|" is a bar. */
static struct str code_cell(struct str *row, char *unescaped)
{
	(void)str_cut(row, '`');
	if (!row->p)
		return STR_EMPTY;
	struct str cell = str_cut(row, '`');
	size_t n = 0;
	for (size_t i = 0; i < cell.n; i++)
		if (cell.p[i] != '\\' || i + 1 == cell.n || cell.p[i + 1] != '|')
			unescaped[n++] = cell.p[i];
	return row->p ? str_n(unescaped, n) : STR_EMPTY;
}

/* Rows whose first two cells are code: | `source` | `result` | */
static void check_documented_row(struct fixture *f, size_t line, struct str text)
{
	char source[512], result[512];
	if (!str_starts(text, STR("| `")) || text.n > sizeof(source))
		return;
	struct str left = code_cell(&text, source), right = code_cell(&text, result);
	ck_assert_msg(left.n && right.n, "line %zu: a source without its result", line);
	check_row(f, line, left, right);
}

static void check_file(
	const char *path, void (*check_line)(struct fixture *f, size_t line, struct str text))
{
	struct fixture f;
	size_t line = 0;
	char *text = read_whole(path);
	struct str rest = str_of(text);
	wrong = run = 0;
	fixture_init(&f);
	while (rest.p)
		check_line(&f, ++line, str_cut(&rest, '\n'));
	fixture_deinit(&f);
	free(text);
	ck_assert_msg(wrong == 0, "%s: %u of %u rows are wrong", path, wrong, run);
}

START_TEST(sources_have_the_results_of_the_table)
{
	check_file(SOURCE_DIR "/tests/unit/expr/cases.tsv", check_tsv_line);
	ck_assert_uint_ge(run, 200);
}
END_TEST

START_TEST(documented_examples_are_true)
{
	check_file(SOURCE_DIR "/docs/expressions.md", check_documented_row);
	ck_assert_uint_ge(run, 100);
}
END_TEST

UNIT_SUITE(cases, sources_have_the_results_of_the_table, documented_examples_are_true)
