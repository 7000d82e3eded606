/* SPDX-License-Identifier: Apache-2.0 */
#include "process/endpoint_report.h"

#include "base/limits.h"
#include "observe/metrics.h"

/* --- status ---------------------------------------------------------------------------------- */

static int64_t ejected_for_ms(const struct endpoint *e, int64_t now_ms)
{
	return atomic_load_explicit(&e->outlier.ejected_until_ms, memory_order_relaxed) - now_ms;
}

/* Of an absent one, only while it is not empty: so nobody fills its slot (balancer.h, E3). */
static bool is_shown(const struct endpoint *e)
{
	return endpoint_is_present(e) || atomic_load(&e->active) > 0;
}

static void add_state(
	struct buffer *b, const struct balancer *balancer, const struct endpoint *e, int64_t now_ms)
{
	char text[SHARED_TEXT_BYTES];
	enum endpoint_state state = endpoint_state(balancer, e, now_ms);
	buffer_addf(b, ",\"state\":\"%s\"", endpoint_state_name(state));
	if (state == ENDPOINT_UNHEALTHY) {
		buffer_add(b, STR(",\"reason\":"));
		buffer_add_json(b, shared_text_get(&e->why, text));
	}
}

static void add_endpoint(struct buffer *b, const struct balancer *balancer,
	const struct endpoint *e, bool has_priorities, int64_t now_ms)
{
	int64_t out_ms = ejected_for_ms(e, now_ms);
	buffer_add(b, STR("{\"name\":"));
	buffer_add_json(b, e->name);
	buffer_addf(b, ",\"weight\":%u", e->weight);
	if (has_priorities)
		buffer_addf(b, ",\"priority\":%u", e->priority);
	buffer_addf(b, ",\"active\":%u,\"available\":%s",
		atomic_load_explicit(&e->active, memory_order_relaxed),
		endpoint_is_available(e, now_ms) ? "true" : "false");
	add_state(b, balancer, e, now_ms);
	buffer_addf(b, ",\"requests\":%llu,\"failures\":%llu", (unsigned long long)e->requests,
		(unsigned long long)e->failures);
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
	bool has_priorities = service_options(s)->records.n > 0;
	buffer_addf(b, ",\"loadBalancing\":\"%s\",\"endpoints\":[",
		balance_algorithm_name(balancer->options.algorithm));
	balancer_enter(balancer, BALANCER_READER_REPORT);
	for (unsigned i = 0; i < balancer->count; i++) {
		if (!is_shown(&balancer->endpoints[i]))
			continue;
		buffer_add(b, str_of(comma));
		add_endpoint(b, balancer, &balancer->endpoints[i], has_priorities, now_ms);
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

static uint64_t read_requests(const struct endpoint *e, int64_t now_ms)
{
	return atomic_load_explicit(&e->requests, memory_order_relaxed);
}

static uint64_t read_failures(const struct endpoint *e, int64_t now_ms)
{
	return atomic_load_explicit(&e->failures, memory_order_relaxed);
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
static const struct family {
	const char *name, *type, *help;
	read_fn *read;
} families[] = {
	{"sluice_upstream_endpoint_healthy", "gauge",
		"1 while an endpoint of a service with several may be asked", read_healthy},
	{"sluice_upstream_endpoint_requests_active", "gauge",
		"Requests under way at an endpoint of a service with several", read_active},
	{"sluice_upstream_endpoint_requests_total", "counter",
		"Requests that an endpoint of a service with several was given, tries among them",
		read_requests},
	{"sluice_upstream_endpoint_failures_total", "counter",
		"Those of them that failed by the endpoint: no connection, no answer, or 5xx",
		read_failures},
};

static void print_family(
	struct buffer *b, const struct family *f, const struct generation *current, int64_t now_ms)
{
	size_t printed = 0;
	buffer_addf(b, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, f->type);
	for (size_t i = 0; current && i < current->service_count; i++) {
		struct service *s = current->services[i];
		if (service_balancer(s) && printed++ < LIMIT_SERVICES_MEASURED)
			print_service(b, f->name, s, f->read, now_ms);
	}
}

void endpoint_report_metrics(const struct generation *current, int64_t now_ms, struct buffer *b)
{
	for (size_t i = 0; i < ARRAY_COUNT(families); i++)
		print_family(b, &families[i], current, now_ms);
}
