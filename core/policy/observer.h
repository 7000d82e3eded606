/* SPDX-License-Identifier: Apache-2.0 */
/* policy/observer.h - for tests of policies: the table that plugins get, and what they do wrong.
 *
 * Threads      set before any plugin is loaded; `complaint` is called on the thread that erred. */
#pragma once

#include "base/str.h"

struct sluice_host;

struct policy_observer {
	const struct sluice_host
		*host; /* borrowed: in the place of the gateway's own; NULL: none */
	/* A call that is not legal, memory that was left behind: one sentence. */
	void (*complaint)(void *arg, struct str message);
	void *arg;
};

/* The gateway's own table. */
const struct sluice_host *host_own_table(void);
/* NULL: nobody. Borrowed. */
void policy_observe(const struct policy_observer *observer);
