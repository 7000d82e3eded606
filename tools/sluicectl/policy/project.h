/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/policy/project.h - where the SDK lies, and running its tools. */
#pragma once

#include "base/str.h"

/* The installation that this program belongs to: the folder above its bin. Heap; NULL with a
 * message. */
char *sdk_prefix(void);

/* Runs a program and waits; its exit code, 128 and more for a signal; -1 with a message: it cannot
 * be run. */
int run_program(const char *const *argv);
