/* SPDX-License-Identifier: Apache-2.0 */
/* The attempt machine: one try to have the upstream answer.
 *
 * Sent again (where the service has no `retries`, for which see retrier.h) at most once, on a fresh
 * connection: what was provably not processed, if nothing of its body was taken; else only when the
 * first went out on a connection that had served before, no byte of a response came, nothing of the
 * body was taken, and the method is idempotent (RFC 9110 9.2.2): then it was the idle race and
 * nothing else. */
#include "base/limits.h"
#include "proxy/endpoint_choice.h"
#include "proxy/exchange_priv.h"
#include "proxy/mirror.h"
#include "proxy/retrier.h"
#include "proxy/tunnel.h"

static struct exchange *of_stream(struct http_stream *s)
{
	return s->owner;
}

static void on_head(struct http_stream *s)
{
	struct exchange *e = of_stream(s);
	e->attempt.head_us = loop_now_us(e->worker->loop);
	exchange_note(e, FACT_UPSTREAM_HEAD);
}

/* 103 and the like are passed on at once; 100 is ours to give and was given. */
static void on_interim(struct http_stream *s)
{
	struct exchange *e = of_stream(s);
	bool is_for_client = s->response->status != 100 && !e->is_head_sent &&
			     !(e->facts & FACT_CLIENT_RESET) && e->response_state == RESPONSE_WAIT;
	if (!is_for_client)
		return;
	forward_clean_response(&s->response->fields);
	http_stream_send_response(e->down, s->response, false);
}

static void on_data(struct http_stream *s)
{
	exchange_wake(of_stream(s));
}

static void on_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
	struct exchange *e = of_stream(s);
	e->attempt.reset_why = why;
	e->attempt.detail = exchange_keep_text(e, detail);
	exchange_note(e, FACT_UPSTREAM_RESET);
}

static size_t on_room(struct http_stream *s)
{
	return http_stream_room(of_stream(s)->down);
}

static const struct http_stream_events upstream_events = {
	.on_head = on_head,
	.on_interim = on_interim,
	.on_data = on_data,
	.on_writable = on_data,
	.room = on_room,
	.on_reset = on_reset,
};

static void on_call_head(struct http_stream *s)
{
	grpc_take_head(of_stream(s), s);
	on_head(s);
}

static void on_call_data(struct http_stream *s)
{
	grpc_follow(of_stream(s), s);
	on_data(s);
}

/* The content of a call is looked at as it comes. */
static const struct http_stream_events call_events = {
	.on_head = on_call_head,
	.on_interim = on_interim,
	.on_data = on_call_data,
	.on_writable = on_data,
	.room = on_room,
	.on_reset = on_reset,
};

static inline const struct http_stream_events *events_for(const struct exchange *e)
{
	return LIKELY(e->grpc == GRPC_NONE) ? &upstream_events : &call_events;
}

/* One client may have a hundred answers that it does not take. */
static inline void bound_answer(const struct exchange *e, struct http_stream *up)
{
	if (LIKELY(e->down->request->version_major != 2))
		return;
	up->in_max = LIMIT_H2_ANSWER_BYTES;
	http_stream_ask_room(up);
}

static inline void note_upstream(struct exchange *e)
{
	if (e->worker->records && e->attempt.up->peer)
		address_copy(&e->upstream_address, e->attempt.up->peer);
}

void attempt_adopt(struct exchange *e, struct http_stream *up)
{
	struct attempt *a = &e->attempt;
	up->events = events_for(e);
	up->owner = e;
	/* What there is of its answer nobody has looked at, or taken; of the other's nothing counts. */
	if (UNLIKELY(e->grpc != GRPC_NONE)) {
		e->grpc_frames = (struct grpc_frames){0};
		if (e->facts & FACT_UPSTREAM_HEAD)
			grpc_take_head(e, up);
	}
	bound_answer(e, up);
	a->up = up;
	a->is_request_sent = true;
	a->is_retry = true; /* of the idle race there was enough */
	note_upstream(e);
}

static void on_open(struct upstream_wait *w, enum rc rc, struct http_stream *stream, bool reused,
	const char *text)
{
	struct exchange *e = CONTAINER_OF(w, struct exchange, attempt.wait);
	e->attempt.open_rc = rc;
	if (rc == RC_OK) {
		e->attempt.up = stream;
		e->attempt.on_reused = reused;
		bound_answer(e, stream);
		exchange_note(e, FACT_UPSTREAM_OPEN);
		return;
	}
	e->attempt.detail = exchange_keep_text(e, text);
	exchange_note(e, FACT_UPSTREAM_NONE);
}

/* The listener's address and port, as they are configured: "192.0.2.1:80", "[::]:80". */
static enum rc parse_listener(struct str text, struct address *out)
{
	uint64_t port;
	size_t at = text.n;
	while (at > 0 && text.p[at - 1] != ':')
		at--;
	if (at == 0 || str_to_u64(str_from(text, at), 65535, &port) != RC_OK)
		return RC_INVALID;
	return address_from_ip(str_slice(text, 0, at - 1), (uint16_t)port, out);
}

