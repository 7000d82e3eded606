/* SPDX-License-Identifier: Apache-2.0 */
/* What the admin socket answers. docs/observability.md lists the fields. */
#include "base/clock.h"
#include "process/binding_memory.h"
#include "process/endpoint_report.h"
#include "process/gateway_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- JSON ------------------------------------------------------------------------------------ */
/* Members and elements know whether a comma is due by what stands before them. */
static void separate(struct buffer *b)
{
	char last = b->n > 0 ? b->p[b->n - 1] : '{';
	if (last != '{' && last != '[' && last != ':')
		buffer_add_char(b, ',');
}

static void add_key(struct buffer *b, const char *key)
{
	separate(b);
	buffer_add_json(b, str_of(key));
	buffer_add_char(b, ':');
}

static void add_text(struct buffer *b, const char *key, struct str value)
{
	add_key(b, key);
	buffer_add_json(b, value);
}

static void add_number(struct buffer *b, const char *key, uint64_t value)
{
	add_key(b, key);
	buffer_add_u64(b, value);
}

static void add_bool(struct buffer *b, const char *key, bool value)
{
	add_key(b, key);
	buffer_add(b, value ? STR("true") : STR("false"));
}

static void add_time(struct buffer *b, const char *key, int64_t wall_us)
{
	char text[CLOCK_RFC3339_BYTES];
	clock_rfc3339(wall_us, text);
	add_text(b, key, str_n(text, sizeof(text)));
}

static void open_list(struct buffer *b, const char *key)
{
	add_key(b, key);
	buffer_add_char(b, '[');
}

static void open_object(struct buffer *b)
{
	separate(b);
	buffer_add_char(b, '{');
}

static void close_with(struct buffer *b, const char *end)
{
	buffer_add(b, str_of(end));
}

/* --- status ---------------------------------------------------------------------------------- */
static void add_apis(struct buffer *b, const struct generation *current)
{
	open_list(b, "apis");
	for (size_t i = 0; current && i < current->api_count; i++) {
		const struct api *api = current->apis[i];
		open_object(b);
		add_text(b, "name", str_of(api->id));
		add_text(b, "address", str_of(api->address));
		add_text(b, "state", api->error ? STR("unavailable") : STR("serving"));
		if (api->error)
			add_text(b, "error", str_of(api->error));
		add_number(b, "policies", api->policy_count);
		close_with(b, "}");
	}
	close_with(b, "]");
}

static void add_listeners(struct buffer *b, const struct generation *current)
{
	open_list(b, "listeners");
	for (size_t i = 0; current && i < current->listener_count; i++) {
		open_object(b);
		add_text(b, "address", str_of(current->listeners[i].key));
		add_bool(b, "tls", current->listeners[i].tls != NULL);
		close_with(b, "}");
	}
	close_with(b, "]");
}

/* What is in use of each of its thresholds. */
static void add_breaker(struct buffer *b, const struct breaker *breaker)
{
	bool is_bounded = false;
	for (unsigned kind = 0; kind < BREAKER_KIND_COUNT; kind++)
		is_bounded |= breaker_bounds(breaker, kind);
	if (!is_bounded)
		return;
	add_key(b, "circuitBreaker");
	buffer_add_char(b, '{');
	for (unsigned kind = 0; kind < BREAKER_KIND_COUNT; kind++) {
		if (!breaker_bounds(breaker, kind))
			continue;
		add_key(b, breaker_name(kind));
		buffer_add_char(b, '{');
		add_number(b, "max", breaker->limits.max[kind]);
		add_number(b, "taken", atomic_load(&breaker->taken[kind]));
		close_with(b, "}");
	}
	close_with(b, "}");
}

static void add_services(struct buffer *b, const struct generation *current, int64_t now_ms)
{
	open_list(b, "services");
	for (size_t i = 0; current && i < current->service_count; i++) {
		struct service *s = current->services[i];
		open_object(b);
		add_text(b, "name", service_options(s)->name);
		add_text(b, "scheme", service_options(s)->scheme);
		add_text(b, "authority", service_authority(s));
		add_breaker(b, service_breaker(s));
		endpoint_report_add(b, s, now_ms);
		close_with(b, "}");
	}
	close_with(b, "]");
}

