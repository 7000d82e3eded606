/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; removal shifts the cluster back, so there are no tombstones.
 */
#include "base/map.h"

#include "base/memory.h"

#include <stdlib.h>

void map_init(struct map *m)
{
	*m = (struct map){0};
}

void map_deinit(struct map *m)
{
	for (size_t i = 0; i < m->capacity; i++)
		free((void *)m->slots[i].key.p);
	free(m->slots);
	map_init(m);
}

/* The slot of the key, or the free one where it belongs. */
static size_t find(const struct map *m, struct str key)
{
	size_t mask = m->capacity - 1;
	size_t i = str_hash(key) & mask;
	while (m->slots[i].key.p && !str_eq(m->slots[i].key, key))
		i = (i + 1) & mask;
	return i;
}

static void grow(struct map *m)
{
	struct map bigger = {.capacity = m->capacity ? m->capacity * 2 : 16, .count = m->count};
	bigger.slots = heap_zalloc(bigger.capacity * sizeof(struct map_entry));
	for (size_t i = 0; i < m->capacity; i++)
		if (m->slots[i].key.p)
			bigger.slots[find(&bigger, m->slots[i].key)] = m->slots[i];
	free(m->slots);
	*m = bigger;
}

void *map_get(const struct map *m, struct str key)
{
	return m->count ? m->slots[find(m, key)].value : NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
	if ((m->count + 1) * 4 > m->capacity * 3)
		grow(m);
	struct map_entry *e = &m->slots[find(m, key)];
	void *former = e->value;
	if (!e->key.p) {
		e->key = str_n(heap_strndup(key), key.n);
		m->count++;
	}
	e->value = value;
	return former;
}

/* Whether an entry that hashes to `home` and stands at `at` may move to the hole. */
static bool may_move(size_t home, size_t hole, size_t at)
{
	return hole <= at ? home <= hole || home > at : home <= hole && home > at;
}

void *map_remove(struct map *m, struct str key)
{
	if (m->count == 0)
		return NULL;
	size_t mask = m->capacity - 1;
	size_t hole = find(m, key);
	if (!m->slots[hole].key.p)
		return NULL;
	void *former = m->slots[hole].value;
	free((void *)m->slots[hole].key.p);
	for (size_t at = (hole + 1) & mask; m->slots[at].key.p; at = (at + 1) & mask)
		if (may_move(str_hash(m->slots[at].key) & mask, hole, at)) {
			m->slots[hole] = m->slots[at];
			hole = at;
		}
	m->slots[hole] = (struct map_entry){0};
	m->count--;
	return former;
}

const struct map_entry *map_next(const struct map *m, size_t *at)
{
	while (*at < m->capacity) {
		const struct map_entry *e = &m->slots[(*at)++];
		if (e->key.p)
			return e;
	}
	return NULL;
}
