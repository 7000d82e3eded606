/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/balancer.h"

#include "base/check.h"
#include "upstream/choose.h"

static const char *const names[] = {
#define X(id, name) name,
	BALANCE_ALGORITHMS(X)
#undef X
};

const char *balance_algorithm_name(enum balance_algorithm a)
{
	return names[a];
}

enum balance_algorithm balance_algorithm_of(struct str name)
{
	enum balance_algorithm a = 0;
	while (a < BALANCE_ALGORITHM_COUNT && !str_eq(name, str_of(names[a])))
		a++;
	return a;
}

/* Nothing else is ordered by the counters. */
struct endpoint *balancer_take(struct balancer *b, const struct balance_wish *wish)
{
	struct endpoint *e = choose_endpoint(b, wish);
	if (e) {
		atomic_fetch_add_explicit(&e->active, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&e->requests, 1, memory_order_relaxed);
	}
	return e;
}

void balancer_leave(struct endpoint *e)
{
	/* Behind whatever was read of it: its slot may be another's then. */
	CHECK(atomic_fetch_sub_explicit(&e->active, 1, memory_order_release) > 0);
}

bool endpoint_is_available(const struct endpoint *e, int64_t now_ms)
{
	return endpoint_is_present(e) &&
	       !atomic_load_explicit(&e->is_unhealthy, memory_order_relaxed) &&
	       !outlier_is_out(&e->outlier, now_ms);
}

unsigned balancer_count_available(const struct balancer *b, int64_t now_ms)
{
	unsigned count = 0;
	for (unsigned i = 0; i < b->count; i++)
		count += endpoint_is_available(&b->endpoints[i], now_ms);
	return count;
}

bool balancer_has_untried(const struct balancer *b, uint64_t tried, int64_t now_ms)
{
	for (unsigned i = 0; i < b->count; i++) {
		const struct endpoint *e = &b->endpoints[i];
		if (!(tried & endpoint_bit(e)) && endpoint_is_available(e, now_ms))
			return true;
	}
	return false;
}

int64_t endpoint_since_ms(const struct endpoint *e)
{
	int64_t well_ms = atomic_load_explicit(&e->well_since_ms, memory_order_relaxed);
	int64_t back_ms = atomic_load_explicit(&e->outlier.ejected_until_ms, memory_order_relaxed);
	return well_ms > back_ms ? well_ms : back_ms;
}

enum endpoint_state endpoint_state(
	const struct balancer *b, const struct endpoint *e, int64_t now_ms)
{
	int64_t since_ms = endpoint_since_ms(e);
	if (!endpoint_is_present(e))
		return ENDPOINT_DRAINING;
	if (atomic_load_explicit(&e->is_unhealthy, memory_order_relaxed))
		return ENDPOINT_UNHEALTHY;
	if (outlier_is_out(&e->outlier, now_ms))
		return ENDPOINT_EJECTED;
	bool is_young = since_ms > 0 && now_ms - since_ms < b->options.slow_start_ms;
	return is_young ? ENDPOINT_SLOW_START : ENDPOINT_HEALTHY;
}

const char *endpoint_state_name(enum endpoint_state s)
{
	static const char *const states[] = {
#define X(id, name) name,
		ENDPOINT_STATES(X)
#undef X
	};
	return states[s];
}
