/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/state.h"
#include "sluice/timer.h"

struct state {
	const struct sluice_state_service *service;
	struct sluice_state *store;
	int answers;
};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_state_options options = {.size = sizeof(options),
		.name = SLUICE_STR("museum"),
		.entries_max = 100,
		.bytes_max = 65536};
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	(void)config;
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	s->service = host->service(SLUICE_STATE_SERVICE);
	SEE(SLUICE_HAS(s->service, start));
	s->store = s->service->open(call->instance, &options);
	SEE(s->store);
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static void on_answer(
	const struct sluice_call *call, const struct sluice_answer *a, int32_t rc, void *arg)
{
	struct state *s = call->state;
	SEE(rc == SLUICE_OK && a->result == SLUICE_OK && a->count >= 1 && arg == s);
	s->answers++;
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	struct state *s = call->state;
	const struct sluice_question q = {.size = sizeof(q),
		.kind = SLUICE_COUNT,
		.key = SLUICE_STR("starts"),
		.delta = 1,
		.for_ms = 60000};
	*worker_data = NULL;
	SEE(s->service->start(call, s->store, &q, on_answer, s) == SLUICE_OK);
	return SLUICE_OK;
}

/* A store in memory answers at once. */
static int32_t ask(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_question q, struct sluice_answer *a)
{
	struct state *s = call->state;
	q.size = sizeof(q);
	*a = (struct sluice_answer){.size = sizeof(*a)};
	return s->service->ask(x, s->store, &q, a);
}

static void see_values(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_str key = SLUICE_STR("vase"), door = SLUICE_STR("door");
	struct sluice_answer a;
	ask(call, x,
		(struct sluice_question){
			.kind = SLUICE_REMOVE, .key = key, .version = SLUICE_VERSION_ANY},
		&a);
	SEE(a.result == SLUICE_E_NOT_FOUND);
	SEE(ask(call, x,
		    (struct sluice_question){.kind = SLUICE_PUT,
			    .key = key,
			    .value = SLUICE_STR("Ming"),
			    .for_ms = 60000},
		    &a) == SLUICE_OK);
	SEE(a.result == SLUICE_OK);
	SEE(ask(call, x, (struct sluice_question){.kind = SLUICE_GET, .key = key}, &a) ==
		SLUICE_OK);
	SEE(is(a.value, "Ming") && a.version && a.remaining_ms > 0);
	SEE(ask(call, x,
		    (struct sluice_question){
			    .kind = SLUICE_REMOVE, .key = key, .version = a.version},
		    &a) == SLUICE_OK &&
		a.result == SLUICE_OK);
	SEE(ask(call, x, (struct sluice_question){.kind = SLUICE_LOCK, .key = door, .for_ms = 1000},
		    &a) == SLUICE_OK &&
		a.result == SLUICE_OK);
	SEE(ask(call, x,
		    (struct sluice_question){
			    .kind = SLUICE_UNLOCK, .key = door, .version = a.version},
		    &a) == SLUICE_OK &&
		a.result == SLUICE_OK);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_timer_service *timer = call->host->service(SLUICE_TIMER_SERVICE);
	struct state *s = call->state;
	struct sluice_answer a = {.size = sizeof(a)};
	if (!call->host->resumed(x)) {
		sluice_token token = call->host->pause(x, 1000);
		return timer->resume_after(x, token, 50) == SLUICE_OK ? SLUICE_PAUSE : SLUICE_FAIL;
	}
	SEE(s->answers == 1); /* to what worker_start asked */
	SEE(s->service->take(x, s->store, &a) == SLUICE_E_NOT_FOUND);
	SEE(ask(call, x, (struct sluice_question){.kind = 99, .key = SLUICE_STR("k")}, &a) ==
		SLUICE_E_INVALID);
	see_values(call, x);
	return answer(call, x);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "state",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.worker_start = worker_start,
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("state", SLUICE_STATE_SERVICE, SLUICE_TIMER_SERVICE, NULL)
