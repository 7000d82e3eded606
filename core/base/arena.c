/* SPDX-License-Identifier: Apache-2.0 */
/* A list of pages, filled from the front. A request above what a page holds gets a heap block of
 * its own on the same list. */
#include "base/arena.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct arena_page {
	struct arena_page *next;
	size_t is_heap; /* of its own size, not a page of the pool */
	_Alignas(ARENA_ALIGNMENT) char data[];
};

#define PAGE_ROOM (POOL_PAGE_BYTES - sizeof(struct arena_page))

void arena_init(struct arena *a, struct pool *pool, size_t bytes_max)
{
	*a = (struct arena){.pool = pool, .bytes_max = bytes_max};
}

void arena_reset(struct arena *a)
{
	struct arena_page *page = a->pages;
	while (page) {
		struct arena_page *next = page->next;
		if (page->is_heap)
			free(page);
		else
			pool_page_put(a->pool, page);
		page = next;
	}
	arena_init(a, a->pool, a->bytes_max);
}

/* Nothing still is something, so that each allocation has an address. */
static size_t aligned(size_t size)
{
	return size ? (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1)
		    : ARENA_ALIGNMENT;
}

static void *fail(struct arena *a)
{
	a->failed = true;
	a->at = a->end = NULL;
	return NULL;
}

static bool is_within_budget(const struct arena *a, size_t size)
{
	return !a->failed && size <= a->bytes_max - a->bytes_used;
}

/* The network chooses the size: a heap that has none left is an ordinary failure. */
static void *heap_page(struct arena *a, size_t size)
{
	struct arena_page *page = malloc(sizeof(*page) + size);
	if (!page)
		return fail(a);
	page->is_heap = 1;
	/* Behind the newest page, which still has room. */
	if (a->pages) {
		page->next = a->pages->next;
		a->pages->next = page;
	} else {
		page->next = NULL;
		a->pages = page;
	}
	a->bytes_used += size;
	return page->data;
}

void *arena_alloc_slowly(struct arena *a, size_t size)
{
	if (UNLIKELY(size > SIZE_MAX - ARENA_ALIGNMENT || !is_within_budget(a, aligned(size))))
		return fail(a);
#ifdef SLUICE_SANITIZE
	return heap_page(a, size);
#else
	size = aligned(size);
	if (size > PAGE_ROOM / 2)
		return heap_page(a, size);
	struct arena_page *page = pool_page_get(a->pool);
	page->is_heap = 0;
	page->next = a->pages;
	a->pages = page;
	a->at = page->data + size;
	a->end = (char *)page + POOL_PAGE_BYTES;
	a->bytes_used += size;
	return page->data;
#endif
}

void *arena_zalloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);
	if (p)
		memset(p, 0, size);
	return p;
}

void *arena_realloc(struct arena *a, void *p, size_t old_size, size_t new_size)
{
	if (!p)
		return arena_alloc(a, new_size);
	if (new_size <= old_size)
		return p;
	if (UNLIKELY(new_size > SIZE_MAX - ARENA_ALIGNMENT))
		return arena_alloc(a, new_size);
	size_t more = aligned(new_size) - aligned(old_size);
	bool is_newest = a->at && (char *)p + aligned(old_size) == a->at;
	if (is_newest && more <= (size_t)(a->end - a->at) && !a->failed &&
		more <= a->bytes_max - a->bytes_used) {
		a->at += more;
		a->bytes_used += more;
		return p;
	}
	void *fresh = arena_alloc(a, new_size);
	if (fresh)
		memcpy(fresh, p, old_size);
	return fresh;
}

struct str arena_copy(struct arena *a, struct str s)
{
	char *p = s.n ? arena_alloc(a, s.n) : NULL;
	if (!p)
		return STR_EMPTY;
	memcpy(p, s.p, s.n);
	return (struct str){p, s.n};
}

struct str arena_concat(struct arena *a, struct str x, struct str y)
{
	size_t n = x.n + y.n; /* both exist in memory: no overflow */
	char *p = n ? arena_alloc(a, n) : NULL;
	if (!p)
		return STR_EMPTY;
	if (x.n > 0)
		memcpy(p, x.p, x.n);
	if (y.n > 0)
		memcpy(p + x.n, y.p, y.n);
	return (struct str){p, n};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
	char text[512];
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(text, sizeof(text), format, args);
	char *p = n > 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
	if (p && (size_t)n < sizeof(text))
		memcpy(p, text, (size_t)n);
	else if (p)
		vsnprintf(p, (size_t)n + 1, format, again);
	va_end(again);
	va_end(args);
	return p ? (struct str){p, (size_t)n} : STR_EMPTY;
}
