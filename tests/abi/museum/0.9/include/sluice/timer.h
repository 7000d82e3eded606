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

	/* worker_start, a timer's own callback, and exchange callbacks: calls `fn` once, on this
	 * worker, `after_ms` (0 to 86,400,000) from now. NULL when refused. No exchange is at hand in
	 * the callback. What still runs after worker_stop is dropped. */
	struct sluice_timer *(*start)(const struct sluice_call *call, uint32_t after_ms,
		sluice_timer_fn *fn, void *arg);
	/* On the same worker, before it has fired: it does not come any more. In its own callback a
	 * timer is gone already. */
	void (*cancel)(struct sluice_timer *timer);

	/* Exchange callbacks: resumes a token of this exchange after `after_ms`. A token that was
	 * resumed otherwise meanwhile makes it do nothing. */
	int32_t (*resume_after)(
		struct sluice_exchange *exchange, sluice_token token, uint32_t after_ms);
};

#ifdef __cplusplus
}
#endif
#endif
