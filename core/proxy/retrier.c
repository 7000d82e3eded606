/* SPDX-License-Identifier: Apache-2.0 */
/* Another endpoint is tried at once; the same one only after a pause, since what has just failed
 * there is likely to fail again. */
#include "proxy/retrier.h"

#include "proxy/endpoint_choice.h"
#include "proxy/exchange_priv.h"
#include "proxy/hedge.h"

struct retrier {
	const struct retry_options *options; /* borrowed from the service */
	struct retry_budget *budget;         /* likewise */
	unsigned tries;                      /* that have begun */
	int64_t deadline_ms;                 /* of them all, once the request is whole; 0: none */
	struct chunk_queue kept;             /* what went upstream of the body */
	bool is_kept_whole;                  /* and its end */
	bool is_spilled;                     /* it was more than is kept */
	bool replays;                        /* `kept` is due on the stream at hand */
	bool has_budget;
	struct hedge *hedge;     /* owned; NULL: there is one stream */
	bool is_hedged;          /* it was begun, or it was found that it may not be */
	bool waits_for_hedge;    /* that is what the timer is for */
	int64_t sent_ms;         /* when the request of the try at hand was whole; 0: not yet */
};

/* --- life ------------------------------------------------------------------------------------ */

void retrier_begin(struct exchange *e)
{
	struct pool *pool = loop_pool(e->worker->loop);
	struct retrier *r = pool_get(pool, sizeof(*r));
	*r = (struct retrier){.options = &service_options(e->service)->retries,
		.budget = service_retry_budget(e->service),
		.tries = 1};
	chunk_queue_init(&r->kept, pool);
	retry_budget_begin(r->budget);
	e->attempt.retrier = r;
}

void retrier_end(struct exchange *e)
{
	struct retrier *r = e->attempt.retrier;
	e->attempt.retrier = NULL;
	if (r->hedge)
		hedge_end(e, r->hedge);
	if (r->has_budget)
		retry_budget_leave(r->budget);
	retry_budget_end(r->budget);
	chunk_queue_clear(&r->kept);
	pool_put(loop_pool(e->worker->loop), r, sizeof(*r));
}

/* --- the body -------------------------------------------------------------------------------- */

/* Copied: slices would keep a whole block of the worker's for each few bytes of a slow client. */
void retrier_keep(struct exchange *e, const struct chunk_queue *q, bool ended)
{
	struct retrier *r = e->attempt.retrier;
	r->is_kept_whole = ended;
	if (r->is_spilled)
		return;
	if (r->kept.bytes + q->bytes > RETRY_BODY_BYTES) {
		r->is_spilled = true;
		chunk_queue_clear(&r->kept);
		return;
	}
	for (const struct chunk *c = q->head; c; c = c->next)
		chunk_queue_add_copy(&r->kept, str_n(c->p, c->n));
}

static void share(struct chunk_queue *to, const struct chunk_queue *from)
{
	chunk_queue_init(to, from->pool);
	for (const struct chunk *c = from->head; c; c = c->next)
		chunk_queue_add_slice(to, c->block, c->p, c->n);
}

bool retrier_replays(const struct exchange *e)
{
	return e->attempt.retrier->replays;
}

static void send_kept(struct exchange *e, struct http_stream *up, bool ended)
{
	struct chunk_queue body;
	const struct fields *trailers = ended ? exchange_trailers(e, CHAIN_REQUEST) : NULL;
	share(&body, &e->attempt.retrier->kept);
	if (body.bytes > 0 || !trailers)
		http_stream_send_data(up, &body, ended && !trailers);
	if (trailers)
		http_stream_send_trailers(up, trailers);
}

void retrier_replay(struct exchange *e)
{
	struct retrier *r = e->attempt.retrier;
	bool ended = r->is_kept_whole;
	r->replays = false;
	send_kept(e, e->attempt.up, ended);
	e->attempt.is_request_sent = ended;
	if (!ended) {
		exchange_await_bytes(e);
		return;
	}
	exchange_await_response(e);
	request_go(e, REQUEST_DONE);
}

/* --- whether --------------------------------------------------------------------------------- */

static bool may_have_been_processed(enum retry_cause cause)
{
	return cause != RETRY_CONNECT_FAILURE && cause != RETRY_REFUSED_STREAM;
}

/* Y1, Y2. */
static bool is_safe(const struct exchange *e, const struct retrier *r, enum retry_cause cause)
{
	bool is_method = r->options->methods >> e->down->request->method & 1;
	return !r->is_spilled && e->response_state == RESPONSE_WAIT &&
	       (is_method || !may_have_been_processed(cause));
}

static bool is_in_time(const struct exchange *e, const struct retrier *r)
{
	return r->deadline_ms == 0 || loop_now_ms(e->worker->loop) < r->deadline_ms;
}

