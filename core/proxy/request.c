/* SPDX-License-Identifier: Apache-2.0 */
/* The request machine: from the client's head to the last byte handed to the attempt. */
#include "proxy/exchange_priv.h"

#include "base/limits.h"
#include "policy/frames.h"
#include "policy/quarantine.h"
#include "policy/secrets.h"
#include "proxy/listener.h"
#include "proxy/mirror.h"
#include "proxy/redirect.h"
#include "proxy/reroute.h"
#include "proxy/retrier.h"
#include "proxy/upgrade.h"

static bool fail(struct exchange *e, enum fault fault, const char *detail)
{
	exchange_fail(e, fault, detail);
	return true;
}

/* Something had no room: in the exchange's memory, or among the request's fields. */
static bool fail_full(struct exchange *e)
{
	bool is_spent = e->x.arena->failed;
	return fail(e, is_spent ? FAULT_MEMORY : FAULT_FIELDS, NULL);
}

/* An excess that is known before the body has come costs the upstream nothing. */
static bool is_body_too_large(const struct exchange *e)
{
	int64_t max = e->api->limits.request_body_bytes;
	return e->down->request->content_length > max || (int64_t)e->down->body_received > max;
}

bool request_head(struct exchange *e)
{
	e->path_received = e->down->request->path;
	e->authority_received = e->down->request->authority;
	e->continue_is_due = e->down->request->expects_continue && !e->down->in_ended;
	enum rc rc = forward_prepare_request(e);
	if (rc == RC_INVALID)
		return fail(e, FAULT_CLIENT_PROTOCOL,
			"Connection names the field of the client's address");
	if (rc != RC_OK)
		return fail_full(e);
	if (UNLIKELY(fields_may_have(&e->down->request->fields, FIELD_CONTENT_TYPE, STR_EMPTY)))
		grpc_begin(e);
	request_go(e, REQUEST_ROUTE);
	return true;
}

#define PATH_REFUSED "the API does not take an encoded slash, or parameters, in a path"

static enum fault fault_of_path(enum rc rc)
{
	return rc == RC_NOT_FOUND ? FAULT_NO_API
	       : rc == RC_INVALID ? FAULT_CLIENT_PROTOCOL
				  : FAULT_MEMORY;
}

/* Asks for the lines of an API that the next steps look at, all at once: one after the other each
 * would be a wait of its own. Of an API that is asked often they are there. */
static inline void warm(const struct api *api)
{
	__builtin_prefetch(api->chain);
	__builtin_prefetch((const char *)api->chain + 64);
	__builtin_prefetch((const char *)api->chain + 128);
	__builtin_prefetch((const char *)api->chain + 192);
	__builtin_prefetch(api->routes);
	__builtin_prefetch(api->services);
}

/* Takes the API and judges every binding's rules, once, on the canonical request as received. */
bool request_route(struct exchange *e)
{
	struct http_request *r = e->down->request;
	if (r->method == METHOD_CONNECT)
		return fail(e, FAULT_METHOD, "CONNECT is not served");
	const struct generation_listener *serves = proxy_listener_serves(e->listener);
	struct route_match match;
	if (!serves)
		return fail(e, FAULT_NO_API, NULL);
	if (UNLIKELY(serves->tls != NULL) &&
		!tls_context_covers(serves->tls, e->down->tls_server_name, r->authority))
		return fail(e, FAULT_MISDIRECTED, NULL);
	enum rc rc = route_table_take(serves->routes, r, e->x.arena, &match);
	e->path_received = r->path;
	if (UNLIKELY(rc != RC_OK))
		return fail(e, fault_of_path(rc), rc == RC_INVALID ? PATH_REFUSED : NULL);
	struct api *api = serves->apis[match.api];
	e->api = api;
	e->path_rest = match.rest;
	e->x.api = str_n(api->id, api->id_bytes);
	warm(api);
	proxy_worker_pin(e->worker, api);
	if (UNLIKELY(api->has_secrets))
		chain_hide_secrets(&e->x, api->chain);
	if (api->error)
		return fail(e, api->is_quarantined ? FAULT_QUARANTINED : FAULT_API_UNAVAILABLE,
			api->error);
	if (quarantine_is_on() && quarantine_holds_chain(api->chain))
		return fail(e, FAULT_QUARANTINED, NULL);
	if (UNLIKELY(api->is_blocked))
		return fail(e, FAULT_BLOCKED, NULL);
	if (UNLIKELY(is_body_too_large(e)))
		return exchange_refuse_body(e);
	if (UNLIKELY(api->redirect != NULL) && !str_eq(r->scheme, STR("https"))) {
		redirect_answer(e);
		return true;
	}
	if (UNLIKELY(r->upgrade.n > 0) && !upgrade_judge(e))
		return true;
	uint64_t active;
	rc = route_api_active(api->routes, r, e->path_rest, &active);
	if (rc != RC_OK)
		return fail(e, FAULT_RULE_LIMIT, "a binding's rule exceeded its limits");
	chain_begin(&e->x, api->chain, active);
	if (active != 0 && binding_tally_samples(e->worker->bindings))
		exchange_sample(e);
	request_go(e, REQUEST_POLICIES);
	return true;
}

