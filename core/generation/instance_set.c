/* SPDX-License-Identifier: Apache-2.0 */
#include "generation/instance_set.h"

#include "base/check.h"
#include "base/memory.h"

void instance_set_init(struct instance_set *s)
{
	*s = (struct instance_set){0};
}

void instance_set_deinit(struct instance_set *s)
{
	CHECK(s->count == 0);
	free(s->items);
}

void instance_set_add(struct instance_set *s, struct sluice_instance *i)
{
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 64;
		s->items = heap_realloc(s->items, s->capacity * sizeof(struct sluice_instance *));
	}
	s->items[s->count++] = i;
}

struct sluice_instance *instance_set_find(
	const struct instance_set *s, const struct instance_key *key)
{
	for (size_t i = 0; i < s->count; i++)
		if (instance_key_equal(instance_key(s->items[i]), key))
			return s->items[i];
	return NULL;
}

struct sluice_instance *instance_set_find_binding(const struct instance_set *s, struct str binding)
{
	for (size_t i = s->count; i-- > 0;)
		if (str_eq(instance_binding(s->items[i]), binding))
			return s->items[i];
	return NULL;
}

struct sluice_instance *instance_set_take_unused(struct instance_set *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct sluice_instance *found = s->items[i];
		if (instance_ref_count(found) > 1)
			continue;
		memmove(&s->items[i], &s->items[i + 1],
			(s->count - i - 1) * sizeof(struct sluice_instance *));
		s->count--;
		return found;
	}
	return NULL;
}
