/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/text.h - what nearly every policy does with views. Compiled into the plugin: nothing here is
 * part of the ABI. Letters are ASCII; locales never matter. */
#ifndef SLUICE_TEXT_H
#define SLUICE_TEXT_H

#include "sluice/sluice.h"

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline char sluice_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static inline int sluice_equal(struct sluice_str a, struct sluice_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline int sluice_equal_nocase(struct sluice_str a, struct sluice_str b)
{
	if (a.n != b.n)
		return 0;
	for (size_t i = 0; i < a.n; i++)
		if (sluice_lower(a.p[i]) != sluice_lower(b.p[i]))
			return 0;
	return 1;
}

/* `prefix` is in lower case. */
static inline int sluice_starts_nocase(struct sluice_str s, struct sluice_str prefix)
{
	if (s.n < prefix.n)
		return 0;
	for (size_t i = 0; i < prefix.n; i++)
		if (sluice_lower(s.p[i]) != prefix.p[i])
			return 0;
	return 1;
}

/* Without the spaces and tabs around it (OWS of RFC 9110). */
static inline struct sluice_str sluice_trim(struct sluice_str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.n--;
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* The part before the first `separator`, and the rest behind it in *s; all, and an *s of NULL, when
 * there is none. */
static inline struct sluice_str sluice_cut(struct sluice_str *s, char separator)
{
	struct sluice_str head = *s;
	const char *at = s->n ? (const char *)memchr(s->p, separator, s->n) : NULL;
	if (!at) {
		s->p = NULL;
		s->n = 0;
		return head;
	}
	head.n = (size_t)(at - s->p);
	s->p += head.n + 1;
	s->n -= head.n + 1;
	return head;
}

/* A name of a field, or a method: RFC 9110 section 5.6.2. */
static inline int sluice_is_token(struct sluice_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = sluice_lower(s.p[i]);
		int is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
		if (!is_alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return 0;
	}
	return s.n > 0;
}

/* Digits and one of the units: the number times the unit's factor. */
static inline int64_t sluice_quantity_(
	struct sluice_str s, const char *const *units, const int64_t *factors)
{
	int64_t n = 0;
	size_t digits = 0;
	for (; digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9'; digits++) {
		if (digits == 15)
			return SLUICE_E_INVALID;
		n = n * 10 + (s.p[digits] - '0');
	}
	for (size_t i = 0; digits > 0 && units[i]; i++) {
		size_t length = strlen(units[i]);
		if (s.n - digits != length || memcmp(s.p + digits, units[i], length) != 0)
			continue;
		return n > INT64_MAX / factors[i] ? (int64_t)SLUICE_E_INVALID : n * factors[i];
	}
	return SLUICE_E_INVALID;
}

/* What a schema calls `format: duration` ("500ms", "10s", "5m", "1h", "1d"), in milliseconds;
 * SLUICE_E_INVALID of other texts. */
static inline int64_t sluice_duration_ms(struct sluice_str s)
{
	static const char *const units[] = {"ms", "s", "m", "h", "d", NULL};
	static const int64_t factors[] = {1, 1000, 60000, 3600000, 86400000};
	return sluice_quantity_(s, units, factors);
}

/* What a schema calls `format: bytes` ("512", "512B", "64KiB", "1MiB", "2GiB"). */
static inline int64_t sluice_bytes(struct sluice_str s)
{
	static const char *const units[] = {"", "B", "KiB", "MiB", "GiB", NULL};
	static const int64_t factors[] = {1, 1, 1 << 10, 1 << 20, 1 << 30};
	return sluice_quantity_(s, units, factors);
}

#ifdef __cplusplus
}
#endif
#endif
