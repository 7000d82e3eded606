/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/trace.h"

#include "base/clock.h"
#include "base/memory.h"
#include "policy/chain_build.h"
#include "policy/chain_watch.h"
#include "proxy/exchange_priv.h"
#include "proxy/listener.h"
#include "proxy/tracer.h"

#include <stdlib.h>

/* Fields as they were when they were looked at last. Views into the exchange's memory. */
struct seen_fields {
	struct field *items; /* owned */
	uint32_t count, capacity;
};

struct trace {
	struct chain_watch watch; /* first, so that it is the trace */
	struct tracer *tracer;    /* ref */
	struct buffer text;
	bool is_admitted;
	bool is_cut;
	bool has_events;
	int64_t before_us; /* from the first byte until it was begun */
	int64_t begun_ns;
	int64_t try_ns; /* when the attempt began to look for a connection */
	struct seen_fields request, response;
	/* what has been told */
	enum request_state request_state;
	enum attempt_state attempt_state;
	unsigned tries;
	enum fault fault;
	const struct local_response *local;
	bool told_route, told_choice, told_head, told_clean, told_sent;
	struct buffer choice; /* of a route, as it was made */
};

struct tracer *trace_tracer(const struct trace *t)
{
	return t->tracer;
}

struct str trace_text(const struct trace *t)
{
	return buffer_str(&t->text);
}

void trace_free(struct trace *t)
{
	if (t->is_admitted)
		tracer_leave(t->tracer);
	tracer_unref(t->tracer);
	free(t->request.items);
	free(t->response.items);
	buffer_deinit(&t->choice);
	buffer_deinit(&t->text);
	free(t);
}

/* --- writing --------------------------------------------------------------------------------- */
static uint64_t now_us(const struct trace *t)
{
	return (uint64_t)(t->before_us + (clock_monotonic_ns() - t->begun_ns) / 1000);
}

static void add_key(struct trace *t, const char *key)
{
	buffer_addf(&t->text, ",\"%s\":", key);
}

static void add_text(struct trace *t, const char *key, struct str value)
{
	if (value.n == 0)
		return;
	add_key(t, key);
	buffer_add_json(&t->text, value);
}

static void add_number(struct trace *t, const char *key, uint64_t value)
{
	add_key(t, key);
	buffer_add_u64(&t->text, value);
}

/* Where the event begins, for event_end. */
static size_t event_begin(struct trace *t, const char *event)
{
	size_t at = t->text.n;
	buffer_addf(&t->text, "%s{\"us\":%llu,\"event\":\"%s\"", t->has_events ? "," : "",
		(unsigned long long)now_us(t), event);
	return at;
}

/* What finds no room is left out, and all that comes after it. */
static void event_end(struct trace *t, size_t at)
{
	buffer_add_char(&t->text, '}');
	if (!t->text.failed && !t->is_cut) {
		t->has_events = true;
		return;
	}
	t->text.n = at;
	t->text.failed = false;
	t->is_cut = true;
}

/* --- fields ---------------------------------------------------------------------------------- */
static void remember(struct seen_fields *s, const struct fields *f)
{
	if (f->count > s->capacity) {
		s->items = heap_realloc(s->items, f->count * sizeof(*s->items));
		s->capacity = f->count;
	}
	if (f->count > 0)
		memcpy(s->items, f->items, f->count * sizeof(*s->items));
	s->count = f->count;
}

static const struct field *find(
	const struct field *items, uint32_t count, const struct field *like, uint32_t nth)
{
	for (uint32_t i = 0; i < count; i++)
		if (str_eq_nocase(items[i].name, like->name) && nth-- == 0)
			return &items[i];
	return NULL;
}

/* How many of that name stand before it. */
static uint32_t rank(const struct field *items, const struct field *field)
{
	uint32_t n = 0;
	for (const struct field *f = items; f < field; f++)
		n += str_eq_nocase(f->name, field->name);
	return n;
}

enum change { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_CHANGED };

static bool has_become(enum change change, const struct field *field, const struct field *other)
{
	return change == CHANGE_CHANGED ? other && !str_eq(other->value, field->value) : !other;
}

