/* SPDX-License-Identifier: Apache-2.0 */
/* The policy event-counter: counts the requests of an API, and tells the count as a stream of
 * server-sent events. */
#include <sluice/shared.h>
#include <sluice/sse.h>
#include <sluice/stream.h>
#include <sluice/text.h>
#include <sluice/timer.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_MS 15000

/* Of all bindings that name it, on all workers. */
struct count {
	_Atomic uint64_t requests;
};

/* One binding. Shared by the workers, and never written again. */
struct binding {
	const struct sluice_stream_service *stream;
	const struct sluice_timer_service *timer;
	struct count *count;
	struct sluice_str path;
	uint32_t interval_ms;
};

/* One worker's part of it. */
struct worker {
	struct reader *readers;
	int is_ticking;
};

struct reader {
	struct reader *next, **at; /* in the worker's list */
	sluice_stream stream;
	uint64_t told;
	uint32_t silent_ms;
};

/* --- the count ------------------------------------------------------------------------------- */
static int32_t count_make(
	const struct sluice_call *call, struct sluice_str name, void *arg, void **object)
{
	(void)call;
	(void)name;
	(void)arg;
	*object = calloc(1, sizeof(struct count));
	return *object ? SLUICE_OK : SLUICE_E_FULL;
}

static const struct sluice_shared_type count_type = {
	.size = sizeof(count_type), .name = "count", .make = count_make, .free = free};

static uint64_t count_now(const struct binding *b)
{
	return atomic_load_explicit(&b->count->requests, memory_order_relaxed);
}

/* --- readers --------------------------------------------------------------------------------- */
static void reader_add(struct worker *w, struct reader *r)
{
	r->next = w->readers;
	r->at = &w->readers;
	if (r->next)
		r->next->at = &r->next;
	w->readers = r;
}

static void reader_closed(
	const struct sluice_call *call, sluice_stream stream, uint32_t why, void *arg)
{
	struct reader *r = arg;
	(void)stream;
	(void)why;
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	call->host->instance_free(call->instance, r);
}

/* A whole event or nothing: what does not fit is told by `ready`, with the count of then. */
static int tell(const struct binding *b, struct reader *r, int is_first)
{
	char bytes[160], id[24], data[48];
	uint64_t count = count_now(b);
	int id_n = snprintf(id, sizeof(id), "%llu", (unsigned long long)count);
	int data_n = snprintf(data, sizeof(data), "{\"count\":%llu}", (unsigned long long)count);
	struct sluice_sse e = sluice_sse_begin(bytes, sizeof(bytes));
	if (is_first)
		sluice_sse_retry(&e, b->interval_ms);
	sluice_sse_id(&e, (struct sluice_str){id, (size_t)id_n});
	sluice_sse_event(&e, SLUICE_STR("count"));
	sluice_sse_data(&e, (struct sluice_str){data, (size_t)data_n});
	if (b->stream->write(r->stream, sluice_sse_end(&e), SLUICE_STREAM_WHOLE) < 0)
		return 0;
	r->told = count;
	r->silent_ms = 0;
	return 1;
}

static void reader_ready(const struct sluice_call *call, sluice_stream stream, void *arg)
{
	const struct binding *b = call->state;
	struct reader *r = arg;
	(void)stream;
	if (r->told != count_now(b))
		tell(b, r, 0);
}

/* --- the clock ------------------------------------------------------------------------------- */
static void tick(const struct sluice_call *call, void *arg);

static int start_ticking(const struct sluice_call *call, struct worker *w)
{
	const struct binding *b = call->state;
	if (!w->is_ticking)
		w->is_ticking = b->timer->start(call, b->interval_ms, tick, w) != NULL;
	return w->is_ticking;
}

static void look_at(const struct binding *b, struct reader *r)
{
	char bytes[8];
	struct sluice_sse e = sluice_sse_begin(bytes, sizeof(bytes));
	r->silent_ms += b->interval_ms;
	if (r->told != count_now(b)) {
		tell(b, r, 0);
	} else if (r->silent_ms >= HEARTBEAT_MS) {
		sluice_sse_comment(&e, SLUICE_STR(""));
		b->stream->write(r->stream, sluice_sse_end(&e), SLUICE_STREAM_WHOLE);
		r->silent_ms = 0;
	}
}

