/* SPDX-License-Identifier: Apache-2.0 */
#include "process/pulse.h"

#include "base/clock.h"
#include "base/memory.h"
#include "process/binding_metrics.h"
#include "proxy/tunnel.h"
#include "services/services.h"
#include "state/redis_home.h"

#include <time.h>

#define PULSE_MS 1000
/* What a connection takes beside the pool while it begins, above all for TLS. */
#define OPENING_BYTES 1024
/* When a pool has freed so much, what it left lies far apart. */
#define SCATTERED_BYTES (1u << 20)
/* How many rows of its answers a worker hands over at once; the others follow a second later. */
#define ANSWERS_MAX 1024

/* What a worker tells, and under which name. */
#define TOLD(X)                                                                                    \
	X(CONNECTIONS, METRIC_GAUGE, "sluice_connections", "Client connections that are open")     \
	X(EXCHANGES, METRIC_GAUGE, "sluice_exchanges", "Requests under way")                       \
	X(ACCEPTED, METRIC_COUNTER, "sluice_connections_accepted_total",                           \
		"Client connections accepted")                                                     \
	X(BEGUN, METRIC_COUNTER, "sluice_exchanges_total", "Requests whose head was whole")        \
	X(REFUSED, METRIC_COUNTER, "sluice_refused_heads_total",                                   \
		"Heads that were malformed, too large or too slow")                                \
	X(TLS_FAILED, METRIC_COUNTER, "sluice_tls_handshakes_failed_total",                        \
		"TLS handshakes of clients that failed")                                           \
	X(PROXY_REFUSED, METRIC_COUNTER, "sluice_proxy_protocol_refused_total",                    \
		"Connections closed for want of a PROXY header that counts")                       \
	X(EVICTED, METRIC_COUNTER, "sluice_connections_evicted_total",                             \
		"Idle client connections closed to make room")                                     \
	X(REFUSED_STREAMS, METRIC_COUNTER, "sluice_http2_streams_refused_total",                   \
		"Streams beyond those that a client's connection may have open")                   \
	X(OVERLOADED, METRIC_COUNTER, "sluice_overloaded_total",                                   \
		"Requests refused or cut because memory was short")                                \
	X(WEBSOCKETS, METRIC_GAUGE, "sluice_websockets", "WebSockets that are open")               \
	X(WS_ENDED, METRIC_COUNTER, "sluice_websockets_ended_total",                               \
		"WebSockets that have ended, whoever ended them")                                  \
	X(WS_DRAINED, METRIC_COUNTER, "sluice_websockets_drained_total",                           \
		"WebSockets closed because what served them was replaced or stopped")              \
	X(WS_CLOSED, METRIC_COUNTER, "sluice_websockets_closed_total",                             \
		"WebSockets closed for a limit, a policy, or a peer that was silent or wrong")     \
	X(MIRRORED, METRIC_COUNTER, "sluice_mirrored_requests_total",                              \
		"Copies of requests that somebody answered")                                       \
	X(MIRROR_FAILED, METRIC_COUNTER, "sluice_mirror_failures_total",                           \
		"Copies of requests that nobody answered, or not in time")                         \
	X(MIRROR_OMITTED, METRIC_COUNTER, "sluice_mirror_omitted_total",                           \
		"Requests without the copy they were to have: too many were under way, the body "  \
		"was too long, or it never came whole")                                            \
	X(UP_OPEN, METRIC_GAUGE, "sluice_upstream_connections", "Connections to services")         \
	X(UP_IDLE, METRIC_GAUGE, "sluice_upstream_connections_idle",                               \
		"Connections to services that wait for a request")                                 \
	X(UP_WAITING, METRIC_GAUGE, "sluice_upstream_waiting",                                     \
		"Requests that wait for a connection")                                             \
	X(UP_CONNECTS, METRIC_COUNTER, "sluice_upstream_connects_total",                           \
		"Connections to services that were opened")                                        \
	X(UP_FAILURES, METRIC_COUNTER, "sluice_upstream_connect_failures_total",                   \
		"Connections to services that could not be opened")                                \
	X(UP_REUSES, METRIC_COUNTER, "sluice_upstream_reuses_total",                               \
		"Requests sent on a connection that had served before")                            \
	X(STORAGE_UP, METRIC_GAUGE, "sluice_shared_storage_up",                                    \
		"Workers that can ask the shared storage")                                         \
	X(STORAGE_ASKED, METRIC_COUNTER, "sluice_shared_storage_questions_total",                  \
		"Questions that were put to the shared storage")                                   \
	X(STORAGE_ANSWERED, METRIC_COUNTER, "sluice_shared_storage_answers_total",                 \
		"Questions that it answered in time")                                              \
	X(STORAGE_REFUSED, METRIC_COUNTER, "sluice_shared_storage_refused_total",                  \
		"Questions that were not put to it, since it was down")                            \
	X(STORAGE_LATE, METRIC_COUNTER, "sluice_shared_storage_late_total",                        \
		"How often it did not answer in time, and counted as down")                        \
	X(STORAGE_BROKEN, METRIC_COUNTER, "sluice_shared_storage_broken_total",                    \
		"Connections to it that broke")                                                    \
	X(STORAGE_TURNED, METRIC_COUNTER, "sluice_shared_storage_redirections_total",              \
		"Questions that a node of its cluster sent on to another one")                     \
	X(STORAGE_MAPS, METRIC_COUNTER, "sluice_shared_storage_maps_total",                        \
		"Maps of its cluster that were fetched")                                           \
	X(STORAGE_NODES, METRIC_GAUGE, "sluice_shared_storage_nodes",                              \
		"Its servers, as workers know them: each one's are added up")                      \
	X(STORAGE_NODES_UP, METRIC_GAUGE, "sluice_shared_storage_nodes_up",                        \
		"Those of them that can be asked")                                                 \
	X(POOL_IDLE, METRIC_GAUGE, "sluice_pool_idle_bytes",                                       \
		"Memory that workers keep for what comes next")