/* Of all workers, each of which has its own connections. */
static void add_storage_nodes(
	struct buffer *b, const struct redis_settings *s, const struct pulse *pulse)
{
	if (s->node_count == 0)
		return;
	const struct pulse_nodes nodes = pulse_storage_nodes(pulse);
	add_number(b, "connectionsWanted", nodes.known);
	add_number(b, "connectionsUp", nodes.up);
}

static void add_storage(
	struct buffer *b, const struct generation *current, const struct pulse *pulse)
{
	const struct redis_settings *s = current ? current->storage : NULL;
	if (!s)
		return;
	add_key(b, "sharedStorage");
	buffer_add_char(b, '{');
	if (s->node_count > 0) {
		add_number(b, "clusterAddresses", s->node_count);
	} else if (s->sentinel_count > 0) {
		add_text(b, "master", s->master);
		add_number(b, "sentinels", s->sentinel_count);
	} else {
		add_text(b, "host", s->host);
		add_number(b, "port", s->port);
	}
	add_text(b, "keys", s->prefix);
	add_bool(b, "tls", s->tls != NULL);
	add_number(b, "workersConnected", pulse_storage_up(pulse));
	add_storage_nodes(b, s, pulse);
	close_with(b, "}");
}

static void add_problem(struct buffer *b, const struct diagnostic *d)
{
	open_object(b);
	add_text(b, "severity", d->severity == SEVERITY_ERROR ? STR("error") : STR("warning"));
	if (d->position.file) {
		add_text(b, "file", str_of(d->position.file));
		add_number(b, "line", d->position.line);
		add_number(b, "column", d->position.column);
	}
	if (d->subject[0])
		add_text(b, "api", str_of(d->subject));
	if (d->path[0])
		add_text(b, "path", str_of(d->path));
	add_text(b, "message", str_of(d->message));
	close_with(b, "}");
}

static void add_problems(struct buffer *b, const struct diagnostics *problems)
{
	open_list(b, "problems");
	for (size_t i = 0; i < problems->count; i++)
		add_problem(b, &problems->items[i]);
	close_with(b, "]");
}

static void add_outcome(struct buffer *b, const struct gateway *g)
{
	const struct reload_outcome *o = &g->outcome;
	if (o->wall_us == 0)
		return;
	add_key(b, "lastReload");
	buffer_add_char(b, '{');
	add_time(b, "time", o->wall_us);
	add_time(b, "began", o->began_wall_us);
	add_text(b, "result", o->is_accepted ? STR("accepted") : STR("refused"));
	int64_t took_us = o->wall_us - o->began_wall_us; /* below 0: the clock was set back */
	add_number(b, "tookMs", took_us > 0 ? (uint64_t)took_us / 1000 : 0);
	if (o->error)
		add_text(b, "error", str_of(o->error));
	if (retry_is_due(&g->retry))
		add_time(b, "nextRetry", g->retry.due_wall_us);
	if (g->retry.failures > 0)
		add_number(b, "failuresInARow", g->retry.failures);
	close_with(b, "}");
}

/* Where what serves comes from, and what would be served without the folder. */
static void add_plan(struct buffer *b, struct gateway *g)
{
	struct plan_store_stats stats = last_good_stats(g->last_good);
	add_key(b, "plan");
	buffer_add_char(b, '{');
	add_text(b, "source",
		g->serves_saved    ? STR("lastGood")
		: g->serves_closed ? STR("closed")
				   : STR("folder"));
	if (g->serves_saved || g->serves_closed) {
		add_text(b, "reason", str_of(g->fallback_why));
		add_time(b, "saved", g->saved.saved_wall_us);
	}
	if (stats.generation > 0)
		add_number(b, "lastGoodGeneration", stats.generation);
	if (stats.proven > 0)
		add_number(b, "provenGeneration", stats.proven);
	add_bool(b, "isSaveFailing", stats.is_failing);
	close_with(b, "}");
}

static void add_overload(struct buffer *b, const struct gateway *g)
{
	struct admission_limits limits = admission_get_limits(overload_admission(g->overload));
	add_key(b, "overload");
	buffer_add_char(b, '{');
	add_text(b, "step", str_of(pressure_name(overload_pressure(g->overload))));
	add_number(b, "memoryBytes", overload_memory_bytes(g->overload));
	add_number(b, "memoryMaxBytes", overload_memory_max(g->overload));
	add_number(b, "connectionsMax", limits.connections);
	add_number(b, "connectionsPerListenerMax", limits.per_listener);
	add_number(b, "connectionsPerAddressMax", limits.per_address);
	close_with(b, "}");
}

