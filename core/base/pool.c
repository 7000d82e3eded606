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

/* Last in, first out, so that `rest` is reached only when all that came since is taken. */
struct free_list {
	struct free_node *top;
	struct free_node *rest; /* was there when pool_age last looked, and nobody wanted it */
};

struct pool {
	struct free_list pages;
	struct free_list objects[CLASSES + 1];
	struct free_list large[POOL_LARGE_COUNT];
	size_t bytes_used;
	size_t bytes_idle;
};

struct pool *pool_new(void)
{
	return heap_zalloc(sizeof(struct pool));
}

static void free_nodes(struct free_node **nodes)
{
	struct free_node *node = *nodes;
	*nodes = NULL;
	while (node) {
		struct free_node *next = node->next;
		free(node);
		node = next;
	}
}

static void free_list(struct free_list *list)
{
	free_nodes(&list->top);
	free_nodes(&list->rest);
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

/* --- ageing ---------------------------------------------------------------------------------- */

/* Of a list that nobody touched since. */
static unsigned kept_of(size_t size)
{
	return size > POOL_PAGE_BYTES ? POOL_KEPT_LARGE : POOL_KEPT_OBJECTS;
}

/* Where the next ones to go begin. */
static struct free_node **first_to_go(struct free_list *list, size_t size)
{
	struct free_node **at = &list->rest;
	for (unsigned i = 0; !list->top && *at && i < kept_of(size); i++)
		at = &(*at)->next;
	return at;
}

static unsigned age_list(struct pool *pool, struct free_list *list, size_t size, unsigned most)
{
	struct free_node **at = first_to_go(list, size);
	unsigned count = 0;
	for (; *at && count < most; count++) {
		struct free_node *node = *at;
		*at = node->next;
		free(node);
		pool->bytes_idle -= size;
	}
	if (!list->rest) {
		list->rest = list->top;
		list->top = NULL;
	}
	return count;
}

static size_t large_bytes(enum pool_large size)
{
	return (size == POOL_LARGE_16K ? 16384 : 65536) + POOL_LARGE_HEADER_BYTES;
}

size_t pool_age(struct pool *pool)
{
	size_t before = pool->bytes_idle;
	unsigned left = POOL_AGE_OBJECTS;
	for (size_t i = 0; i < POOL_LARGE_COUNT; i++)
		left -= age_list(pool, &pool->large[i], large_bytes(i), left);
	left -= age_list(pool, &pool->pages, POOL_PAGE_BYTES, left);
	for (size_t i = CLASSES; i > 0; i--)
		left -= age_list(pool, &pool->objects[i], i * STEP, left);
	return before - pool->bytes_idle;
}

/* --- gathering ------------------------------------------------------------------------------- */

/* All lists, with the sizes of what is in them: 0: that of pages. */
#define LISTS (1 + CLASSES + POOL_LARGE_COUNT)

static struct free_list *list_at(struct pool *pool, size_t i, size_t *size)
{
	if (i == 0) {
		*size = POOL_PAGE_BYTES;
		return &pool->pages;
	}
	if (i <= CLASSES) {
		*size = i * STEP;
		return &pool->objects[i];
	}
	*size = large_bytes(i - CLASSES - 1);
	return &pool->large[i - CLASSES - 1];
}

/* How many were freed: none where there are more than ageing leaves, which it has still to look at. */
static unsigned free_kept(struct free_list *list, size_t size)
{
	unsigned count = 0;
	if (list->top)
		return 0;
	for (const struct free_node *node = list->rest; node; node = node->next)
		if (++count > kept_of(size))
			return 0;
	free_nodes(&list->rest);
	return count;
}

void pool_gather(struct pool *pool)
{
	unsigned counts[LISTS];
	size_t size;
	for (size_t i = 0; i < LISTS; i++) {
		struct free_list *list = list_at(pool, i, &size);
		counts[i] = free_kept(list, size);
	}
	heap_gather();
	for (size_t i = 0; i < LISTS; i++) {
		struct free_list *list = list_at(pool, i, &size);
		for (; counts[i] > 0; counts[i]--) {
			struct free_node *node = heap_alloc(size);
			node->next = list->rest;
			list->rest = node;
		}
	}
}

/* --- taking and giving ----------------------------------------------------------------------- */

static __attribute__((noinline)) void *take_slowly(
	struct pool *pool, struct free_list *list, size_t size)
{
	struct free_node *node = list->rest;
	if (!node)
		return heap_alloc(size);
	list->rest = node->next;
	pool->bytes_idle -= size;
	return node;
}

static void *take(struct pool *pool, struct free_list *list, size_t size)
{
	struct free_node *node = list->top;
	pool->bytes_used += size;
	if (!node)
		return take_slowly(pool, list, size);
	list->top = node->next;
	pool->bytes_idle -= size;
	return node;
}

static void give(struct pool *pool, struct free_list *list, void *p, size_t size)
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
	node->next = list->top;
	list->top = node;
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
