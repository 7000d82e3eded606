/* SPDX-License-Identifier: Apache-2.0 */
/* process/plan_bytes.h - a plan's binary form: on the heap, or where the compiler has put it.
 *
 * That of 10,000 APIs has 26 MB. By a pipe it would be copied, and every page of it be made anew;
 * so the compiler writes it into a file without a name (memfd), which is sealed here and mapped.
 * Behind the seals nobody can change or cut a byte of it, whoever else has it open: what was
 * checked stays so.
 *
 * Ownership    one owner; moves by assignment, and the former one is reset to {0}.
 * Threads      one at a time. */
#pragma once

#include "base/buffer.h"

struct plan_bytes {
	const char *p; /* NULL: there are none */
	size_t n;
	bool is_mapped; /* or the heap's */
};

/* An empty file for a compiler to write to, close-on-exec. -1 with errno. */
int plan_bytes_open_file(void);
/* What stands in it, which nobody may change from now on; `fd` stays the caller's. False with
 * errno: EBUSY: it is mapped to be written by somebody; ENODATA: nothing; EFBIG: more than a plan
 * has. */
MUST_USE bool plan_bytes_map(struct plan_bytes *b, int fd);
/* The buffer's memory changes hands: it is empty afterwards. */
void plan_bytes_take(struct plan_bytes *b, struct buffer *from);
/* Of those from `at` on, a multiple of PLAN_PIECE_BYTES: empty at the end. What was given before is
 * no more counted as this process's, until it is read again. */
#define PLAN_PIECE_BYTES (1u << 20)
struct str plan_bytes_piece(const struct plan_bytes *b, size_t at);
/* All of it, piece by piece. False with errno: part of it may be written. */
MUST_USE bool plan_bytes_write(const struct plan_bytes *b, int fd);
/* Its pages are no more counted as this process's, until they are read again. */
void plan_bytes_rest(const struct plan_bytes *b);
void plan_bytes_free(struct plan_bytes *b);
struct str plan_bytes_str(const struct plan_bytes *b);
