/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of check, explain and compile. */
#include "compile/options.h"

#include "unit.h"

#include <stdlib.h>

static struct compile_options options;

/* Words separated by one space. */
static enum options_verdict parse(const char *line)
{
	static char words[512];
	char *argv[32];
	int argc = 0;
	struct str rest = str_of(line);
	char *at = words;
	while (rest.p && argc < 32) {
		struct str word = str_cut(&rest, ' ');
		ck_assert_uint_lt((size_t)(at - words) + word.n + 1, sizeof(words));
		memcpy(at, word.p, word.n);
		at[word.n] = '\0';
		argv[argc++] = at;
		at += word.n + 1;
	}
	return compile_options_parse(argc, argv, &options);
}

START_TEST(reads_a_check)
{
	ck_assert_int_eq(parse("p check --plugins a --plugins=b --json x y"), OPTIONS_RUN);
	ck_assert_int_eq(options.command, COMMAND_CHECK);
	ck_assert_uint_eq(options.path_count, 2);
	ck_assert_str_eq(options.paths[1], "y");
	ck_assert_uint_eq(options.plugin_dir_count, 2);
	ck_assert_str_eq(options.plugin_dirs[1], "b");
	ck_assert(options.json);
	ck_assert_ptr_null(options.gateway);
	ck_assert_int_eq(parse("p check --gateway=g --no-load x"), OPTIONS_RUN);
	ck_assert_str_eq(options.gateway, "g");
	ck_assert(options.no_load);
}
END_TEST

START_TEST(reads_an_explain)
{
	ck_assert_int_eq(
		parse("p explain x --api a --request /p --header N:v --header M:w"), OPTIONS_RUN);
	ck_assert_int_eq(options.command, COMMAND_EXPLAIN);
	ck_assert_str_eq(options.api, "a");
	ck_assert_str_eq(options.request, "/p");
	ck_assert_uint_eq(options.header_count, 2);
}
END_TEST

START_TEST(reads_a_compile)
{
	ck_assert_int_eq(parse("p compile --out-fd=3 x"), OPTIONS_RUN);
	ck_assert_int_eq(options.out_fd, 3);
	ck_assert_int_eq(options.ready_fd, -1);
	ck_assert_int_eq(parse("p compile --out-fd 3 --ready-fd 6 x"), OPTIONS_RUN);
	ck_assert_int_eq(options.ready_fd, 6);
	ck_assert_int_eq(parse("p compile --print x"), OPTIONS_RUN);
	ck_assert_int_eq(options.out_fd, -1);
	ck_assert(options.print);
}
END_TEST

START_TEST(helps)
{
	ck_assert_int_eq(parse("p --help"), OPTIONS_HELP);
	ck_assert_int_eq(parse("p check --help"), OPTIONS_HELP);
	ck_assert_int_eq(parse("p explain x --help"), OPTIONS_HELP);
}
END_TEST

START_TEST(refuses_what_it_does_not_know)
{
	static const char *const lines[] = {"p", "p chekc x", "p check", "p check --plugin x y",
		"p check x --plugins", "p check x --api a", "p explain x", "p explain --api a",
		"p compile x --out-fd many", "p compile x --out-fd 99999", "p compile x --json",
		"p check x --", "p check x --json=no"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ck_assert_msg(parse(lines[i]) == OPTIONS_BAD, "%s", lines[i]);
}
END_TEST

UNIT_SUITE(options, reads_a_check, reads_an_explain, reads_a_compile, helps,
	refuses_what_it_does_not_know)