/* The names of fields in `a` that have no counterpart in `b`, or one with another value. */
static bool add_names(struct trace *t, enum change change, const struct field *a, uint32_t a_count,
	const struct field *b, uint32_t b_count, bool is_first)
{
	static const char *const keys[] = {"added", "removed", "changed"};
	bool any = false;
	for (uint32_t i = 0; i < a_count; i++) {
		if (!has_become(change, &a[i], find(b, b_count, &a[i], rank(a, &a[i]))))
			continue;
		if (!any)
			buffer_addf(&t->text, "%s\"%s\":[", is_first ? "" : ",", keys[change]);
		else
			buffer_add_char(&t->text, ',');
		buffer_add_json(&t->text, a[i].name);
		any = true;
	}
	if (any)
		buffer_add_char(&t->text, ']');
	return any;
}

/* `,"requestHeaders":{"added":[...],"removed":[...],"changed":[...]}`, if there was any. */
static void add_changes(
	struct trace *t, const char *key, struct seen_fields *s, const struct fields *f)
{
	size_t at = t->text.n;
	buffer_addf(&t->text, ",\"%s\":{", key);
	bool any = add_names(t, CHANGE_ADDED, f->items, f->count, s->items, s->count, true);
	any |= add_names(t, CHANGE_REMOVED, s->items, s->count, f->items, f->count, !any);
	any |= add_names(t, CHANGE_CHANGED, f->items, f->count, s->items, s->count, !any);
	buffer_add_char(&t->text, '}');
	if (!any && !t->text.failed)
		t->text.n = at;
	remember(s, f);
}

static void add_request_changes(struct trace *t, const struct http_request *r)
{
	add_changes(t, "requestHeaders", &t->request, &r->fields);
}

static void add_response_changes(struct trace *t, const struct http_response *r)
{
	if (r)
		add_changes(t, "responseHeaders", &t->response, &r->fields);
}

/* --- the chain ------------------------------------------------------------------------------- */
static struct exchange *exchange_of(struct sluice_exchange *x)
{
	return CONTAINER_OF(x, struct exchange, x);
}

static const char *verdict_name(const struct chain_ran *ran)
{
	if (ran->was_skipped)
		return "skip";
	switch (ran->result) {
	case CHAIN_PAUSED:
		return "pause";
	case CHAIN_RESPONDED:
		return "answer";
	case CHAIN_FAILED:
	case CHAIN_TOO_LARGE:
		return "fail";
	default:
		return "continue";
	}
}

static void on_ran(struct chain_watch *w, struct sluice_exchange *x, const struct chain_ran *ran)
{
	struct trace *t = CONTAINER_OF(w, struct trace, watch);
	struct exchange *e = exchange_of(x);
	size_t at = event_begin(t, ran->was_pause ? "pause" : "policy");
	add_text(t, "binding", chain_binding_id(ran->binding));
	add_text(t, "policy", chain_binding_policy(ran->binding));
	add_text(t, "callback", str_of(callback_name(ran->callback)));
	if (!ran->was_pause)
		add_text(t, "verdict", str_of(verdict_name(ran)));
	add_number(t, "tookUs", ran->ns / 1000);
	if (ran->result == CHAIN_RESPONDED && x->local)
		add_text(t, "reason", x->local->reason);
	else if (ran->result == CHAIN_FAILED)
		add_text(t, "reason", str_of(x->fault_reason));
	add_request_changes(t, e->down->request);
	if (ran->direction == CHAIN_RESPONSE)
		add_response_changes(t, x->response);
	event_end(t, at);
}

static void add_bindings(struct trace *t, const char *key, const struct chain *chain, uint64_t mask)
{
	bool is_first = true;
	for (size_t i = 0; i < chain_binding_count(chain); i++) {
		if (!(mask >> i & 1))
			continue;
		if (is_first)
			add_key(t, key);
		buffer_add_char(&t->text, is_first ? '[' : ',');
		buffer_add_json(&t->text, chain_binding_id(chain_binding_at(chain, i)));
		is_first = false;
	}
	if (!is_first)
		buffer_add_char(&t->text, ']');
}

