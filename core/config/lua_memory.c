/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lua_memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (256u << 10)

/* Under AddressSanitizer every block is one of the heap's, so that it sees inside. */
#ifdef __SANITIZE_ADDRESS__
#define IS_SMALL(size) (false)
#else
#define IS_SMALL(size) ((size) <= LUA_MEMORY_SMALL_MAX)
#endif

static size_t steps_of(size_t size)
{
	return (size + LUA_MEMORY_STEP - 1) / LUA_MEMORY_STEP;
}

static bool add_chunk(struct lua_memory *m)
{
	char *chunk = malloc(CHUNK_BYTES);
	if (!chunk)
		return false;
	memcpy(chunk, &m->chunks, sizeof(m->chunks));
	m->chunks = chunk;
	m->at = chunk + LUA_MEMORY_STEP;
	m->end = chunk + CHUNK_BYTES;
	return true;
}

static void *take(struct lua_memory *m, size_t size)
{
	if (!IS_SMALL(size))
		return malloc(size);
	size_t steps = steps_of(size), bytes = steps * LUA_MEMORY_STEP;
	void *p = m->free[steps];
	if (p) {
		memcpy(&m->free[steps], p, sizeof(p));
		return p;
	}
	if ((size_t)(m->end - m->at) < bytes && !add_chunk(m))
		return NULL;
	p = m->at;
	m->at += bytes;
	return p;
}

static void give_back(struct lua_memory *m, void *p, size_t size)
{
	if (!IS_SMALL(size)) {
		free(p);
		return;
	}
	void **list = &m->free[steps_of(size)];
	memcpy(p, list, sizeof(*list));
	*list = p;
}

void *lua_memory_resize(struct lua_memory *m, void *p, size_t old_size, size_t new_size)
{
	if (!p)
		return take(m, new_size);
	if (new_size == 0) {
		give_back(m, p, old_size);
		return NULL;
	}
	if (!IS_SMALL(old_size) && !IS_SMALL(new_size))
		return realloc(p, new_size);
	if (IS_SMALL(old_size) && IS_SMALL(new_size) && steps_of(old_size) == steps_of(new_size))
		return p;
	void *fresh = take(m, new_size);
	if (!fresh)
		return NULL;
	memcpy(fresh, p, old_size < new_size ? old_size : new_size);
	give_back(m, p, old_size);
	return fresh;
}

void lua_memory_deinit(struct lua_memory *m)
{
	while (m->chunks) {
		void *chunk = m->chunks;
		memcpy(&m->chunks, chunk, sizeof(m->chunks));
		free(chunk);
	}
	*m = (struct lua_memory){0};
}
