/* SPDX-License-Identifier: Apache-2.0 */
#include "supervise/options.h"

#include <stdio.h>

/* Reading the folder may take 30 s, loading and configuring what it binds as much again. */
#define START_SECONDS 120

/* The value of `--name VALUE` or `--name=VALUE` at *i; NULL when it is another option. */
static const char *value_of(const char *name, int argc, char **argv, int *i)
{
	size_t n = strlen(name);
	if (strncmp(argv[*i], name, n) != 0)
		return NULL;
	if (argv[*i][n] == '=')
		return argv[*i] + n + 1;
	return argv[*i][n] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

static bool refuse(const char *what, const char *value)
{
	fprintf(stderr, "sluice run: %s '%s'\n", what, value);
	return false;
}

static bool take_number(const char *text, uint64_t min, uint64_t max, unsigned *to)
{
	uint64_t n;
	if (str_to_u64(str_of(text), max, &n) != RC_OK || n < min)
		return false;
	*to = (unsigned)n;
	return true;
}

static bool take(int argc, char **argv, int *i, struct supervise_options *o)
{
	const char *value;
	if ((value = value_of("--state", argc, argv, i)))
		o->state_dir = value;
	else if ((value = value_of("--log-level", argc, argv, i)))
		o->log_level = value;
	else if (strcmp(argv[*i], "--standby") == 0)
		o->standby = true;
	else if (strcmp(argv[*i], "--help") == 0)
		o->asks_help = true;
	else if ((value = value_of("--listen-allow", argc, argv, i)))
		return allow_add(&o->allow, value) ||
		       refuse("--listen-allow takes ADDRESS:PORT or ADDRESS:FIRST-LAST, not",
			       value);
	else if ((value = value_of("--crash-budget", argc, argv, i)))
		return take_number(value, 1, 1000, &o->crash_budget) ||
		       refuse("--crash-budget takes a number from 1 to 1000, not", value);
	else if ((value = value_of("--crash-window", argc, argv, i)))
		return take_number(value, 1, 86400, &o->crash_window_s) ||
		       refuse("--crash-window takes seconds from 1 to 86400, not", value);
	else if ((value = value_of("--start-seconds", argc, argv, i)))
		return take_number(value, 1, 86400, &o->start_s) ||
		       refuse("--start-seconds takes seconds from 1 to 86400, not", value);
	else if ((value = value_of("--drain-seconds", argc, argv, i)))
		return take_number(value, 0, 86400, &o->drain_s) ||
		       refuse("--drain-seconds takes seconds from 0 to 86400, not", value);
	return true;
}

bool supervise_options_parse(int argc, char **argv, struct supervise_options *o)
{
	*o = (struct supervise_options){
		.crash_budget = 3, .crash_window_s = 60, .drain_s = 25, .start_s = START_SECONDS};
	for (int i = 0; i < argc; i++)
		if (!take(argc, argv, &i, o))
			return false;
	return true;
}