/* --- what the machines did ------------------------------------------------------------------- */
static void look_at_head(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "head");
	add_text(t, "client", e->x.client_address);
	add_request_changes(t, e->down->request);
	event_end(t, at);
}

static void look_at_route(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "route");
	t->told_route = true;
	if (e->api) {
		size_t base = e->path_received.n - e->path_rest.n;
		add_text(t, "api", e->x.api);
		add_text(t, "basePath", base > 0 ? str_slice(e->path_received, 0, base) : STR("/"));
	}
	if (e->request_state == REQUEST_POLICIES) {
		add_bindings(t, "runs", e->api->chain, e->x.active);
		add_bindings(t, "skips", e->api->chain, ~e->x.active);
	}
	event_end(t, at);
}

/* Before the step that chooses: it asks the same question of the same request. */
static void foresee_choice(struct exchange *e, struct trace *t)
{
	buffer_reset(&t->choice);
	route_api_tell(e->api->routes, e->down->request, exchange_path_rest(e), &t->choice);
	if (t->choice.failed)
		buffer_reset(&t->choice); /* too many to be told */
}

static void look_at_choice(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "select");
	t->told_choice = true;
	if (t->choice.n > 0) {
		add_key(t, "routes");
		buffer_add(&t->text, buffer_str(&t->choice));
	}
	if (e->service) {
		add_text(t, "service", service_options(e->service)->name);
		add_text(t, "path", e->down->request->path);
	}
	add_request_changes(t, e->down->request);
	event_end(t, at);
}

static void look_at_fault(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "fault");
	t->fault = e->fault;
	add_text(t, "reason", str_of(fault_row(e->fault)->reason));
	add_text(t, "detail", str_of(e->fault_detail));
	if (e->x.fault_binding)
		add_text(t, "binding", chain_binding_id(e->x.fault_binding));
	event_end(t, at);
}

static const char *reset_name(enum http_reset why)
{
	static const char *const names[] = {
		[HTTP_RESET_NONE] = "none",
		[HTTP_RESET_CANCELLED] = "cancelled",
		[HTTP_RESET_CLOSED] = "closed",
		[HTTP_RESET_PROTOCOL] = "protocol",
		[HTTP_RESET_TIMEOUT] = "timeout",
		[HTTP_RESET_REFUSED] = "refused",
		[HTTP_RESET_IO] = "io",
	};
	return names[why];
}

static void tell_try(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "connect");
	t->try_ns = clock_monotonic_ns();
	add_number(t, "try", ++t->tries);
	if (e->attempt.is_retry)
		add_text(t, "because", str_of(reset_name(e->attempt.reset_why)));
	event_end(t, at);
}

static void tell_sent(struct exchange *e, struct trace *t)
{
	char text[ADDRESS_TEXT_BYTES];
	const struct http_stream *up = e->attempt.up;
	size_t at = event_begin(t, "upstream");
	add_number(t, "try", t->tries);
	if (up && up->peer)
		add_text(t, "address", address_text(up->peer, text));
	add_text(t, "connection", e->attempt.on_reused ? STR("reused") : STR("new"));
	add_number(t, "tookUs", (uint64_t)(clock_monotonic_ns() - t->try_ns) / 1000);
	event_end(t, at);
}

static void tell_failed_try(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "abandoned");
	add_number(t, "try", t->tries);
	if (e->facts & FACT_UPSTREAM_RESET)
		add_text(t, "because", str_of(reset_name(e->attempt.reset_why)));
	add_text(t, "detail", str_of(e->attempt.detail));
	event_end(t, at);
}

static void look_at_attempt(struct exchange *e, struct trace *t)
{
	enum attempt_state former = t->attempt_state;
	t->attempt_state = e->attempt.state;
	if (e->attempt.state == ATTEMPT_CONNECT)
		tell_try(e, t);
	else if (e->attempt.state == ATTEMPT_AWAIT)
		tell_sent(e, t);
	else if (e->attempt.state == ATTEMPT_ABANDONED) {
		if (former == ATTEMPT_NONE)
			tell_try(e, t); /* it began and ended in one step */
		tell_failed_try(e, t);
	}
}

