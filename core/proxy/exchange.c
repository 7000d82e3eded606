/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an exchange: begin, facts, the run, the end.
 *
 * The run steps the three machines in turn until none moves. A step that finds nothing to do costs
 * one call and a few tests, so there is no table of who waits for what. */
#include "proxy/exchange_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "proxy/listener.h"

typedef bool step_fn(struct exchange *e);

struct state_row {
	const char *name;
	step_fn *step;
	uint32_t next;
};

static const struct state_row request_rows[] = {
#define X(name, step, next) [REQUEST_##name] = {#name, step, next},
	REQUEST_STATES(X)
#undef X
};
static const struct state_row response_rows[] = {
#define X(name, step, next) [RESPONSE_##name] = {#name, step, next},
	RESPONSE_STATES(X)
#undef X
};
static const struct state_row attempt_rows[] = {
#define X(name, step, next) [ATTEMPT_##name] = {#name, step, next},
	ATTEMPT_STATES(X)
#undef X
};

const char *request_state_name(enum request_state s)
{
	return request_rows[s].name;
}

const char *response_state_name(enum response_state s)
{
	return response_rows[s].name;
}

const char *attempt_state_name(enum attempt_state s)
{
	return attempt_rows[s].name;
}

void request_go(struct exchange *e, enum request_state next)
{
	CHECK(request_rows[e->request_state].next & (1u << next));
	e->request_state = next;
}

void response_go(struct exchange *e, enum response_state next)
{
	CHECK(response_rows[e->response_state].next & (1u << next));
	e->response_state = next;
}

void attempt_go(struct exchange *e, enum attempt_state next)
{
	CHECK(attempt_rows[e->attempt.state].next & (1u << next));
	e->attempt.state = next;
}

void exchange_wake(struct exchange *e)
{
	if (e->is_running)
		e->is_woken = true;
	else
		loop_ready(e->worker->loop, &e->task);
}

void exchange_note(struct exchange *e, uint32_t fact)
{
	e->facts |= fact;
	exchange_wake(e);
}

static void end_request(struct exchange *e)
{
	e->request_state = REQUEST_DONE;
	e->continue_is_due = false;
}

void exchange_fail(struct exchange *e, enum fault fault, const char *detail)
{
	if (e->fault == FAULT_NONE) {
		e->fault = fault;
		e->fault_detail = detail;
	}
	attempt_abandon(e);
	end_request(e);
	bool can_answer = fault_row(e->fault)->status != 499 && !e->is_head_sent &&
			  !(e->facts & FACT_CLIENT_RESET);
	if (can_answer) {
		if (e->response_state == RESPONSE_POLICIES && !e->x.run[CHAIN_RESPONSE].stopped)
			chain_restart_response(&e->x);
		local_answer_of_fault(e);
		e->response_state = RESPONSE_LOCAL;
		return;
	}
	if (e->response_state != RESPONSE_DONE && !(e->facts & FACT_CLIENT_RESET))
		http_stream_reset(e->down, HTTP_RESET_CLOSED);
	e->response_state = RESPONSE_DONE;
}

static void note_client_reset(struct exchange *e)
{
	if (!(e->facts & FACT_CLIENT_RESET) || e->response_state == RESPONSE_DONE)
		return;
	exchange_fail(e, FAULT_CLIENT_ABORTED, "the client closed the connection");
}

static void note_shutdown(struct exchange *e)
{
	if (!(e->facts & FACT_SHUTDOWN) || e->response_state == RESPONSE_DONE)
		return;
	e->facts &= ~(uint32_t)FACT_SHUTDOWN;
	exchange_fail(e, FAULT_SHUTDOWN, "the worker is stopping");
}

void exchange_await_bytes(struct exchange *e)
{
	int ms = e->api ? e->api->stream_idle_timeout_ms : LIMIT_STREAM_IDLE_MS;
	if (ms > 0)
		timer_start(e->worker->loop, &e->timer, ms);
	else
		timer_stop(&e->timer);
}

void exchange_await_response(struct exchange *e)
{
	int ms = e->api->response_timeout_ms;
	if (ms == 0)
		ms = service_options(e->service)->response_timeout_ms;
	if (ms > 0)
		timer_start(e->worker->loop, &e->timer, ms);
	else
		timer_stop(&e->timer);
}

/* Whose silence it was. */
static void note_timer(struct exchange *e)
{
	if (!(e->facts & FACT_TIMER))
		return;
	e->facts &= ~(uint32_t)FACT_TIMER;
	if (e->response_state == RESPONSE_DONE)
		return;
	bool waits_for_client = e->request_state != REQUEST_DONE && !e->down->in_ended &&
				(!e->attempt.up || http_stream_can_send(e->attempt.up));
	bool client_takes_nothing = e->is_head_sent && !http_stream_can_send(e->down);
	if (waits_for_client && !e->is_head_sent)
		exchange_fail(e, FAULT_CLIENT_TIMEOUT, "no progress of the request body");
	else if (client_takes_nothing)
		exchange_fail(e, FAULT_CLIENT_TIMEOUT, "the client takes no more of the response");
	else if (e->is_head_sent)
		exchange_fail(e, FAULT_UPSTREAM_IDLE, "no progress of the response body");
	else
		exchange_fail(e, FAULT_UPSTREAM_TIMEOUT, "no response in time");
}

