/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/trace_priv.h"

#include "base/clock.h"
#include "policy/chain_build.h"

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

void trace_on_ran(struct chain_watch *w, struct sluice_exchange *x, const struct chain_ran *ran)
{
	struct trace *t = CONTAINER_OF(w, struct trace, watch);
	struct exchange *e = exchange_of(x);
	size_t at = trace_event_begin(t, ran->was_pause ? "pause" : "policy");
	trace_add_text(t, "binding", chain_binding_id(ran->binding));
	trace_add_text(t, "policy", chain_binding_policy(ran->binding));
	trace_add_text(t, "callback", str_of(callback_name(ran->callback)));
	if (!ran->was_pause)
		trace_add_text(t, "verdict", str_of(verdict_name(ran)));
	trace_add_number(t, "tookUs", ran->ns / 1000);
	if (ran->result == CHAIN_RESPONDED && x->local)
		trace_add_text(t, "reason", x->local->reason);
	else if (ran->result == CHAIN_FAILED)
		trace_add_text(t, "reason", str_of(x->fault_reason));
	if (!t->told_violation && x->violation) {
		t->told_violation = true;
		trace_add_text(t, "violation", x->violation->what);
	}
	if (ran->direction == CHAIN_REQUEST && !str_eq(t->method, e->down->request->method_name)) {
		t->method = e->down->request->method_name;
		trace_add_text(t, "method", t->method);
	}
	trace_add_request_changes(t, e->down->request);
	if (ran->direction == CHAIN_RESPONSE)
		trace_add_response_changes(t, x->response);
	trace_event_end(t, at);
}

static void add_end(struct trace *t, const struct chain_request *r)
{
	char text[ADDRESS_TEXT_BYTES];
	if (r->status > 0)
		trace_add_number(t, "status", r->status);
	if (r->because)
		trace_add_text(t, "because", str_of(r->because));
	trace_add_text(t, "detail", r->detail);
	if (r->peer) {
		trace_add_text(t, "address", address_text(r->peer, text));
		trace_add_text(t, "connection", r->on_reused ? STR("reused") : STR("new"));
	}
	if (r->is_retry)
		trace_add_number(t, "retries", 1);
	trace_add_number(t, "tookUs", r->ns / 1000);
}

/* A path or a body may hold what the client has proved itself with: they are left out. */
void trace_on_asked(struct chain_watch *w, struct sluice_exchange *x, const struct chain_request *r)
{
	struct trace *t = CONTAINER_OF(w, struct trace, watch);
	size_t at = trace_event_begin(t, r->has_ended ? "called" : "call");
	trace_add_number(t, "call", r->number);
	trace_add_text(t, "binding", chain_binding_id(r->binding));
	trace_add_text(t, "policy", chain_binding_policy(r->binding));
	trace_add_text(t, "service", r->service);
	trace_add_text(t, "method", r->method);
	if (r->has_ended)
		add_end(t, r);
	trace_event_end(t, at);
}

static void add_bindings(struct trace *t, const char *key, const struct chain *chain, uint64_t mask)
{
	bool is_first = true;
	for (size_t i = 0; i < chain_binding_count(chain); i++) {
		if (!(mask >> i & 1))
			continue;
		if (is_first)
			trace_add_key(t, key);
		buffer_add_char(&t->text, is_first ? '[' : ',');
		buffer_add_json(&t->text, chain_binding_id(chain_binding_at(chain, i)));
		is_first = false;
	}
	if (!is_first)
		buffer_add_char(&t->text, ']');
}

/* --- what the machines did ------------------------------------------------------------------- */
void trace_look_at_head(struct exchange *e, struct trace *t)
{
	size_t at = trace_event_begin(t, "head");
	trace_add_text(t, "client", e->x.client_address);
	t->method = e->down->request->method_name;
	trace_add_request_changes(t, e->down->request);
	trace_event_end(t, at);
}

static void look_at_route(struct exchange *e, struct trace *t)
{
	size_t at = trace_event_begin(t, "route");
	t->told_route = true;
	if (e->api) {
		size_t base = e->path_received.n - e->path_rest.n;
		trace_add_text(t, "api", e->x.api);
		trace_add_text(t, "basePath", base > 0 ? str_slice(e->path_received, 0, base) : STR("/"));
	}
	if (e->request_state == REQUEST_POLICIES) {
		add_bindings(t, "runs", e->api->chain, e->x.active);
		add_bindings(t, "skips", e->api->chain, ~e->x.active);
	}
	trace_event_end(t, at);
}

