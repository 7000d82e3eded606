/* SPDX-License-Identifier: Apache-2.0 */
/* config/lua_memory.h - memory for a Lua state that lives for one run.
 *
 * Lua tells the size of what it frees, so small blocks need no header: they are cut from chunks and
 * come back to a list of their size. The C library's allocator took a quarter of the time of a large
 * composition.
 *
 * Ownership    all chunks go with lua_memory_deinit, whatever is still in use; large blocks have to
 *              be freed before, as lua_close does.
 * Threads      one. */
#pragma once

#include <stddef.h>

#define LUA_MEMORY_SMALL_MAX 1024
#define LUA_MEMORY_STEP      16

struct lua_memory {
	void *free[LUA_MEMORY_SMALL_MAX / LUA_MEMORY_STEP + 1]; /* lists, by size in steps */
	char *at, *end;                                         /* what is left of the newest chunk */
	void *chunks;                                           /* owned; each points to the next */
};

/* As lua_Alloc, without the bound: NULL when the system has no memory. */
void *lua_memory_resize(struct lua_memory *m, void *p, size_t old_size, size_t new_size);
void lua_memory_deinit(struct lua_memory *m);
