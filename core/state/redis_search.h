/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_search.h - finding the server that questions go to, and reaching it: where the settings
 * say, or where the Sentinels do, of whom the first counts that knows.
 *
 * Sentinels are asked anew for each connection: who is no master any more cuts its connections, or
 * says that it is a replica.
 *
 * Invariants   F1  exactly one of `reached` and `failed` comes, unless redis_search_cancel was called:
 *                  then none. None comes from inside redis_search_new.
 * Ownership    the search is gone when either is called, or with redis_search_cancel. */
#pragma once

#include "net/resolver.h"
#include "state/redis_pipe.h"
#include "state/redis_settings.h"

struct redis_search_events {
	/* It has the script, and has told so as quickly as a question has to be answered. To be handed
	 * over (redis_pipe_hand_over) before it returns. */
	void (*reached)(void *owner, struct redis_pipe *pipe);
	/* One sentence, which lasts until it returns. */
	void (*failed)(void *owner, const char *why);
};

struct redis_search;
/* `place`, borrowed: where it is; NULL: the settings say. `first`: which of the Sentinels is asked first,
 * counted round. */
struct redis_search *redis_search_new(struct stream_group *group, struct resolver *resolver,
	const struct redis_settings *settings, const struct redis_place *place, unsigned first,
	const struct redis_search_events *events, void *owner);
void redis_search_cancel(struct redis_search *s);
