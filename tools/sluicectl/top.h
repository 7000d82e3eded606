/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/top.h - what a gateway carries now: once, as JSON, or as a view that goes on.
 *
 * In a terminal: q ends it, s sorts by something else, p pauses. */
#pragma once

#include <stdbool.h>

/* The exit code. */
int top_run(const char *socket_path, bool once, bool json);
