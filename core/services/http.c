/* SPDX-License-Identifier: Apache-2.0 */
/* services/http.c - requests of policies to their targets: calls of the upstream folder, as operations
 * of an exchange or for an instance.
 *
 * A call of an exchange stays on its list after `take`, so that the response's views last as long as the
 * exchange: it goes when the exchange does, or when its binding has failed.
 *
 * Invariants   H1  calls and bytes of an instance are what its calls hold, taken ones included.
 *              H2  of a started call `fn` comes exactly once, before worker_stop. */
#include "sluice/http.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "http/trace_context.h"
#include "http/uri.h"
#include "policy/chain_watch.h"
#include "policy/legal.h"
#include "policy/operation.h"
#include "policy/run.h"
#include "policy/target.h"
#include "services/services_priv.h"
#include "upstream/call.h"

#include <stdatomic.h>
#include <stdlib.h>

#define TIMEOUT_MS_MAX         600000
#define TIMEOUT_MS             10000
#define RESPONSE_BYTES         (1u << 20)
#define RESPONSE_BYTES_MAX     (32u << 20)

enum { BEGIN, TAKE, START };
static const struct policy_call calls[] = {
	[BEGIN] = {"sluice.http/1 begin", IN_LIVE},
	[TAKE] = {"sluice.http/1 take", IN_LIVE},
	[START] = {"sluice.http/1 start", IN_WORKER},
};

/* What an instance has under way. Made with its first target. */
struct use {
	struct policy_companion companion;
	struct sluice_instance *instance; /* borrowed: it goes with it */
	_Atomic uint32_t calls;
	_Atomic size_t bytes; /* of bodies, either way */
	struct link started[]; /* by worker */
};

/* For the story of an exchange. */
struct follow {
	unsigned number;
	int64_t begun_ns;
	struct address peer;
};

/* One call; of an exchange in its arena, started ones on the instance's account. */
struct http_call {
	struct upstream_call call;
	struct use *use;
	size_t bytes; /* accounted to the use */
	bool is_taken;
	struct operation operation; /* of an exchange */
	struct follow *follow;      /* likewise, in its arena; NULL: nobody follows it */
	struct link link;           /* started: in use->started */
	uint32_t worker;
	sluice_http_fn *fn;
	void *arg;
};

static const char kind;

/* --- accounts -------------------------------------------------------------------------------- */
static struct use *use_of(const struct sluice_instance *i)
{
	struct policy_companion *c = policy_companion(i, &kind);
	return c ? CONTAINER_OF(c, struct use, companion) : NULL;
}

static bool take_place(struct use *u)
{
	if (atomic_fetch_add_explicit(&u->calls, 1, memory_order_relaxed) < SLUICE_HTTP_INSTANCE_MAX)
		return true;
	atomic_fetch_sub_explicit(&u->calls, 1, memory_order_relaxed);
	return false;
}

static bool hold_bytes(struct http_call *h, size_t n)
{
	size_t before = atomic_fetch_add_explicit(&h->use->bytes, n, memory_order_relaxed);
	h->bytes += n;
	return before + n <= SLUICE_HTTP_INSTANCE_BYTES_MAX;
}

static bool takes(struct upstream_call *c, size_t n)
{
	return hold_bytes(CONTAINER_OF(c, struct http_call, call), n);
}

static void http_call_deinit(struct http_call *h)
{
	call_cancel(&h->call);
	call_deinit(&h->call);
	atomic_fetch_sub_explicit(&h->use->bytes, h->bytes, memory_order_relaxed);
	atomic_fetch_sub_explicit(&h->use->calls, 1, memory_order_relaxed);
}

/* --- requests -------------------------------------------------------------------------------- */
static bool request_take(const struct sluice_http_request *given, struct sluice_http_request *r)
{
	if (!given || given->size < offsetof(struct sluice_http_request, path))
		return false;
	take_sized(r, sizeof(*r), given, given->size);
	if (r->timeout_ms == 0)
		r->timeout_ms = TIMEOUT_MS;
	if (r->response_bytes_max == 0)
		r->response_bytes_max = RESPONSE_BYTES;
	return r->timeout_ms <= TIMEOUT_MS_MAX && r->response_bytes_max <= RESPONSE_BYTES_MAX &&
	       r->body.n <= SLUICE_HTTP_BODY_BYTES_MAX && (r->fields || r->field_count == 0);
}