/* Before anything of it is changed. */
static void look_at_response(struct exchange *e, struct trace *t)
{
	const struct http_response *r = e->attempt.up->response;
	size_t at = event_begin(t, "response");
	t->told_head = true;
	add_number(t, "status", r->status);
	add_number(t, "tookUs", (uint64_t)(clock_monotonic_ns() - t->try_ns) / 1000);
	event_end(t, at);
	remember(&t->response, &r->fields);
}

/* What the gateway itself takes out, before any policy sees it. */
static void look_at_cleaning(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "clean"), bare = t->text.n;
	t->told_clean = true;
	add_response_changes(t, e->attempt.up->response);
	if (t->text.n == bare && !t->text.failed)
		t->text.n = at;
	else
		event_end(t, at);
}

/* Its fields are those that nobody had changed yet. */
static void look_at_answer(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "answer");
	t->local = e->x.local;
	t->response.count = 0;
	add_number(t, "status", e->x.local->head.status);
	add_text(t, "reason", e->x.local->reason);
	if (e->fault == FAULT_NONE && e->x.local_binding)
		add_text(t, "binding", chain_binding_id(e->x.local_binding));
	add_response_changes(t, &e->x.local->head);
	event_end(t, at);
}

static void look_at_sent(struct exchange *e, struct trace *t)
{
	size_t at = event_begin(t, "sent");
	t->told_sent = true;
	add_number(t, "status", e->status);
	add_response_changes(t, e->x.response);
	event_end(t, at);
}

/* --- begin ----------------------------------------------------------------------------------- */
static bool has_header(const struct trace_filter *f, const struct http_request *r)
{
	uint32_t at = 0;
	const struct field *field;
	while ((field = fields_next(&r->fields, str_of(f->header), &at)))
		if (!f->value || str_eq(field->value, str_of(f->value)))
			return true;
	return false;
}

static bool has_path(const struct trace_filter *f, struct str path, struct str rest)
{
	return regex_match(f->path, path, NULL) == RC_OK ||
	       regex_match(f->path, rest.n > 0 ? rest : STR("/"), NULL) == RC_OK;
}

/* On a copy: looking the API up may change the path. */
static bool is_wanted(const struct exchange *e, const struct trace_filter *f)
{
	struct http_request request = *e->down->request;
	const struct generation_listener *serves = proxy_listener_serves(e->listener);
	struct route_match match = {.rest = request.path};
	if (f->header && !has_header(f, &request))
		return false;
	if (!f->api && !f->path)
		return true;
	bool is_known = serves && request.method != METHOD_CONNECT &&
			route_table_take(serves->routes, &request, e->x.arena, &match) == RC_OK;
	if (f->api && !(is_known && trace_filter_means(f, str_of(serves->apis[match.api]->id))))
		return false;
	return !f->path || has_path(f, request.path, match.rest);
}

void trace_begin(struct exchange *e)
{
	struct tracer *tracer = e->worker->tracer;
	if (atomic_load_explicit(&tracer->left, memory_order_relaxed) <= 0 ||
		!is_wanted(e, &tracer->filter))
		return;
	struct trace *t = heap_zalloc(sizeof(*t));
	t->watch.ran = on_ran;
	t->tracer = tracer_ref(tracer);
	t->begun_ns = clock_monotonic_ns();
	int64_t before_us = t->begun_ns / 1000 - e->down->started_us;
	t->before_us = before_us > 0 ? before_us : 0;
	buffer_init(&t->text, TRACE_BYTES_MAX);
	buffer_init(&t->choice, TRACE_BYTES_MAX / 4);
	buffer_add(&t->text, STR("{\"events\":["));
	remember(&t->request, &e->down->request->fields);
	e->trace = t;
	e->x.watch = &t->watch;
}

static void give_up(struct exchange *e)
{
	trace_free(e->trace);
	e->trace = NULL;
	e->x.watch = NULL;
}