/* One place of each for all retries of a request. */
static bool take_places(struct exchange *e, struct retrier *r)
{
	if (r->has_budget)
		return true;
	if (!retry_budget_take(r->budget, r->options->budget_percent))
		return false;
	if (!attempt_take_place(e, BREAKER_RETRIES)) {
		retry_budget_leave(r->budget);
		return false;
	}
	return r->has_budget = true;
}

static bool may_try(struct exchange *e, enum retry_cause cause)
{
	struct retrier *r = e->attempt.retrier;
	return r->tries < r->options->attempts && is_safe(e, r, cause) && is_in_time(e, r) &&
	       take_places(e, r);
}

/* --- two at a time --------------------------------------------------------------------------- */

static void end_hedge(struct exchange *e)
{
	struct retrier *r = e->attempt.retrier;
	if (r->hedge)
		hedge_end(e, r->hedge);
	r->hedge = NULL;
}

static bool is_safe_method(enum http_method m)
{
	return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS || m == METHOD_TRACE;
}

/* Y4. */
static bool may_hedge(struct exchange *e, struct retrier *r)
{
	const struct http_request *request = e->down->request;
	bool is_sent_once = e->request_state == REQUEST_DONE && !(e->facts & FACT_UPSTREAM_HEAD);
	return is_sent_once && is_safe_method(request->method) && request->upgrade.n == 0 &&
	       !request->is_connect && hedge_is_possible(e) && may_try(e, RETRY_TIMEOUT);
}

static void begin_hedge(struct exchange *e)
{
	struct retrier *r = e->attempt.retrier;
	r->is_hedged = true;
	r->waits_for_hedge = false;
	if (may_hedge(e, r)) {
		r->tries++;
		if (e->attempt.row)
			metric_add(e->attempt.row->hedges, 1);
		r->hedge = hedge_begin(e);
	}
	exchange_await_response(e);
}

static void send_hedge(struct exchange *e, struct retrier *r)
{
	bool has_body = r->kept.bytes > 0 || r->is_kept_whole;
	hedge_note_sent(r->hedge);
	http_stream_send_request(hedge_stream(r->hedge), e->down->request, !has_body);
	if (has_body)
		send_kept(e, hedge_stream(r->hedge), true);
}

/* --- how ------------------------------------------------------------------------------------- */

static void let_go_of_stream(struct exchange *e)
{
	struct attempt *a = &e->attempt;
	upstream_cancel(&a->wait);
	if (!a->up)
		return;
	bool is_whole = a->is_request_sent && a->up->in_ended;
	if (!is_whole && !(e->facts & FACT_UPSTREAM_RESET))
		http_stream_reset(a->up, HTTP_RESET_CANCELLED);
	struct http_stream *up = a->up;
	a->up = NULL;
	http_stream_release(up);
}

static int pause_ms(struct exchange *e, const struct retrier *r)
{
	const struct balancer *b = service_balancer(e->service);
	int64_t now_ms = loop_now_ms(e->worker->loop);
	if (b && balancer_has_untried(b, e->attempt.tried, now_ms))
		return 0;
	return retry_back_off_ms(r->options, r->tries, prng_next(&e->worker->prng));
}

static void try_again(struct exchange *e, enum retry_cause cause)
{
	struct attempt *a = &e->attempt;
	struct retrier *r = a->retrier;
	end_hedge(e);
	r->sent_ms = 0;
	r->waits_for_hedge = false;
	int ms = pause_ms(e, r);
	if (a->endpoint)
		endpoint_choice_leave(
			e, cause == RETRY_REFUSED_STREAM ? OUTCOME_NONE : OUTCOME_FAILURE);
	let_go_of_stream(e);
	attempt_count_retry(a);
	a->head_us = 0;
	r->tries++;
	r->replays = r->kept.bytes > 0 || r->is_kept_whole;
	if (e->request_state == REQUEST_DONE)
		request_go(e, REQUEST_BODY);
	if (ms == 0) {
		attempt_open(e);
		return;
	}
	attempt_go(e, ATTEMPT_PAUSE);
	e->facts &= ~(uint32_t)FACTS_OF_UPSTREAM;
	timer_start(e->worker->loop, &e->timer, ms);
}

/* The slower one is not to blame for it, unless it has failed. */
static void take_over(struct exchange *e)
{
	struct retrier *r = e->attempt.retrier;
	bool has_failed = e->facts & (FACT_UPSTREAM_RESET | FACT_UPSTREAM_HEAD);
	endpoint_choice_leave(e, has_failed ? OUTCOME_FAILURE : OUTCOME_NONE);
	let_go_of_stream(e);
	hedge_take_over(e, r->hedge);
	r->hedge = NULL;
}