static int32_t result_of(enum rc rc)
{
	return rc == RC_OK ? SLUICE_OK : rc == RC_FULL ? SLUICE_E_FULL : SLUICE_E_INVALID;
}

static int32_t set_method(struct upstream_call *c, struct str name)
{
	struct http_request *r = &c->request;
	if (name.n == 0)
		name = STR("GET");
	if (!field_name_is_valid(name) || http_method_of(name) == METHOD_CONNECT)
		return SLUICE_E_INVALID;
	r->method = http_method_of(name);
	r->method_name = arena_copy(&c->arena, name);
	return r->method_name.n ? SLUICE_OK : SLUICE_E_FULL;
}

/* The target's path cannot be left: dots are resolved before the two are put together. */
static int32_t set_path(struct upstream_call *c, struct str base, struct str given)
{
	struct http_request *r = &c->request;
	struct str path = STR_EMPTY, copy = arena_copy(&c->arena, given);
	uint8_t holds;
	enum rc rc = RC_OK;
	if (given.n > 0 && copy.n == 0)
		return SLUICE_E_FULL;
	if (given.n > 0 && given.p[0] == '?') {
		r->query = str_from(copy, 1);
		r->has_query = true;
		rc = uri_query_is_valid(r->query) ? RC_OK : RC_INVALID;
	} else if (given.n > 0) {
		rc = uri_parse_origin_form(
			copy, &c->arena, &path, &r->query, &r->has_query, &holds);
	}
	if (rc != RC_OK)
		return result_of(rc);
	r->path = arena_concat(&c->arena, base, path);
	if (r->path.n == 0)
		r->path = STR("/");
	r->target = r->path;
	return c->arena.failed ? SLUICE_E_FULL : SLUICE_OK;
}

/* As host->field_set has it. */
static bool is_gateways_own(struct str name)
{
	switch (field_id_of(name)) {
	case FIELD_HOST:
	case FIELD_CONNECTION:
	case FIELD_CONTENT_LENGTH:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_KEEP_ALIVE:
	case FIELD_PROXY_CONNECTION:
	case FIELD_TE:
	case FIELD_TRAILER:
	case FIELD_UPGRADE:
	case FIELD_EXPECT:
		return true;
	default:
		return false;
	}
}

static int32_t set_fields(struct upstream_call *c, const struct sluice_str *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct str name = str_in(fields[2 * i]), value = str_in(fields[2 * i + 1]);
		if (is_gateways_own(name))
			return SLUICE_E_INVALID;
		enum rc rc = fields_add(&c->request.fields, name, value);
		if (rc != RC_OK)
			return result_of(rc);
	}
	return SLUICE_OK;
}

/* The trace that the exchange is part of goes on here, as in the request to the upstream; what the
 * policy itself says of it counts. What is passed on lasts as long as the exchange. */
static int32_t pass_trace(struct upstream_call *c, const struct sluice_exchange *x)
{
	const struct fields *from = &x->request->fields;
	struct fields *to = &c->request.fields;
	const struct field *parent = fields_get_id(from, FIELD_TRACEPARENT), *state;
	struct str id;
	if (LIKELY(!parent) || fields_get_id(to, FIELD_TRACEPARENT) ||
		!traceparent_is_valid(parent->value, &id))
		return SLUICE_OK;
	enum rc rc = fields_append(to, parent->name, parent->id, parent->value);
	state = fields_get(from, STR("tracestate"));
	if (rc == RC_OK && state && !fields_get(to, STR("tracestate")))
		rc = fields_append(to, state->name, state->id, state->value);
	return result_of(rc);
}

static bool wants_length(enum http_method m)
{
	return m == METHOD_POST || m == METHOD_PUT || m == METHOD_PATCH;
}

static int32_t set_body(struct upstream_call *c, struct str body)
{
	if (body.n == 0) {
		if (wants_length(c->request.method))
			c->request.content_length = 0;
		return SLUICE_OK;
	}
	c->body = arena_copy(&c->arena, body);
	c->request.content_length = (int64_t)body.n;
	return c->body.n ? SLUICE_OK : SLUICE_E_FULL;
}

