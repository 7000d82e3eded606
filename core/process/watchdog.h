/* SPDX-License-Identifier: Apache-2.0 */
/* process/watchdog.h - ends the process when a thread hangs, so that the next one can serve.
 *
 * One thread looks at every other one four times a second. It counts, for one call into a policy,
 *   - the processor time that it took: 2 s is too long;
 *   - the time that it slept or waited: 5 s is too long;
 * and for one turn of a worker's loop outside of any policy, processor time alone: 10 s. On the
 * main thread, where no request waits, a policy gets 10 s and 30 s to be loaded and configured.
 *
 * Time in which a thread wants to run and is not let counts for nothing, and a look that comes late
 * counts as if it came in time: a machine that is starved, stopped, or under a debugger kills
 * nobody.
 *
 * What hangs is written into the trail, and its thread gets SIGABRT, so that a core shows its
 * stack.
 */
#pragma once

#include "handover/trail.h"
#include "process/thread.h"

struct watchdog;

/* The calling thread is the main one. The workers outlive the watchdog. NULL with errno: there is
 * no thread or descriptor for it. */
struct watchdog *watchdog_start(
	struct trail *trail, struct worker_thread *const *threads, unsigned workers);
/* NULL is harmless. */
void watchdog_stop(struct watchdog *w);

/* --- the account of one thread, for tests ---------------------------------------------------- */
struct watch_sample {
	uint64_t word;  /* its breadcrumb */
	uint64_t turns; /* of its loop; UINT64_MAX: it has none that counts */
	int64_t cpu_us; /* of the thread */
	bool is_asleep; /* it neither runs nor wants to */
};

struct watch_account {
	struct watch_sample last;
	int64_t call_cpu_us, call_asleep_us; /* of the call under way */
	int64_t turn_cpu_us;
};

/* `elapsed_us` since the sample before, as the watchdog counts it. Whether it hangs. */
bool watch_account_add(struct watch_account *a, const struct watch_sample *s, int64_t elapsed_us);
