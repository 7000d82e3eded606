/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/timer.h - the service "sluice.timer/1": being called later, on the same worker. */
#ifndef SLUICE_TIMER_H
#define SLUICE_TIMER_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_TIMER_SERVICE "sluice.timer/1"

struct sluice_timer; /* of one instance on one worker */

typedef void sluice_timer_fn(const struct sluice_call *call, void *arg);

struct sluice_timer_service {
	uint32_t size;
	uint32_t reserved;

	/* worker_start, exchange callbacks up to response_end, and what services call on a worker, a
	 * timer's own callback among them: calls `fn` once, on this worker, `after_ms` (0 to 86,400,000)
	 * from now, never before the caller has returned. NULL when refused: not legal here, or no
	 * memory; `arg` is still the caller's then. No exchange is at hand in `fn`. A timer that has not
	 * fired when the instance stops on the worker is dropped behind worker_stop, and `fn` not
	 * called: what `arg` holds is to be found otherwise. */
	struct sluice_timer *(*start)(const struct sluice_call *call, uint32_t after_ms,
		sluice_timer_fn *fn, void *arg);
	/* On the same worker, where `start` is legal, in log, done and worker_stop too, and before it has
	 * fired: it does not come any more. In its own callback a timer is gone already. NULL is
	 * harmless. */
	void (*cancel)(struct sluice_timer *timer);

	/* request_head to response_end: resumes a token of this exchange after `after_ms` (as above). A
	 * token that was resumed otherwise meanwhile makes it do nothing. SLUICE_E_STALE: this
	 * exchange does not wait for that token; SLUICE_E_FULL: no memory. */
	int32_t (*resume_after)(
		struct sluice_exchange *exchange, sluice_token token, uint32_t after_ms);
};

#ifdef __cplusplus
}
#endif
#endif
