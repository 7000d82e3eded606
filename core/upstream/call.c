/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the stream and of the pool record facts; `run` alone acts on them, as a task of the
 * loop. Only the beginning acts at once, so that a connection that is at hand is written to in this
 * turn. */
#include "upstream/call.h"

#include "base/limits.h"
#include "upstream/upstream_priv.h"

enum {
	FACT_OPEN = 1 << 0,  /* the stream is there */
	FACT_NONE = 1 << 1,  /* none can be had: open_rc, detail */
	FACT_HEAD = 1 << 2,  /* the final head is whole */
	FACT_RESET = 1 << 3, /* the stream is dead: reset_why, detail */
	FACT_LATE = 1 << 4,  /* the time is over */
	FACT_EXCESS = 1 << 5,
	FACT_SENT = 1 << 6,
};

/* --- ends ------------------------------------------------------------------------------------ */
static bool is_whole(const struct upstream_call *c)
{
	return c->stream && (c->facts & FACT_SENT) && c->stream->in_ended;
}

static void release_stream(struct upstream_call *c)
{
	struct http_stream *s = c->stream;
	if (!s)
		return;
	if (c->peer && s->peer)
		address_copy(c->peer, s->peer);
	if (!is_whole(c) && !(c->facts & FACT_RESET))
		http_stream_reset(s, HTTP_RESET_CANCELLED);
	c->stream = NULL;
	http_stream_release(s);
}

static void count_end(const struct upstream_call *c)
{
	if (!c->row)
		return;
	unsigned class = c->response ? c->response->status / 100 : 0;
	metric_add(c->row->active, (uint64_t)-1);
	metric_add(c->row->requests[class < SERVICE_STATUS_CLASSES ? class : 0], 1);
	if (c->head_us > 0)
		metric_observe(c->row->first_byte, (uint64_t)(c->head_us - c->started_us));
}

static void leave_endpoint(struct upstream_call *c, enum endpoint_outcome outcome)
{
	struct endpoint *e = c->endpoint;
	if (!e)
		return;
	c->endpoint = NULL;
	bool is_ejected =
		outlier_note(service_balancer(c->service), e, outcome, loop_now_ms(c->loop));
	if (is_ejected && c->row)
		metric_add(c->row->ejections, 1);
	balancer_leave(e);
}

/* As things stand; who gave the call up before says nothing. */
static enum endpoint_outcome outcome_of(const struct upstream_call *c)
{
	if (c->response)
		return c->response->status >= 500 ? OUTCOME_FAILURE : OUTCOME_SUCCESS;
	bool is_full = (c->facts & FACT_NONE) && c->open_rc == RC_FULL;
	bool has_failed = c->facts & (FACT_NONE | FACT_RESET | FACT_LATE);
	return has_failed && !is_full ? OUTCOME_FAILURE : OUTCOME_NONE;
}

static void leave_places(struct upstream_call *c)
{
	for (unsigned kind = 0; kind < BREAKER_KIND_COUNT; kind++)
		if (c->places >> kind & 1)
			breaker_leave(service_breaker(c->service), kind);
	c->places = 0;
}

/* Nothing of it is under way any more. */
static void settle(struct upstream_call *c)
{
	upstream_cancel(&c->wait);
	if ((c->facts & FACT_HEAD) && c->stream && !c->arena.failed)
		c->response = c->stream->response;
	leave_endpoint(c, outcome_of(c));
	count_end(c);
	c->row = NULL;
	release_stream(c);
	leave_places(c);
	timer_stop(&c->timer);
	task_cancel(&c->task);
}

static void end(struct upstream_call *c, enum upstream_call_result result, const char *message)
{
	settle(c);
	c->result = result;
	c->message = message;
	if (result == CALL_OK)
		call_take_content(c);
	chunk_queue_clear(&c->held);
	c->ended(c);
}

void call_take_content(struct upstream_call *c)
{
	size_t n = c->held.bytes;
	/* The room for it was left out of the bound of all else. */
	c->arena.bytes_max += n;
	char *to = n > 0 ? arena_alloc(&c->arena, n) : NULL;
	if (c->arena.failed) {
		c->result = CALL_UNAVAILABLE;
		c->message = "there is no memory for the response";
		return;
	}
	if (n > 0)
		chunk_queue_peek(&c->held, to, n);
	c->content = str_n(to, n);
}

/* --- facts ----------------------------------------------------------------------------------- */
static void note(struct upstream_call *c, uint8_t fact)
{
	c->facts |= fact;
	loop_ready(c->loop, &c->task);
}

