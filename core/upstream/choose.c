/* SPDX-License-Identifier: Apache-2.0 */
/* Round robin is the smooth one of nginx: every endpoint gains its weight at each choice, whoever
 * has gained most is taken and pays what all gained. Of {5, 1, 1} it makes a a b a a c a. Workers
 * take turns each for itself, since a shared position would be a line that all cores write; worker
 * w begins with endpoint w, so that a quiet gateway's few requests do not all go to the first.
 *
 * Of two random endpoints the one with less to do is taken (Mitzenmacher, 2001): nearly as even as
 * looking at all of them, and no herd runs to the one that was idle a moment ago. */
#include "upstream/choose.h"

#include "base/check.h"
#include "base/memory.h"

#include <limits.h>

struct candidates {
	struct balancer *b;
	int64_t now_ms;
	uint64_t tried;
	bool heeds_health, heeds_ejections, heeds_priority;
	unsigned priority;
};

static unsigned priority_of(const struct endpoint *e)
{
	return atomic_load_explicit(&e->priority, memory_order_relaxed);
}

static bool may_be_asked(const struct candidates *c, const struct endpoint *e)
{
	if (c->tried & endpoint_bit(e) || !endpoint_is_present(e))
		return false;
	if (UNLIKELY(c->heeds_priority) && priority_of(e) != c->priority)
		return false;
	if (UNLIKELY(c->heeds_health) &&
		atomic_load_explicit(&e->is_unhealthy, memory_order_relaxed))
		return false;
	return LIKELY(!c->heeds_ejections) || !outlier_is_out(&e->outlier, c->now_ms);
}

/* O2. */
static bool heeds_ejections(const struct balancer *b, int64_t now_ms)
{
	if (LIKELY(now_ms >= atomic_load_explicit(&b->ejected_until_ms, memory_order_relaxed)))
		return false;
	return balancer_count_available(b, now_ms) * 100 >=
	       balancer_size(b) * b->options.outlier.healthy_percent_min;
}

#define WHOLE 1000 /* of a weight that grows */
#define LEAST 100

/* Who has come back gets a tenth of its share at first, then more from moment to moment: its caches
 * are cold, and whatever took it away may not be over. */
static uint64_t weight_of(const struct candidates *c, const struct endpoint *e)
{
	int64_t whole_ms = c->b->options.slow_start_ms;
	if (LIKELY(whole_ms == 0))
		return e->weight;
	int64_t since_ms = endpoint_since_ms(e);
	int64_t age_ms = c->now_ms - since_ms;
	if (since_ms == 0 || age_ms >= whole_ms)
		return (uint64_t)e->weight * WHOLE;
	int64_t part = age_ms > 0 ? age_ms * WHOLE / whole_ms : 0;
	return (uint64_t)e->weight * (uint64_t)(part > LEAST ? part : LEAST);
}

/* --- by turn --------------------------------------------------------------------------------- */

static int64_t *turns_of(struct balancer *b, unsigned worker)
{
	CHECK(worker < LIMIT_WORKERS);
	if (UNLIKELY(!b->turns[worker])) {
		b->turns[worker] = heap_zalloc(b->count * sizeof(int64_t));
		b->turns[worker][worker % b->count] = 1;
	}
	return b->turns[worker];
}

static struct endpoint *by_turn(const struct candidates *c, const struct balance_wish *wish)
{
	int64_t *turns = turns_of(c->b, wish->worker), total = 0;
	struct endpoint *best = NULL;
	for (unsigned i = 0; i < c->b->count; i++) {
		struct endpoint *e = &c->b->endpoints[i];
		if (!may_be_asked(c, e))
			continue;
		int64_t weight = (int64_t)weight_of(c, e);
		turns[i] += weight;
		total += weight;
		if (!best || turns[i] > turns[best->index])
			best = e;
	}
	if (best)
		turns[best->index] -= total;
	return best;
}

/* --- at random ------------------------------------------------------------------------------- */

