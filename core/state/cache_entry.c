/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache_entry.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

static uint32_t marks_for(size_t meta_n)
{
	return (uint32_t)(meta_n / CACHE_MARK_PER_BYTES);
}

/* As far as the marks, which have to be aligned. */
static size_t bytes_before(size_t n)
{
	size_t unit = _Alignof(struct cache_mark);
	return (sizeof(struct cache_entry) + n + unit - 1) & ~(unit - 1);
}

struct cache_entry *cache_entry_new(
	struct str key, struct str group, struct str meta, struct cache_body *body)
{
	size_t before = bytes_before(key.n + group.n + meta.n);
	struct cache_entry *e = heap_alloc(before + marks_for(meta.n) * sizeof(struct cache_mark));
	*e = (struct cache_entry){.key_n = (uint32_t)key.n,
		.marks = (void *)((char *)e + before),
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

size_t cache_entry_bytes(const struct cache_entry *e)
{
	return bytes_before((size_t)e->key_n + e->group_n + e->meta_n) +
	       marks_for(e->meta_n) * sizeof(struct cache_mark);
}

/* --- marks ----------------------------------------------------------------------------------- */
uint32_t cache_entry_marks(const struct cache_entry *e, const struct cache_mark **marks)
{
	*marks = e->marks;
	bool is_marked = atomic_load_explicit(&e->marking, memory_order_acquire) == CACHE_MARKED;
	return is_marked ? e->mark_count : 0;
}

bool cache_entry_mark_begin(struct cache_entry *e)
{
	uint8_t before = CACHE_UNMARKED;
	return atomic_load_explicit(&e->marking, memory_order_relaxed) == CACHE_UNMARKED &&
	       atomic_compare_exchange_strong(&e->marking, &before, CACHE_BEING_MARKED);
}

void cache_entry_mark(struct cache_entry *e, const struct cache_mark *mark)
{
	if (e->mark_count < marks_for(e->meta_n))
		e->marks[e->mark_count++] = *mark;
}

void cache_entry_mark_end(struct cache_entry *e)
{
	atomic_store_explicit(&e->marking, CACHE_MARKED, memory_order_release);
}