static bool is_wanted(const struct retrier *r, const struct http_stream *up)
{
	return !retry_wants_status(r->options, up->response->status);
}

/* Who has an answer goes on; with two, or none, the attempt's own does as long as it can. */
bool retrier_hedges(struct exchange *e)
{
	struct retrier *r = e->attempt.retrier;
	if (LIKELY(!r->hedge))
		return false;
	if (hedge_look(r->hedge) == HEDGE_OPEN)
		send_hedge(e, r);
	enum hedge_state state = hedge_look(r->hedge);
	bool has_head = e->facts & FACT_UPSTREAM_HEAD, is_dead = e->facts & FACT_UPSTREAM_RESET;
	bool has_failed = has_head ? !is_wanted(r, e->attempt.up) : is_dead;
	bool is_better = state == HEDGE_ANSWERED && is_wanted(r, hedge_stream(r->hedge));
	if (!has_head && !has_failed && state < HEDGE_ANSWERED)
		return false;
	if (state != HEDGE_DEAD && state != HEDGE_OPENING && (has_failed || (!has_head && is_better))) {
		take_over(e);
		exchange_await_response(e);
		return true;
	}
	end_hedge(e);
	return false;
}

/* The other one is as good as a new one. */
static bool goes_on_with_hedge(struct exchange *e)
{
	struct retrier *r = e->attempt.retrier;
	enum hedge_state state = r->hedge ? hedge_look(r->hedge) : HEDGE_DEAD;
	if (state != HEDGE_SENT && state != HEDGE_ANSWERED)
		return false;
	take_over(e);
	r->sent_ms = loop_now_ms(e->worker->loop);
	exchange_await_response(e);
	return true;
}

bool retrier_try_again(struct exchange *e, enum retry_cause cause)
{
	if (goes_on_with_hedge(e))
		return true;
	if (!retry_is_on(e->attempt.retrier->options, cause) || !may_try(e, cause))
		return false;
	try_again(e, cause);
	return true;
}

bool retrier_takes_head(struct exchange *e)
{
	uint16_t status = e->attempt.up->response->status;
	if (e->response_state != RESPONSE_WAIT ||
		!retry_wants_status(e->attempt.retrier->options, status) ||
		!may_try(e, RETRY_STATUS))
		return false;
	try_again(e, RETRY_STATUS);
	return true;
}

/* --- time ------------------------------------------------------------------------------------ */

bool retrier_takes_timer(struct exchange *e)
{
	switch (e->attempt.state) {
	case ATTEMPT_PAUSE:
		attempt_open(e);
		return true;
	case ATTEMPT_CONNECT:
		return retrier_try_again(e, RETRY_CONNECT_FAILURE);
	case ATTEMPT_AWAIT:
		if (e->attempt.retrier->waits_for_hedge && !(e->facts & FACT_UPSTREAM_HEAD)) {
			begin_hedge(e);
			return true;
		}
		return e->request_state == REQUEST_DONE && retrier_try_again(e, RETRY_TIMEOUT);
	default:
		return false;
	}
}

/* Of `ms` from when the try's request was whole; 0: none. */
static int64_t left_of_try(const struct exchange *e, struct retrier *r, int ms)
{
	if (ms == 0 || r->sent_ms == 0)
		return ms;
	int64_t left_ms = r->sent_ms + ms - loop_now_ms(e->worker->loop);
	return left_ms > 0 ? left_ms : 1;
}

/* From the moment that the request is whole all tries together have the time that one would have.
 */
int retrier_bound_ms(struct exchange *e, int ms)
{
	struct retrier *r = e->attempt.retrier;
	int64_t now_ms = loop_now_ms(e->worker->loop);
	if (e->attempt.state == ATTEMPT_AWAIT && e->down->in_ended && r->sent_ms == 0)
		r->sent_ms = now_ms;
	if (r->deadline_ms == 0 && ms > 0 && e->down->in_ended)
		r->deadline_ms = now_ms + ms;
	int64_t left_ms = r->deadline_ms > 0 ? r->deadline_ms - now_ms : ms;
	int64_t try_ms = left_of_try(e, r, r->options->per_try_ms);
	if (try_ms > 0 && (left_ms == 0 || try_ms < left_ms))
		left_ms = try_ms;
	int64_t hedge_ms = r->is_hedged || r->sent_ms == 0
				   ? 0
				   : left_of_try(e, r, r->options->hedge_after_ms);
	r->waits_for_hedge = hedge_ms > 0 && (left_ms == 0 || hedge_ms < left_ms);
	if (r->waits_for_hedge)
		left_ms = hedge_ms;
	if (left_ms <= 0)
		return r->deadline_ms > 0 ? 1 : 0;
	return (int)left_ms;
}
