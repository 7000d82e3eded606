/* SPDX-License-Identifier: Apache-2.0 */
/* http/scan.h - finds the first byte that ends a run, 16 bytes at a time.
 *
 * Each scan stops at the first byte that may not stand inside the run, or at `stop`; no byte at or
 * behind `stop` is read. On heads this is a third of a table look-up for each byte.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* RFC 9110 5.6.2: the classes of a byte. */
enum {
	BYTE_TOKEN = 1,  /* tchar */
	BYTE_TEXT = 2,   /* HTAB, SP, visible, obs-text: what a value holds */
	BYTE_TARGET = 4, /* visible ASCII */
	BYTE_WORD = 8,   /* letters, digits and '-': what nearly every name is made of */
	BYTE_QUERY = 16, /* visible ASCII but '#' */
};
extern const uint8_t byte_classes[256];

static inline bool byte_is(char c, uint8_t class)
{
	return byte_classes[(unsigned char)c] & class;
}

/* -1 for what is no hexadecimal digit. */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef signed char signed16 __attribute__((vector_size(16)));
#define SPLAT(c) ((bytes16){c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c})

static inline bytes16 load16(const char *p)
{
	bytes16 v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* One bit for each byte of a comparison's result. */
static inline unsigned mask16(bytes16 v)
{
#ifdef __SSE2__
	typedef char plain16 __attribute__((vector_size(16)));
	return (unsigned)__builtin_ia32_pmovmskb128((plain16)v);
#else
	unsigned mask = 0;
	for (unsigned i = 0; i < 16; i++)
		mask |= (unsigned)(v[i] >> 7) << i;
	return mask;
#endif
}

static inline const char *scan_rest(const char *p, const char *stop, uint8_t class)
{
	while (p < stop && byte_is(*p, class))
		p++;
	return p;
}

/* Controls, obs-text, which one signed comparison finds as well, and DEL. */
static inline bytes16 odd16(bytes16 v)
{
	return (bytes16)((signed16)v < (signed16)SPLAT(0x20)) | (bytes16)(v == SPLAT(0x7f));
}

/* To the first control byte but HTAB, or DEL. */
static inline const char *scan_text(const char *p, const char *stop)
{
	while (stop - p >= 16) {
		/* HTAB and obs-text are among them: rare, and looked at again. */
		unsigned hits = mask16(odd16(load16(p)));
		if (hits == 0) {
			p += 16;
			continue;
		}
		p += __builtin_ctz(hits);
		if (!byte_is(*p, BYTE_TEXT))
			return p;
		p++;
	}
	return scan_rest(p, stop, BYTE_TEXT);
}

/* To the first byte that is not visible ASCII. */
static inline const char *scan_target(const char *p, const char *stop)
{
	while (stop - p >= 16) {
		signed16 v = (signed16)load16(p);
		unsigned hits = mask16((bytes16)(v < (signed16)SPLAT(0x21)) |
				       (bytes16)(v == (signed16)SPLAT(0x7f)));
		if (hits)
			return p + __builtin_ctz(hits);
		p += 16;
	}
	return scan_rest(p, stop, BYTE_TARGET);
}

/* To the first byte that a query cannot hold. */
static inline const char *scan_query(const char *p, const char *stop)
{
	while (stop - p >= 16) {
		signed16 v = (signed16)load16(p);
		unsigned hits = mask16((bytes16)(v < (signed16)SPLAT(0x21)) |
				       (bytes16)(v == (signed16)SPLAT(0x7f)) |
				       (bytes16)(v == (signed16)SPLAT('#')));
		if (hits)
			return p + __builtin_ctz(hits);
		p += 16;
	}
	return scan_rest(p, stop, BYTE_QUERY);
}

/* Letters, digits and '-'. */
static inline bytes16 word16(bytes16 v)
{
	bytes16 is_letter = (bytes16)(((v | SPLAT(0x20)) - SPLAT('a')) < SPLAT(26));
	bytes16 is_digit = (bytes16)((v - SPLAT('0')) < SPLAT(10));
	return is_letter | is_digit | (bytes16)(v == SPLAT('-'));
}

/* To the first byte that is not a letter, a digit or '-'. */
static inline const char *scan_word(const char *p, const char *stop)
{
	while (stop - p >= 16) {
		unsigned words = mask16(word16(load16(p)));
		if (words != 0xffff)
			return p + __builtin_ctz(~words);
		p += 16;
	}
	return scan_rest(p, stop, BYTE_WORD);
}

/* Sixteen bytes that stand for the n (4 to 15) at p: all of them, some twice. */
static inline bytes16 load_short(const char *p, size_t n)
{
	uint64_t halves[2];
	if (n >= 8) {
		memcpy(&halves[0], p, 8);
		memcpy(&halves[1], p + n - 8, 8);
	} else {
		uint32_t first, last;
		memcpy(&first, p, 4);
		memcpy(&last, p + n - 4, 4);
		halves[0] = halves[1] = (uint64_t)first << 32 | last;
	}
	return load16((const char *)halves);
}

/* All n bytes are text; false: scan_text has to tell. What is short, which most is, is looked at as a whole (20
 * instructions). */
static inline bool scan_is_plain(const char *p, size_t n)
{
	if (n < 4)
		return scan_rest(p, p + n, BYTE_TEXT) == p + n;
	if (n < 16)
		return mask16(odd16(load_short(p, n))) == 0;
	bytes16 odd = odd16(load16(p + n - 16));
	for (size_t i = 0; i + 16 < n; i += 16)
		odd |= odd16(load16(p + i));
	return mask16(odd) == 0;
}

/* All n bytes are letters, digits and '-'. */
static inline bool scan_is_word(const char *p, size_t n)
{
	if (n < 4)
		return scan_rest(p, p + n, BYTE_WORD) == p + n;
	if (n < 16)
		return mask16(word16(load_short(p, n))) == 0xffff;
	bytes16 words = word16(load16(p + n - 16));
	for (size_t i = 0; i + 16 < n; i += 16)
		words &= word16(load16(p + i));
	return mask16(words) == 0xffff;
}

static inline const char *scan_token(const char *p, const char *stop)
{
	return scan_rest(scan_word(p, stop), stop, BYTE_TOKEN);
}
