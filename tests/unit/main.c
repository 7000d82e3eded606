/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/main.c - runs the suites that the files of one folder define.
 *
 * Each test_*.c registers its suite with UNIT_SUITE (unit.h). `NAME...` as arguments runs only the
 * suites of these names. */
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct unit_suite *suites;

void unit_register(struct unit_suite *suite)
{
	suite->next = suites;
	suites = suite;
}

static int is_wanted(const char *name, int argc, char **argv)
{
	if (argc < 2)
		return 1;
	for (int i = 1; i < argc; i++)
		if (strcmp(name, argv[i]) == 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	SRunner *runner = srunner_create(NULL);
	for (struct unit_suite *s = suites; s; s = s->next)
		if (is_wanted(s->name, argc, argv))
			srunner_add_suite(runner, s->make());
	srunner_run_all(runner, CK_NORMAL);
	int ran = srunner_ntests_run(runner);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
