/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/service_metrics.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "observe/log.h"

#include <stdlib.h>

/* Seconds; as of the requests, with finer steps for what answers in the same building. */
static const double bounds[] = {
	0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

static const char *const classes[SERVICE_STATUS_CLASSES] = {
	"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

struct service_book {
	struct metrics *metrics; /* borrowed */
	struct map rows;         /* by name; values owned */
};

struct service_book *service_book_new(struct metrics *m)
{
	struct service_book *b = heap_zalloc(sizeof(*b));
	b->metrics = m;
	map_init(&b->rows);
	return b;
}

void service_book_free(struct service_book *b)
{
	if (!b)
		return;
	const struct map_entry *entry;
	size_t at = 0;
	while ((entry = map_next(&b->rows, &at)))
		free(entry->value);
	map_deinit(&b->rows);
	free(b);
}

/* The reference stays taken: a row is never given back. */
static struct metric_series *series_of(struct metrics *m, const char *name, const char *help,
	enum metric_kind kind, const struct metric_label *labels, size_t count)
{
	bool has_bounds = kind == METRIC_HISTOGRAM;
	struct metric_family *f = metrics_family(m, name, help, kind, has_bounds ? bounds : NULL,
		has_bounds ? ARRAY_COUNT(bounds) : 0);
	CHECK(f); /* the names are ours */
	return metrics_series(f, labels, count);
}

static void add_requests(
	struct metrics *m, struct service_row *rows, unsigned workers, struct str name)
{
	for (size_t i = 0; i < SERVICE_STATUS_CLASSES; i++) {
		struct metric_label labels[] = {
			{STR("service"), name}, {STR("code"), str_of(classes[i])}};
		struct metric_series *s = series_of(m, "sluice_service_requests_total",
			"Requests by service and class of the status that it answered with",
			METRIC_COUNTER, labels, ARRAY_COUNT(labels));
		for (unsigned w = 0; w < workers; w++)
			rows[w].requests[i] = metric_series_cell(s, w);
	}
}

static struct service_row *new_rows(struct metrics *m, struct str name)
{
	unsigned workers = metrics_workers(m);
	struct service_row *rows = aligned_alloc(64, workers * sizeof(*rows));
	CHECK(rows);
	memset(rows, 0, workers * sizeof(*rows));
	add_requests(m, rows, workers, name);
	struct metric_label label = {STR("service"), name};
	struct metric_series *s;
#define X(member, kind, metric, help)                                                              \
	s = series_of(m, metric, help, METRIC_##kind, &label, 1);                                  \
	for (unsigned w = 0; w < workers; w++)                                                     \
		rows[w].member = metric_series_cell(s, w);
	SERVICE_METRICS(X)
#undef X
	return rows;
}

struct service_row *service_book_rows(struct service_book *b, struct str name)
{
	struct service_row *rows = map_get(&b->rows, name);
	if (!rows && b->rows.count >= LIMIT_SERVICES_MEASURED) {
		name = STR("other");
		rows = map_get(&b->rows, name);
	}
	if (!rows) {
		if (b->rows.count == LIMIT_SERVICES_MEASURED)
			log_write(LOG_WARN,
				"metrics: %d services have series of their own; those that come "
				"now count under \"other\"",
				LIMIT_SERVICES_MEASURED);
		rows = new_rows(b->metrics, name);
		map_put(&b->rows, name, rows);
	}
	return rows;
}
