/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/timer.h"

static const struct sluice_timer_service *service;
static int fired;

static void on_timer(const struct sluice_call *call, void *arg)
{
	SEE(arg == &fired);
	fired++;
}

static void on_cancelled(const struct sluice_call *call, void *arg)
{
	(void)arg;
	SEE(!"a timer was cancelled");
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	*worker_data = NULL;
	service = call->host->service(SLUICE_TIMER_SERVICE);
	SEE(SLUICE_HAS(service, resume_after));
	SEE(service->start(call, 1, on_timer, &fired));
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	if (host->resumed(x)) {
		SEE(fired > 0);
		return answer(call, x);
	}
	struct sluice_timer *timer = service->start(call, 1, on_cancelled, NULL);
	SEE(timer);
	service->cancel(timer);
	sluice_token token = host->pause(x, 1000);
	SEE(token);
	SEE(service->resume_after(x, token, 50) == SLUICE_OK);
	return SLUICE_PAUSE;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "timer",
	.version = "1.0.0",
	.worker_start = worker_start,
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("timer", SLUICE_TIMER_SERVICE, NULL)