enum told {
#define X(id, kind, name, help) TOLD_##id,
	TOLD(X)
#undef X
		TOLD_COUNT,
};

static const struct {
	enum metric_kind kind;
	const char *name, *help;
} rows[TOLD_COUNT] = {
#define X(id, kind, name, help) [TOLD_##id] = {kind, name, help},
	TOLD(X)
#undef X
};

struct worker_load {
	int64_t lag_ns; /* from the question until the worker looked */
	int64_t cpu_ns; /* of its thread, ever */
	unsigned connections, exchanges;
};

struct worker_pulse {
	struct pulse *pulse;
	struct worker_thread *thread;
	unsigned index;
	bool is_asked;
	int64_t answered_ms; /* of the main loop's clock */
	/* The worker's while it is asked, else the main thread's. */
	struct answer_taken answers[ANSWERS_MAX];
	size_t answer_count;
	struct binding_row *bindings; /* borrowed from the worker: the newest row */
	int64_t asked_ns;
	/* The worker's count when it last looked, and when it last looked and nobody had come. */
	uint64_t accepted, accepted_calm;
	size_t freed_bytes;     /* as `answers` */
	size_t scattered_bytes; /* that the worker's pool freed, since what was left was gathered */
	struct worker_load told; /* as `answers` */
	struct worker_load load; /* the main thread's copy */
};

struct pulse {
	struct loop *loop;
	struct timer timer;
	struct metric_series *series[TOLD_COUNT];       /* refs */
	struct metric_series *goaways[H2_ENDING_COUNT]; /* refs; NULL: none of that name */
	struct metric_family *answers;
	struct binding_metrics bindings;
	struct give_back *give_back;  /* borrowed */
	struct worker_pulse *workers; /* owned */
	unsigned worker_count;
};