static struct endpoint *by_chance(const struct candidates *c, const struct balance_wish *wish)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < c->b->count; i++)
		if (may_be_asked(c, &c->b->endpoints[i]))
			total += weight_of(c, &c->b->endpoints[i]);
	if (total == 0)
		return NULL;
	uint64_t at = wish->random % total;
	for (unsigned i = 0; i < c->b->count; i++) {
		struct endpoint *e = &c->b->endpoints[i];
		if (!may_be_asked(c, e))
			continue;
		uint64_t weight = weight_of(c, e);
		if (at < weight)
			return e;
		at -= weight;
	}
	return NULL;
}

/* --- by what they have to do ----------------------------------------------------------------- */

static struct endpoint *nth(const struct candidates *c, unsigned n)
{
	for (unsigned i = 0; i < c->b->count; i++)
		if (may_be_asked(c, &c->b->endpoints[i]) && n-- == 0)
			return &c->b->endpoints[i];
	return NULL;
}

static unsigned count_candidates(const struct candidates *c)
{
	unsigned count = 0;
	for (unsigned i = 0; i < c->b->count; i++)
		count += may_be_asked(c, &c->b->endpoints[i]);
	return count;
}

/* With the request at hand, for its weight. */
static uint64_t load_beside(
	const struct candidates *c, const struct endpoint *e, const struct endpoint *other)
{
	uint64_t active = atomic_load_explicit(&e->active, memory_order_relaxed);
	return (active + 1) * weight_of(c, other);
}

static struct endpoint *by_load(const struct candidates *c, const struct balance_wish *wish)
{
	unsigned count = count_candidates(c);
	if (count < 2)
		return nth(c, 0);
	unsigned first = (uint32_t)wish->random % count;
	unsigned second = (first + 1 + (uint32_t)(wish->random >> 32) % (count - 1)) % count;
	struct endpoint *a = nth(c, first), *b = nth(c, second);
	return load_beside(c, b, a) < load_beside(c, a, b) ? b : a;
}

/* --- by key ---------------------------------------------------------------------------------- */

static bool may_member_be_asked(void *arg, unsigned member)
{
	const struct candidates *c = arg;
	return may_be_asked(c, &c->b->endpoints[member]);
}

static struct endpoint *by_key(const struct candidates *c, const struct balance_wish *wish)
{
	struct candidates copy = *c;
	const struct ring *ring = c->b->ring;
	int found = ring && wish->has_hash ? ring_find(ring, wish->hash, may_member_be_asked, &copy)
					   : -1;
	return found >= 0 ? &c->b->endpoints[found] : by_turn(c, wish);
}

/* --------------------------------------------------------------------------------------------- */

typedef struct endpoint *choose_fn(const struct candidates *c, const struct balance_wish *wish);

static choose_fn *const algorithms[BALANCE_ALGORITHM_COUNT] = {
	[BALANCE_ROUND_ROBIN] = by_turn,
	[BALANCE_RANDOM] = by_chance,
	[BALANCE_LEAST_REQUEST] = by_load,
	[BALANCE_RING_HASH] = by_key,
	[BALANCE_MAGLEV] = by_key,
};

/* The lowest priority of those that may be asked is the only one then. */
static void heed_priority(struct candidates *c)
{
	unsigned lowest = UINT_MAX;
	c->heeds_priority = false;
	for (unsigned i = 0; i < c->b->count; i++) {
		const struct endpoint *e = &c->b->endpoints[i];
		if (may_be_asked(c, e) && priority_of(e) < lowest)
			lowest = priority_of(e);
	}
	c->priority = lowest;
	c->heeds_priority = true;
}

static struct endpoint *choose_among(struct candidates *c, const struct balance_wish *wish)
{
	if (UNLIKELY(atomic_load_explicit(&c->b->has_priorities, memory_order_relaxed)))
		heed_priority(c);
	return algorithms[c->b->options.algorithm](c, wish);
}

struct endpoint *choose_endpoint(struct balancer *b, const struct balance_wish *wish)
{
	struct candidates c = {.b = b,
		.now_ms = wish->now_ms,
		.tried = wish->tried,
		.heeds_health = atomic_load_explicit(&b->unhealthy, memory_order_relaxed) > 0,
		.heeds_ejections = heeds_ejections(b, wish->now_ms)};
	if (wish->kept && may_be_asked(&c, wish->kept))
		return wish->kept;
	struct endpoint *e = choose_among(&c, wish);
	if (e || wish->tried == 0)
		return e;
	c.tried = 0;
	return choose_among(&c, wish);
}
