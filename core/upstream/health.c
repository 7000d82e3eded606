/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP and gRPC ask through the pools, as requests do, so that what answers is what serves: a call
 * of its own service (call.h), which counts nowhere. TCP takes a connection and leaves it. */
#include "upstream/health.h"

#include "base/check.h"
#include "base/memory.h"
#include "observe/log.h"
#include "upstream/call.h"
#include "upstream/health_grpc.h"
#include "upstream/upstream_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES   (64u << 10)
#define CONTENT_BYTES (64u << 10)
#define FIRST_MS      500 /* within which all are asked for the first time */

struct check {
	struct health_watch *watch;
	struct endpoint *endpoint;   /* the service's */
	const struct service *asked; /* who was in its slot; for comparison alone */
	struct timer timer;          /* to the next check, or of a connection */
	struct upstream_call call;
	bool is_calling;
	struct upstream_wait wait; /* of TCP */
	struct arena arena;        /* likewise */
	bool is_connecting;
	bool was_judged;
	unsigned passes, failures; /* in a row */
};

/* One service. */
struct health_watch {
	struct link link; /* in health_checks.watches */
	struct health_checks *checks;
	struct service *service; /* ref */
	bool is_wanted;
	struct check *all; /* owned: one of each endpoint */
};

struct health_checks {
	struct upstream *upstream; /* borrowed */
	struct upstream_calls calls;
	struct link watches;
};

static const char *const names[] = {
#define X(id, name) name,
	HEALTH_TYPES(X)
#undef X
};

enum health_type health_type_of(struct str name)
{
	enum health_type t = HEALTH_NONE + 1;
	while (t < HEALTH_TYPE_COUNT && !str_eq(name, str_of(names[t])))
		t++;
	return t;
}

static const struct health_options *options_of(const struct check *c)
{
	return &c->watch->service->options.balancing.health;
}

static struct loop *loop_of(const struct check *c)
{
	return c->watch->checks->upstream->loop;
}

/* --- the verdict ----------------------------------------------------------------------------- */

static void tell(const struct check *c, bool is_well, const char *why)
{
	char text[300];
	struct log_field fields[] = {
		{"service", c->watch->service->options.name},
		{"endpoint", c->endpoint->name},
	};
	snprintf(text, sizeof(text), "an endpoint is %s%s%s",
		is_well ? "healthy again" : "unhealthy", is_well ? "" : ": ", is_well ? "" : why);
	log_write_fields(is_well ? LOG_INFO : LOG_WARN, str_of(text), fields, ARRAY_COUNT(fields));
}

static void set_health(struct check *c, bool is_well, const char *why)
{
	struct balancer *b = c->watch->service->balancer;
	shared_text_set(&c->endpoint->why, is_well ? STR_EMPTY : str_of(why));
	bool was_well = !atomic_load_explicit(&c->endpoint->is_unhealthy, memory_order_relaxed);
	if (is_well == was_well)
		return;
	if (is_well)
		atomic_store_explicit(
			&c->endpoint->well_since_ms, loop_now_ms(loop_of(c)), memory_order_relaxed);
	atomic_store_explicit(&c->endpoint->is_unhealthy, !is_well, memory_order_relaxed);
	if (is_well)
		atomic_fetch_sub_explicit(&b->unhealthy, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&b->unhealthy, 1, memory_order_relaxed);
	tell(c, is_well, why);
}

static void wait_for_next(struct check *c)
{
	int ms = options_of(c)->interval_ms;
	int jitter = (int)(prng_next(&c->watch->checks->upstream->prng) % (uint64_t)(ms / 5 + 1));
	timer_start(loop_of(c), &c->timer, ms - ms / 10 + jitter);
}

/* Of a slot: the address that was asked may have gone, and another may have come. */
static bool is_about_nobody(const struct check *c)
{
	return !endpoint_is_present(c->endpoint) || c->asked != c->endpoint->service;
}

static void judge(struct check *c, bool is_well, const char *why)
{
	const struct health_options *o = options_of(c);
	if (is_about_nobody(c)) {
		wait_for_next(c);
		return;
	}
	c->passes = is_well ? c->passes + 1 : 0;
	c->failures = is_well ? 0 : c->failures + 1;
	if (!c->was_judged || c->passes >= o->healthy_threshold ||
		c->failures >= o->unhealthy_threshold)
		set_health(c, is_well, why);
	c->was_judged = true;
	wait_for_next(c);
}

