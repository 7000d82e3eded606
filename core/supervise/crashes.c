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

static bool is_of_plugin(const struct crash *c, uint64_t plugin)
{
	return plugin != 0 && c->at_ms != 0 && c->plugin == plugin;
}

static unsigned count_of_plugin(const struct crash_log *log, uint64_t plugin, int64_t since_ms)
{
	unsigned n = 0;
	for (size_t i = 0; i < CRASHES_KEPT; i++)
		n += is_of_plugin(&log->kept[i], plugin) && log->kept[i].at_ms > since_ms;
	return n;
}

static void forget_plugin(struct crash_log *log, uint64_t plugin)
{
	for (size_t i = 0; i < CRASHES_KEPT; i++)
		if (is_of_plugin(&log->kept[i], plugin))
			log->kept[i].at_ms = 0;
}

enum crash_verdict crash_log_add(
	struct crash_log *log, const struct crash *c, unsigned budget, int64_t window_ms)
{
	log->kept[log->next++ % CRASHES_KEPT] = *c;
	unsigned due = budget < CRASHES_KEPT ? budget : CRASHES_KEPT;
	if (c->key == 0 && c->plan == 0)
		return CRASH_NOTED;
	if (count_alike(log, c, c->at_ms - window_ms) < due) {
		unsigned due_of_plugin = due > CRASHES_OF_PLUGIN ? due : CRASHES_OF_PLUGIN;
		if (count_of_plugin(log, c->plugin, c->at_ms - window_ms) < due_of_plugin)
			return CRASH_NOTED;
		forget_plugin(log, c->plugin);
		return CRASH_QUARANTINE_PLUGIN;
	}
	forget_alike(log, c);
	return c->key ? CRASH_QUARANTINE : CRASH_AVOID_PLAN;
}