/* 100 (Continue) goes out when somebody wants the body and the head was accepted. */
static void send_continue(struct exchange *e)
{
	if (!e->continue_is_due || e->is_head_sent)
		return;
	e->continue_is_due = false;
	if (e->down->in.bytes > 0 || e->down->in_ended)
		return;
	struct http_response interim;
	http_response_init(&interim, e->x.arena);
	interim.status = 100;
	interim.content_length = CONTENT_LENGTH_NONE;
	http_stream_send_response(e->down, &interim, false);
}

/* The chain with what came from the client. */
static enum chain_result step_chain(struct exchange *e)
{
	struct http_stream *down = e->down;
	if (!chain_run_wants_body(&e->x, CHAIN_REQUEST))
		return chain_step(&e->x, CHAIN_REQUEST);
	if (UNLIKELY(down->trailers != NULL))
		exchange_take_trailers(e, CHAIN_REQUEST, down->trailers);
	return exchange_step_chain(e, CHAIN_REQUEST, &down->in, down->in_ended, down);
}

bool request_policies(struct exchange *e)
{
	enum chain_result result = step_chain(e);
	if (exchange_chain_stopped(e, CHAIN_REQUEST, result))
		return true;
	if (e->x.run[CHAIN_REQUEST].head_done) {
		timer_stop(&e->timer);
		request_go(e, REQUEST_SELECT);
		return true;
	}
	if (result == CHAIN_PAUSED) {
		timer_stop(&e->timer); /* a pause has a bound of its own */
		return false;
	}
	send_continue(e); /* a policy waits for the body */
	exchange_await_bytes(e);
	return false;
}

/* Where connections are scarce, none is held for a client that drips its body. */
static bool gathers_body(const struct exchange *e)
{
	int64_t length = e->down->request->content_length;
	int64_t enough = length < LIMIT_GATHERED_BODY_BYTES ? length : LIMIT_GATHERED_BODY_BYTES;
	return !e->down->in_ended && (int64_t)e->down->body_received < enough &&
	       !chain_run_wants_body(&e->x, CHAIN_REQUEST) &&
	       upstream_is_crowded(e->worker->upstream, e->service);
}

static bool begin_attempt(struct exchange *e)
{
	if (UNLIKELY(gathers_body(e))) {
		send_continue(e);
		exchange_await_bytes(e);
		return false;
	}
	request_go(e, REQUEST_BODY);
	attempt_begin(e);
	return true;
}

static bool fail_choice(struct exchange *e, enum rc rc)
{
	if (rc == RC_NOT_FOUND)
		return fail(e, FAULT_NO_ROUTE, NULL);
	if (rc == RC_REFUSED)
		return fail(e, FAULT_METHOD, NULL);
	if (rc == RC_INVALID)
		return fail(e, FAULT_REWRITE, "a rewrite made something that is no path");
	if (e->x.arena->failed)
		return fail_full(e);
	return fail(e, FAULT_RULE_LIMIT, "a route's rule exceeded its limits");
}

/* What the route says goes before what its service does. */
static void take_terms(
	struct exchange *e, const struct route_terms *t, const struct api_service *to)
{
	e->terms = t;
	if (t->host_rewrite != HOST_AS_SERVICE_SAYS)
		e->rewrites_host = t->host_rewrite == HOST_IS_SERVICES;
	if (t->host_rewrite == HOST_IS_LITERAL)
		e->down->request->authority = str_of(t->host);
	if (t->mirror)
		mirror_want(e, t->mirror, to->path);
}

