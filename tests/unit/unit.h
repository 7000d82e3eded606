/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/unit.h - how a file of unit tests announces its suite.
 *
 *   START_TEST(refuses_space_before_colon) { ... } END_TEST
 *   UNIT_SUITE(h1, refuses_space_before_colon, takes_chunked_body)
 */
#pragma once

#include <check.h>

#include "base/str.h"

struct unit_suite {
	const char *name;
	Suite *(*make)(void);
	struct unit_suite *next;
};
void unit_register(struct unit_suite *suite);

#define UNIT_SUITE(suite_name, ...)                                                                \
	static Suite *make_##suite_name(void)                                                      \
	{                                                                                          \
		Suite *suite = suite_create(#suite_name);                                          \
		const TTest *const tests[] = {__VA_ARGS__};                                        \
		TCase *tcase = tcase_create(#suite_name);                                          \
		tcase_set_timeout(tcase, 240);                                                     \
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)                      \
			tcase_add_test(tcase, tests[i]);                                           \
		suite_add_tcase(suite, tcase);                                                     \
		return suite;                                                                      \
	}                                                                                          \
	__attribute__((constructor)) static void register_##suite_name(void)                       \
	{                                                                                          \
		static struct unit_suite entry = {#suite_name, make_##suite_name, NULL};           \
		unit_register(&entry);                                                             \
	}

/* struct str against a literal. */
#define assert_str(actual, literal)                                                                \
	do {                                                                                       \
		struct str actual_ = (actual);                                                     \
		ck_assert_msg(str_eq(actual_, STR(literal)), "got \"%.*s\", expected \"%s\"",      \
			STR_ARG(actual_), literal);                                                \
	} while (0)
