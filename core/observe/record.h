/* SPDX-License-Identifier: Apache-2.0 */
/* observe/record.h - lines on their way from the threads that make them to the one that writes them.
 *
 * A ring of bytes with one writer and one reader; a record is formatted in place. When there is no
 * room the record is dropped and counted: a slow disk never holds up a worker.
 *
 * Invariants   R1  head and tail only grow; used = head - tail <= capacity.
 *              R2  a record lies contiguous in memory.
 * Threads      reserve and commit: the one writer. read: the one reader. Others: any.
 */
#pragma once

#include "base/buffer.h"

/* What may be reserved at once: a line is cut before it gets longer. The longest is an access record
 * that has everything, in characters that JSON escapes: 28 KB. */
#define RECORD_BYTES_MAX 32768

struct record_ring;

/* `capacity` is a power of two, at least 4 * RECORD_BYTES_MAX. */
struct record_ring *record_ring_new(size_t capacity);
void record_ring_free(struct record_ring *r);

/* Room for n <= RECORD_BYTES_MAX bytes, or NULL (dropped and counted). */
char *record_ring_reserve(struct record_ring *r, size_t n);
/* n <= what was reserved; 0 takes it back. */
void record_ring_commit(struct record_ring *r, size_t n);
/* Appends every whole record to `out` (while it has room) and frees their space; how many. */
size_t record_ring_read(struct record_ring *r, struct buffer *out);
uint64_t record_ring_dropped(const struct record_ring *r);
/* Whether a reader would find something. */
bool record_ring_is_empty(const struct record_ring *r);