static enum rc choose_route(struct exchange *e)
{
	struct http_request *r = e->down->request;
	struct route_choice choice;
	enum rc rc = route_api_choose(e->api->routes, r, exchange_path_rest(e),
		prng_next(&e->worker->prng), e->x.arena, &choice, &e->allowed_methods);
	if (rc != RC_OK || e->x.arena->failed)
		return rc == RC_OK ? RC_FULL : rc;
	const struct api_service *to = api_service_at(e->api, choice.service);
	e->service = to->service;
	e->rewrites_host = to->rewrites_host;
	r->path = choice.path;
	if (UNLIKELY(e->api->terms != NULL))
		take_terms(e, &e->api->terms[choice.route], to);
	return RC_OK;
}

/* The service is chosen on the request as the policies left it. */
bool request_select(struct exchange *e)
{
	if (e->service)
		return begin_attempt(e); /* it was chosen, and a body gathered */
	bool has_way = UNLIKELY(e->x.way != NULL);
	enum rc rc = has_way && e->x.way->target ? reroute_choose(e) : choose_route(e);
	if (rc != RC_OK)
		return fail_choice(e, rc);
	if (forward_address_service(e) != RC_OK)
		return fail_full(e);
	if (has_way)
		reroute_override(e);
	if (UNLIKELY(e->down->request->upgrade.n > 0) && chain_wants_frames(&e->x))
		upgrade_hide_extensions(e);
	return begin_attempt(e);
}

/* The queue that holds what may go upstream now, and whether it ends the message. */
static struct chunk_queue *sendable(struct exchange *e, bool *ended)
{
	if (!chain_run_wants_body(&e->x, CHAIN_REQUEST)) {
		*ended = e->down->in_ended;
		return &e->down->in;
	}
	struct chain_run *run = &e->x.run[CHAIN_REQUEST];
	*ended = run->body_done && run->ended;
	return &run->out;
}

static void send_body(struct exchange *e, struct chunk_queue *q, bool ended)
{
	struct http_stream *up = e->attempt.up;
	size_t n = q->bytes;
	e->attempt.body_was_taken |= n > 0;
	if (UNLIKELY(ended && e->down->trailers))
		exchange_take_trailers(e, CHAIN_REQUEST, e->down->trailers);
	if (UNLIKELY(e->attempt.retrier != NULL))
		retrier_keep(e, q, ended);
	if (UNLIKELY(e->mirror != NULL))
		mirror_keep(e, q);
	const struct fields *trailers = ended ? exchange_trailers(e, CHAIN_REQUEST) : NULL;
	if (n > 0 || !trailers)
		http_stream_send_data(up, q, ended && !trailers);
	if (trailers)
		http_stream_send_trailers(up, trailers);
	if (UNLIKELY(ended && e->mirror))
		mirror_send(e);
	if (q == &e->down->in && n > 0)
		http_stream_credit(e->down, n);
}

/* While the response is under way its machine bounds the wait, for the bytes of either body. */
static void bound_wait(struct exchange *e, bool ended)
{
	if (e->response_state == RESPONSE_WAIT && ended)
		exchange_await_response(e);
	else if (e->response_state == RESPONSE_WAIT || timer_is_running(&e->timer))
		exchange_await_bytes(e);
}

/* Nothing can go upstream now. */
static bool wait_for_body(struct exchange *e, enum chain_result result)
{
	if (e->response_state != RESPONSE_WAIT)
		return false;
	if (result == CHAIN_PAUSED)
		timer_stop(&e->timer);
	else if (!timer_is_running(&e->timer))
		exchange_await_bytes(e);
	return false;
}

bool request_body(struct exchange *e)
{
	if (e->attempt.state != ATTEMPT_AWAIT)
		return false;
	send_continue(e);
	if (!http_stream_can_send(e->attempt.up))
		return false;
	if (UNLIKELY(e->attempt.retrier != NULL) && retrier_replays(e)) {
		retrier_replay(e);
		return true;
	}
	enum chain_result result = CHAIN_MORE;
	if (chain_run_wants_body(&e->x, CHAIN_REQUEST)) {
		result = step_chain(e);
		if (exchange_chain_stopped(e, CHAIN_REQUEST, result))
			return true;
	}
	bool ended;
	struct chunk_queue *q = sendable(e, &ended);
	if (chunk_queue_is_empty(q) && !ended)
		return wait_for_body(e, result);
	send_body(e, q, ended);
	bound_wait(e, ended);
	e->attempt.is_request_sent = ended;
	if (ended)
		request_go(e, REQUEST_DONE);
	return true;
}
