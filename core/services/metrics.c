/* SPDX-License-Identifier: Apache-2.0 */
/* services/metrics.c - "sluice.metrics/1": the series of a metric, one for each combination of its
 * labels' values, made in configure. */
#include "sluice/metrics.h"

#include "base/memory.h"
#include "observe/metrics.h"
#include "policy/instance.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/services_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES_MAX       48
#define LABEL_NAME_BYTES_MAX 32
#define VALUE_BYTES_MAX      64

#define IN_COUNTING (IN(CONFIGURE) | IN(WORKER_START) | IN(WORKER_STOP) | IN_EXCHANGE | IN_CALLED)

enum { DEFINE, ADD, OBSERVE };
static const struct policy_call calls[] = {
	[DEFINE] = {"sluice.metrics/1 define", IN(CONFIGURE)},
	[ADD] = {"sluice.metrics/1 add", IN_COUNTING},
	[OBSERVE] = {"sluice.metrics/1 observe", IN_COUNTING},
};

_Static_assert(SLUICE_BOUNDS_MAX <= METRIC_BUCKETS_MAX && SLUICE_LABELS_MAX < METRIC_LABELS_MAX,
	"the SDK's bounds are within the metrics' own");

struct sluice_metric {
	struct policy_companion companion;
	struct sluice_instance *instance; /* borrowed: it goes with it */
	enum sluice_metric_kind kind;
	uint32_t count;
	struct metric_series *series[]; /* refs; NULL: nobody counts */
};

static const char kind_of_companion;

static struct sluice_metric *metric_of(struct policy_companion *c)
{
	return CONTAINER_OF(c, struct sluice_metric, companion);
}

/* --- definitions ----------------------------------------------------------------------------- */
static bool is_name(struct sluice_str s, size_t max)
{
	if (s.n == 0 || s.n > max || s.p[0] < 'a' || s.p[0] > 'z')
		return false;
	for (size_t i = 1; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return true;
}

static bool ends_in_unit(struct str name)
{
	return str_ends(name, STR("_seconds")) || str_ends(name, STR("_bytes"));
}

static const char *fault_in_label(const struct sluice_label *l)
{
	if (!is_name(l->name, LABEL_NAME_BYTES_MAX) || str_eq(str_in(l->name), STR("binding")) ||
		str_eq(str_in(l->name), STR("le")))
		return "a label's name is none";
	if (!l->values || l->value_count < 1 || l->value_count > SLUICE_SERIES_MAX)
		return "a label has no values, or too many";
	for (size_t i = 0; i < l->value_count; i++) {
		if (l->values[i].n < 1 || l->values[i].n > VALUE_BYTES_MAX)
			return "a label's value is empty or too long";
		for (size_t j = 0; j < i; j++)
			if (str_eq(str_in(l->values[i]), str_in(l->values[j])))
				return "a label has a value twice";
	}
	return NULL;
}

static const char *fault_in_labels(const struct sluice_metric_definition *d, size_t *count)
{
	*count = 1;
	if (d->label_count > SLUICE_LABELS_MAX || (d->label_count && !d->labels))
		return "it has too many labels";
	for (size_t i = 0; i < d->label_count; i++) {
		const char *fault = fault_in_label(&d->labels[i]);
		if (fault)
			return fault;
		for (size_t j = 0; j < i; j++)
			if (str_eq(str_in(d->labels[i].name), str_in(d->labels[j].name)))
				return "it has a label twice";
		*count *= d->labels[i].value_count;
		if (*count > SLUICE_SERIES_MAX)
			return "it has too many series";
	}
	return NULL;
}

static const char *fault_in(const struct sluice_metric_definition *d, size_t *count)
{
	if (d->kind > SLUICE_HISTOGRAM || !is_name(d->name, NAME_BYTES_MAX))
		return "its kind or its name is none";
	bool is_histogram = d->kind == SLUICE_HISTOGRAM;
	if (is_histogram && !ends_in_unit(str_in(d->name)))
		return "a histogram's name ends in its unit, _seconds or _bytes";
	if (is_histogram ? !d->bounds || d->bound_count < 1 || d->bound_count > SLUICE_BOUNDS_MAX
			 : d->bound_count > 0)
		return "a histogram has bounds, and nothing else has";
	return fault_in_labels(d, count);
}

/* --- series ---------------------------------------------------------------------------------- */
static struct metric_family *family_of(
	struct metrics *metrics, const struct sluice_metric_definition *d)
{
	static const enum metric_kind kinds[] = {[SLUICE_COUNTER] = METRIC_COUNTER,
		[SLUICE_GAUGE] = METRIC_GAUGE,
		[SLUICE_HISTOGRAM] = METRIC_HISTOGRAM};
	char name[NAME_BYTES_MAX + 32];
	snprintf(name, sizeof(name), "sluice_policy_%.*s%s", (int)d->name.n, d->name.p,
		d->kind == SLUICE_COUNTER ? "_total" : "");
	char *help = heap_strndup(str_in(d->description));
	struct metric_family *family =
		metrics_family(metrics, name, help, kinds[d->kind], d->bounds, d->bound_count);
	free(help);
	return family;
}

static struct metric_series *series_at(struct metric_family *family, struct sluice_instance *i,
	const struct sluice_metric_definition *d, size_t number)
{
	struct metric_label labels[SLUICE_LABELS_MAX + 1] = {
		{STR("binding"), instance_binding(i)}};
	for (size_t at = d->label_count; at > 0; at--) {
		const struct sluice_label *l = &d->labels[at - 1];
		labels[at] = (struct metric_label){
			str_in(l->name), str_in(l->values[number % l->value_count])};
		number /= l->value_count;
	}
	return metrics_series(family, labels, d->label_count + 1);
}

static void on_release(struct policy_companion *c)
{
	struct sluice_metric *m = metric_of(c);
	for (uint32_t i = 0; i < m->count; i++)
		if (m->series[i])
			metric_series_unref(m->series[i]);
	free(m);
}

/* --- the service ----------------------------------------------------------------------------- */
static struct sluice_metric *refuse(
	struct sluice_instance *i, const struct sluice_metric_definition *d, const char *why)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "the metric %.*s is refused: %s",
		(int)(d->name.n < NAME_BYTES_MAX ? d->name.n : NAME_BYTES_MAX), d->name.p, why);
	policy_log_line(i, NULL, SLUICE_LOG_ERROR, str_n(text, (size_t)n));
	return NULL;
}

