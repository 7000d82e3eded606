/* SPDX-License-Identifier: Apache-2.0 */
/* services/storage.c - each worker's way to the shared storage: of the generation that it serves by. */
#include "services/services_priv.h"
#include "state/redis_home.h"

/* Of ways that are gone: counters never go back. */
static _Thread_local struct redis_home_stats gone;

static void stats_add(struct redis_home_stats *to, const struct redis_home_stats *s)
{
	redis_link_stats_add(&to->links, &s->links);
	to->maps += s->maps;
}

static void home_free(struct redis_home *h)
{
	const struct redis_home_stats last = redis_home_stats(h);
	stats_add(&gone, &last);
	redis_home_free(h);
}

static void former_end(struct redis_home *h)
{
	services_thread.former = NULL;
	home_free(h);
}

/* A reload fails no question that is under way, unless the one before has not even ended yet. */
static void let_go(struct redis_home *h)
{
	struct services_thread *here = &services_thread;
	if (here->former)
		home_free(here->former);
	here->former = h;
	redis_home_retire(h, former_end);
}

void services_use_storage(struct redis_settings *settings)
{
	struct services_thread *here = &services_thread;
	if (here->storage && redis_home_settings(here->storage) == settings)
		return;
	if (here->storage)
		let_go(here->storage);
	here->storage = settings ? redis_home_new(here->group, here->resolver, settings) : NULL;
}

struct redis_home_stats services_storage_stats(void)
{
	const struct services_thread *here = &services_thread;
	struct redis_home_stats all = gone;
	if (here->former) {
		const struct redis_home_stats former = redis_home_stats(here->former);
		stats_add(&all, &former);
	}
	if (!here->storage)
		return all;
	const struct redis_home_stats now = redis_home_stats(here->storage);
	stats_add(&all, &now);
	all.links.is_up = now.links.is_up;
	all.nodes = now.nodes;
	all.nodes_up = now.nodes_up;
	return all;
}

/* Connections end with a turn. */
void services_storage_stop(void)
{
	struct services_thread *here = &services_thread;
	if (!here->storage && !here->former)
		return;
	if (here->storage)
		redis_home_free(here->storage);
	if (here->former)
		redis_home_free(here->former);
	here->storage = here->former = NULL;
	loop_turn(here->loop, 0);
}