static int32_t set_request(struct upstream_call *c, const struct sluice_target *t,
	const struct sluice_http_request *r)
{
	int32_t rc = set_method(c, str_in(r->method));
	if (rc == SLUICE_OK)
		rc = set_path(c, t->path, str_in(r->path));
	if (rc == SLUICE_OK)
		rc = set_fields(c, r->fields, r->field_count);
	if (rc == SLUICE_OK)
		rc = set_body(c, str_in(r->body));
	return rc;
}

/* h is zeroed memory. It is to be deinitialised whatever becomes of it, unless the place is missing. */
static int32_t http_call_init(struct http_call *h, const struct sluice_target *t,
	const struct sluice_http_request *r)
{
	struct upstream_call *c = &h->call;
	struct service *s = t->service;
	h->use = use_of(t->instance);
	h->worker = services_thread.worker;
	call_init(c, services_thread.loop, s, LIMIT_CALL_HEAD_BYTES + r->body.n);
	c->request.authority = service_authority(s);
	c->request.scheme = service_options(s)->tls ? STR("https") : STR("http");
	c->request.version_major = c->request.version_minor = 1;
	c->timeout_ms = (int)r->timeout_ms;
	c->response_bytes_max = (size_t)r->response_bytes_max;
	c->takes = takes;
	return hold_bytes(h, r->body.n) ? set_request(c, t, r) : SLUICE_E_FULL;
}

/* --- responses ------------------------------------------------------------------------------- */
static int32_t outcome_of(const struct upstream_call *c)
{
	switch (c->result) {
	case CALL_OK:
		return SLUICE_OK;
	case CALL_TIMEOUT:
		return SLUICE_E_TIMEOUT;
	case CALL_TOO_LARGE:
		return SLUICE_E_FULL;
	default:
		return SLUICE_E_UNAVAILABLE;
	}
}

static struct str message_of(struct upstream_call *c)
{
	struct str text = str_of(c->message);
	if (text.n == 0)
		return text;
	struct str name = service_options(c->service)->name;
	struct str whole = arena_printf(&c->arena, "service %.*s: %s", STR_ARG(name), c->message);
	return whole.n > 0 ? whole : text;
}

static void response_give(struct upstream_call *c, struct sluice_http_response *to)
{
	const struct http_response *head = c->response;
	const struct sluice_http_response whole = {
		.size = to->size,
		.result = outcome_of(c),
		.status = head ? head->status : 0,
		.body = str_out(c->content),
		.message = str_out(message_of(c)),
		.fields = head ? (const struct sluice_http_fields *)(const void *)&head->fields : NULL,
	};
	take_sized(to, to->size, &whole, to->size < sizeof(whole) ? to->size : sizeof(whole));
}

static const struct fields *fields_of(const struct sluice_http_response *r)
{
	bool has = r && r->size >= offsetof(struct sluice_http_response, fields) + sizeof(r->fields);
	return has ? (const struct fields *)(const void *)r->fields : NULL;
}

static int32_t field_next(const struct sluice_http_response *r, struct sluice_str name,
	uint32_t *at, struct sluice_str *name_out, struct sluice_str *value)
{
	const struct fields *fields = fields_of(r);
	const struct field *f = NULL;
	if (fields && name.n > 0)
		f = fields_next(fields, str_in(name), at);
	else if (fields && *at < fields->count)
		f = &fields->items[(*at)++];
	if (!f)
		return SLUICE_E_NOT_FOUND;
	if (name_out)
		*name_out = str_out(f->name);
	*value = str_out(f->value);
	return SLUICE_OK;
}

static int32_t field_get(
	const struct sluice_http_response *r, struct sluice_str name, struct sluice_str *value)
{
	uint32_t at = 0;
	return name.n > 0 ? field_next(r, name, &at, NULL, value) : SLUICE_E_NOT_FOUND;
}

/* --- the story of an exchange ---------------------------------------------------------------- */
static const char *because_of(const struct upstream_call *c)
{
	static const char *const words[] = {
		[CALL_PENDING] = "cancelled",
		[CALL_OK] = NULL,
		[CALL_UNAVAILABLE] = "unavailable",
		[CALL_TIMEOUT] = "timeout",
		[CALL_TOO_LARGE] = "too_large",
	};
	return words[c->result];
}

