/* SPDX-License-Identifier: Apache-2.0 */
/* compile/commands.h - what sluice-compile does; each returns the exit code. */
#pragma once

#include "compile/load_check.h"
#include "compile/options.h"

#include "base/buffer.h"
#include "base/diagnostics.h"
#include "config/config.h"

/* 0: no error; 1: there are errors, and all output was made; 2: none could be made. */
enum { EXIT_GOOD, EXIT_ERRORS, EXIT_BROKEN };

int command_compile(const struct compile_options *o);
int command_check(const struct compile_options *o, struct load_check *check);
int command_explain(const struct compile_options *o);
int command_schema(const struct compile_options *o);

/* Compiles what the options name; the plugins' folder is the installation's when none is given. */
MUST_USE enum rc compile_paths(
	const struct compile_options *o, struct buffer *plan, struct diagnostics *diagnostics);
/* Findings to standard error. */
void print_findings(const struct diagnostics *d);

/* Gives up privileges, cores, and more than the given CPU time and memory, for good. */
void limit_process(void);
