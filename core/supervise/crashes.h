/* SPDX-License-Identifier: Apache-2.0 */
/* supervise/crashes.h - who crashed how often, and what follows from it.
 *
 * A crash has a suspect when the thread that died was running a policy's callback. After `budget`
 * crashes of one suspect within the window its binding is quarantined; after as many without a
 * suspect, with one and the same plan, that plan is avoided. So many crashes of one plugin, however
 * they are spread over its bindings, quarantine the plugin. What came from outside (SIGKILL, a
 * signal that somebody sent) accuses nobody. */
#pragma once

#include "handover/board.h"

#define CRASHES_KEPT 64
/* Of a plugin, unless the budget of one binding is larger. */
#define CRASHES_OF_PLUGIN 12

struct crash {
	int64_t at_ms;
	uint64_t key;  /* of the suspect; 0: nobody */
	uint64_t plan; /* hash of the plan at hand; 0: none */
	uint64_t plugin; /* the suspect's; 0: unknown */
};

struct crash_log {
	struct crash kept[CRASHES_KEPT]; /* a ring */
	uint32_t next;
};

enum crash_verdict { CRASH_NOTED, CRASH_QUARANTINE, CRASH_QUARANTINE_PLUGIN, CRASH_AVOID_PLAN };

/* Notes one, and what it makes due. What it decides upon is forgotten. */
enum crash_verdict crash_log_add(
	struct crash_log *log, const struct crash *c, unsigned budget, int64_t window_ms);
