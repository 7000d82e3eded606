/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_memory.h"

#include <stdlib.h>
#include <string.h>

/* Stands before each piece; as large as the alignment. */
struct piece {
	_Alignas(16) size_t size; /* with this */
};

static void *take(size_t n, void *user)
{
	struct h2_memory *m = user;
	size_t size = n + sizeof(struct piece);
	if (n > m->max || size > m->max - m->used) {
		m->failed = true;
		return NULL;
	}
	struct piece *p = size <= POOL_OBJECT_BYTES_MAX ? pool_get(m->pool, size) : malloc(size);
	if (!p)
		return NULL;
	p->size = size;
	m->used += size;
	return p + 1;
}

static void give(void *ptr, void *user)
{
	struct h2_memory *m = user;
	if (!ptr)
		return;
	struct piece *p = (struct piece *)ptr - 1;
	m->used -= p->size;
	if (p->size <= POOL_OBJECT_BYTES_MAX)
		pool_put(m->pool, p, p->size);
	else
		free(p);
}

static void *take_zeroed(size_t count, size_t size, void *user)
{
	size_t n;
	void *p = __builtin_mul_overflow(count, size, &n) ? NULL : take(n, user);
	return p ? memset(p, 0, n) : NULL;
}

static void *resize(void *ptr, size_t n, void *user)
{
	void *fresh = take(n, user);
	if (!ptr || !fresh)
		return fresh;
	size_t old = ((struct piece *)ptr - 1)->size - sizeof(struct piece);
	memcpy(fresh, ptr, old < n ? old : n);
	give(ptr, user);
	return fresh;
}

void h2_memory_init(struct h2_memory *m, struct pool *pool, size_t max)
{
	*m = (struct h2_memory){
		.calls = {m, take, give, take_zeroed, resize}, .pool = pool, .max = max};
}
