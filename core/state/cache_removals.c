/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache_removals.h"

#include "base/memory.h"

#include <stdlib.h>

void cache_removals_note(struct cache_removals *r, uint64_t hash)
{
	if (!r->is_on || r->has_all)
		return;
	if (!r->hashes)
		r->hashes = heap_alloc(CACHE_REMOVALS_MAX * sizeof(r->hashes[0]));
	if (r->count == CACHE_REMOVALS_MAX)
		r->has_all = true;
	else
		r->hashes[r->count++] = hash;
}

void cache_removals_note_all(struct cache_removals *r)
{
	r->has_all |= r->is_on;
}

bool cache_removals_has(const struct cache_removals *r, uint64_t hash)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->hashes[i] == hash)
			return true;
	return r->has_all;
}

void cache_removals_end(struct cache_removals *r)
{
	free(r->hashes);
	*r = (struct cache_removals){0};
}