/* As long as anybody reads. */
static void tick(const struct sluice_call *call, void *arg)
{
	struct worker *w = arg;
	w->is_ticking = 0;
	for (struct reader *r = w->readers; r; r = r->next)
		look_at(call->state, r);
	if (w->readers)
		start_ticking(call, w);
}

/* --- requests -------------------------------------------------------------------------------- */
static int asks_for_events(
	const struct sluice_host *host, const struct binding *b, struct sluice_exchange *x)
{
	struct sluice_str method = host->fact(x, SLUICE_FACT_METHOD);
	return sluice_equal(host->fact(x, SLUICE_FACT_PATH), b->path) &&
	       (sluice_equal(method, SLUICE_STR("GET")) ||
		       sluice_equal(method, SLUICE_STR("HEAD")));
}

static int32_t answer(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_str fields[] = {SLUICE_STR("content-type"),
		SLUICE_STR("text/event-stream"), SLUICE_STR("cache-control"),
		SLUICE_STR("no-cache")};
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	struct worker *w = host->worker_data(x);
	if (!start_ticking(call, w))
		return SLUICE_FAIL;
	struct reader *r = host->instance_alloc(call->instance, sizeof(*r));
	if (!r)
		return SLUICE_FAIL;
	memset(r, 0, sizeof(*r));
	const struct sluice_stream_options options = {.size = sizeof(options),
		.reason = SLUICE_STR("counts"),
		.ready = reader_ready,
		.closed = reader_closed,
		.arg = r};
	if (b->stream->begin(x, 200, fields, 2, &options, &r->stream) != SLUICE_OK) {
		host->instance_free(call->instance, r);
		return SLUICE_FAIL;
	}
	reader_add(w, r);
	tell(b, r, 1);
	return SLUICE_RESPONDED;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct binding *b = call->state;
	if (asks_for_events(call->host, b, x))
		return answer(call, x);
	atomic_fetch_add_explicit(&b->count->requests, 1, memory_order_relaxed);
	return SLUICE_CONTINUE;
}

/* --- life ------------------------------------------------------------------------------------ */
static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_shared_service *shared = host->service(SLUICE_SHARED_SERVICE);
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	void *count;
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	/* They are there: requires_services names them, and the schema in policy.yaml has defaults.
	 */
	b->stream = host->service(SLUICE_STREAM_SERVICE);
	b->timer = host->service(SLUICE_TIMER_SERVICE);
	b->path = host->value_string(host->value_get(config, SLUICE_STR("path")), SLUICE_STR(""));
	b->interval_ms = (uint32_t)host->value_integer(
		host->value_get(config, SLUICE_STR("intervalMilliseconds")), 1000);
	struct sluice_str name =
		host->value_string(host->value_get(config, SLUICE_STR("counter")), SLUICE_STR("?"));
	int32_t rc = shared->hold(call->instance, &count_type, name, NULL, &count);
	if (rc != SLUICE_OK) {
		host->instance_free(call->instance, b);
		return rc;
	}
	b->count = count;
	*state = b;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	struct worker *w = call->host->instance_alloc(call->instance, sizeof(*w));
	if (!w)
		return SLUICE_E_FULL;
	memset(w, 0, sizeof(*w));
	*worker_data = w;
	return SLUICE_OK;
}

/* No exchange is left, and so no reader. */
static void worker_stop(const struct sluice_call *call, void *worker_data)
{
	call->host->instance_free(call->instance, worker_data);
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "event-counter",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.worker_start = worker_start,
		.worker_stop = worker_stop,
		.request_head = request_head,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const requires[] = {
		SLUICE_STREAM_SERVICE, SLUICE_TIMER_SERVICE, SLUICE_SHARED_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "event-counter",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = requires,
	};
	return &plugin;
}