/* In the main thread's cell; the row keeps its reference, since reasons do come back. */
static void count_answer(struct pulse *p, const struct answer_taken *taken)
{
	struct answer_row *r = taken->row;
	if (!r->series) {
		struct metric_label labels[] = {{STR("api"), r->api}, {STR("reason"), r->reason},
			{STR("policy"), r->policy}};
		r->series = metrics_series(p->answers, labels, ARRAY_COUNT(labels));
	}
	metric_add(metric_series_cell(r->series, p->worker_count), taken->count);
}

static void answered(void *arg)
{
	struct worker_pulse *w = arg;
	for (size_t i = 0; i < w->answer_count; i++)
		count_answer(w->pulse, &w->answers[i]);
	binding_metrics_take(&w->pulse->bindings, w->bindings);
	give_back_add(w->pulse->give_back, w->freed_bytes);
	w->load = w->told;
	w->is_asked = false;
	w->answered_ms = loop_now_ms(w->pulse->loop);
}

static void add_pool(void *arg, struct str service, const struct upstream_stats *stats)
{
	uint64_t *told = arg;
	told[TOLD_UP_OPEN] += stats->connections;
	told[TOLD_UP_IDLE] += stats->idle;
	told[TOLD_UP_WAITING] += stats->waiting;
	told[TOLD_UP_CONNECTS] += stats->connects;
	told[TOLD_UP_FAILURES] += stats->connect_failures;
	told[TOLD_UP_REUSES] += stats->reuses;
}

static void add_websockets(const struct proxy_worker *proxy, uint64_t *told)
{
	told[TOLD_WEBSOCKETS] = proxy->websockets_active;
	told[TOLD_WS_DRAINED] = proxy->websockets_ended[TUNNEL_DRAINED];
	for (unsigned i = 0; i < WEBSOCKET_ENDS; i++) {
		told[TOLD_WS_ENDED] += proxy->websockets_ended[i];
		if (i != TUNNEL_PEERS && i != TUNNEL_DRAINED)
			told[TOLD_WS_CLOSED] += proxy->websockets_ended[i];
	}
}

static void add_storage(uint64_t *told)
{
	const struct redis_home_stats all = services_storage_stats();
	const struct redis_link_stats *s = &all.links;
	told[TOLD_STORAGE_UP] = s->is_up;
	told[TOLD_STORAGE_ASKED] = s->asked;
	told[TOLD_STORAGE_ANSWERED] = s->answered;
	told[TOLD_STORAGE_REFUSED] = s->refused;
	told[TOLD_STORAGE_LATE] = s->late;
	told[TOLD_STORAGE_BROKEN] = s->broken;
	told[TOLD_STORAGE_TURNED] = s->turned;
	told[TOLD_STORAGE_MAPS] = all.maps;
	told[TOLD_STORAGE_NODES] = all.nodes;
	told[TOLD_STORAGE_NODES_UP] = all.nodes_up;
}

/* Once a storm is over, and all that it left is freed. That takes as long as a few requests. */
static size_t gather(struct worker_pulse *w, size_t freed)
{
	w->scattered_bytes += freed;
	if (freed > 0 || w->scattered_bytes < SCATTERED_BYTES)
		return freed;
	freed = w->scattered_bytes;
	w->scattered_bytes = 0;
	pool_gather(loop_pool(w->thread->loop));
	return freed;
}

/* Nobody waits for memory to be given back while clients come: once none did for a second. */
static size_t free_unused(struct worker_pulse *w)
{
	uint64_t accepted = w->thread->proxy.connection_count;
	size_t freed = gather(w, pool_age(loop_pool(w->thread->loop)));
	if (accepted == w->accepted) {
		freed += (size_t)(accepted - w->accepted_calm) * OPENING_BYTES;
		w->accepted_calm = accepted;
	}
	w->accepted = accepted;
	return freed;
}

