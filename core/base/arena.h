/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena.h - memory of one exchange: one budget, one free.
 *
 * Invariants   A1  bytes_used <= bytes_max.
 *              A2  once `failed`, every arena_alloc returns NULL until arena_reset: no page has
 *                  free bytes (at == end).
 * Ownership    embedded in its owner; pages come from the thread's pool.
 * Errors       a spent budget is an ordinary error: arena_alloc returns NULL and `failed` stays.
 * Sanitizers   under ASan each allocation is a heap block of its own, so that overruns show.
 */
#pragma once

#include "base/check.h"
#include "base/pool.h"
#include "base/str.h"

struct arena_page;

struct arena {
	struct pool *pool;        /* borrowed */
	struct arena_page *pages; /* owned; newest first */
	char *at;                 /* free bytes of the newest page */
	char *end;
	size_t bytes_used;
	size_t bytes_max;
	bool failed;
};

/* Allocates nothing until the first arena_alloc. */
void arena_init(struct arena *a, struct pool *pool, size_t bytes_max);
/* Gives every page back; the arena is as after arena_init. */
void arena_reset(struct arena *a);

#define ARENA_ALIGNMENT 16

/* What does not fit into the newest page. */
void *arena_alloc_slowly(struct arena *a, size_t size);

/* `size` bytes, aligned to 16, not zeroed; NULL when the budget is spent. */
static inline void *arena_alloc(struct arena *a, size_t size)
{
#ifndef SLUICE_SANITIZE
	/* Nothing still is something, so that each allocation has an address. */
	size_t taken = (size + !size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
	if (LIKELY(size <= (size_t)(a->end - a->at) && taken <= (size_t)(a->end - a->at) &&
		    taken <= a->bytes_max - a->bytes_used)) {
		char *p = a->at;
		a->at += taken;
		a->bytes_used += taken;
		return p;
	}
#endif
	return arena_alloc_slowly(a, size);
}
void *arena_zalloc(struct arena *a, size_t size);
/* Grows an allocation; in place when it is the newest one. NULL leaves the old one valid. */
void *arena_realloc(struct arena *a, void *p, size_t old_size, size_t new_size);
/* Copies; p == NULL with n > 0 never happens: a failure gives STR_EMPTY and `failed`. */
struct str arena_copy(struct arena *a, struct str s);
/* a ++ b in fresh memory. */
struct str arena_concat(struct arena *a, struct str x, struct str y);
struct str arena_printf(struct arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
