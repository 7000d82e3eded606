/* SPDX-License-Identifier: Apache-2.0 */
/* base/buffer.h - the growable buffer.
 *
 * Invariants   B1  n <= bytes_max, always.
 *              B2  once `failed` is set nothing more is appended, until buffer_reset.
 * Ownership    the bytes belong to the buffer; a view of them dies with the next append.
 * Errors       an append past bytes_max sets `failed` and appends nothing; the caller looks once,
 *              at the end, instead of after each append. */
#pragma once

#include "base/str.h"

#include <stdarg.h>

struct buffer {
	char *p; /* owned; NUL is not kept */
	size_t n;
	size_t capacity;
	size_t bytes_max;
	bool failed;
};

void buffer_init(struct buffer *b, size_t bytes_max);
void buffer_deinit(struct buffer *b);
/* Empty and not failed; keeps its memory. */
void buffer_reset(struct buffer *b);

void buffer_add(struct buffer *b, struct str s);
void buffer_add_char(struct buffer *b, char c);
void buffer_add_u64(struct buffer *b, uint64_t value);
void buffer_add_i64(struct buffer *b, int64_t value);
void buffer_addf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_addv(struct buffer *b, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/* As a JSON string with its quotes: control bytes, quotes and invalid UTF-8 (as U+FFFD) escaped. */
void buffer_add_json(struct buffer *b, struct str s);
/* Room for n bytes at the end, or NULL (and failed); commit what was written. */
char *buffer_reserve(struct buffer *b, size_t n);
void buffer_commit(struct buffer *b, size_t n);
/* Drops the first n bytes. */
void buffer_drain(struct buffer *b, size_t n);

static inline struct str buffer_str(const struct buffer *b)
{
	return (struct str){b->p, b->n};
}
