/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing over places in `items`. The newest of equal ones has the
 * highest place, wherever it stands in its run: a search goes on to the run's end. Sweeping makes
 * the tables anew: it passes over everything anyway. With 20,000 instances,
 * comparing one by one took seconds of every reload. */
#include "generation/instance_set.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdlib.h>

struct instance_set_entry {
	uint64_t hash;
	size_t place; /* 1 + index in items; 0: free */
};

static uint64_t mixed(uint64_t h)
{
	h = (h ^ (h >> 32)) * 0x9e3779b97f4a7c15;
	return h ^ (h >> 29);
}

static uint64_t hash_of_key(const struct instance_key *key)
{
	uint64_t plugin, config;
	memcpy(&plugin, key->plugin_sha256, sizeof(plugin));
	memcpy(&config, key->config_sha256, sizeof(config));
	return mixed(plugin ^ config);
}

static uint64_t hash_of_binding(struct str binding)
{
	return mixed(str_hash(binding));
}

static void put(const struct instance_set *s, struct instance_set_entry *table, uint64_t hash,
	size_t place)
{
	size_t i = hash & (s->slot_count - 1);
	while (table[i].place)
		i = (i + 1) & (s->slot_count - 1);
	table[i] = (struct instance_set_entry){hash, place};
}

static void index_item(struct instance_set *s, size_t at)
{
	struct sluice_instance *i = s->items[at];
	put(s, s->by_key, hash_of_key(instance_key(i)), at + 1);
	put(s, s->by_binding, hash_of_binding(instance_binding(i)), at + 1);
}

static void index_all(struct instance_set *s)
{
	memset(s->by_key, 0, s->slot_count * sizeof(*s->by_key));
	memset(s->by_binding, 0, s->slot_count * sizeof(*s->by_binding));
	for (size_t i = 0; i < s->count; i++)
		index_item(s, i);
}

/* At most half full, so that runs are short. */
static void grow(struct instance_set *s)
{
	s->slot_count = s->slot_count ? s->slot_count * 2 : 64;
	s->by_key = heap_realloc(s->by_key, s->slot_count * sizeof(*s->by_key));
	s->by_binding = heap_realloc(s->by_binding, s->slot_count * sizeof(*s->by_binding));
	index_all(s);
}

void instance_set_init(struct instance_set *s)
{
	*s = (struct instance_set){0};
}

void instance_set_deinit(struct instance_set *s)
{
	CHECK(s->count == 0);
	free(s->items);
	free(s->by_key);
	free(s->by_binding);
}

void instance_set_add(struct instance_set *s, struct sluice_instance *i)
{
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 64;
		s->items = heap_realloc(s->items, s->capacity * sizeof(struct sluice_instance *));
	}
	s->items[s->count++] = i;
	if (s->count * 2 > s->slot_count)
		grow(s);
	else
		index_item(s, s->count - 1);
}

struct sluice_instance *instance_set_find(
	const struct instance_set *s, const struct instance_key *key)
{
	size_t newest = 0, mask = s->slot_count - 1;
	uint64_t hash = hash_of_key(key);
	for (size_t i = hash & mask; s->slot_count && s->by_key[i].place; i = (i + 1) & mask) {
		const struct instance_set_entry *e = &s->by_key[i];
		if (e->hash == hash && e->place > newest &&
			instance_key_equal(instance_key(s->items[e->place - 1]), key))
			newest = e->place;
	}
	return newest ? s->items[newest - 1] : NULL;
}

struct sluice_instance *instance_set_find_binding(const struct instance_set *s, struct str binding)
{
	size_t newest = 0, mask = s->slot_count - 1;
	uint64_t hash = hash_of_binding(binding);
	for (size_t i = hash & mask; s->slot_count && s->by_binding[i].place; i = (i + 1) & mask) {
		const struct instance_set_entry *e = &s->by_binding[i];
		if (e->hash == hash && e->place > newest &&
			str_eq(instance_binding(s->items[e->place - 1]), binding))
			newest = e->place;
	}
	return newest ? s->items[newest - 1] : NULL;
}

void instance_set_sweep(struct instance_set *s, instance_set_fn *fn, void *arg)
{
	size_t kept = 0, count = s->count;
	for (size_t i = 0; i < count; i++) {
		struct sluice_instance *item = s->items[i];
		if (instance_ref_count(item) > 1)
			s->items[kept++] = item;
		else
			fn(arg, item);
	}
	s->count = kept;
	if (kept < count)
		index_all(s);
}
