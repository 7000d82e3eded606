/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/work.h - the service "sluice.work/1": jobs that block or take long, on threads of their own.
 *
 * No callback may block: a library that reads files, or computes for more than a millisecond,
 * belongs into a job. The threads of the pool are shared by all policies.
 *
 *	request_head:  if (!host->resumed(x)) {
 *	                       if (work->begin(x, box, &job, arg) != SLUICE_OK)
 *	                               return SLUICE_FAIL;
 *	                       return host->wait(x, 5000);
 *	               }
 *	               arg = work->take(x, box);
 *
 * What a job needs it finds in `arg`. It never sees an exchange, which may be gone before it runs;
 * the instance lasts until all of its jobs have ended.
 */
#ifndef SLUICE_WORK_H
#define SLUICE_WORK_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_WORK_SERVICE "sluice.work/1"

struct sluice_work; /* of an instance; lives until its `release` has returned */

struct sluice_job {
	uint32_t size;
	uint32_t reserved;
	/* On a thread of the pool. Of the host, `log`, `instance_alloc`, `instance_free` and `resume`
	 * are at hand, and of the services what is for any thread or for jobs. */
	void (*run)(const struct sluice_call *call, void *arg);
	/* For `submit` alone, where it must stand: on the worker that submitted, after it ran.
	 * `worker_data` is what worker_start gave there. */
	void (*done)(const struct sluice_call *call, void *worker_data, void *arg);
	/* Instead of `done`, or of being taken: nobody waits any more. What did not run by then
	 * never will. To give back what `arg` holds. Any thread; `log`, `instance_free`. NULL:
	 * nothing to give back. */
	void (*dropped)(const struct sluice_call *call, void *arg);
};

struct sluice_work_service {
	uint32_t size;
	uint32_t reserved;

	/* `configure` only. At most `jobs_max` (1 to 10,000) are under way at a time, of all workers
	 * together: from their beginning until `arg` has been given back. NULL when refused. */
	struct sluice_work *(*open)(struct sluice_instance *instance, uint32_t jobs_max);

	/* `job` is copied and `arg` given up in both, unless they fail: SLUICE_E_FULL beyond
	 * jobs_max, SLUICE_E_WRONG_CALLBACK, SLUICE_E_INVALID. */
	/* worker_start, exchange callbacks up to response_end, and what services call on a worker.
	 */
	int32_t (*submit)(const struct sluice_call *call, struct sluice_work *work,
		const struct sluice_job *job, void *arg);
	/* Exchange callbacks up to response_end: an operation of this exchange, for host->wait. */
	int32_t (*begin)(struct sluice_exchange *exchange, struct sluice_work *work,
		const struct sluice_job *job, void *arg);
	/* The same callbacks: `arg` of the oldest operation that was begun in this direction and has
	 * ended; it is the caller's again. NULL: there is none (or it was NULL). */
	void *(*take)(struct sluice_exchange *exchange, struct sluice_work *work);
};

#ifdef __cplusplus
}
#endif
#endif