/* Before the step that chooses: it asks the same question of the same request. */
static void foresee_choice(struct exchange *e, struct trace *t)
{
	buffer_reset(&t->choice);
	if (e->x.way && e->x.way->target)
		return; /* no route is asked */
	route_api_tell(e->api->routes, e->down->request, exchange_path_rest(e), &t->choice);
	if (t->choice.failed)
		buffer_reset(&t->choice); /* too many to be told */
}

static void look_at_choice(struct exchange *e, struct trace *t)
{
	size_t at = trace_event_begin(t, "select");
	t->told_choice = true;
	if (t->choice.n > 0) {
		trace_add_key(t, "routes");
		buffer_add(&t->text, buffer_str(&t->choice));
	}
	if (e->service) {
		trace_add_text(t, "service", service_options(e->service)->name);
		trace_add_text(t, "path", e->down->request->path);
	}
	if (e->x.way) {
		trace_add_text(t, "reroutedBy", chain_binding_id(e->x.way->binding));
		trace_add_text(t, "host", e->x.way->host);
	}
	trace_add_request_changes(t, e->down->request);
	trace_event_end(t, at);
}

static void look_at_fault(struct exchange *e, struct trace *t)
{
	size_t at = trace_event_begin(t, "fault");
	t->fault = e->fault;
	trace_add_text(t, "reason", str_of(fault_row(e->fault)->reason));
	trace_add_text(t, "detail", str_of(e->fault_detail));
	if (e->x.fault_binding)
		trace_add_text(t, "binding", chain_binding_id(e->x.fault_binding));
	trace_event_end(t, at);
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
	size_t at = trace_event_begin(t, "connect");
	t->try_ns = clock_monotonic_ns();
	trace_add_number(t, "try", ++t->tries);
	if (e->attempt.is_retry)
		trace_add_text(t, "because", str_of(reset_name(e->attempt.reset_why)));
	trace_event_end(t, at);
}

static void tell_sent(struct exchange *e, struct trace *t)
{
	char text[ADDRESS_TEXT_BYTES];
	const struct http_stream *up = e->attempt.up;
	size_t at = trace_event_begin(t, "upstream");
	trace_add_number(t, "try", t->tries);
	if (up && up->peer)
		trace_add_text(t, "address", address_text(up->peer, text));
	trace_add_text(t, "connection", e->attempt.on_reused ? STR("reused") : STR("new"));
	trace_add_number(t, "tookUs", (uint64_t)(clock_monotonic_ns() - t->try_ns) / 1000);
	trace_event_end(t, at);
}

static void tell_failed_try(struct exchange *e, struct trace *t)
{
	size_t at = trace_event_begin(t, "abandoned");
	trace_add_number(t, "try", t->tries);
	if (e->facts & FACT_UPSTREAM_RESET)
		trace_add_text(t, "because", str_of(reset_name(e->attempt.reset_why)));
	trace_add_text(t, "detail", str_of(e->attempt.detail));
	trace_event_end(t, at);
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
	size_t at = trace_event_begin(t, "response");
	t->told_head = true;
	trace_add_number(t, "status", r->status);
	trace_add_number(t, "tookUs", (uint64_t)(clock_monotonic_ns() - t->try_ns) / 1000);
	trace_event_end(t, at);
	trace_remember(&t->response, &r->fields);
}

/* What the gateway itself takes out, before any policy sees it. */
static void look_at_cleaning(struct exchange *e, struct trace *t)
{
	size_t at = trace_event_begin(t, "clean"), bare = t->text.n;
	t->told_clean = true;
	trace_add_response_changes(t, e->attempt.up->response);
	if (t->text.n == bare && !t->text.failed)
		t->text.n = at;
	else
		trace_event_end(t, at);
}

/* Its fields are those that nobody had changed yet. */
static void look_at_answer(struct exchange *e, struct trace *t)
{
	size_t at = trace_event_begin(t, "answer");
	t->local = e->x.local;
	t->response.count = 0;
	trace_add_number(t, "status", e->x.local->head.status);
	trace_add_text(t, "reason", e->x.local->reason);
	if (e->fault == FAULT_NONE && e->x.local_binding)
		trace_add_text(t, "binding", chain_binding_id(e->x.local_binding));
	trace_add_response_changes(t, &e->x.local->head);
	trace_event_end(t, at);
}

static void look_at_sent(struct exchange *e, struct trace *t)
{
	size_t at = trace_event_begin(t, "sent");
	t->told_sent = true;
	trace_add_number(t, "status", e->status);
	trace_add_response_changes(t, e->x.response);
	trace_event_end(t, at);
}

/* --- what is new ----------------------------------------------------------------------------- */
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

void trace_look_at_news(struct exchange *e, struct trace *t)
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
