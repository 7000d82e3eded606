/* SPDX-License-Identifier: Apache-2.0 */
#include "services/handles.h"

#include "base/check.h"
#include "base/memory.h"

#define SLOTS_MAX   (1u << 24)
#define SLOTS_FIRST 64

struct handle_slot {
	void *object;        /* NULL: free */
	uint32_t generation; /* of the handle that is out, or the next one; never 0 */
	uint32_t next_free;  /* as handles.free */
};

static bool grow(struct handles *h)
{
	uint32_t capacity = h->capacity ? h->capacity * 2 : SLOTS_FIRST;
	if (capacity > SLOTS_MAX)
		return false;
	h->slots = heap_realloc(h->slots, capacity * sizeof(h->slots[0]));
	for (uint32_t i = capacity; i-- > h->capacity;) {
		h->slots[i] = (struct handle_slot){.generation = 1, .next_free = h->free};
		h->free = i + 1;
	}
	h->capacity = capacity;
	return true;
}

static struct handle_slot *slot_of(const struct handles *h, uint64_t handle)
{
	uint32_t index = (handle >> 32) & (SLOTS_MAX - 1);
	struct handle_slot *s = index < h->capacity ? &h->slots[index] : NULL;
	return s && s->object && s->generation == (uint32_t)handle ? s : NULL;
}

uint64_t handle_new(struct handles *h, unsigned worker, void *object)
{
	if (!h->free && !grow(h))
		return 0;
	uint32_t index = h->free - 1;
	struct handle_slot *s = &h->slots[index];
	h->free = s->next_free;
	s->object = object;
	return (uint64_t)worker << 56 | (uint64_t)index << 32 | s->generation;
}

void *handle_object(const struct handles *h, uint64_t handle)
{
	const struct handle_slot *s = slot_of(h, handle);
	return s ? s->object : NULL;
}

void handle_let_go(struct handles *h, uint64_t handle)
{
	struct handle_slot *s = slot_of(h, handle);
	CHECK(s);
	s->object = NULL;
	s->generation = s->generation + 1 ? s->generation + 1 : 1;
	s->next_free = h->free;
	h->free = (uint32_t)(s - h->slots) + 1;
}
