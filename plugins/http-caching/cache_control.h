/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/cache_control.h - what all Cache-Control fields of one message together say (RFC 9111 5.2,
 * RFC 5861, RFC 8246), as a shared cache reads them.
 *
 * Where directives conflict, or cannot be read, what keeps less counts: the smallest of several
 * lifetimes, 0 for one that is no number, all of the answer where a list of fields is broken.
 *
 * Ownership    the lists of fields are views of the field's value.
 * Threads      pure functions.
 */
#pragma once

#include "sluice/sluice.h"

#define CACHE_CONTROL_LISTS_MAX 4

enum cache_control_flag {
	CC_PRESENT = 1, /* there was a directive */
	CC_NO_STORE = 2,
	CC_NO_CACHE = 4, /* unqualified, as CC_PRIVATE */
	CC_PRIVATE = 8,
	CC_PUBLIC = 16,
	CC_MUST_REVALIDATE = 32, /* proxy-revalidate too: the cache is shared */
	CC_MUST_UNDERSTAND = 64,
	CC_IMMUTABLE = 128,
	CC_NO_TRANSFORM = 256,
	CC_ONLY_IF_CACHED = 512,
	CC_ANY_STALE = 1024 /* max-stale without a number */
};

enum cache_control_time {
	CC_MAX_AGE,
	CC_S_MAXAGE,
	CC_STALE_WHILE_REVALIDATE,
	CC_STALE_IF_ERROR,
	CC_MAX_STALE,
	CC_MIN_FRESH,
	CC_TIMES
};

struct cache_control {
	uint32_t flags;
	int64_t seconds[CC_TIMES]; /* -1: not said */
	/* Fields that neither may be stored (private) or sent again unvalidated (no-cache). */
	struct sluice_str fields[CACHE_CONTROL_LISTS_MAX];
	size_t field_lists;
};

void cache_control_init(struct cache_control *cc);
/* One field's value. */
void cache_control_add(struct cache_control *cc, struct sluice_str value);
/* Whether a field of the answer is among those that no-cache or private name: it is left out of what is stored. */
int cache_control_withholds(const struct cache_control *cc, struct sluice_str field);

/* A directive that is read already: by its name, and its value where it has one. */
enum cache_control_time cache_control_time_of(struct sluice_str name); /* CC_TIMES: none */
uint32_t cache_control_flag_of(struct sluice_str name);                /* 0: none */
