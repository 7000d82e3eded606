/* SPDX-License-Identifier: Apache-2.0 */
/* state/cache_removals.h - what is removed from a store while its former entries come back into it: they
 * must not bring that along.
 *
 * Beyond CACHE_REMOVALS_MAX keys, or when many go at once, nothing comes back any more.
 *
 * Threads      under the store's lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_REMOVALS_MAX 4096

struct cache_removals { /* zeroed: off */
	bool is_on, has_all;
	size_t count;
	uint64_t *hashes; /* owned */
};

/* Nothing is noted while it is off. */
void cache_removals_note(struct cache_removals *r, uint64_t hash);
void cache_removals_note_all(struct cache_removals *r);
bool cache_removals_has(const struct cache_removals *r, uint64_t hash);
/* Off, and its memory goes. */
void cache_removals_end(struct cache_removals *r);