static void tell_on_worker(void *arg)
{
	struct worker_pulse *w = arg;
	struct proxy_worker *proxy = &w->thread->proxy;
	w->told = (struct worker_load){
		.lag_ns = clock_monotonic_ns() - w->asked_ns,
		.cpu_ns = clock_thread_ns(),
		.connections = proxy->connections_active,
		.exchanges = proxy->exchanges_active,
	};
	w->freed_bytes = free_unused(w);
	uint64_t told[TOLD_COUNT] = {
		[TOLD_CONNECTIONS] = proxy->connections_active,
		[TOLD_EXCHANGES] = proxy->exchanges_active,
		[TOLD_ACCEPTED] = proxy->connection_count,
		[TOLD_BEGUN] = proxy->exchange_count,
		[TOLD_REFUSED] = proxy->refused_count,
		[TOLD_TLS_FAILED] = proxy->handshake_failed_count,
		[TOLD_PROXY_REFUSED] = proxy->proxy_refused_count,
		[TOLD_EVICTED] = proxy->evicted_count,
		[TOLD_REFUSED_STREAMS] = proxy->refused_stream_count,
		[TOLD_OVERLOADED] = proxy->overloaded_count,
		[TOLD_MIRRORED] = proxy->mirrors.ended[MIRROR_ANSWERED],
		[TOLD_MIRROR_FAILED] = proxy->mirrors.ended[MIRROR_FAILED],
		[TOLD_MIRROR_OMITTED] = proxy->mirrors.ended[MIRROR_OMITTED],
		[TOLD_POOL_IDLE] = pool_bytes_idle(loop_pool(w->thread->loop)),
	};
	add_websockets(proxy, told);
	add_storage(told);
	upstream_each(proxy->upstream, add_pool, told);
	upstream_tell(proxy->upstream);
	w->answer_count = answer_tally_take(proxy->answers, w->answers, ANSWERS_MAX);
	binding_tally_settle(proxy->bindings);
	w->bindings = proxy->bindings->rows;
	for (size_t i = 0; i < TOLD_COUNT; i++)
		metric_set(metric_series_cell(w->pulse->series[i], w->index), told[i]);
	for (size_t i = H2_ENDING_NONE + 1; i < H2_ENDING_COUNT; i++)
		metric_set(metric_series_cell(w->pulse->goaways[i], w->index),
			proxy->goaway_counts[i]);
	loop_post(w->pulse->loop, answered, w);
}

static void ask(struct pulse *p)
{
	for (unsigned i = 0; i < p->worker_count; i++) {
		struct worker_pulse *w = &p->workers[i];
		if (w->is_asked)
			continue;
		w->is_asked = true;
		w->asked_ns = clock_monotonic_ns();
		worker_thread_post(w->thread, tell_on_worker, w);
	}
}

static void on_timer(struct timer *t)
{
	struct pulse *p = CONTAINER_OF(t, struct pulse, timer);
	give_back_add(p->give_back, pool_age(loop_pool(p->loop)));
	ask(p);
	timer_start(p->loop, &p->timer, PULSE_MS);
}

static void init_goaways(struct pulse *p, struct metrics *metrics)
{
	struct metric_family *f = metrics_family(metrics, "sluice_http2_goaways_total",
		"Connections of clients ended by GOAWAY, by why", METRIC_COUNTER, NULL, 0);
	for (size_t i = H2_ENDING_NONE + 1; i < H2_ENDING_COUNT; i++) {
		struct metric_label label = {
			STR("reason"), str_of(h2_ending_text((enum h2_ending)i))};
		p->goaways[i] = metrics_series(f, &label, 1);
	}
}

