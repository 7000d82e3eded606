/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <string.h>

#define CHUNK_BYTES (64u << 10)

#define IS_SMALL(size) ((size) <= MEMORY_SMALL_MAX)

static size_t steps_of(size_t size)
{
	return (size + MEMORY_STEP - 1) / MEMORY_STEP;
}

static int add_chunk(struct memory *m)
{
	char *chunk = m->host->instance_alloc(m->instance, CHUNK_BYTES);
	if (!chunk)
		return 0;
	memcpy(chunk, &m->chunks, sizeof(m->chunks));
	m->chunks = chunk;
	m->at = chunk + MEMORY_STEP;
	m->end = chunk + CHUNK_BYTES;
	return 1;
}

static int is_reserved(const struct memory *m, const void *p)
{
	return (const char *)p >= m->reserve && (const char *)p < m->reserve_end;
}

/* NULL: nothing is reserved, or not so much. */
static void *take_reserved(struct memory *m, size_t size)
{
	size_t bytes = steps_of(size) * MEMORY_STEP;
	if (!m->reserve_at || (size_t)(m->reserve_end - m->reserve_at) < bytes)
		return NULL;
	m->reserve_at += bytes;
	return m->reserve_at - bytes;
}

int memory_reserve(struct memory *m, size_t bytes)
{
	m->reserve = m->host->instance_alloc(m->instance, bytes);
	m->reserve_at = m->reserve;
	m->reserve_end = m->reserve ? m->reserve + bytes : NULL;
	return m->reserve != NULL;
}

void memory_unreserve(struct memory *m)
{
	m->reserve_at = NULL;
}

static void *take(struct memory *m, size_t size)
{
	void *reserved = take_reserved(m, size);
	if (reserved)
		return reserved;
	if (!IS_SMALL(size))
		return m->host->instance_alloc(m->instance, size);
	size_t steps = steps_of(size), bytes = steps * MEMORY_STEP;
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

static void give_back(struct memory *m, void *p, size_t size)
{
	if (is_reserved(m, p))
		return;
	if (!IS_SMALL(size)) {
		m->host->instance_free(m->instance, p);
		return;
	}
	void **list = &m->free[steps_of(size)];
	memcpy(p, list, sizeof(*list));
	*list = p;
}

void *memory_resize(struct memory *m, void *p, size_t old_size, size_t new_size)
{
	if (!p)
		return new_size ? take(m, new_size) : NULL;
	if (new_size == 0) {
		give_back(m, p, old_size);
		return NULL;
	}
	if (IS_SMALL(old_size) && IS_SMALL(new_size) && steps_of(old_size) == steps_of(new_size))
		return p;
	void *fresh = take(m, new_size);
	if (!fresh)
		return NULL;
	memcpy(fresh, p, old_size < new_size ? old_size : new_size);
	give_back(m, p, old_size);
	return fresh;
}

void memory_deinit(struct memory *m)
{
	while (m->chunks) {
		void *chunk = m->chunks;
		memcpy(&m->chunks, chunk, sizeof(m->chunks));
		m->host->instance_free(m->instance, chunk);
	}
	m->host->instance_free(m->instance, m->reserve);
	m->reserve = m->reserve_at = m->reserve_end = NULL;
	m->at = m->end = NULL;
	memset(m->free, 0, sizeof(m->free));
}
