/* SPDX-License-Identifier: Apache-2.0 */
/* process/options.h - the command line of `sluice run`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define OPTION_PATHS_MAX 16

struct run_options {
	const char *config_dir; /* required */
	const char *plugin_dirs[OPTION_PATHS_MAX];
	size_t plugin_dir_count;
	const char *state_dir;
	unsigned workers;        /* one per processor that the process may use, unless given */
	const char *log_level;   /* debug, info, warn, error */
	const char *access_log;  /* "off", "-" (standard output), or a file */
	const char *user;        /* "NAME[:GROUP]", or NULL */
	const char *sandbox;     /* off, log, on, kill; NULL: what SLUICE_SANDBOX says, else on */
	const char *log_file;    /* where the runtime log goes; NULL: standard error */
	bool core_dumps;
	const char *program_dir; /* where sluice-compile stands */
	unsigned drain_seconds;  /* what requests get to end in */
	unsigned crash_window_s; /* how long a plan serves before it has proved itself */
	bool strict;             /* one error refuses a whole configuration */
	bool is_supervised;      /* not an option: a supervisor started it */
};

enum options_verdict { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_BAD };

/* Prints what is wrong to standard error. */
enum options_verdict run_options_parse(int argc, char **argv, struct run_options *o);
void run_options_print_help(void);