struct pulse *pulse_new(struct loop *loop, struct metrics *metrics, struct worker_thread **threads,
	unsigned workers, struct give_back *give_back)
{
	struct pulse *p = heap_zalloc(sizeof(*p));
	p->loop = loop;
	p->give_back = give_back;
	p->worker_count = workers;
	p->workers = heap_zalloc(workers * sizeof(*p->workers));
	for (unsigned i = 0; i < workers; i++)
		p->workers[i] = (struct worker_pulse){.pulse = p,
			.thread = threads[i],
			.index = i,
			.answered_ms = loop_now_ms(loop)};
	p->answers = metrics_family(metrics, "sluice_answers_total",
		"Requests that did not end with their upstream's answer, by why", METRIC_COUNTER,
		NULL, 0);
	binding_metrics_init(&p->bindings, metrics);
	for (size_t i = 0; i < TOLD_COUNT; i++) {
		struct metric_family *f =
			metrics_family(metrics, rows[i].name, rows[i].help, rows[i].kind, NULL, 0);
		p->series[i] = metrics_series(f, NULL, 0);
	}
	init_goaways(p, metrics);
	timer_init(&p->timer, on_timer);
	timer_start(loop, &p->timer, PULSE_MS);
	ask(p);
	return p;
}

void pulse_stop(struct pulse *p)
{
	timer_stop(&p->timer);
}

void pulse_free(struct pulse *p)
{
	pulse_stop(p);
	for (size_t i = 0; i < TOLD_COUNT; i++)
		metric_series_unref(p->series[i]);
	free(p->workers);
	free(p);
}

int64_t pulse_silence_ms(const struct pulse *p)
{
	int64_t longest = 0, now = loop_now_ms(p->loop);
	for (unsigned i = 0; i < p->worker_count; i++) {
		int64_t silence = now - p->workers[i].answered_ms;
		longest = silence > longest ? silence : longest;
	}
	return longest;
}

uint64_t pulse_connections(const struct pulse *p)
{
	return metric_series_value(p->series[TOLD_CONNECTIONS]);
}

uint64_t pulse_exchanges(const struct pulse *p)
{
	return metric_series_value(p->series[TOLD_EXCHANGES]);
}

/* --- workers by themselves ------------------------------------------------------------------- */
static double connections_of(const struct worker_load *l)
{
	return l->connections;
}

static double exchanges_of(const struct worker_load *l)
{
	return l->exchanges;
}

static double cpu_seconds_of(const struct worker_load *l)
{
	return (double)l->cpu_ns / 1e9;
}

static double lag_seconds_of(const struct worker_load *l)
{
	return (double)l->lag_ns / 1e9;
}

unsigned pulse_storage_up(const struct pulse *p)
{
	return (unsigned)metric_series_value(p->series[TOLD_STORAGE_UP]);
}

struct pulse_nodes pulse_storage_nodes(const struct pulse *p)
{
	return (struct pulse_nodes){
		.known = (unsigned)metric_series_value(p->series[TOLD_STORAGE_NODES]),
		.up = (unsigned)metric_series_value(p->series[TOLD_STORAGE_NODES_UP])};
}

void pulse_print_workers(const struct pulse *p, struct buffer *out)
{
	static const struct {
		const char *name, *kind, *help;
		double (*value)(const struct worker_load *l);
	} families[] = {
		{"sluice_worker_connections", "gauge",
			"Client connections that are open on a worker", connections_of},
		{"sluice_worker_cpu_seconds_total", "counter",
			"Processor time of a worker's thread", cpu_seconds_of},
		{"sluice_worker_exchanges", "gauge", "Requests under way on a worker",
			exchanges_of},
		{"sluice_worker_lag_seconds", "gauge",
			"How long a worker let a question wait that was put to it", lag_seconds_of},
	};
	for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
		buffer_addf(out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help,
			families[i].name, families[i].kind);
		for (unsigned k = 0; k < p->worker_count; k++)
			buffer_addf(out, "%s{worker=\"%u\"} %.9g\n", families[i].name, k,
				families[i].value(&p->workers[k].load));
	}
}
