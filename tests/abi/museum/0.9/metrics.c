/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/metrics.h"

struct state {
	const struct sluice_metrics_service *service;
	struct sluice_metric *counter, *gauge, *histogram;
};

static struct sluice_metric *define(const struct sluice_call *call, struct state *s, uint32_t kind,
	struct sluice_str name, const struct sluice_label *label, const double *bounds)
{
	const struct sluice_metric_definition definition = {.size = sizeof(definition),
		.kind = kind,
		.name = name,
		.description = SLUICE_STR("Of a museum"),
		.labels = label,
		.label_count = label ? 1 : 0,
		.bounds = bounds,
		.bound_count = bounds ? 2 : 0};
	return s->service->define(call->instance, &definition);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	static const struct sluice_str halls[] = {{"east", 4}, {"west", 4}};
	static const struct sluice_label label = {{"hall", 4}, halls, 2};
	static const double bounds[] = {0.1, 1};
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	(void)config;
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	s->service = host->service(SLUICE_METRICS_SERVICE);
	SEE(SLUICE_HAS(s->service, observe));
	s->counter = define(call, s, SLUICE_COUNTER, SLUICE_STR("visits"), &label, NULL);
	s->gauge = define(call, s, SLUICE_GAUGE, SLUICE_STR("visitors"), NULL, NULL);
	s->histogram = define(call, s, SLUICE_HISTOGRAM, SLUICE_STR("stay_seconds"), NULL, bounds);
	SEE(s->counter && s->gauge && s->histogram);
	SEE(!define(call, s, SLUICE_COUNTER, SLUICE_STR("No Name"), NULL, NULL));
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct state *s = call->state;
	s->service->add(s->counter, 1, 2);
	s->service->add(s->counter, 99, 1); /* nothing */
	s->service->add(s->gauge, 0, 3);
	s->service->add(s->gauge, 0, -3);
	s->service->observe(s->histogram, 0, 250000);
	return answer(call, x);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "metrics",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("metrics", SLUICE_METRICS_SERVICE, NULL)
