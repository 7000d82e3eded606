/* SPDX-License-Identifier: Apache-2.0 */
/* services/job_pool.h - the threads on which jobs of policies run.
 *
 * One pool per process, a queue in order of coming, threads as they are needed up to
 * LIMIT_JOB_THREADS.
 *
 *   pool_add: QUEUED -> RUNNING -> `ended`, on the pool's thread
 *                  \-> taken out by pool_withdraw
 *
 * Invariants   J1  after pool_add exactly one of `ended` and a successful pool_withdraw happens.
 * Threads      any, but for start and stop: main.
 */
#pragma once

#include "base/list.h"

struct pool_job { /* set what follows the link; pool_add does the rest */
	struct link link; /* the pool's: on no list unless it is queued */
	void (*run)(struct pool_job *j);
	/* The pool has forgotten it: its memory may go. */
	void (*ended)(struct pool_job *j);
};

/* Called by each thread of the pool, from 0, as it begins and ends; process-wide. */
struct job_pool_hooks {
	void (*enter)(void *arg, unsigned thread);
	void (*leave)(void *arg);
	void *arg;
};

/* NULL: none. Before job_pool_start. */
void job_pool_set_hooks(const struct job_pool_hooks *hooks);
/* Makes sure that there is a thread at least. Again and again is the same as once. */
void job_pool_start(void);
/* Waits for the jobs that run. None is queued any more. */
void job_pool_stop(void);
void job_pool_add(struct pool_job *j);
/* True: it will not run. False: it runs or has run; `ended` comes or came. */
bool job_pool_withdraw(struct pool_job *j);