/* Who the client is, is known behind the head's step. */
static bool is_admitted(const struct exchange *e, struct trace *t)
{
	struct address client;
	const struct trace_filter *f = &t->tracer->filter;
	if (f->clients.count > 0 && (address_from_ip(e->x.client_address, 0, &client) != RC_OK ||
					    !cidr_set_contains(&f->clients, &client)))
		return false;
	return t->is_admitted = tracer_admit(t->tracer, loop_now_ms(e->worker->loop));
}

/* --- looking --------------------------------------------------------------------------------- */
static void look_at_request(struct exchange *e, struct trace *t)
{
	t->request_state = e->request_state;
	if (!t->told_route && e->request_state != REQUEST_ROUTE)
		look_at_route(e, t);
}

static bool has_chosen(const struct exchange *e, const struct trace *t)
{
	return t->told_route && !t->told_choice && (e->service || t->choice.n > 0) &&
	       e->request_state != REQUEST_POLICIES && e->request_state != REQUEST_SELECT;
}

static void look(struct exchange *e, struct trace *t)
{
	if (e->request_state != t->request_state)
		look_at_request(e, t);
	if (has_chosen(e, t))
		look_at_choice(e, t);
	if (e->attempt.state != t->attempt_state)
		look_at_attempt(e, t);
	if (!t->told_head && e->attempt.up && (e->facts & FACT_UPSTREAM_HEAD))
		look_at_response(e, t);
	if (t->told_head && !t->told_clean && e->attempt.up && e->response_state != RESPONSE_WAIT)
		look_at_cleaning(e, t);
	if (e->fault != t->fault)
		look_at_fault(e, t);
	if (e->x.local && e->x.local != t->local)
		look_at_answer(e, t);
	if (e->is_head_sent && !t->told_sent)
		look_at_sent(e, t);
	if (e->request_state == REQUEST_SELECT && !e->service)
		foresee_choice(e, t);
}

void trace_look(struct exchange *e)
{
	struct trace *t = e->trace;
	if (!t || (e->request_state == REQUEST_HEAD && e->response_state != RESPONSE_DONE))
		return;
	if (!t->is_admitted) {
		if (!is_admitted(e, t)) {
			give_up(e);
			return;
		}
		t->request_state = REQUEST_ROUTE;
		look_at_head(e, t);
	}
	look(e, t);
}

/* --- end ------------------------------------------------------------------------------------- */
static void hand_over(struct exchange *e)
{
	struct trace *t = e->trace;
	e->trace = NULL;
	e->x.watch = NULL;
	loop_post(t->tracer->main_loop, t->tracer->deliver, t);
}

static void close_text(struct exchange *e, bool is_whole)
{
	struct trace *t = e->trace;
	t->text.bytes_max += RECORD_BYTES_MAX;
	buffer_add_char(&t->text, ']');
	if (t->is_cut)
		buffer_add(&t->text, STR(",\"cut\":true"));
	if (!is_whole)
		buffer_add(&t->text, STR(",\"unfinished\":true"));
	add_key(t, "record");
	access_record_tell(e, &t->text);
	buffer_add(&t->text, STR("}\n"));
}

void trace_end(struct exchange *e)
{
	trace_look(e);
	if (!e->trace)
		return;
	if (!e->trace->is_admitted) {
		give_up(e);
		return;
	}
	close_text(e, true);
	hand_over(e);
}

static void end_unfinished(struct exchange *e, const struct tracer *of)
{
	if (!e->trace || e->trace->tracer != of)
		return;
	if (!e->trace->is_admitted) {
		give_up(e);
		return;
	}
	close_text(e, false);
	hand_over(e);
}

void trace_set(struct proxy_worker *w, struct tracer *t)
{
	struct tracer *former = w->tracer;
	w->tracer = t ? tracer_ref(t) : NULL;
	if (!former)
		return;
	LIST_FOREACH(l, &w->exchanges)
	end_unfinished(CONTAINER_OF(l, struct exchange, link), former);
	tracer_unref(former);
}
