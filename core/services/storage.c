/* SPDX-License-Identifier: Apache-2.0 */
/* services/storage.c - each worker's way to the shared storage: of the generation that it serves by. */
#include "services/services_priv.h"
#include "state/redis_link.h"

static void former_end(struct redis_link *l)
{
	services_thread.former = NULL;
	redis_link_free(l);
}

/* A reload fails no question that is under way, unless the one before has not even ended yet. */
static void let_go(struct redis_link *l)
{
	struct services_thread *here = &services_thread;
	if (here->former)
		redis_link_free(here->former);
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