static struct chain_request request_of(const struct http_call *h)
{
	return (struct chain_request){
		.binding = h->operation.binding,
		.service = service_options(h->call.service)->name,
		.method = h->call.request.method_name,
		.number = h->follow->number,
	};
}

/* From its beginning on, or not at all. Without memory it goes unfollowed. */
static void follow(struct http_call *h, struct sluice_exchange *x)
{
	h->follow = arena_zalloc(x->arena, sizeof(*h->follow));
	if (!h->follow)
		return;
	h->follow->number = ++x->watch->requests;
	h->follow->begun_ns = clock_monotonic_ns();
	h->call.peer = &h->follow->peer;
	const struct chain_request r = request_of(h);
	chain_watch_asked(x, &r);
}

static void tell_end(const struct http_call *h)
{
	const struct upstream_call *c = &h->call;
	struct sluice_exchange *x = h->operation.exchange;
	if (!h->follow || !chain_watch_wants_requests(x))
		return;
	struct chain_request r = request_of(h);
	r.has_ended = true;
	r.status = c->response ? c->response->status : 0;
	r.because = because_of(c);
	r.detail = str_of(c->message);
	r.peer = h->follow->peer.n > 0 ? &h->follow->peer : NULL;
	r.on_reused = c->on_reused;
	r.is_retry = c->is_retry;
	r.ns = (uint64_t)(clock_monotonic_ns() - h->follow->begun_ns);
	chain_watch_asked(x, &r);
}

/* --- of an exchange -------------------------------------------------------------------------- */
static void on_leave(struct operation *op)
{
	struct http_call *h = CONTAINER_OF(op, struct http_call, operation);
	call_cancel(&h->call);
	if (op->is_pending)
		tell_end(h);
	http_call_deinit(h);
}

static void on_ended(struct upstream_call *c)
{
	struct http_call *h = CONTAINER_OF(c, struct http_call, call);
	tell_end(h);
	operation_end(&h->operation);
}

static bool is_own(const struct policy_call *call, const struct sluice_target *t)
{
	if (t && t->instance == policy_current())
		return true;
	policy_refuse(call);
	return false;
}

/* Whether the exchange may have one more, of so many bytes. */
static bool has_room(const struct sluice_exchange *x, const struct sluice_http_request *r)
{
	size_t bytes = r->body.n + (size_t)r->response_bytes_max;
	unsigned count = 1;
	for (const struct operation *op = x->operations; op; op = op->next) {
		if (op->leave != on_leave)
			continue;
		const struct http_call *h = CONTAINER_OF(op, struct http_call, operation);
		bool is_pending = op->is_pending;
		bytes += is_pending ? h->call.body.n + h->call.response_bytes_max : h->bytes;
		count += is_pending;
	}
	return count <= SLUICE_HTTP_EXCHANGE_MAX && bytes <= SLUICE_HTTP_EXCHANGE_BYTES_MAX;
}

static int32_t begin(struct sluice_exchange *x, const struct sluice_target *t,
	const struct sluice_http_request *given)
{
	struct sluice_http_request r;
	if (!policy_allows_exchange(&calls[BEGIN], x) || !is_own(&calls[BEGIN], t))
		return SLUICE_E_WRONG_CALLBACK;
	if (!request_take(given, &r))
		return SLUICE_E_INVALID;
	if (!services_thread.carrier)
		return SLUICE_E_UNAVAILABLE;
	struct http_call *h = has_room(x, &r) ? arena_zalloc(x->arena, sizeof(*h)) : NULL;
	if (!h || !take_place(use_of(t->instance)))
		return SLUICE_E_FULL;
	int32_t rc = http_call_init(h, t, &r);
	if (rc == SLUICE_OK)
		rc = pass_trace(&h->call, x);
	if (rc != SLUICE_OK) {
		http_call_deinit(h);
		return rc;
	}
	h->call.ended = on_ended;
	operation_begin(&h->operation, x, on_leave);
	if (chain_watch_wants_requests(x))
		follow(h, x);
	call_begin(services_thread.carrier, &h->call);
	return SLUICE_OK;
}

