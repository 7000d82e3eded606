/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/event_memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <event2/event.h>

#define SLOT_BYTES 16
/* Addresses, not memory: 32,768 descriptors of each of 32 loops. Beyond that the allocator has them. */
#define REGION_BYTES (16u << 20)

struct free_slot {
	struct free_slot *next;
};

static struct {
	pthread_mutex_t lock;
	char *begin, *at; /* NULL: there is no region */
	struct free_slot *free;
} region = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* NULL: none is left. */
static void *take_slot(void)
{
	pthread_mutex_lock(&region.lock);
	struct free_slot *slot = region.free;
	if (slot) {
		region.free = slot->next;
	} else if (region.begin && region.at < region.begin + REGION_BYTES) {
		slot = (struct free_slot *)(void *)region.at;
		region.at += SLOT_BYTES;
	}
	pthread_mutex_unlock(&region.lock);
	return slot;
}

static void give_slot(struct free_slot *slot)
{
	pthread_mutex_lock(&region.lock);
	slot->next = region.free;
	region.free = slot;
	pthread_mutex_unlock(&region.lock);
}

static bool is_slot(const void *p)
{
	return region.begin && (uintptr_t)p - (uintptr_t)region.begin < REGION_BYTES;
}

static void *take(size_t size)
{
	void *slot = size <= SLOT_BYTES ? take_slot() : NULL;
	return slot ? slot : malloc(size);
}

static void give(void *p)
{
	if (is_slot(p))
		give_slot(p);
	else
		free(p);
}

static void *take_again(void *p, size_t size)
{
	if (!p)
		return take(size);
	if (!is_slot(p))
		return realloc(p, size);
	if (size <= SLOT_BYTES)
		return p;
	void *larger = malloc(size);
	if (!larger)
		return NULL;
	memcpy(larger, p, SLOT_BYTES);
	give_slot(p);
	return larger;
}

/* Sanitizers see each slot by itself. */
static char *reserve(void)
{
#ifdef SLUICE_SANITIZE
	return NULL;
#else
	void *p = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	madvise(p, REGION_BYTES, MADV_NOHUGEPAGE); /* a hint */
	return p;
#endif
}

static void begin(void)
{
	region.begin = region.at = reserve();
	event_set_mem_functions(take, take_again, give);
}

void event_memory_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, begin);
}
