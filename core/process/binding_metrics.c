/* SPDX-License-Identifier: Apache-2.0 */
#include "process/binding_metrics.h"

#include "base/check.h"

#define X(seconds) (seconds),
static const double bounds[] = {BINDING_BOUNDS(X)};
#undef X

void binding_metrics_init(struct binding_metrics *b, struct metrics *m)
{
	b->cell = metrics_workers(m);
	b->families[BINDING_RUNS] = metrics_family(m, "sluice_binding_runs_total",
		"Requests that a policy's binding ran for", METRIC_COUNTER, NULL, 0);
	b->families[BINDING_ANSWERS] = metrics_family(m, "sluice_binding_answers_total",
		"Requests that a policy's binding answered instead of the upstream", METRIC_COUNTER,
		NULL, 0);
	b->families[BINDING_FAILURES] = metrics_family(m, "sluice_binding_failures_total",
		"Requests that a policy's binding could not decide", METRIC_COUNTER, NULL, 0);
	b->families[BINDING_VIOLATIONS] = metrics_family(m, "sluice_binding_violations_total",
		"Requests that broke what a policy's binding asks of clients", METRIC_COUNTER, NULL,
		0);
	b->families[BINDING_COUNT_KINDS] = metrics_family(m, "sluice_binding_duration_seconds",
		"What a policy's binding held up a request, its pauses included; 1 request in 64",
		METRIC_HISTOGRAM, bounds, ARRAY_COUNT(bounds));
	for (size_t i = 0; i <= BINDING_COUNT_KINDS; i++)
		CHECK(b->families[i]); /* the names are ours */
}

/* The references stay taken: a row is never given back. */
static void find_series(const struct binding_metrics *b, struct binding_row *r)
{
	const struct metric_label labels[] = {
		{STR("api"), r->api}, {STR("policy"), r->policy}, {STR("binding"), r->binding}};
	for (size_t i = 0; i <= BINDING_COUNT_KINDS; i++)
		r->series[i] = metrics_series(b->families[i], labels, ARRAY_COUNT(labels));
}

static void take_row(const struct binding_metrics *b, struct binding_row *r)
{
	struct binding_numbers now;
	uint64_t grown[BINDING_BUCKETS];
	binding_row_read(r, &now);
	if (memcmp(&now, &r->told, sizeof(now)) == 0)
		return;
	if (!r->series[0])
		find_series(b, r);
	for (size_t i = 0; i < BINDING_COUNT_KINDS; i++)
		metric_add(metric_series_cell(r->series[i], b->cell),
			now.counts[i] - r->told.counts[i]);
	for (size_t i = 0; i < BINDING_BUCKETS; i++)
		grown[i] = now.buckets[i] - r->told.buckets[i];
	metric_observe_many(metric_series_cell(r->series[BINDING_COUNT_KINDS], b->cell), grown,
		now.sum_us - r->told.sum_us);
	r->told = now;
}

void binding_metrics_take(struct binding_metrics *b, struct binding_row *rows)
{
	for (struct binding_row *r = rows; r; r = r->next)
		take_row(b, r);
}