static const char *keep_text(struct upstream_call *c, const char *text)
{
	const char *copy = text ? arena_copy(&c->arena, str_n(text, strlen(text) + 1)).p : NULL;
	return copy ? copy : "";
}

/* Credit goes back at once: what is kept has a bound of its own. */
static void take_bytes(struct upstream_call *c)
{
	struct http_stream *s = c->stream;
	size_t n = s->in.bytes;
	if (n == 0 || (c->facts & FACT_EXCESS))
		return;
	if (n > c->response_bytes_max - c->held.bytes || (c->takes && !c->takes(c, n))) {
		c->facts |= FACT_EXCESS;
		return;
	}
	if (c->is_copy) {
		c->response_bytes_max -= n;
		chunk_queue_clear(&s->in);
	} else {
		chunk_queue_move(&c->held, &s->in);
	}
	http_stream_credit(s, n);
}

static void on_head(struct http_stream *s)
{
	struct upstream_call *c = s->owner;
	c->head_us = loop_now_us(c->loop);
	note(c, FACT_HEAD);
}

static void on_interim(struct http_stream *s)
{
}

static void on_data(struct http_stream *s)
{
	note(s->owner, 0);
}

static void on_writable(struct http_stream *s)
{
}

static void on_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
	struct upstream_call *c = s->owner;
	c->reset_why = (uint8_t)why;
	c->detail = keep_text(c, detail);
	note(c, FACT_RESET);
}

static const struct http_stream_events stream_events = {
	.on_head = on_head,
	.on_interim = on_interim,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_reset = on_reset,
};

static void on_open(struct upstream_wait *w, enum rc rc, struct http_stream *stream, bool reused,
	const char *text)
{
	struct upstream_call *c = CONTAINER_OF(w, struct upstream_call, wait);
	c->open_rc = (uint8_t)rc;
	c->stream = stream;
	c->on_reused = reused;
	if (rc != RC_OK)
		c->detail = keep_text(c, text);
	note(c, rc == RC_OK ? FACT_OPEN : FACT_NONE);
}

static void on_late(struct timer *t)
{
	note(CONTAINER_OF(t, struct upstream_call, timer), FACT_LATE);
}

/* --- the way there --------------------------------------------------------------------------- */
static bool take_place(struct upstream_call *c, enum breaker_kind kind)
{
	struct breaker *b = service_breaker(c->service);
	if (c->is_probe || !breaker_bounds(b, kind))
		return true;
	if (!breaker_take(b, kind))
		return false;
	c->places |= (uint8_t)(1u << kind);
	return true;
}

static void send_request(struct upstream_call *c)
{
	struct chunk_queue body;
	c->facts |= FACT_SENT;
	http_stream_send_request(c->stream, &c->request, c->body.n == 0);
	if (c->body.n == 0)
		return;
	chunk_queue_init(&body, loop_pool(c->loop));
	chunk_queue_add_copy(&body, c->body);
	http_stream_send_data(c->stream, &body, true);
}

/* The Host that is meant is that of whom the request goes to, unless the caller had its own. */
static struct service *take_endpoint(struct upstream_call *c, struct balancer *b)
{
	struct balance_wish wish = {.worker = c->upstream->worker,
		.now_ms = loop_now_ms(c->loop),
		.random = prng_next(&c->upstream->prng),
		.tried = c->tried};
	balancer_enter(b, wish.worker);
	c->endpoint = balancer_take(b, &wish);
	balancer_exit(b, wish.worker);
	if (!c->endpoint)
		return balancer_is_known(b) ? NULL : c->service;
	c->tried |= endpoint_bit(c->endpoint);
	if (str_eq(c->request.authority, c->authority))
		c->request.authority = c->authority = service_authority(c->endpoint->service);
	return c->endpoint->service;
}

static void open_stream(struct upstream_call *c)
{
	struct balancer *b = service_balancer(c->service);
	struct service *to = b ? take_endpoint(c, b) : c->service;
	c->facts &= FACT_LATE;
	if (!to) {
		c->open_rc = RC_FULL;
		c->detail = "no endpoint of the service is healthy";
		note(c, FACT_NONE);
		return;
	}
	c->wait.fn = on_open;
	c->wait.arena = &c->arena;
	c->wait.events = &stream_events;
	c->wait.owner = c;
	c->wait.fresh = c->is_retry;
	upstream_open(c->upstream, to, &c->wait);
	if (c->facts & FACT_OPEN)
		send_request(c);
}

