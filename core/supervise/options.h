/* SPDX-License-Identifier: Apache-2.0 */
/* supervise/options.h - what of the command line of `sluice run` is the supervisor's own.
 *
 * It takes its own options and passes the whole line on: the gateway knows every option, says what
 * is wrong with it, and prints the help. */
#pragma once

#include "supervise/allow.h"

struct supervise_options {
	const char *state_dir; /* NULL: the default */
	const char *log_level; /* NULL: info */
	struct allow_list allow;
	unsigned crash_budget;
	unsigned crash_window_s;
	unsigned drain_s;
	unsigned start_s;
	bool asks_help; /* the gateway's program gives it */
	bool standby;
};

/* false: it has printed what is wrong. */
bool supervise_options_parse(int argc, char **argv, struct supervise_options *o);
