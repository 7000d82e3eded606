/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/policy/judge.h - what a gateway would refuse of a plugin. Messages are printed. */
#pragma once

#include "base/str.h"

/* Runs the plugin's code in a process of its own: whether it is what its notes say. */
MUST_USE bool judge_code(const char *plugin);
/* The plugins that were built into a project's folder, each with its definition, whose lines are
 * named by the project's own file, and its code, where it is for this machine. */
MUST_USE bool judge_build(const char *folder);