static bool may_retry(const struct upstream_call *c)
{
	bool is_race = c->reset_why == HTTP_RESET_CLOSED || c->reset_why == HTTP_RESET_IO;
	bool is_safe = is_race && http_method_is_idempotent(c->request.method) &&
		       c->stream->bytes_received == 0;
	return !c->is_retry && !c->is_copy && c->on_reused && (is_safe || c->reset_why == HTTP_RESET_REFUSED);
}

static void retry(struct upstream_call *c)
{
	release_stream(c);
	leave_endpoint(c, OUTCOME_NONE);
	if (c->row)
		metric_add(c->row->retries, 1);
	c->is_retry = true;
	open_stream(c);
}

static const char *text_of_open(const struct upstream_call *c)
{
	return c->detail[0] ? c->detail : rc_name(c->open_rc);
}

static void on_dead_stream(struct upstream_call *c)
{
	if (!(c->facts & FACT_HEAD) && may_retry(c) && take_place(c, BREAKER_RETRIES))
		retry(c);
	else if (c->arena.failed)
		end(c, CALL_TOO_LARGE, "the response's head is too large");
	else
		end(c, c->reset_why == HTTP_RESET_TIMEOUT ? CALL_TIMEOUT : CALL_UNAVAILABLE,
			c->detail[0] ? c->detail : "the service closed the connection");
}

static void run(struct task *t)
{
	struct upstream_call *c = CONTAINER_OF(t, struct upstream_call, task);
	if ((c->facts & FACT_OPEN) && !(c->facts & FACT_SENT))
		send_request(c);
	if (c->stream)
		take_bytes(c);
	bool has_ended = (c->facts & FACT_HEAD) && c->stream && c->stream->in_ended;
	if (c->facts & FACT_EXCESS)
		end(c, CALL_TOO_LARGE, "the response is larger than it may be");
	else if (has_ended && c->stream->response->status < 200)
		end(c, CALL_UNAVAILABLE, "the service changed the protocol");
	else if (has_ended)
		end(c, CALL_OK, "");
	else if (c->facts & FACT_LATE)
		end(c, CALL_TIMEOUT, "the service did not answer in time");
	else if (c->facts & FACT_NONE)
		end(c, c->open_rc == RC_TIMEOUT ? CALL_TIMEOUT : CALL_UNAVAILABLE, text_of_open(c));
	else if (c->facts & FACT_RESET)
		on_dead_stream(c);
}

/* --- the pools as a carrier ------------------------------------------------------------------ */
static void count_begin(struct upstream_call *c)
{
	struct service_row *rows = service_options(c->service)->rows;
	c->started_us = loop_now_us(c->loop);
	c->row = rows && !c->is_probe ? &rows[c->upstream->worker] : NULL;
	if (c->row)
		metric_add(c->row->active, 1);
}

static void begin(struct upstream_carrier *carrier, struct upstream_call *c)
{
	c->upstream = CONTAINER_OF(carrier, struct upstream_calls, carrier)->upstream;
	c->authority = service_authority(c->service);
	count_begin(c);
	timer_start(c->loop, &c->timer, c->timeout_ms);
	if (take_place(c, BREAKER_REQUESTS)) {
		open_stream(c);
		return;
	}
	c->open_rc = RC_FULL;
	c->detail = "the service's circuit breaker has no place for another request";
	note(c, FACT_NONE);
}

void upstream_calls_init(struct upstream_calls *u, struct upstream *upstream)
{
	*u = (struct upstream_calls){{begin, settle}, upstream};
}

/* --- life ------------------------------------------------------------------------------------ */
void call_init(
	struct upstream_call *c, struct loop *loop, struct service *s, size_t arena_bytes_max)
{
	*c = (struct upstream_call){
		.service = service_ref(s), .loop = loop, .message = "", .detail = ""};
	arena_init(&c->arena, loop_pool(loop), arena_bytes_max);
	http_request_init(&c->request, &c->arena);
	c->request.content_length = CONTENT_LENGTH_NONE;
	chunk_queue_init(&c->held, loop_pool(loop));
	task_init(&c->task, run);
	timer_init(&c->timer, on_late);
	upstream_wait_init(&c->wait);
}

void call_begin(struct upstream_carrier *carrier, struct upstream_call *c)
{
	c->carrier = carrier;
	carrier->begin(carrier, c);
}

void call_cancel(struct upstream_call *c)
{
	if (c->carrier && c->result == CALL_PENDING) {
		c->carrier->cancel(c);
		c->carrier = NULL;
		chunk_queue_clear(&c->held);
	}
}

void call_deinit(struct upstream_call *c)
{
	chunk_queue_clear(&c->held);
	arena_reset(&c->arena);
	service_unref(c->service);
}
