/* SPDX-License-Identifier: Apache-2.0 */
#include "supervise/crashes.h"

static bool is_alike(const struct crash *a, const struct crash *c)
{
	return a->at_ms != 0 && a->key == c->key && (c->key != 0 || a->plan == c->plan);
}

static unsigned count_alike(const struct crash_log *log, const struct crash *c, int64_t since_ms)
{
	unsigned n = 0;
	for (size_t i = 0; i < CRASHES_KEPT; i++)
		n += is_alike(&log->kept[i], c) && log->kept[i].at_ms > since_ms;
	return n;
}

static void forget_alike(struct crash_log *log, const struct crash *c)
{
	for (size_t i = 0; i < CRASHES_KEPT; i++)
		if (is_alike(&log->kept[i], c))
			log->kept[i].at_ms = 0;
}

enum crash_verdict crash_log_add(
	struct crash_log *log, const struct crash *c, unsigned budget, int64_t window_ms)
{
	log->kept[log->next++ % CRASHES_KEPT] = *c;
	unsigned due = budget < CRASHES_KEPT ? budget : CRASHES_KEPT;
	if ((c->key == 0 && c->plan == 0) || count_alike(log, c, c->at_ms - window_ms) < due)
		return CRASH_NOTED;
	forget_alike(log, c);
	return c->key ? CRASH_QUARANTINE : CRASH_AVOID_PLAN;
}