void attempt_tell_client(struct exchange *e, struct upstream_wait *w)
{
	struct address *local = arena_alloc(e->x.arena, sizeof(*local));
	w->client = e->down->peer;
	w->local = local && parse_listener(e->x.local_address, local) == RC_OK ? local : NULL;
}

void attempt_open(struct exchange *e)
{
	struct attempt *a = &e->attempt;
	attempt_go(e, ATTEMPT_CONNECT);
	struct service *to = e->service;
	if (UNLIKELY(service_balancer(to) != NULL))
		to = endpoint_choice_take(e);
	if (UNLIKELY(!to)) {
		exchange_fail(e, FAULT_NO_ENDPOINT, NULL);
		return;
	}
	e->facts &= ~(uint32_t)FACTS_OF_UPSTREAM;
	a->up = NULL;
	a->wait.fn = on_open;
	a->wait.arena = e->x.arena;
	a->wait.limits = &e->api->limits.response_message;
	a->wait.events = events_for(e);
	a->wait.owner = e;
	a->wait.fresh = a->is_retry;
	if (UNLIKELY(service_options(to)->proxy_header))
		attempt_tell_client(e, &a->wait);
	upstream_open(e->worker->upstream, to, &a->wait);
	/* Behind others that keep all connections busy. */
	if (!(e->facts & (FACT_UPSTREAM_OPEN | FACT_UPSTREAM_NONE)))
		exchange_await_response(e);
}

/* Most services have no breaker. */
bool attempt_take_place(struct exchange *e, enum breaker_kind kind)
{
	struct breaker *b = service_breaker(e->service);
	if (LIKELY(!breaker_bounds(b, kind)))
		return true;
	if (!breaker_take(b, kind))
		return false;
	e->attempt.places |= (uint8_t)(1u << kind);
	return true;
}

static void leave_places(struct exchange *e)
{
	struct breaker *b = service_breaker(e->service);
	for (unsigned kind = 0; kind < BREAKER_KIND_COUNT; kind++)
		if (e->attempt.places >> kind & 1)
			breaker_leave(b, kind);
	e->attempt.places = 0;
}

/* Nobody counts where there are no metrics: in tests of the parts. */
static void count_begin(struct exchange *e)
{
	struct service_row *rows = service_options(e->service)->rows;
	if (UNLIKELY(!rows))
		return;
	e->attempt.row = &rows[e->worker->index];
	metric_add(e->attempt.row->active, 1);
}

static void count_end(const struct attempt *a)
{
	const struct service_row *row = a->row;
	if (UNLIKELY(!row))
		return;
	unsigned class = a->head_us > 0 && a->up ? a->up->response->status / 100 : 0;
	metric_add(row->active, (uint64_t)-1);
	metric_add(row->requests[class < SERVICE_STATUS_CLASSES ? class : 0], 1);
	if (a->head_us > 0)
		metric_observe(row->first_byte, (uint64_t)(a->head_us - a->started_us));
}

void attempt_begin(struct exchange *e)
{
	if (!attempt_take_place(e, BREAKER_REQUESTS)) {
		exchange_fail(e, FAULT_CIRCUIT_BREAKER, breaker_name(BREAKER_REQUESTS));
		return;
	}
	e->attempt.started_us = loop_now_us(e->worker->loop);
	count_begin(e);
	if (UNLIKELY(service_options(e->service)->retries.attempts > 1))
		retrier_begin(e);
	attempt_open(e);
}

static void release_stream(struct exchange *e)
{
	struct http_stream *up = e->attempt.up;
	e->attempt.up = NULL;
	http_stream_release(up);
}

void attempt_end(struct exchange *e)
{
	struct attempt *a = &e->attempt;
	if (a->state == ATTEMPT_NONE || a->state >= ATTEMPT_DONE)
		return;
	bool is_whole = a->up && a->is_request_sent && a->up->in_ended;
	upstream_cancel(&a->wait);
	if (UNLIKELY(a->endpoint != NULL))
		endpoint_choice_leave(e, endpoint_choice_outcome(e));
	count_end(a);
	if (a->up && !is_whole && !(e->facts & FACT_UPSTREAM_RESET))
		http_stream_reset(a->up, HTTP_RESET_CANCELLED);
	if (a->up)
		release_stream(e);
	if (UNLIKELY(a->places))
		leave_places(e);
	if (UNLIKELY(a->retrier != NULL))
		retrier_end(e);
	attempt_go(e, is_whole ? ATTEMPT_DONE : ATTEMPT_ABANDONED);
}

