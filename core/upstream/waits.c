/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for a stream. Whoever has a connection on its way needs no place to wait. Of those beyond
 * that there is a bound: the breaker's, of all workers, or the service's own. What was on its way may
 * carry less than was expected, as its peer says how much: then the same bound holds for those who
 * came while it was on its way. */
#include "upstream/upstream_priv.h"

void wait_leave(struct upstream_wait *w)
{
	list_remove(&w->link);
	w->pool->stats.waiting--;
	if (w->counted) {
		breaker_leave(w->counted, BREAKER_PENDING);
		w->pool->counted--;
	}
	w->counted = NULL;
	w->pool = NULL;
}

static bool take_wait_place(struct upstream_wait *w)
{
	struct breaker *b = service_breaker(w->service);
	if (!breaker_take(b, BREAKER_PENDING))
		return false;
	w->counted = b;
	w->pool->counted++;
	return true;
}

/* How many wait without a place, where they need one: nothing is on its way for them (P6). */
static uint64_t homeless(const struct upstream_pool *p)
{
	struct breaker *b = service_breaker(p->service);
	uint64_t places =
		breaker_bounds(b, BREAKER_PENDING) ? p->counted : p->service->options.waiters_max;
	uint64_t covered = pool_expected(p) + places;
	return p->stats.waiting > covered ? p->stats.waiting - covered : 0;
}

void wait_refuse(struct upstream_wait *w, enum rc rc, const char *text)
{
	wait_leave(w);
	w->fn(w, rc, NULL, false, text);
}

void wait_refuse_full(struct upstream_wait *w)
{
	wait_refuse(w, RC_FULL, "too many requests wait for a connection");
}

void pool_find_places(struct upstream_pool *p)
{
	uint64_t left = homeless(p);
	if (LIKELY(left == 0))
		return;
	if (breaker_bounds(service_breaker(p->service), BREAKER_PENDING))
		for (struct link *l = p->waits.next; l != &p->waits && left > 0; l = l->next)
			if (!wait_of_link(l)->counted && take_wait_place(wait_of_link(l)))
				left--;
	while (homeless(p) > 0) {
		struct link *l = p->waits.prev;
		while (l->prev != &p->waits && wait_of_link(l)->counted)
			l = l->prev;
		wait_refuse_full(wait_of_link(l));
	}
}

bool pool_is_hopeless(const struct upstream_pool *p)
{
	if (p->dials > 0 || !list_is_empty(&p->room) || !list_is_empty(&p->idle))
		return false;
	LIST_FOREACH(l, &p->busy)
	{
		const struct pooled *c = CONTAINER_OF(l, struct pooled, link);
		if (!c->is_barren && !http_client_is_shut(c->client))
			return false;
	}
	return true;
}

void wait_refuse_hopeless(struct upstream_wait *w)
{
	wait_refuse(w, RC_REFUSED, "the service allows no request on its connections");
}

bool wait_may(struct upstream_wait *w)
{
	const struct upstream_pool *p = w->pool;
	if (breaker_bounds(service_breaker(w->service), BREAKER_PENDING))
		return take_wait_place(w);
	return p->stats.waiting <= pool_expected(p) + p->service->options.waiters_max;
}
