/* SPDX-License-Identifier: Apache-2.0 */
/* process/confine.h - what the gateway gives up at its start: root, its capabilities, and, by the
 * sandbox, everything that serving does not take.
 *
 * Threads      before there are any. */
#pragma once

#include "process/options.h"

/* As root with --user: makes the state folder (if need be) and the log files that user's, and becomes
 * it. Before anything is opened. False: why was printed. */
bool confine_identity(const struct run_options *options, const char *state_dir);
/* Writing in the state folder and beside the log files, running `compiler`: nothing else. False: why
 * was printed. */
bool confine_process(
	const struct run_options *options, const char *state_dir, const char *compiler);
