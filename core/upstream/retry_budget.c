/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/retry_budget.h"

#include "base/check.h"

static void add(atomic_uint *v)
{
	atomic_fetch_add_explicit(v, 1, memory_order_relaxed);
}

static void subtract(atomic_uint *v)
{
	CHECK(atomic_fetch_sub_explicit(v, 1, memory_order_relaxed) > 0);
}

void retry_budget_begin(struct retry_budget *b)
{
	add(&b->active);
}

void retry_budget_end(struct retry_budget *b)
{
	subtract(&b->active);
}

bool retry_budget_take(struct retry_budget *b, unsigned percent)
{
	uint64_t active = atomic_load_explicit(&b->active, memory_order_relaxed);
	uint64_t most = active * percent / 100;
	unsigned retrying = atomic_load_explicit(&b->retrying, memory_order_relaxed);
	if (most < RETRIES_AT_LEAST)
		most = RETRIES_AT_LEAST;
	while (retrying < most)
		if (atomic_compare_exchange_weak_explicit(&b->retrying, &retrying, retrying + 1,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

void retry_budget_leave(struct retry_budget *b)
{
	subtract(&b->retrying);
}

bool retry_wants_status(const struct retry_options *o, uint16_t status)
{
	if (status >= 500 && retry_is_on(o, RETRY_SERVER_ERROR))
		return true;
	if (status >= 502 && status <= 504 && retry_is_on(o, RETRY_GATEWAY_ERROR))
		return true;
	for (unsigned i = 0; i < o->status_count; i++)
		if (o->statuses[i] == status)
			return true;
	return false;
}

/* All of it is jitter: requests that failed together do not come back together. */
int retry_back_off_ms(const struct retry_options *o, unsigned n, uint64_t random)
{
	unsigned doublings = n - 1 < 16 ? n - 1 : 16;
	int64_t most = (int64_t)o->back_off_ms << doublings;
	if (most > o->back_off_max_ms)
		most = o->back_off_max_ms;
	return (int)(random % (uint64_t)(most + 1));
}
