/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache_entry.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

struct cache_entry *cache_entry_new(
	struct str key, struct str group, struct str meta, struct cache_body *body)
{
	struct cache_entry *e = heap_alloc(sizeof(*e) + key.n + group.n + meta.n);
	*e = (struct cache_entry){.key_n = (uint32_t)key.n,
		.group_n = (uint32_t)group.n,
		.meta_n = (uint32_t)meta.n,
		.body = cache_body_ref(body)};
	atomic_init(&e->refs, 1);
	char *at = e->bytes;
	const struct str parts[] = {key, group, meta};
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		if (parts[i].n)
			memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	return e;
}

struct cache_entry *cache_entry_ref(struct cache_entry *e)
{
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}

void cache_entry_unref(struct cache_entry *e)
{
	if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	cache_body_unref(e->body);
	free(e);
}

struct str cache_entry_key(const struct cache_entry *e)
{
	return str_n(e->bytes, e->key_n);
}

struct str cache_entry_group(const struct cache_entry *e)
{
	return str_n(e->bytes + e->key_n, e->group_n);
}

struct str cache_entry_meta(const struct cache_entry *e)
{
	return str_n(e->bytes + e->key_n + e->group_n, e->meta_n);
}
