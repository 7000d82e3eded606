/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void *or_die(void *p, size_t size)
{
	if (!p) {
		fprintf(stderr, "out of memory: %zu bytes\n", size);
		abort();
	}
	return p;
}

void *heap_alloc(size_t size)
{
	return or_die(malloc(size ? size : 1), size);
}

void *heap_zalloc(size_t size)
{
	return or_die(calloc(1, size ? size : 1), size);
}

void *heap_realloc(void *p, size_t size)
{
	return or_die(realloc(p, size ? size : 1), size);
}

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

void *heap_alloc_large(size_t size)
{
	if (size < 2 * HUGE_PAGE_BYTES)
		return heap_alloc(size);
	size_t whole = (size + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
	void *p = or_die(aligned_alloc(HUGE_PAGE_BYTES, whole), size);
	madvise(p, whole, MADV_HUGEPAGE); /* a hint */
	return p;
}

/* Of the sizes that glibc keeps for a thread: 24, 40, ... 1032 bytes, seven of each. */
#define KEPT_SIZE_MIN  24
#define KEPT_SIZE_STEP 16
#define KEPT_SIZES     64
#define KEPT_EACH      7

struct kept {
	void *of[KEPT_SIZES][KEPT_EACH];
};

static void take_kept(struct kept *kept)
{
	for (size_t k = 0; k < KEPT_SIZES; k++)
		for (size_t i = 0; i < KEPT_EACH; i++)
			kept->of[k][i] = malloc(KEPT_SIZE_MIN + k * KEPT_SIZE_STEP);
}

static void free_kept(const struct kept *kept)
{
	for (size_t k = 0; k < KEPT_SIZES; k++)
		for (size_t i = 0; i < KEPT_EACH; i++)
			free(kept->of[k][i]);
}

void heap_gather(void)
{
	struct kept scattered, gathered;
	take_kept(&scattered);
	/* A large one: what is free and small is joined to its neighbours first. */
	free(heap_alloc(1u << 16));
	take_kept(&gathered);
	free_kept(&gathered); /* the first to be freed are kept */
	free_kept(&scattered);
}

char *heap_strndup(struct str s)
{
	char *copy = heap_alloc(s.n + 1);
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

char *heap_strdup(const char *s)
{
	return heap_strndup(str_of(s));
}

char *heap_printf(const char *format, ...)
{
	char *out = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&out, format, args);
	va_end(args);
	return or_die(n < 0 ? NULL : out, 0);
}