static struct http_call *oldest(const struct sluice_exchange *x)
{
	struct http_call *first = NULL;
	for (struct operation *op = x->operations; op; op = op->next) {
		struct http_call *h = CONTAINER_OF(op, struct http_call, operation);
		if (op->leave == on_leave && operation_is_own(op, x) && !h->is_taken)
			first = h;
	}
	return first;
}

static int32_t take(struct sluice_exchange *x, struct sluice_http_response *response)
{
	if (!policy_allows_exchange(&calls[TAKE], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (!response || response->size < offsetof(struct sluice_http_response, body))
		return SLUICE_E_INVALID;
	struct http_call *h = oldest(x);
	if (!h)
		return SLUICE_E_NOT_FOUND;
	if (h->operation.is_pending)
		return SLUICE_PENDING;
	h->is_taken = true;
	response_give(&h->call, response);
	return SLUICE_OK;
}

/* --- of an instance -------------------------------------------------------------------------- */
static void started_end(struct http_call *h)
{
	struct sluice_instance *i = h->use->instance;
	struct sluice_http_response response = {.size = sizeof(response)};
	response_give(&h->call, &response);
	list_remove(&h->link);
	policy_call_enter(i, CALLBACK_ANSWER, h->worker);
	h->fn(policy_call_of(i), &response, h->arg);
	policy_call_leave();
	http_call_deinit(h);
	policy_free(i, h);
}

static void on_started_ended(struct upstream_call *c)
{
	started_end(CONTAINER_OF(c, struct http_call, call));
}

static int32_t start(const struct sluice_call *call, const struct sluice_target *t,
	const struct sluice_http_request *given, sluice_http_fn *fn, void *arg)
{
	struct sluice_http_request r;
	if (!policy_allows(&calls[START], call ? call->instance : NULL) || !is_own(&calls[START], t))
		return SLUICE_E_WRONG_CALLBACK;
	if (!request_take(given, &r) || !fn)
		return SLUICE_E_INVALID;
	if (!services_thread.carrier || policy_is_stopping(t->instance))
		return SLUICE_E_UNAVAILABLE;
	struct use *use = use_of(t->instance);
	struct http_call *h = policy_alloc(t->instance, sizeof(*h));
	if (!h)
		return SLUICE_E_FULL;
	if (!take_place(use)) {
		policy_free(t->instance, h);
		return SLUICE_E_FULL;
	}
	*h = (struct http_call){.fn = fn, .arg = arg};
	int32_t rc = http_call_init(h, t, &r);
	if (rc != SLUICE_OK) {
		http_call_deinit(h);
		policy_free(t->instance, h);
		return rc;
	}
	h->call.ended = on_started_ended;
	list_append(&use->started[h->worker], &h->link);
	call_begin(services_thread.carrier, &h->call);
	return SLUICE_OK;
}

/* --- life ------------------------------------------------------------------------------------ */
static void on_worker_stop(struct policy_companion *c, uint32_t worker)
{
	struct use *u = CONTAINER_OF(c, struct use, companion);
	while (!list_is_empty(&u->started[worker])) {
		struct http_call *h = CONTAINER_OF(u->started[worker].next, struct http_call, link);
		call_cancel(&h->call);
		h->call.result = CALL_UNAVAILABLE;
		h->call.message = "the policy stops";
		started_end(h);
	}
}

static void on_release(struct policy_companion *c)
{
	free(CONTAINER_OF(c, struct use, companion));
}

void services_http_accompany(struct sluice_instance *i)
{
	if (use_of(i))
		return;
	uint32_t workers = policy_workers(i);
	struct use *u = heap_zalloc(sizeof(*u) + workers * sizeof(u->started[0]));
	u->companion = (struct policy_companion){
		.kind = &kind, .worker_stop = on_worker_stop, .release = on_release};
	u->instance = i;
	for (uint32_t w = 0; w < workers; w++)
		list_init(&u->started[w]);
	policy_accompany(i, &u->companion);
}

const void *services_http_table(void)
{
	static const struct sluice_http_service table = {
		.size = sizeof(table),
		.begin = begin,
		.take = take,
		.start = start,
		.field_get = field_get,
		.field_next = field_next,
	};
	return &table;
}
