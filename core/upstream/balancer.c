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
	if (e)
		atomic_fetch_add_explicit(&e->active, 1, memory_order_relaxed);
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
