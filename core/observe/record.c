/* SPDX-License-Identifier: Apache-2.0 */
/* A record is a 32-bit length and its bytes, padded to 8. One that would cross the end of the
 * memory starts over at its beginning, behind a skip mark; a padded record always leaves room for
 * that mark.
 *
 * The writer looks at the reader's tail only when its last view of it leaves no room, so in the
 * ordinary case each side keeps to its own cache line.
 */
#include "observe/record.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CACHE_LINE   64
#define RECORD_ALIGN 8
#define SKIP         UINT32_MAX

struct record_ring {
	char *bytes; /* owned */
	uint64_t capacity;

	_Alignas(CACHE_LINE) _Atomic uint64_t head; /* the writer's */
	uint64_t tail_seen;
	uint64_t reserved_at; /* where the header of the reserved record stands */
	size_t reserved;
	bool is_reserved;
	_Atomic uint64_t dropped;

	_Alignas(CACHE_LINE) _Atomic uint64_t tail; /* the reader's */
};

struct record_ring *record_ring_new(size_t capacity)
{
	CHECK(capacity >= 4 * (size_t)RECORD_BYTES_MAX && (capacity & (capacity - 1)) == 0);
	struct record_ring *r = aligned_alloc(CACHE_LINE, sizeof(*r));
	CHECK(r);
	memset(r, 0, sizeof(*r));
	r->capacity = capacity;
	r->bytes = heap_alloc(capacity);
	return r;
}

void record_ring_free(struct record_ring *r)
{
	if (!r)
		return;
	free(r->bytes);
	free(r);
}

static uint64_t record_size(size_t n)
{
	return (sizeof(uint32_t) + n + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1);
}

static char *place(const struct record_ring *r, uint64_t at)
{
	return r->bytes + (at & (r->capacity - 1));
}

static void put_length(struct record_ring *r, uint64_t at, uint32_t length)
{
	memcpy(place(r, at), &length, sizeof(length));
}

static bool has_room(struct record_ring *r, uint64_t head, uint64_t size)
{
	if (r->capacity - (head - r->tail_seen) >= size)
		return true;
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	return r->capacity - (head - r->tail_seen) >= size;
}

char *record_ring_reserve(struct record_ring *r, size_t n)
{
	CHECK(n <= RECORD_BYTES_MAX && !r->is_reserved);
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t size = record_size(n);
	uint64_t to_end = r->capacity - (head & (r->capacity - 1));
	uint64_t skipped = size > to_end ? to_end : 0;
	if (!has_room(r, head, skipped + size)) {
		uint64_t dropped = atomic_load_explicit(&r->dropped, memory_order_relaxed);
		atomic_store_explicit(&r->dropped, dropped + 1, memory_order_relaxed);
		return NULL;
	}
	if (skipped)
		put_length(r, head, SKIP);
	r->reserved_at = head + skipped;
	r->reserved = n;
	r->is_reserved = true;
	return place(r, r->reserved_at) + sizeof(uint32_t);
}

void record_ring_commit(struct record_ring *r, size_t n)
{
	CHECK(r->is_reserved && n <= r->reserved);
	r->is_reserved = false;
	if (n == 0)
		return;
	put_length(r, r->reserved_at, (uint32_t)n);
	atomic_store_explicit(&r->head, r->reserved_at + record_size(n), memory_order_release);
}

size_t record_ring_read(struct record_ring *r, struct buffer *out)
{
	size_t count = 0;
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	while (tail != head) {
		uint32_t length;
		memcpy(&length, place(r, tail), sizeof(length));
		if (length == SKIP) {
			tail += r->capacity - (tail & (r->capacity - 1));
			continue;
		}
		if (out->failed || length > out->bytes_max - out->n)
			break;
		buffer_add(out, str_n(place(r, tail) + sizeof(length), length));
		tail += record_size(length);
		count++;
		/* Each one at once: a long read must not make the writer drop what already has
		 * room. */
		atomic_store_explicit(&r->tail, tail, memory_order_release);
	}
	return count;
}

uint64_t record_ring_dropped(const struct record_ring *r)
{
	return atomic_load_explicit(&r->dropped, memory_order_relaxed);
}

bool record_ring_is_empty(const struct record_ring *r)
{
	return atomic_load_explicit(&r->tail, memory_order_acquire) ==
	       atomic_load_explicit(&r->head, memory_order_acquire);
}
