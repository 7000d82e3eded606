/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/memory.h - the memory of one interpreter, on the account of the instance.
 *
 * Lua tells the size of what it frees, so small blocks need no header: they are cut from chunks and
 * come back to a list of their size. The instance's own allocator costs a lock-free account and a
 * malloc for each block; a handler makes a few small blocks for each request.
 *
 * Ownership    chunks go with memory_deinit; larger blocks have to be freed before, as lua_close
 *              does.
 * Threads      one at a time. */
#pragma once

#include "sluice/sluice.h"

#define MEMORY_SMALL_MAX 1024
#define MEMORY_STEP      16

struct memory {
	const struct sluice_host *host;
	struct sluice_instance *instance;
	void *free[MEMORY_SMALL_MAX / MEMORY_STEP + 1]; /* lists, by size in steps */
	char *at, *end;                                 /* what is left of the newest chunk */
	void *chunks;                                   /* owned; each points to the next */
	char *reserve, *reserve_at, *reserve_end;       /* owned; NULL: none */
};

/* For the making of a state, in which LuaJIT 2.1 does not survive a refusal: what is asked for
 * comes from a block of so many bytes until memory_unreserve. False: the instance's budget is
 * spent. */
int memory_reserve(struct memory *m, size_t bytes);
void memory_unreserve(struct memory *m);

/* As realloc, but the old size is told; new_size 0 frees. NULL: the instance's budget is spent. */
void *memory_resize(struct memory *m, void *p, size_t old_size, size_t new_size);
void memory_deinit(struct memory *m);