/* --- calls ----------------------------------------------------------------------------------- */

static bool is_expected(const struct health_options *o, uint16_t status)
{
	for (unsigned i = 0; i < o->status_count; i++)
		if (o->statuses[i] == status)
			return true;
	return o->status_count == 0 && status / 100 == 2;
}

static bool is_good(const struct check *c)
{
	const struct upstream_call *call = &c->call;
	if (options_of(c)->type == HEALTH_HTTP)
		return call->response && is_expected(options_of(c), call->response->status);
	return call->result == CALL_OK && call->response->status == 200 &&
	       health_grpc_serves(call->content);
}

static void ended(struct upstream_call *call)
{
	struct check *c = CONTAINER_OF(call, struct check, call);
	char why[200];
	bool is_well = is_good(c);
	/* Whoever has no place for a check has much to do: that says nothing. */
	bool is_full = !call->response && call->open_rc == RC_FULL;
	if (call->response)
		snprintf(why, sizeof(why), "it answered %u", call->response->status);
	else
		snprintf(why, sizeof(why), "%s", call->message);
	call_deinit(call);
	c->is_calling = false;
	if (is_full)
		wait_for_next(c);
	else
		judge(c, is_well, why);
}

static void fill_http(struct upstream_call *call, const struct health_options *o)
{
	call->request.method = METHOD_GET;
	call->request.method_name = STR("GET");
	call->request.path = o->path;
}

static void fill_grpc(struct upstream_call *call, const struct health_options *o)
{
	char bytes[HEALTH_GRPC_REQUEST_MAX];
	call->request.method = METHOD_POST;
	call->request.method_name = STR("POST");
	call->request.path = STR(HEALTH_GRPC_PATH);
	call->body = arena_copy(&call->arena, health_grpc_request(o->grpc_service, bytes));
	call->request.content_length = (int64_t)call->body.n;
	enum rc rc =
		fields_add(&call->request.fields, STR("content-type"), STR("application/grpc"));
	if (rc == RC_OK)
		rc = fields_add(&call->request.fields, STR("te"), STR("trailers"));
	CHECK(rc == RC_OK); /* the arena is larger than that */
}

static void begin_call(struct check *c)
{
	const struct health_options *o = options_of(c);
	struct upstream_call *call = &c->call;
	struct service *s = c->endpoint->service;
	call_init(call, loop_of(c), s, ARENA_BYTES);
	call->is_probe = true;
	call->request.authority = o->host.n > 0 ? o->host : service_authority(s);
	call->request.scheme = s->options.tls ? STR("https") : STR("http");
	call->request.version_major = call->request.version_minor = 1;
	if (o->type == HEALTH_HTTP)
		fill_http(call, o);
	else
		fill_grpc(call, o);
	call->timeout_ms = o->timeout_ms;
	call->response_bytes_max = CONTENT_BYTES;
	call->ended = ended;
	c->is_calling = true;
	call_begin(&c->watch->checks->calls.carrier, call);
}

/* --- connections ----------------------------------------------------------------------------- */

static void ignore(struct http_stream *s)
{
}

static void ignore_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
}

static const struct http_stream_events no_events = {
	.on_head = ignore,
	.on_interim = ignore,
	.on_data = ignore,
	.on_writable = ignore,
	.on_reset = ignore_reset,
};

static void end_connecting(struct check *c)
{
	timer_stop(&c->timer);
	upstream_cancel(&c->wait);
	arena_reset(&c->arena);
	c->is_connecting = false;
}

static void on_open(struct upstream_wait *w, enum rc rc, struct http_stream *stream, bool reused,
	const char *text)
{
	struct check *c = CONTAINER_OF(w, struct check, wait);
	if (stream) {
		http_stream_reset(stream, HTTP_RESET_CANCELLED);
		http_stream_release(stream);
	}
	end_connecting(c);
	if (rc == RC_FULL)
		wait_for_next(c);
	else
		judge(c, rc == RC_OK, text);
}

