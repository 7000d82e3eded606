/* SPDX-License-Identifier: Apache-2.0 */
/* services/storage.c - each worker's way to the shared storage: of the generation that it serves by. */
#include "services/services_priv.h"
#include "state/redis_link.h"

/* Of links that are gone: counters never go back. */
static _Thread_local struct redis_link_stats gone;

static void stats_add(struct redis_link_stats *to, const struct redis_link_stats *s)
{
	to->asked += s->asked;
	to->answered += s->answered;
	to->late += s->late;
	to->broken += s->broken;
	to->refused += s->refused;
}

static void link_free(struct redis_link *l)
{
	stats_add(&gone, redis_link_stats(l));
	redis_link_free(l);
}

static void former_end(struct redis_link *l)
{
	services_thread.former = NULL;
	link_free(l);
}

/* A reload fails no question that is under way, unless the one before has not even ended yet. */
static void let_go(struct redis_link *l)
{
	struct services_thread *here = &services_thread;
	if (here->former)
		link_free(here->former);
	here->former = l;
	redis_link_retire(l, former_end);
}

void services_use_storage(struct redis_settings *settings)
{
	struct services_thread *here = &services_thread;
	if (here->storage && redis_link_settings(here->storage) == settings)
		return;
	if (here->storage)
		let_go(here->storage);
	here->storage = settings ? redis_link_new(here->group, here->resolver, settings) : NULL;
}

void services_storage_stats(struct redis_link_stats *out)
{
	const struct services_thread *here = &services_thread;
	*out = gone;
	if (here->former)
		stats_add(out, redis_link_stats(here->former));
	if (!here->storage)
		return;
	stats_add(out, redis_link_stats(here->storage));
	out->is_up = redis_link_stats(here->storage)->is_up;
}

/* Connections end with a turn. */
void services_storage_stop(void)
{
	struct services_thread *here = &services_thread;
	if (!here->storage && !here->former)
		return;
	if (here->storage)
		redis_link_free(here->storage);
	if (here->former)
		redis_link_free(here->former);
	here->storage = here->former = NULL;
	loop_turn(here->loop, 0);
}