static enum fault fault_of_open(enum rc rc)
{
	switch (rc) {
	case RC_TIMEOUT:
		return FAULT_UPSTREAM_CONNECT_TIMEOUT;
	case RC_NOT_FOUND:
		return FAULT_UPSTREAM_UNRESOLVED;
	case RC_INVALID:
		return FAULT_UPSTREAM_TLS;
	case RC_UNSUPPORTED: /* it speaks something else */
		return FAULT_UPSTREAM_PROTOCOL;
	case RC_FULL:
		return FAULT_UPSTREAM_BUSY;
	case RC_CLOSED: /* it was up, and reset before that was noticed */
		return FAULT_UPSTREAM_RESET;
	default:
		return FAULT_UPSTREAM_REFUSED;
	}
}

static enum fault fault_of_reset(const struct exchange *e)
{
	if (e->x.arena->failed)
		return FAULT_MEMORY;
	switch (e->attempt.reset_why) {
	case HTTP_RESET_PROTOCOL:
		return FAULT_UPSTREAM_PROTOCOL;
	case HTTP_RESET_TIMEOUT:
		return FAULT_UPSTREAM_TIMEOUT;
	default:
		return FAULT_UPSTREAM_RESET;
	}
}

/* Whoever finds too many waiting adds nothing to them. */
static bool tries_again(struct exchange *e)
{
	return e->attempt.open_rc != RC_FULL && e->attempt.retrier &&
	       retrier_try_again(e, RETRY_CONNECT_FAILURE);
}

bool attempt_connect(struct exchange *e)
{
	if (e->facts & FACT_UPSTREAM_NONE) {
		if (tries_again(e))
			return true;
		if (e->attempt.open_rc == RC_FULL &&
			breaker_bounds(service_breaker(e->service), BREAKER_PENDING))
			exchange_fail(e, FAULT_CIRCUIT_BREAKER, breaker_name(BREAKER_PENDING));
		else
			exchange_fail(e, fault_of_open(e->attempt.open_rc), e->attempt.detail);
		return true;
	}
	if (!(e->facts & FACT_UPSTREAM_OPEN))
		return false;
	attempt_go(e, ATTEMPT_SEND);
	return true;
}

bool attempt_send(struct exchange *e)
{
	struct http_request *r = e->down->request;
	bool end = r->content_length == CONTENT_LENGTH_NONE &&
		   !chain_run_wants_body(&e->x, CHAIN_REQUEST);
	http_stream_send_request(e->attempt.up, r, end);
	e->x.request_sent = true;
	e->attempt.is_request_sent = end;
	note_upstream(e);
	attempt_go(e, ATTEMPT_AWAIT);
	if (end) {
		if (UNLIKELY(e->mirror != NULL))
			mirror_send(e);
		exchange_await_response(e);
		request_go(e, REQUEST_DONE);
	} else {
		exchange_await_bytes(e);
	}
	return true;
}

static bool may_retry(const struct exchange *e)
{
	const struct attempt *a = &e->attempt;
	bool is_race = a->reset_why == HTTP_RESET_CLOSED || a->reset_why == HTTP_RESET_IO;
	bool is_safe = is_race && http_method_is_idempotent(e->down->request->method) &&
		       a->up->bytes_received == 0;
	return !a->is_retry && !a->body_was_taken &&
	       ((is_safe && a->on_reused) || a->reset_why == HTTP_RESET_REFUSED) &&
	       e->response_state == RESPONSE_WAIT;
}

void attempt_count_retry(struct attempt *a)
{
	if (LIKELY(a->row != NULL))
		metric_add(a->row->retries, 1);
	a->is_retry = true;
	a->is_request_sent = false;
	a->retry_count++;
}

static void retry(struct exchange *e)
{
	release_stream(e);
	if (UNLIKELY(e->attempt.endpoint != NULL))
		endpoint_choice_leave(e, OUTCOME_NONE);
	attempt_count_retry(&e->attempt);
	/* The body did not begin: the machine sends it to the new stream. */
	if (e->request_state == REQUEST_DONE)
		request_go(e, REQUEST_BODY);
	attempt_open(e);
}

static bool retries_reset(struct exchange *e)
{
	const struct attempt *a = &e->attempt;
	bool is_refused = a->reset_why == HTTP_RESET_REFUSED;
	return a->retrier && (is_refused || a->up->bytes_received == 0) &&
	       retrier_try_again(e, is_refused ? RETRY_REFUSED_STREAM : RETRY_RESET);
}

bool attempt_await(struct exchange *e)
{
	struct attempt *a = &e->attempt;
	if (UNLIKELY(a->retrier != NULL) && retrier_hedges(e))
		return true;
	bool has_head = (e->facts & FACT_UPSTREAM_HEAD) != 0;
	if (UNLIKELY(a->retrier != NULL) && has_head && retrier_takes_head(e))
		return true;
	if (!(e->facts & FACT_UPSTREAM_RESET))
		return false;
	if (has_head && a->up->in_ended)
		return false; /* what there is of it is whole */
	if (tunnel_is_closing(e))
		return false; /* it has what it was told */
	if (!has_head && may_retry(e) && attempt_take_place(e, BREAKER_RETRIES))
		retry(e);
	else if (has_head || !retries_reset(e))
		exchange_fail(e, fault_of_reset(e), a->detail);
	return true;
}
