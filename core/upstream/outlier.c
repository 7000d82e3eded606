/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/outlier.h"

#include "observe/log.h"
#include "upstream/upstream.h"

#include <stdio.h>

static unsigned load(const atomic_uint *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

static void store(atomic_uint *v, unsigned value)
{
	atomic_store_explicit(v, value, memory_order_relaxed);
}

/* O1. */
static bool may_leave(const struct balancer *b, int64_t now_ms)
{
	unsigned percent = b->options.outlier.percent_max, out = 0, size = balancer_size(b);
	for (unsigned i = 0; i < b->count; i++)
		out += endpoint_is_present(&b->endpoints[i]) &&
		       outlier_is_out(&b->endpoints[i].outlier, now_ms);
	unsigned most = size * percent / 100;
	if (most == 0 && percent > 0)
		most = 1;
	return out < most && out + 1 < size;
}

static unsigned times_out(
	const struct outlier *o, const struct outlier_options *options, int64_t now_ms)
{
	int64_t until_ms = atomic_load_explicit(&o->ejected_until_ms, memory_order_relaxed);
	int64_t worn_off = (now_ms - until_ms) / options->interval_ms;
	unsigned before = load(&o->ejections);
	return worn_off >= before ? 1 : before - (unsigned)worn_off + 1;
}

static void tell(const struct endpoint *e, unsigned failures, int64_t ms)
{
	const struct service_options *o = service_options(e->service);
	struct log_field fields[] = {
		{"service", o->name},
		{"endpoint", e->name},
	};
	char text[96];
	snprintf(text, sizeof(text), "an endpoint failed %u times in a row: it is out for %lld s",
		failures, (long long)((ms + 999) / 1000));
	log_write_fields(LOG_WARN, str_of(text), fields, ARRAY_COUNT(fields));
}

static void leave(struct balancer *b, struct endpoint *e, unsigned failures, int64_t now_ms)
{
	const struct outlier_options *options = &b->options.outlier;
	unsigned times = times_out(&e->outlier, options, now_ms);
	int64_t ms = (int64_t)options->base_ms * times;
	if (ms > options->max_ms)
		ms = options->max_ms;
	store(&e->outlier.ejections, times);
	store(&e->outlier.failures, 0);
	atomic_store_explicit(&e->outlier.ejected_until_ms, now_ms + ms, memory_order_relaxed);
	if (atomic_load_explicit(&b->ejected_until_ms, memory_order_relaxed) < now_ms + ms)
		atomic_store_explicit(&b->ejected_until_ms, now_ms + ms, memory_order_relaxed);
	tell(e, failures, ms);
}

static bool note_failure(struct balancer *b, struct endpoint *e, int64_t now_ms)
{
	unsigned failures =
		1 + atomic_fetch_add_explicit(&e->outlier.failures, 1, memory_order_relaxed);
	if (failures < b->options.outlier.consecutive_failures ||
		outlier_is_out(&e->outlier, now_ms) ||
		atomic_flag_test_and_set_explicit(&b->is_ejecting, memory_order_acquire))
		return false;
	/* Another worker may have been quicker. */
	bool leaves = !outlier_is_out(&e->outlier, now_ms) && may_leave(b, now_ms);
	if (leaves)
		leave(b, e, failures, now_ms);
	atomic_flag_clear_explicit(&b->is_ejecting, memory_order_release);
	return leaves;
}

bool outlier_note(
	struct balancer *b, struct endpoint *e, enum endpoint_outcome outcome, int64_t now_ms)
{
	if (outcome == OUTCOME_FAILURE)
		atomic_fetch_add_explicit(&e->failures, 1, memory_order_relaxed);
	if (b->options.outlier.consecutive_failures == 0 || outcome == OUTCOME_NONE)
		return false;
	if (outcome == OUTCOME_FAILURE)
		return note_failure(b, e, now_ms);
	/* Most of the time nothing is written, so the line stays with all workers. */
	if (load(&e->outlier.failures) > 0)
		store(&e->outlier.failures, 0);
	return false;
}
