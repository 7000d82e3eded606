/* SPDX-License-Identifier: Apache-2.0 */
/* base/chunk.h - counted blocks of bytes, and queues of slices of them.
 *
 * A body travels as slices of the blocks it was received into; passing it on copies nothing.
 *
 * Invariants   C1  a block's bytes below a published slice never change.
 *              C2  queue.bytes is the sum of its chunks' n.
 * Ownership    a chunk holds one reference to its block; a queue owns its chunks. A foreign block holds
 *              one to bytes that other threads hold, too: that count is theirs, this one is not.
 * Threads      one; counts are not atomic.
 */
#pragma once

#include "base/pool.h"
#include "base/str.h"

/* The block that a worker receives into: measured best for 16 KiB to 1 MiB bodies. */
#define BLOCK_RECEIVE_BYTES 65536

struct block {
	struct pool *pool; /* borrowed */
	uint32_t refs;
	uint32_t capacity; /* 0: foreign */
	uint32_t used; /* bytes below this offset may be referenced by slices */
	char data[];
};

/* At least `capacity` bytes, in classes of 4, 16 and 64 KiB; larger is refused (CHECK).
 * The caller holds the only reference. */
struct block *block_new(struct pool *pool, size_t capacity);
/* Back to its pool: the last reference is gone. */
void block_release(struct block *b);

/* Of bytes that are somebody else's, on any thread: slices of it point wherever `owner` keeps them, and
 * let_go(owner) is called, on this thread, when the last of them is gone. The caller holds the only
 * reference. */
struct block *block_new_foreign(struct pool *pool, void (*let_go)(void *owner), void *owner);

static inline struct block *block_ref(struct block *b)
{
	b->refs++;
	return b;
}

static inline void block_unref(struct block *b)
{
	if (--b->refs == 0)
		block_release(b);
}

struct chunk {
	struct chunk *next;
	struct block *block; /* ref; NULL for static bytes */
	const char *p;
	size_t n;
};

struct chunk_queue {
	struct chunk *head;
	struct chunk *tail;
	size_t bytes;
	struct pool *pool; /* borrowed: chunk nodes come from here */
};

void chunk_queue_init(struct chunk_queue *q, struct pool *pool);
void chunk_queue_drop_all(struct chunk_queue *q);

static inline bool chunk_queue_is_empty(const struct chunk_queue *q)
{
	return q->head == NULL;
}

/* Drops everything; mostly there is nothing. */
static inline void chunk_queue_clear(struct chunk_queue *q)
{
	if (!chunk_queue_is_empty(q))
		chunk_queue_drop_all(q);
}

/* Appends a slice of `block`, taking a reference of its own. */
void chunk_queue_add_slice(struct chunk_queue *q, struct block *block, const char *p, size_t n);
/* Appends an empty chunk of a fresh block, taking over the caller's reference: for formatting in
 * place behind it (block->used, chunk->n and q->bytes grow together). */
void chunk_queue_add_block(struct chunk_queue *q, struct block *block);
/* Appends bytes with static storage, without a block. */
void chunk_queue_add_static(struct chunk_queue *q, struct str s);
/* Appends a copy, filling the room behind the last chunk first. */
void chunk_queue_add_copy(struct chunk_queue *q, struct str s);
/* Drops the first n bytes (n <= bytes). */
void chunk_queue_drop(struct chunk_queue *q, size_t n);
/* Moves all of `from`, or its first n bytes (n <= bytes), to the end of q; of the same pool. */
void chunk_queue_move(struct chunk_queue *q, struct chunk_queue *from);
void chunk_queue_move_n(struct chunk_queue *q, struct chunk_queue *from, size_t n);
/* Copies the first n bytes (n <= bytes) to `to`. */
void chunk_queue_peek(const struct chunk_queue *q, char *to, size_t n);
