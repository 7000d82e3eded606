/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache_body.h"

#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What a piece costs beside its bytes. */
#define PIECE_BYTES (sizeof(struct cache_piece) + 16)
#define PIECE_MAX   65536

struct cache_body {
	_Atomic uint32_t refs;
	uint64_t bytes;
	size_t pieces;
	struct cache_piece *first, **last;
	size_t room; /* behind the last piece's bytes */
};

struct cache_body *cache_body_new(void)
{
	struct cache_body *b = heap_zalloc(sizeof(*b));
	atomic_init(&b->refs, 1);
	b->last = &b->first;
	return b;
}

static struct cache_piece *last_piece(struct cache_body *b)
{
	return (struct cache_piece *)(void *)((char *)b->last - offsetof(struct cache_piece, next));
}

static void piece_add(struct cache_body *b, size_t wanted)
{
	size_t room = b->bytes < 4096 ? 4096 : PIECE_MAX;
	if (room < wanted)
		room = wanted < PIECE_MAX ? wanted : PIECE_MAX;
	struct cache_piece *p = heap_alloc(sizeof(*p) + room);
	*p = (struct cache_piece){0};
	*b->last = p;
	b->last = &p->next;
	b->room = room;
	b->pieces++;
}

enum rc cache_body_add(struct cache_body *b, struct str bytes, uint64_t bytes_max)
{
	if (bytes.n > bytes_max || b->bytes > bytes_max - bytes.n)
		return RC_FULL;
	while (bytes.n > 0) {
		if (b->room == 0)
			piece_add(b, bytes.n);
		struct cache_piece *p = last_piece(b);
		size_t n = bytes.n < b->room ? bytes.n : b->room;
		memcpy(p->data + p->n, bytes.p, n);
		p->n += n;
		b->room -= n;
		b->bytes += n;
		bytes = str_from(bytes, n);
	}
	return RC_OK;
}

void cache_body_settle(struct cache_body *b)
{
	if (b->room < 1024)
		return;
	struct cache_piece **at = &b->first;
	while ((*at)->next)
		at = &(*at)->next;
	*at = heap_realloc(*at, sizeof(**at) + (*at)->n);
	b->last = &(*at)->next;
	b->room = 0;
}

uint64_t cache_body_bytes(const struct cache_body *b)
{
	return b->bytes;
}

uint64_t cache_body_cost(const struct cache_body *b)
{
	return b->bytes + b->pieces * PIECE_BYTES;
}

const struct cache_piece *cache_body_pieces(const struct cache_body *b)
{
	return b->first;
}

struct cache_body *cache_body_ref(struct cache_body *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void cache_body_unref(struct cache_body *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	while (b->first) {
		struct cache_piece *next = b->first->next;
		free(b->first);
		b->first = next;
	}
	free(b);
}
