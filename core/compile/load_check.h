/* SPDX-License-Identifier: Apache-2.0 */
/* compile/load_check.h - asks the gateway's program what it finds in a plan (process/plan_check.h).
 *
 * It is started before this process gives up starting others, and waits for the plan behind a fence
 * of its own. */
#pragma once

#include "base/diagnostics.h"
#include "base/rc.h"

struct load_check {
	const char *program; /* NULL: nobody is asked */
	int to, from;        /* pipes; -1 */
	int error;           /* errno: it could not be started */
	int wait_ms;         /* for its answer, from load_check_finish on */
};

void load_check_start(struct load_check *c, const char *program);
/* Sends the plan and adds what comes back. What ends it is a finding, too, and so is its silence: it sets
 * a limit to itself, which code that it loads may have put off. It does not outlive this process. */
void load_check_finish(struct load_check *c, struct str plan, struct diagnostics *diagnostics);
