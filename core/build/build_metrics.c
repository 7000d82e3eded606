/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_priv.h"

static const char *const classes[API_STATUS_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

/* Seconds; from a fast local upstream to the default timeout of a slow one. */
static const double bounds[] = {
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

void build_api_metrics(struct build *b, struct api *api)
{
	struct metrics *m = b->options->metrics;
	struct metric_family *requests = metrics_family(m, "sluice_requests_total",
		"Requests by API and class of the status that the client got", METRIC_COUNTER, NULL,
		0);
	struct metric_family *duration = metrics_family(m, "sluice_request_duration_seconds",
		"From the head of a request to the last byte of its response", METRIC_HISTOGRAM,
		bounds, ARRAY_COUNT(bounds));
	for (size_t i = 0; i < API_STATUS_CLASSES; i++) {
		struct metric_label labels[] = {
			{STR("api"), str_of(api->id)}, {STR("code"), str_of(classes[i])}};
		api->requests[i] = metrics_series(requests, labels, ARRAY_COUNT(labels));
	}
	struct metric_label label = {STR("api"), str_of(api->id)};
	api->duration = metrics_series(duration, &label, 1);
	for (unsigned w = 0; w < api->worker_count; w++) {
		for (size_t i = 0; i < API_STATUS_CLASSES; i++)
			api->workers[w].requests[i] = metric_series_cell(api->requests[i], w);
		api->workers[w].duration = metric_series_cell(api->duration, w);
	}
}