static void begin_json(struct admin_answer *a, uint16_t status)
{
	a->status = status;
	a->content_type = "application/json; charset=UTF-8";
	buffer_add_char(&a->body, '{');
}

static void status(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	const struct generation *current = activation_current(g->activation);
	struct buffer *b = &a->body;
	begin_json(a, 200);
	add_text(b, "version", str_of(SLUICE_VERSION));
	add_text(b, "state", str_of(gateway_state_name(g->state)));
	add_number(b, "generation", current ? current->number : 0);
	add_number(b, "retiringApis", activation_retiring(g->activation));
	add_time(b, "started", g->started_wall_us);
	add_number(b, "uptimeSeconds",
		(uint64_t)(loop_wall_us(g->loop) - g->started_wall_us) / 1000000);
	add_number(b, "pid", (uint64_t)getpid());
	add_number(b, "workers", g->workers);
	add_number(b, "connections", pulse_connections(g->pulse));
	add_number(b, "exchanges", pulse_exchanges(g->pulse));
	add_overload(b, g);
	add_key(b, "log");
	buffer_add_char(b, '{');
	log_choice_print(&g->log_choice, b);
	close_with(b, "}");
	add_text(b, "config", str_of(g->options->config_dir));
	report_supervision(g, b);
	add_plan(b, g);
	add_outcome(b, g);
	add_number(b, "errors", g->problems.errors);
	add_number(b, "warnings", g->problems.warnings);
	add_problems(b, &g->problems);
	add_apis(b, current);
	add_listeners(b, current);
	add_services(b, current, loop_now_ms(g->loop));
	add_storage(b, current, g->pulse);
	close_with(b, "}\n");
}

static void dump(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	char message[160] = "no configuration serves yet";
	struct plan *plan =
		g->current_file ? plan_file_read(g->current_file, message, sizeof(message)) : NULL;
	if (plan) {
		a->status = 200;
		a->content_type = "application/json; charset=UTF-8";
		dump_plan(plan_root(plan), &a->body);
		plan_free(plan);
		return;
	}
	begin_json(a, 503);
	add_text(&a->body, "error", str_of(message));
	close_with(&a->body, "}\n");
}

/* --- metrics --------------------------------------------------------------------------------- */
/* Facts of the process, under the names that Prometheus' own clients use. */
static void add_gauge(
	struct buffer *b, const char *name, const char *help, const char *kind, double value)
{
	buffer_addf(
		b, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, kind, name, value);
}

static void metrics(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	const struct generation *current = activation_current(g->activation);
	struct buffer *b = &a->body;
	a->status = 200;
	a->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_print(g->metrics, b);
	binding_memory_print(current, b);
	endpoint_report_metrics(current, loop_now_ms(g->loop), b);
	pulse_print_workers(g->pulse, b);
	report_supervision_metrics(g, b);
	overload_print(g->overload, b);
	buffer_addf(b,
		"# HELP sluice_build_info The version that runs\n# TYPE sluice_build_info gauge\n"
		"sluice_build_info{version=\"%s\"} 1\n",
		SLUICE_VERSION);
	add_gauge(b, "sluice_generation", "Number of the generation that serves", "gauge",
		current ? (double)current->number : 0);
	struct plan_store_stats saves = last_good_stats(g->last_good);
	add_gauge(b, "sluice_serves_last_good",
		"1 while a saved plan serves because the folder gave none, or crashed the gateway",
		"gauge", g->serves_saved);
	add_gauge(b, "sluice_serves_closed",
		"1 while every API answers 503 because the folder gave nothing and fallback is "
		"closed",
		"gauge", g->serves_closed);
	add_gauge(b, "sluice_reload_retries_total",
		"Times that the configuration was read again after what may pass", "counter",
		(double)g->retry.tried);
	add_gauge(b, "sluice_last_good_saves_total", "Plans saved as the last good one", "counter",
		(double)saves.saved);
	add_gauge(b, "sluice_last_good_save_failures_total",
		"Plans that could not be saved as the last good one", "counter",
		(double)saves.failed);
	add_gauge(b, "sluice_config_errors", "Errors of the last reading of the configuration",
		"gauge", (double)g->problems.errors);
	add_gauge(b, "sluice_log_lines_lost_total",
		"Log lines and access records that were not written", "counter",
		(double)(sinks_lost(g->sinks) + log_dropped()));
	add_gauge(b, "process_start_time_seconds", "When the process started, since 1970", "gauge",
		(double)g->started_wall_us / 1e6);
}

