/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/traffic.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct traffic_row *row_of(struct traffic_reading *r, bool is_service, struct str name)
{
	char key[260];
	int n = snprintf(key, sizeof(key), "%c%.*s", is_service ? 's' : 'a', (int)name.n, name.p);
	struct str k = str_n(key, n < (int)sizeof(key) ? (size_t)n : sizeof(key) - 1);
	struct traffic_row *row = map_get(&r->by_name, k);
	if (row)
		return row;
	row = heap_zalloc(sizeof(*row));
	row->is_service = is_service;
	snprintf(row->name, sizeof(row->name), "%.*s", (int)name.n, name.p);
	/* What a gateway reports does not drive the terminal. */
	for (char *p = row->name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\')
			*p = '?';
	map_put(&r->by_name, k, row);
	r->rows = heap_realloc(r->rows, (r->row_count + 1) * sizeof(struct traffic_row *));
	r->rows[r->row_count++] = row;
	return row;
}

/* The value of `name="..."` in a line's labels, as it is written; empty: there is none. */
static struct str label(struct str labels, const char *name)
{
	char start[32];
	struct str prefix = str_n(start, (size_t)snprintf(start, sizeof(start), "%s=\"", name));
	size_t at = str_find(labels, prefix);
	if (at >= labels.n)
		return STR_EMPTY;
	struct str value = str_from(labels, at + prefix.n);
	return str_slice(value, 0, str_index(value, '"'));
}

static void add_bucket(struct traffic_row *row, struct str le, double value)
{
	if (row->bucket_count == TRAFFIC_BUCKETS_MAX)
		return;
	char text[32];
	snprintf(text, sizeof(text), "%.*s", (int)le.n, le.p);
	row->bounds[row->bucket_count] = strtod(text, NULL);
	row->buckets[row->bucket_count++] = value;
}

static void add_requests(struct traffic_row *row, struct str code, double value)
{
	row->requests += value;
	if (str_eq(code, STR("5xx")) || str_eq(code, STR("none")))
		row->errors += value;
}

static void take_total(struct traffic_reading *r, struct str name, double value)
{
	if (str_eq(name, STR("sluice_connections")))
		r->connections = value;
	else if (str_eq(name, STR("sluice_exchanges")))
		r->exchanges = value;
	else if (str_eq(name, STR("process_resident_memory_bytes")))
		r->memory_bytes = value;
	else if (str_eq(name, STR("sluice_config_errors")))
		r->config_errors = value;
}

static void take_service(struct traffic_row *row, struct str name, struct str labels, double value)
{
	if (str_eq(name, STR("sluice_service_requests_total")))
		add_requests(row, label(labels, "code"), value);
	else if (str_eq(name, STR("sluice_service_first_byte_seconds_bucket")))
		add_bucket(row, label(labels, "le"), value);
	else if (str_eq(name, STR("sluice_service_requests_active")))
		row->active = value;
	else if (str_eq(name, STR("sluice_service_requests_waiting")))
		row->waiting = value;
	else if (str_eq(name, STR("sluice_service_connections")))
		row->connections = value;
	else if (str_eq(name, STR("sluice_service_connections_idle")))
		row->idle = value;
}

static void take_worker(struct traffic_reading *r, struct str name, struct str labels, double value)
{
	uint64_t i;
	if (str_to_u64(label(labels, "worker"), TRAFFIC_WORKERS_MAX - 1, &i) != RC_OK)
		return;
	struct traffic_worker *w = &r->workers[i];
	r->worker_count = i >= r->worker_count ? i + 1 : r->worker_count;
	if (str_eq(name, STR("sluice_worker_connections")))
		w->connections = value;
	else if (str_eq(name, STR("sluice_worker_exchanges")))
		w->exchanges = value;
	else if (str_eq(name, STR("sluice_worker_cpu_seconds_total")))
		w->cpu_seconds = value;
	else if (str_eq(name, STR("sluice_worker_lag_seconds")))
		w->lag_seconds = value;
}

static void take_line(struct traffic_reading *r, struct str line)
{
	size_t open = str_index(line, '{'), space = line.n;
	while (space > 0 && line.p[space - 1] != ' ')
		space--;
	if (space == 0 || line.p[0] == '#')
		return;
	char number[64];
	snprintf(number, sizeof(number), "%.*s", (int)(line.n - space), line.p + space);
	double value = strtod(number, NULL);
	if (open >= space) {
		take_total(r, str_slice(line, 0, space - 1), value);
		return;
	}
	struct str name = str_slice(line, 0, open), labels = str_slice(line, open + 1, space);
	if (str_starts(name, STR("sluice_service_")))
		take_service(row_of(r, true, label(labels, "service")), name, labels, value);
	else if (str_starts(name, STR("sluice_worker_")))
		take_worker(r, name, labels, value);
	else if (str_eq(name, STR("sluice_requests_total")))
		add_requests(row_of(r, false, label(labels, "api")), label(labels, "code"), value);
	else if (str_eq(name, STR("sluice_request_duration_seconds_bucket")))
		add_bucket(row_of(r, false, label(labels, "api")), label(labels, "le"), value);
}

void traffic_read(struct traffic_reading *r, struct str text, int64_t at_us)
{
	*r = (struct traffic_reading){.at_us = at_us};
	map_init(&r->by_name);
	while (text.n > 0) {
		size_t n = str_index(text, '\n');
		take_line(r, str_slice(text, 0, n));
		text = str_from(text, n < text.n ? n + 1 : n);
	}
}

void traffic_deinit(struct traffic_reading *r)
{
	for (size_t i = 0; i < r->row_count; i++)
		free(r->rows[i]);
	free(r->rows);
	map_deinit(&r->by_name);
	*r = (struct traffic_reading){0};
}

/* --- differences ----------------------------------------------------------------------------- */
/* A process that has been replaced begins anew: then what it counts is the difference. */
static double grown(double before, double after)
{
	return after >= before ? after - before : after;
}

double traffic_cpu_share(
	const struct traffic_reading *before, const struct traffic_reading *after, size_t worker)
{
	double seconds = (double)(after->at_us - before->at_us) / 1e6;
	double used =
		grown(before->workers[worker].cpu_seconds, after->workers[worker].cpu_seconds);
	return seconds > 0 ? used / seconds : 0;
}

static double bucket_grown(
	const struct traffic_row *before, const struct traffic_row *after, size_t i)
{
	return grown(i < before->bucket_count ? before->buckets[i] : 0, after->buckets[i]);
}

/* Evenly spread within a bucket, as Prometheus has it; beyond the last bound: that bound. */
static double quantile_ms(
	const struct traffic_row *before, const struct traffic_row *after, double q)
{
	size_t n = after->bucket_count;
	double whole = n > 0 ? bucket_grown(before, after, n - 1) : 0, lower = 0, below = 0;
	if (whole <= 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		double upto = bucket_grown(before, after, i), bound = after->bounds[i];
		if (upto >= q * whole) {
			double share = upto > below ? (q * whole - below) / (upto - below) : 1;
			return 1000 * (isinf(bound) ? lower : lower + (bound - lower) * share);
		}
		lower = bound;
		below = upto;
	}
	return 1000 * lower;
}

static struct traffic_rate rate_of(
	const struct traffic_row *before, const struct traffic_row *after, double seconds)
{
	static const struct traffic_row none;
	const struct traffic_row *b = before ? before : &none;
	double requests = grown(b->requests, after->requests);
	return (struct traffic_rate){
		.row = after,
		.per_second = seconds > 0 ? requests / seconds : 0,
		.error_ratio = requests > 0 ? grown(b->errors, after->errors) / requests : 0,
		.p50_ms = quantile_ms(b, after, 0.5),
		.p95_ms = quantile_ms(b, after, 0.95),
		.p99_ms = quantile_ms(b, after, 0.99),
	};
}

static int by_name(const struct traffic_rate *a, const struct traffic_rate *b)
{
	return strcmp(a->row->name, b->row->name);
}

static int falling(double a, double b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

#define COMPARE(order, member)                                                                     \
	static int order(const void *x, const void *y)                                             \
	{                                                                                          \
		const struct traffic_rate *a = x, *b = y;                                          \
		int by = falling(a->member, b->member);                                            \
		return by ? by : by_name(a, b);                                                    \
	}
COMPARE(by_requests, per_second)
COMPARE(by_errors, error_ratio)
COMPARE(by_p99, p99_ms)

static int by_name_alone(const void *x, const void *y)
{
	return by_name(x, y);
}

struct traffic_rate *traffic_rates(const struct traffic_reading *before,
	const struct traffic_reading *after, bool services, enum traffic_order order, size_t *count)
{
	static int (*const orders[TRAFFIC_ORDERS])(const void *, const void *) = {
		by_requests, by_errors, by_p99, by_name_alone};
	double seconds = (double)(after->at_us - before->at_us) / 1e6;
	struct traffic_rate *rates = heap_zalloc((after->row_count + 1) * sizeof(*rates));
	*count = 0;
	for (size_t i = 0; i < after->row_count; i++) {
		const struct traffic_row *row = after->rows[i];
		if (row->is_service != services)
			continue;
		char key[260];
		snprintf(key, sizeof(key), "%c%s", services ? 's' : 'a', row->name);
		rates[(*count)++] = rate_of(map_get(&before->by_name, str_of(key)), row, seconds);
	}
	qsort(rates, *count, sizeof(*rates), orders[order]);
	return rates;
}
