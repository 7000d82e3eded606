/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

void buffer_init(struct buffer *b, size_t bytes_max)
{
	*b = (struct buffer){.bytes_max = bytes_max};
}

void buffer_deinit(struct buffer *b)
{
	free(b->p);
	*b = (struct buffer){.bytes_max = b->bytes_max};
}

void buffer_reset(struct buffer *b)
{
	b->n = 0;
	b->failed = false;
}

static void grow(struct buffer *b, size_t needed)
{
	size_t capacity = b->capacity ? b->capacity : 256;
	while (capacity < needed && capacity < b->bytes_max)
		capacity *= 2;
	if (capacity > b->bytes_max)
		capacity = b->bytes_max;
	b->p = heap_realloc(b->p, capacity + 1); /* for the NUL that vsnprintf insists on */
	b->capacity = capacity;
}

char *buffer_reserve(struct buffer *b, size_t n)
{
	if (b->failed || n > b->bytes_max - b->n) {
		b->failed = true;
		return NULL;
	}
	if (!b->p || n > b->capacity - b->n)
		grow(b, b->n + n);
	return b->p + b->n;
}

void buffer_commit(struct buffer *b, size_t n)
{
	CHECK(n <= b->capacity - b->n);
	b->n += n;
}

void buffer_add(struct buffer *b, struct str s)
{
	if (s.n == 0)
		return;
	char *to = buffer_reserve(b, s.n);
	if (!to)
		return;
	memcpy(to, s.p, s.n);
	b->n += s.n;
}

void buffer_add_char(struct buffer *b, char c)
{
	buffer_add(b, str_n(&c, 1));
}

void buffer_add_u64(struct buffer *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buffer_add(b, str_n(digits + at, sizeof(digits) - at));
}

void buffer_add_i64(struct buffer *b, int64_t value)
{
	if (value < 0)
		buffer_add_char(b, '-');
	buffer_add_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buffer_addv(struct buffer *b, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	char *to = n < 0 ? NULL : buffer_reserve(b, (size_t)n);
	b->failed |= n < 0;
	if (to) {
		vsnprintf(to, (size_t)n + 1, format, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void buffer_addf(struct buffer *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	buffer_addv(b, format, args);
	va_end(args);
}

static void add_json_control(struct buffer *b, unsigned char c)
{
	switch (c) {
	case '"':
		buffer_add(b, STR("\\\""));
		break;
	case '\\':
		buffer_add(b, STR("\\\\"));
		break;
	case '\n':
		buffer_add(b, STR("\\n"));
		break;
	case '\r':
		buffer_add(b, STR("\\r"));
		break;
	case '\t':
		buffer_add(b, STR("\\t"));
		break;
	default:
		buffer_addf(b, "\\u%04x", c);
	}
}

static bool is_plain_json(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void buffer_add_json(struct buffer *b, struct str s)
{
	buffer_add_char(b, '"');
	for (size_t i = 0; i < s.n;) {
		size_t from = i;
		while (i < s.n && is_plain_json((unsigned char)s.p[i]))
			i++;
		buffer_add(b, str_n(s.p + from, i - from));
		if (i == s.n)
			break;
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x80) {
			add_json_control(b, c);
			i++;
			continue;
		}
		size_t length = utf8_sequence(str_from(s, i));
		buffer_add(b, length ? str_n(s.p + i, length) : STR("\xef\xbf\xbd"));
		i += length ? length : 1;
	}
	buffer_add_char(b, '"');
}

void buffer_drain(struct buffer *b, size_t n)
{
	CHECK(n <= b->n);
	if (n > 0 && n < b->n)
		memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}