/* --- probes ---------------------------------------------------------------------------------- */
static void answer_probe(struct admin_answer *a, const char *name, bool is_well, const char *why)
{
	begin_json(a, is_well ? 200 : 503);
	add_bool(&a->body, name, is_well);
	if (why)
		add_text(&a->body, "reason", str_of(why));
	close_with(&a->body, "}\n");
}

static void answer_degraded(struct admin_answer *a, const char *why)
{
	char text[160];
	snprintf(text, sizeof(text), "degraded: %s, the last good configuration serves", why);
	answer_probe(a, "ready", true, text);
}

static void readiness(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	const struct generation *current = activation_current(g->activation);
	bool is_serving = false;
	for (size_t i = 0; current && i < current->api_count; i++)
		is_serving |= !current->apis[i]->error;
	if (g->state >= GATEWAY_DRAINING)
		answer_probe(a, "ready", false, "the gateway is stopping");
	else if (!current)
		answer_probe(a, "ready", false, "no configuration serves yet");
	else if (!is_serving)
		answer_probe(a, "ready", false, "degraded: no API serves");
	else if (g->serves_saved)
		/* Requests are answered: a balancer that took it out would make an outage of it. */
		answer_degraded(a, g->fallback_why);
	else
		answer_probe(a, "ready", true, NULL);
}

static void liveness(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	bool is_alive = pulse_silence_ms(g->pulse) <= ADMIN_STALL_MS;
	answer_probe(a, "alive", is_alive, is_alive ? NULL : "a worker does not turn");
}

static void reload(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	bool is_possible = g->state <= GATEWAY_SERVING;
	begin_json(a, is_possible ? 202 : 503);
	if (is_possible)
		add_text(&a->body, "reload", STR("started"));
	else
		add_text(&a->body, "error", STR("the gateway is stopping"));
	close_with(&a->body, "}\n");
	reload_now(g);
}

/* --- the log's level ------------------------------------------------------------------------- */
static void log_level(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	begin_json(a, 200);
	log_choice_print(&g->log_choice, &a->body);
	close_with(&a->body, "}\n");
}

static void set_log_level(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	const char *why;
	if (log_choice_obey(&g->log_choice, a->query, &why) == RC_OK) {
		/* Told at a level that few hide: who reads the log shall know why it changes. */
		log_write(LOG_WARN, "the log's level is %s now, as asked on the admin socket",
			log_level_name(log_choice_level(&g->log_choice)));
		log_level(owner, a);
		return;
	}
	begin_json(a, 400);
	add_text(&a->body, "error", str_of(why));
	close_with(&a->body, "}\n");
}

/* --- the probe listener ---------------------------------------------------------------------- */
static enum rc listen_for_probes(void *owner, const struct address *at, int *fd)
{
	struct gateway *g = owner;
	int *fds;
	unsigned count;
	const char *why;
	if (supervision_listen(g->supervision, at, WIRE_PROBES, 1, &fds, &count, &why) != RC_OK) {
		log_write(LOG_ERROR, "the probe listener: %s", why);
		return RC_IO;
	}
	*fd = fds[0];
	free(fds);
	return RC_OK;
}

static void probes_released(void *owner, const struct address *at)
{
	struct gateway *g = owner;
	supervision_release(g->supervision, at, WIRE_PROBES);
}

const struct admin_source gateway_reports = {
	.status = status,
	.dump = dump,
	.metrics = metrics,
	.readiness = readiness,
	.liveness = liveness,
	.reload = reload,
	.lift = report_lift,
	.caches = report_caches,
	.purge = report_purge,
	.log_level = log_level,
	.set_log_level = set_log_level,
	.trace = trace_session_answer,
	.listen = listen_for_probes,
	.released = probes_released,
};
