/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/breaker.h"

#include "base/check.h"

static const char *const names[] = {
#define X(id, name) name,
	BREAKER_KINDS(X)
#undef X
};

const char *breaker_name(enum breaker_kind kind)
{
	return names[kind];
}

/* Nothing else is ordered by these counters. */
bool breaker_take(struct breaker *b, enum breaker_kind kind)
{
	unsigned max = b->limits.max[kind];
	unsigned taken = atomic_load_explicit(&b->taken[kind], memory_order_relaxed);
	while (max == 0 || taken < max)
		if (atomic_compare_exchange_weak_explicit(&b->taken[kind], &taken, taken + 1,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

void breaker_take_anyway(struct breaker *b, enum breaker_kind kind)
{
	atomic_fetch_add_explicit(&b->taken[kind], 1, memory_order_relaxed);
}

void breaker_leave(struct breaker *b, enum breaker_kind kind)
{
	CHECK(atomic_fetch_sub_explicit(&b->taken[kind], 1, memory_order_relaxed) > 0);
}
