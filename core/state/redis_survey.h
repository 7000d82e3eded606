/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_survey.h - asking the nodes of a Redis Cluster for its map, one after the other, until one tells.
 *
 * Invariants   V1  exactly one of `mapped` and `failed` comes, unless redis_survey_cancel was called: then
 *                  none. None comes from inside redis_survey_new.
 * Ownership    the survey is gone when either is called, or with redis_survey_cancel. */
#pragma once

#include "net/resolver.h"
#include "net/stream.h"
#include "state/redis_settings.h"
#include "state/redis_slots.h"

struct redis_survey_events {
	/* Of `host`. Ranges and host last until it returns. */
	void (*mapped)(void *owner, struct redis_ranges *ranges, struct str host);
	/* One sentence, which lasts until it returns. */
	void (*failed)(void *owner, const char *why);
};

struct redis_survey;
/* `places`, at least one, in their order; copied. */
struct redis_survey *redis_survey_new(struct stream_group *group, struct resolver *resolver,
	struct redis_settings *settings, const struct redis_place *places, size_t count,
	const struct redis_survey_events *events, void *owner);
void redis_survey_cancel(struct redis_survey *s);
