/* SPDX-License-Identifier: Apache-2.0 */
/* base/map.h - a hash map from byte strings to pointers, on the heap.
 *
 * For configuration-sized tables. Keys are copied; values are borrowed. */
#pragma once

#include "base/str.h"

struct map_entry {
	struct str key; /* owned copy; p == NULL marks a free slot */
	void *value;
};

struct map {
	struct map_entry *slots; /* owned; capacity is a power of two */
	size_t capacity;
	size_t count;
};

void map_init(struct map *m);
void map_deinit(struct map *m);
/* NULL when absent. */
void *map_get(const struct map *m, struct str key);
/* Inserts or replaces; returns the value that was there, or NULL. */
void *map_put(struct map *m, struct str key, void *value);
/* Returns the value that was there, or NULL. */
void *map_remove(struct map *m, struct str key);
/* Iteration in no order: start with *at = 0; NULL at the end. */
const struct map_entry *map_next(const struct map *m, size_t *at);
