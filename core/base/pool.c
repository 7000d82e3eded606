/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdlib.h>

#define STEP    16
#define CLASSES (POOL_OBJECT_BYTES_MAX / STEP)

struct free_node {
	struct free_node *next;
};

struct pool {
	struct free_node *pages;
	struct free_node *objects[CLASSES + 1];
	struct free_node *large[POOL_LARGE_COUNT];
	size_t bytes_used;
	size_t bytes_idle;
};

struct pool *pool_new(void)
{
	return heap_zalloc(sizeof(struct pool));
}

static void free_list(struct free_node **list)
{
	struct free_node *node = *list;
	*list = NULL;
	while (node) {
		struct free_node *next = node->next;
		free(node);
		node = next;
	}
}

void pool_trim(struct pool *pool)
{
	free_list(&pool->pages);
	for (size_t i = 0; i <= CLASSES; i++)
		free_list(&pool->objects[i]);
	for (size_t i = 0; i < POOL_LARGE_COUNT; i++)
		free_list(&pool->large[i]);
	pool->bytes_idle = 0;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	CHECK(pool->bytes_used == 0);
	pool_trim(pool);
	free(pool);
}

static void *take(struct pool *pool, struct free_node **list, size_t size)
{
	struct free_node *node = *list;
	pool->bytes_used += size;
	if (!node)
		return heap_alloc(size);
	*list = node->next;
	pool->bytes_idle -= size;
	return node;
}

static void give(struct pool *pool, struct free_node **list, void *p, size_t size)
{
	pool->bytes_used -= size;
#ifdef SLUICE_SANITIZE
	(void)list;
	free(p);
#else
	if (pool->bytes_idle + size > POOL_IDLE_BYTES_MAX) {
		free(p);
		return;
	}
	struct free_node *node = p;
	node->next = *list;
	*list = node;
	pool->bytes_idle += size;
#endif
}

void *pool_page_get(struct pool *pool)
{
	return take(pool, &pool->pages, POOL_PAGE_BYTES);
}

void pool_page_put(struct pool *pool, void *page)
{
	give(pool, &pool->pages, page, POOL_PAGE_BYTES);
}

static size_t class_of(size_t size)
{
	CHECK(size > 0 && size <= POOL_OBJECT_BYTES_MAX);
	return (size + STEP - 1) / STEP;
}

void *pool_get(struct pool *pool, size_t size)
{
	size_t c = class_of(size);
	return take(pool, &pool->objects[c], c * STEP);
}

void pool_put(struct pool *pool, void *object, size_t size)
{
	size_t c = class_of(size);
	give(pool, &pool->objects[c], object, c * STEP);
}

static size_t large_bytes(enum pool_large size)
{
	return (size == POOL_LARGE_16K ? 16384 : 65536) + POOL_LARGE_HEADER_BYTES;
}

void *pool_large_get(struct pool *pool, enum pool_large size)
{
	return take(pool, &pool->large[size], large_bytes(size));
}

void pool_large_put(struct pool *pool, void *object, enum pool_large size)
{
	give(pool, &pool->large[size], object, large_bytes(size));
}

size_t pool_bytes_used(const struct pool *pool)
{
	return pool->bytes_used;
}

size_t pool_bytes_idle(const struct pool *pool)
{
	return pool->bytes_idle;
}