static size_t series_defined(const struct sluice_instance *i)
{
	size_t sum = 0;
	for (struct policy_companion *c = policy_companion(i, &kind_of_companion); c; c = c->next)
		if (c->kind == &kind_of_companion)
			sum += metric_of(c)->count;
	return sum;
}

static struct sluice_metric *define(
	struct sluice_instance *i, const struct sluice_metric_definition *given)
{
	size_t count;
	if (!policy_allows(&calls[DEFINE], i) || !given || given->size < sizeof(*given))
		return NULL;
	const char *fault = fault_in(given, &count);
	if (fault)
		return refuse(i, given, fault);
	if (series_defined(i) + count > SLUICE_SERIES_INSTANCE_MAX)
		return refuse(i, given, "the instance has too many series");
	struct metrics *metrics = policy_metrics(i);
	struct metric_family *family = metrics ? family_of(metrics, given) : NULL;
	if (metrics && !family)
		return refuse(i, given, "the name stands for something else, or the bounds are none");
	struct sluice_metric *m = heap_zalloc(sizeof(*m) + count * sizeof(struct metric_series *));
	m->companion = (struct policy_companion){.kind = &kind_of_companion, .release = on_release};
	m->instance = i;
	m->kind = given->kind;
	m->count = (uint32_t)count;
	for (size_t n = 0; family && n < count; n++)
		m->series[n] = series_at(family, i, given, n);
	policy_accompany(i, &m->companion);
	return m;
}

/* This thread's cell of a series; NULL: nothing is counted. */
static struct metric_cell *cell_at(
	const struct policy_call *call, const struct sluice_metric *m, uint32_t series)
{
	if (!m || !policy_allows(call, m->instance) || series >= m->count || !m->series[series])
		return NULL;
	uint32_t at = services_thread.loop ? services_thread.worker : policy_workers(m->instance);
	return metric_series_cell(m->series[series], at);
}

static void add(struct sluice_metric *m, uint32_t series, int64_t n)
{
	struct metric_cell *cell = cell_at(&calls[ADD], m, series);
	if (cell && (m->kind == SLUICE_GAUGE || (m->kind == SLUICE_COUNTER && n >= 0)))
		metric_add(cell, (uint64_t)n);
}

static void observe(struct sluice_metric *m, uint32_t series, uint64_t micro)
{
	struct metric_cell *cell = cell_at(&calls[OBSERVE], m, series);
	if (cell && m->kind == SLUICE_HISTOGRAM)
		metric_observe(cell, micro);
}

const void *services_metrics_table(void)
{
	static const struct sluice_metrics_service table = {
		.size = sizeof(table),
		.define = define,
		.add = add,
		.observe = observe,
	};
	return &table;
}
