/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/endpoint_choice.h"

#include "proxy/exchange_priv.h"

/* What cannot be told, or is null, is no key: the choice is another one then. */
static void take_key(struct exchange *e, const struct balancer *b, struct balance_wish *wish)
{
	struct str key;
	if (!b->options.hash_on || !e->worker->text_of ||
		!e->worker->text_of(b->options.hash_on, &e->x, &key))
		return;
	wish->hash = ring_hash(key);
	wish->has_hash = true;
}

struct service *endpoint_choice_take(struct exchange *e)
{
	struct attempt *a = &e->attempt;
	struct balancer *b = service_balancer(e->service);
	struct balance_wish wish = {.worker = e->worker->index,
		.now_ms = loop_now_ms(e->worker->loop),
		.random = prng_next(&e->worker->prng),
		.tried = a->tried};
	take_key(e, b, &wish);
	balancer_enter(b, wish.worker);
	if (b->options.sticky.cookie.n > 0)
		wish.kept = sticky_find(b, &e->down->request->fields);
	a->endpoint = balancer_take(b, &wish);
	balancer_exit(b, wish.worker);
	if (!a->endpoint)
		return balancer_is_known(b) ? NULL : e->service;
	a->is_kept = a->endpoint == wish.kept;
	a->tried |= endpoint_bit(a->endpoint);
	forward_address_endpoint(e, a->endpoint->service);
	return a->endpoint->service;
}

void endpoint_choice_leave(struct exchange *e, enum endpoint_outcome outcome)
{
	struct attempt *a = &e->attempt;
	struct endpoint *left = a->endpoint;
	a->endpoint = NULL;
	bool is_ejected = outlier_note(
		service_balancer(e->service), left, outcome, loop_now_ms(e->worker->loop));
	if (is_ejected && a->row)
		metric_add(a->row->ejections, 1);
	balancer_leave(left);
}

/* Without room it goes without: the next answer may have some. */
void endpoint_choice_tell(struct exchange *e)
{
	const struct balancer *b = service_balancer(e->service);
	bool is_https = str_eq(e->down->request->scheme, STR("https"));
	if (b->options.sticky.cookie.n == 0 || e->attempt.is_kept)
		return;
	enum rc rc = sticky_tell(b, e->attempt.endpoint, is_https, &e->x.response->fields);
	(void)rc;
}

/* A head says how the endpoint is, unless it broke off behind it. */
static enum endpoint_outcome outcome_of_head(const struct exchange *e)
{
	bool is_cut = e->fault == FAULT_UPSTREAM_RESET || e->fault == FAULT_UPSTREAM_PROTOCOL ||
		      e->fault == FAULT_UPSTREAM_IDLE;
	return is_cut || e->attempt.up->response->status >= 500 ? OUTCOME_FAILURE : OUTCOME_SUCCESS;
}

enum endpoint_outcome endpoint_choice_outcome(const struct exchange *e)
{
	if (e->attempt.head_us > 0 && e->attempt.up)
		return outcome_of_head(e);
	bool is_upstreams = fault_row(e->fault)->side == FAULT_SIDE_UPSTREAM;
	return is_upstreams ? OUTCOME_FAILURE : OUTCOME_NONE;
}