static void begin_connecting(struct check *c)
{
	struct upstream *u = c->watch->checks->upstream;
	arena_init(&c->arena, loop_pool(u->loop), ARENA_BYTES);
	upstream_wait_init(&c->wait);
	c->wait.fn = on_open;
	c->wait.arena = &c->arena;
	c->wait.events = &no_events;
	c->wait.owner = c;
	c->wait.fresh = true;
	c->is_connecting = true;
	timer_start(u->loop, &c->timer, options_of(c)->timeout_ms);
	upstream_open(u, c->endpoint->service, &c->wait);
}

/* False: nobody is there to be asked. */
static bool begin_check(struct check *c)
{
	struct endpoint *e = c->endpoint;
	bool is_other = c->asked != e->service;
	if (is_other || !endpoint_is_present(e)) {
		c->was_judged = false;
		c->passes = c->failures = 0;
	}
	c->asked = e->service;
	return endpoint_is_present(e);
}

/* --- time ------------------------------------------------------------------------------------ */

static void on_timer(struct timer *t)
{
	struct check *c = CONTAINER_OF(t, struct check, timer);
	if (c->is_connecting) {
		end_connecting(c);
		judge(c, false, "no connection came about in time");
	} else if (!begin_check(c)) {
		wait_for_next(c);
	} else if (options_of(c)->type == HEALTH_TCP) {
		begin_connecting(c);
	} else {
		begin_call(c);
	}
}

/* --- services -------------------------------------------------------------------------------- */

static void start(struct check *c, struct health_watch *w, struct endpoint *e)
{
	struct upstream *u = w->checks->upstream;
	int most = options_of(&(struct check){.watch = w})->interval_ms;
	if (most > FIRST_MS)
		most = FIRST_MS;
	*c = (struct check){.watch = w, .endpoint = e};
	timer_init(&c->timer, on_timer);
	timer_start(u->loop, &c->timer, (int)(prng_next(&u->prng) % (uint64_t)(most + 1)));
}

static void stop(struct check *c)
{
	if (c->is_calling) {
		call_cancel(&c->call);
		call_deinit(&c->call);
	}
	if (c->is_connecting)
		end_connecting(c);
	timer_stop(&c->timer);
}

static void add_watch(struct health_checks *h, struct service *s)
{
	struct health_watch *w = heap_zalloc(sizeof(*w));
	unsigned count = s->balancer->count;
	w->checks = h;
	w->service = service_ref(s);
	w->is_wanted = true;
	w->all = heap_zalloc(count * sizeof(*w->all));
	list_append(&h->watches, &w->link);
	s->balancer->watch = w;
	for (unsigned i = 0; i < count; i++)
		start(&w->all[i], w, &s->balancer->endpoints[i]);
}

static void remove_watch(struct health_watch *w)
{
	for (unsigned i = 0; i < w->service->balancer->count; i++)
		stop(&w->all[i]);
	w->service->balancer->watch = NULL;
	list_remove(&w->link);
	service_unref(w->service);
	free(w->all);
	free(w);
}

void health_checks_set(struct health_checks *h, struct service *const *services, size_t count)
{
	LIST_FOREACH(l, &h->watches)
	CONTAINER_OF(l, struct health_watch, link)->is_wanted = false;
	for (size_t i = 0; i < count; i++) {
		struct balancer *b = services[i]->balancer;
		if (!b || b->options.health.type == HEALTH_NONE)
			continue;
		if (b->watch)
			b->watch->is_wanted = true;
		else
			add_watch(h, services[i]);
	}
	LIST_FOREACH_SAFE(l, &h->watches)
	if (!CONTAINER_OF(l, struct health_watch, link)->is_wanted)
		remove_watch(CONTAINER_OF(l, struct health_watch, link));
}

struct health_checks *health_checks_new(struct upstream *u)
{
	struct health_checks *h = heap_zalloc(sizeof(*h));
	h->upstream = u;
	upstream_calls_init(&h->calls, u);
	list_init(&h->watches);
	return h;
}

void health_checks_free(struct health_checks *h)
{
	health_checks_set(h, NULL, 0);
	free(h);
}
