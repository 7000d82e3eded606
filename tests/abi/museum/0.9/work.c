/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/work.h"

struct state {
	const struct sluice_work_service *service;
	struct sluice_work *work;
	int submitted, done;
};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	(void)config;
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	s->service = host->service(SLUICE_WORK_SERVICE);
	SEE(SLUICE_HAS(s->service, take));
	s->work = s->service->open(call->instance, 10);
	SEE(s->work);
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static void run(const struct sluice_call *call, void *arg)
{
	SEE(call->host->instance_alloc && arg);
}

static void done(const struct sluice_call *call, void *worker_data, void *arg)
{
	struct state *s = call->state;
	SEE(worker_data == s && arg == &s->submitted);
	s->done++;
}

static void dropped(const struct sluice_call *call, void *arg)
{
	(void)call;
	(void)arg;
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	*worker_data = call->state;
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const struct sluice_job submitted = {
		.size = sizeof(submitted), .run = run, .done = done, .dropped = dropped};
	static const struct sluice_job begun = {.size = sizeof(begun), .run = run};
	struct state *s = call->state;
	if (call->host->resumed(x)) {
		SEE(s->service->take(x, s->work) == &s->done);
		SEE(!s->service->take(x, s->work));
		return answer(call, x);
	}
	SEE(s->service->submit(call, s->work, &submitted, &s->submitted) == SLUICE_OK);
	SEE(s->service->begin(x, s->work, &begun, &s->done) == SLUICE_OK);
	return call->host->wait(x, 5000);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "work",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.worker_start = worker_start,
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("work", SLUICE_WORK_SERVICE, NULL)
