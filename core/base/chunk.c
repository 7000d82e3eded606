/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chunk.h"

#include "base/check.h"

#define SMALL_CAPACITY (POOL_PAGE_BYTES - sizeof(struct block))

_Static_assert(sizeof(struct block) <= POOL_LARGE_HEADER_BYTES, "a block fits its pool class");

static struct block *block_init(struct block *b, struct pool *pool, size_t capacity)
{
	b->pool = pool;
	b->refs = 1;
	b->capacity = (uint32_t)capacity;
	b->used = 0;
	return b;
}

struct block *block_new(struct pool *pool, size_t capacity)
{
	CHECK(capacity <= BLOCK_RECEIVE_BYTES);
	if (capacity <= SMALL_CAPACITY)
		return block_init(pool_page_get(pool), pool, SMALL_CAPACITY);
	if (capacity <= 16384)
		return block_init(pool_large_get(pool, POOL_LARGE_16K), pool, 16384);
	return block_init(pool_large_get(pool, POOL_LARGE_64K), pool, BLOCK_RECEIVE_BYTES);
}

/* Stands in the place of a block's bytes. */
struct foreign {
	void (*let_go)(void *owner);
	void *owner;
};

#define FOREIGN_BYTES (sizeof(struct block) + sizeof(struct foreign))

struct block *block_new_foreign(struct pool *pool, void (*let_go)(void *owner), void *owner)
{
	struct block *b = block_init(pool_get(pool, FOREIGN_BYTES), pool, 0);
	const struct foreign f = {let_go, owner};
	memcpy(b->data, &f, sizeof(f));
	return b;
}

static void release_foreign(struct block *b)
{
	struct foreign f;
	memcpy(&f, b->data, sizeof(f));
	pool_put(b->pool, b, FOREIGN_BYTES);
	f.let_go(f.owner);
}

void block_release(struct block *b)
{
	if (b->capacity == 0)
		release_foreign(b);
	else if (b->capacity == SMALL_CAPACITY)
		pool_page_put(b->pool, b);
	else
		pool_large_put(b->pool, b, b->capacity == 16384 ? POOL_LARGE_16K : POOL_LARGE_64K);
}

void chunk_queue_init(struct chunk_queue *q, struct pool *pool)
{
	*q = (struct chunk_queue){.pool = pool};
}

static void chunk_free(struct pool *pool, struct chunk *c)
{
	if (c->block)
		block_unref(c->block);
	pool_put(pool, c, sizeof(*c));
}

void chunk_queue_drop_all(struct chunk_queue *q)
{
	struct chunk *c = q->head;
	while (c) {
		struct chunk *next = c->next;
		chunk_free(q->pool, c);
		c = next;
	}
	q->head = q->tail = NULL;
	q->bytes = 0;
}

static void append_chunk(struct chunk_queue *q, struct chunk *c)
{
	if (q->tail)
		q->tail->next = c;
	else
		q->head = c;
	q->tail = c;
	q->bytes += c->n;
}

static void append(struct chunk_queue *q, struct block *block, const char *p, size_t n)
{
	struct chunk *c = pool_get(q->pool, sizeof(*c));
	*c = (struct chunk){.block = block, .p = p, .n = n};
	append_chunk(q, c);
}

static void unlink_head(struct chunk_queue *q)
{
	q->head = q->head->next;
	if (!q->head)
		q->tail = NULL;
}

static struct chunk *take_head(struct chunk_queue *q)
{
	struct chunk *c = q->head;
	unlink_head(q);
	c->next = NULL;
	q->bytes -= c->n;
	return c;
}

void chunk_queue_add_slice(struct chunk_queue *q, struct block *block, const char *p, size_t n)
{
	if (n > 0)
		append(q, block_ref(block), p, n);
}

void chunk_queue_add_block(struct chunk_queue *q, struct block *block)
{
	append(q, block, block->data, 0);
}

void chunk_queue_add_static(struct chunk_queue *q, struct str s)
{
	if (s.n > 0)
		append(q, NULL, s.p, s.n);
}

/* Bytes behind the last chunk that nobody else can have a slice of. */
static size_t room_behind(const struct chunk *c)
{
	if (!c || !c->block || c->block->refs != 1)
		return 0;
	const struct block *b = c->block;
	bool is_last = c->p + c->n == b->data + b->used;
	return is_last ? b->capacity - b->used : 0;
}

void chunk_queue_add_copy(struct chunk_queue *q, struct str s)
{
	while (s.n > 0) {
		size_t room = room_behind(q->tail);
		if (room == 0) {
			size_t capacity = s.n < BLOCK_RECEIVE_BYTES ? s.n : BLOCK_RECEIVE_BYTES;
			struct block *b = block_new(q->pool, capacity);
			append(q, b, b->data, 0);
			room = b->capacity;
		}
		struct chunk *tail = q->tail;
		size_t n = s.n < room ? s.n : room;
		memcpy(tail->block->data + tail->block->used, s.p, n);
		tail->block->used += (uint32_t)n;
		tail->n += n;
		q->bytes += n;
		s = str_from(s, n);
	}
}

void chunk_queue_drop(struct chunk_queue *q, size_t n)
{
	CHECK(n <= q->bytes);
	q->bytes -= n;
	while (n > 0) {
		struct chunk *c = q->head;
		if (n < c->n) {
			c->p += n;
			c->n -= n;
			return;
		}
		n -= c->n;
		unlink_head(q);
		chunk_free(q->pool, c);
	}
}

void chunk_queue_move(struct chunk_queue *q, struct chunk_queue *from)
{
	if (!from->head)
		return;
	if (q->tail)
		q->tail->next = from->head;
	else
		q->head = from->head;
	q->tail = from->tail;
	q->bytes += from->bytes;
	from->head = from->tail = NULL;
	from->bytes = 0;
}

void chunk_queue_move_n(struct chunk_queue *q, struct chunk_queue *from, size_t n)
{
	CHECK(n <= from->bytes && q->pool == from->pool);
	while (n > 0 && n >= from->head->n) {
		n -= from->head->n;
		append_chunk(q, take_head(from));
	}
	if (n > 0) {
		struct chunk *c = from->head;
		append(q, c->block ? block_ref(c->block) : NULL, c->p, n);
		chunk_queue_drop(from, n);
	}
}

void chunk_queue_peek(const struct chunk_queue *q, char *to, size_t n)
{
	CHECK(n <= q->bytes);
	for (const struct chunk *c = q->head; n > 0; c = c->next) {
		size_t part = c->n < n ? c->n : n;
		memcpy(to, c->p, part);
		to += part;
		n -= part;
	}
}
