/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/hedge.h"

#include "proxy/endpoint_choice.h"
#include "proxy/exchange_priv.h"

struct hedge {
	struct exchange *exchange; /* borrowed */
	struct upstream_wait wait;
	struct http_stream *up;    /* owned */
	struct endpoint *endpoint; /* taken */
	int64_t head_us;           /* when its head came; 0: not yet */
	bool is_kept;              /* as attempt.is_kept */
	bool on_reused;
	bool is_sent;
	bool is_dead; /* there is no stream, or it died */
};

/* --- events ---------------------------------------------------------------------------------- */

static void on_head(struct http_stream *s)
{
	struct hedge *h = s->owner;
	h->head_us = loop_now_us(h->exchange->worker->loop);
	exchange_wake(h->exchange);
}

/* What is not the answer is nothing for the client: it may never see that one. */
static void on_nothing(struct http_stream *s)
{
}

static void on_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
	struct hedge *h = s->owner;
	h->is_dead = true;
	exchange_wake(h->exchange);
}

static const struct http_stream_events hedge_events = {
	.on_head = on_head,
	.on_interim = on_nothing,
	.on_data = on_nothing,
	.on_writable = on_nothing,
	.on_reset = on_reset,
};

static void on_open(struct upstream_wait *w, enum rc rc, struct http_stream *stream, bool reused,
	const char *text)
{
	struct hedge *h = CONTAINER_OF(w, struct hedge, wait);
	h->up = rc == RC_OK ? stream : NULL;
	h->on_reused = reused;
	h->is_dead = rc != RC_OK;
	exchange_wake(h->exchange);
}

/* --- what the attempt has one of -------------------------------------------------------------- */

/* The choice of an endpoint is made for the attempt: it is the hedge's meanwhile. */
static struct service *take_endpoint(struct exchange *e, struct hedge *h)
{
	struct attempt *a = &e->attempt;
	struct endpoint *first = a->endpoint;
	bool is_kept = a->is_kept;
	struct service *to = endpoint_choice_take(e);
	h->endpoint = a->endpoint;
	h->is_kept = a->is_kept;
	a->endpoint = first;
	a->is_kept = is_kept;
	return to;
}

static void leave_endpoint(struct exchange *e, struct hedge *h)
{
	struct attempt *a = &e->attempt;
	struct endpoint *first = a->endpoint;
	bool has_failed = h->is_dead || (h->head_us > 0 && h->up->response->status >= 500);
	a->endpoint = h->endpoint;
	endpoint_choice_leave(e, has_failed ? OUTCOME_FAILURE : OUTCOME_NONE);
	a->endpoint = first;
}

/* --- life ------------------------------------------------------------------------------------ */

/* Whoever was asked by the service's name alone may be any of its endpoints. */
bool hedge_is_possible(const struct exchange *e)
{
	const struct balancer *b = service_balancer(e->service);
	return b && e->attempt.endpoint &&
	       balancer_has_untried(b, e->attempt.tried, loop_now_ms(e->worker->loop));
}

struct hedge *hedge_begin(struct exchange *e)
{
	struct hedge *h = pool_get(loop_pool(e->worker->loop), sizeof(*h));
	*h = (struct hedge){.exchange = e};
	upstream_wait_init(&h->wait);
	struct service *to = take_endpoint(e, h);
	if (!to) {
		h->is_dead = true;
		return h;
	}
	h->wait.fn = on_open;
	h->wait.arena = e->x.arena;
	h->wait.limits = &e->api->limits.response_message;
	h->wait.events = &hedge_events;
	h->wait.owner = h;
	if (service_options(to)->proxy_header)
		attempt_tell_client(e, &h->wait);
	upstream_open(e->worker->upstream, to, &h->wait);
	return h;
}

enum hedge_state hedge_look(const struct hedge *h)
{
	bool is_whole = h->head_us > 0 && h->up->in_ended;
	if (h->is_dead && !is_whole)
		return HEDGE_DEAD;
	if (h->head_us > 0)
		return HEDGE_ANSWERED;
	if (h->is_sent)
		return HEDGE_SENT;
	return h->up ? HEDGE_OPEN : HEDGE_OPENING;
}

struct http_stream *hedge_stream(const struct hedge *h)
{
	return h->up;
}

void hedge_note_sent(struct hedge *h)
{
	h->is_sent = true;
}

void hedge_take_over(struct exchange *e, struct hedge *h)
{
	struct attempt *a = &e->attempt;
	e->facts &= ~(uint32_t)FACTS_OF_UPSTREAM;
	e->facts |= FACT_UPSTREAM_OPEN | (h->head_us > 0 ? FACT_UPSTREAM_HEAD : 0u) |
		    (h->is_dead ? FACT_UPSTREAM_RESET : 0u);
	a->endpoint = h->endpoint;
	a->is_kept = h->is_kept;
	a->on_reused = h->on_reused;
	a->head_us = h->head_us;
	attempt_adopt(e, h->up);
	pool_put(loop_pool(e->worker->loop), h, sizeof(*h));
}

void hedge_end(struct exchange *e, struct hedge *h)
{
	upstream_cancel(&h->wait);
	if (h->endpoint)
		leave_endpoint(e, h);
	if (h->up && !h->is_dead)
		http_stream_reset(h->up, HTTP_RESET_CANCELLED);
	if (h->up)
		http_stream_release(h->up);
	pool_put(loop_pool(e->worker->loop), h, sizeof(*h));
}
