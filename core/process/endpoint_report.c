/* SPDX-License-Identifier: Apache-2.0 */
#include "process/endpoint_report.h"

#include "base/limits.h"
#include "observe/metrics.h"

/* --- status ---------------------------------------------------------------------------------- */

static int64_t ejected_for_ms(const struct endpoint *e, int64_t now_ms)
{
	return atomic_load_explicit(&e->outlier.ejected_until_ms, memory_order_relaxed) - now_ms;
}

static void add_endpoint(struct buffer *b, const struct endpoint *e, int64_t now_ms)
{
	int64_t out_ms = ejected_for_ms(e, now_ms);
	buffer_add(b, STR("{\"name\":"));
	buffer_add_json(b, e->name);
	buffer_addf(b, ",\"weight\":%u,\"active\":%u,\"available\":%s", e->weight,
		atomic_load_explicit(&e->active, memory_order_relaxed),
		endpoint_is_available(e, now_ms) ? "true" : "false");
	if (out_ms > 0)
		buffer_addf(b, ",\"ejectedForSeconds\":%lld", (long long)((out_ms + 999) / 1000));
	buffer_add_char(b, '}');
}

void endpoint_report_add(struct buffer *b, struct service *s, int64_t now_ms)
{
	struct balancer *balancer = service_balancer(s);
	const char *comma = "";
	if (!balancer)
		return;
	buffer_addf(b, ",\"loadBalancing\":\"%s\",\"endpoints\":[",
		balance_algorithm_name(balancer->options.algorithm));
	balancer_enter(balancer, BALANCER_READER_REPORT);
	for (unsigned i = 0; i < balancer->count; i++) {
		if (!endpoint_is_present(&balancer->endpoints[i]))
			continue;
		buffer_add(b, str_of(comma));
		add_endpoint(b, &balancer->endpoints[i], now_ms);
		comma = ",";
	}
	balancer_exit(balancer, BALANCER_READER_REPORT);
	buffer_add_char(b, ']');
}

/* --- metrics --------------------------------------------------------------------------------- */

typedef uint64_t read_fn(const struct endpoint *e, int64_t now_ms);

static uint64_t read_healthy(const struct endpoint *e, int64_t now_ms)
{
	return endpoint_is_available(e, now_ms);
}

static uint64_t read_active(const struct endpoint *e, int64_t now_ms)
{
	return atomic_load_explicit(&e->active, memory_order_relaxed);
}

static void print_service(
	struct buffer *b, const char *name, struct service *s, read_fn *read, int64_t now_ms)
{
	struct balancer *balancer = service_balancer(s);
	if (!balancer)
		return;
	balancer_enter(balancer, BALANCER_READER_REPORT);
	for (unsigned i = 0; i < balancer->count; i++) {
		const struct endpoint *e = &balancer->endpoints[i];
		if (!endpoint_is_present(e))
			continue;
		const struct metric_label labels[] = {
			{STR("service"), service_options(s)->name}, {STR("endpoint"), e->name}};
		buffer_add(b, str_of(name));
		metrics_print_labels(b, labels, ARRAY_COUNT(labels));
		buffer_addf(b, " %llu\n", (unsigned long long)read(e, now_ms));
	}
	balancer_exit(balancer, BALANCER_READER_REPORT);
}

/* Services beyond those that have metrics of their own are left out: sums of such gauges would say
 * nothing. */
static void print_family(struct buffer *b, const char *name, const char *help, read_fn *read,
	const struct generation *current, int64_t now_ms)
{
	size_t printed = 0;
	buffer_addf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
	for (size_t i = 0; current && i < current->service_count; i++) {
		struct service *s = current->services[i];
		if (service_balancer(s) && printed++ < LIMIT_SERVICES_MEASURED)
			print_service(b, name, s, read, now_ms);
	}
}

void endpoint_report_metrics(const struct generation *current, int64_t now_ms, struct buffer *b)
{
	print_family(b, "sluice_upstream_endpoint_healthy",
		"1 while an endpoint of a service with several may be asked", read_healthy, current,
		now_ms);
	print_family(b, "sluice_upstream_endpoint_requests_active",
		"Requests under way at an endpoint of a service with several", read_active, current,
		now_ms);
}