static bool step(struct exchange *e, const struct state_row *row)
{
	return row->step && row->step(e);
}

static bool is_over(const struct exchange *e)
{
	return e->response_state == RESPONSE_DONE && e->request_state == REQUEST_DONE &&
	       (e->attempt.state == ATTEMPT_NONE || e->attempt.state >= ATTEMPT_DONE);
}

/* The answer is complete: what is left of the request is not needed any more. */
static void settle(struct exchange *e)
{
	if (e->response_state != RESPONSE_DONE)
		return;
	if (e->request_state != REQUEST_DONE)
		end_request(e);
	if (e->attempt.state != ATTEMPT_NONE && e->attempt.state < ATTEMPT_DONE)
		attempt_abandon(e);
}

static void exchange_end(struct exchange *e)
{
	struct proxy_worker *w = e->worker;
	task_cancel(&e->task);
	timer_stop(&e->timer);
	chain_finish(&e->x);
	access_record_write(e);
	chunk_queue_clear(&e->local_body);
	http_stream_release(e->down);
	if (e->api)
		proxy_worker_unpin(w, e->api);
	list_remove(&e->link);
	w->exchanges_active--;
	pool_put(loop_pool(w->loop), e, sizeof(*e));
}

static void exchange_run(struct exchange *e)
{
	e->is_running = true;
	bool moved;
	do {
		e->is_woken = false;
		if (e->facts & (FACT_CLIENT_RESET | FACT_SHUTDOWN | FACT_TIMER)) {
			note_client_reset(e);
			note_shutdown(e);
			note_timer(e);
		}
		moved = step(e, &request_rows[e->request_state]);
		moved |= step(e, &attempt_rows[e->attempt.state]);
		moved |= step(e, &response_rows[e->response_state]);
		settle(e);
	} while (moved || e->is_woken);
	e->is_running = false;
	if (is_over(e))
		exchange_end(e);
}

static void run_task(struct task *t)
{
	exchange_run(CONTAINER_OF(t, struct exchange, task));
}

static void on_timer(struct timer *t)
{
	exchange_note(CONTAINER_OF(t, struct exchange, timer), FACT_TIMER);
}

static void on_policy_wake(struct sluice_exchange *x)
{
	exchange_wake(CONTAINER_OF(x, struct exchange, x));
}

static void on_client_data(struct http_stream *s)
{
	exchange_wake(s->owner);
}

static void on_client_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
	exchange_note(s->owner, FACT_CLIENT_RESET);
}

static const struct http_stream_events client_events = {
	.on_data = on_client_data,
	.on_writable = on_client_data,
	.on_reset = on_client_reset,
};

static void fill_view(struct exchange *e)
{
	struct sluice_exchange *x = &e->x;
	x->loop = e->worker->loop;
	x->arena = e->down->arena;
	x->worker = e->worker->index;
	x->request = e->down->request;
	x->client_address = address_ip_text(e->down->peer, e->client_text);
	x->local_address = proxy_listener_key(e->listener);
	x->request_id = str_n(e->request_id, sizeof(e->request_id));
	x->tls_version = e->down->tls_version;
	x->tls_server_name = e->down->tls_server_name;
	x->wake = on_policy_wake;
}

void exchange_begin(struct proxy_listener *listener, struct http_stream *client)
{
	struct proxy_worker *w = proxy_listener_worker(listener);
	struct exchange *e = pool_get(loop_pool(w->loop), sizeof(*e));
	memset(e, 0, offsetof(struct exchange, request_id));
	e->upstream_address.n = 0;
	e->worker = w;
	e->listener = listener;
	e->down = client;
	list_append(&w->exchanges, &e->link);
	task_init(&e->task, run_task);
	timer_init(&e->timer, on_timer);
	chunk_queue_init(&e->local_body, loop_pool(w->loop));
	upstream_wait_init(&e->attempt.wait);
	client->events = &client_events;
	client->owner = e;
	fill_view(e);
	chain_begin(&e->x, NULL, 0);
	w->exchange_count++;
	w->exchanges_active++;
	exchange_wake(e);
}

void exchange_end_all(struct proxy_worker *worker)
{
	LIST_FOREACH_SAFE(l, &worker->exchanges)
	exchange_note(CONTAINER_OF(l, struct exchange, link), FACT_SHUTDOWN);
}
