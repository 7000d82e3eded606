/* SPDX-License-Identifier: Apache-2.0 */
/* base/str.h - a borrowed view of bytes.
 *
 * Passed by value; not NUL-terminated; owns nothing. An empty view may have p == NULL. */
#pragma once

#include "base/rc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p; /* borrowed */
	size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_EMPTY    ((struct str){NULL, 0})
/* For printf: "%.*s". */
#define STR_ARG(s) (int)(s).n, ((s).p ? (s).p : "")

static inline struct str str_of(const char *cstr)
{
	return (struct str){cstr, cstr ? strlen(cstr) : 0};
}

static inline struct str str_n(const char *p, size_t n)
{
	return (struct str){p, n};
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n &&
	       (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* ASCII-only case folding: locale never matters. */
static inline char ascii_lower(char c)
{
	return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
}

/* Of n bytes each. */
bool bytes_eq_nocase(const char *a, const char *b, size_t n);

static inline bool str_eq_nocase(struct str a, struct str b)
{
	return a.n == b.n && bytes_eq_nocase(a.p, b.p, a.n);
}
/* Byte order, shorter first when equal so far: <0, 0, >0. */
int str_compare(struct str a, struct str b);

/* The part from `from` (clamped) to the end, and the part of at most n bytes from there. */
struct str str_from(struct str s, size_t from);
struct str str_slice(struct str s, size_t from, size_t n);
/* Without leading and trailing SP and HTAB (OWS of RFC 9110 5.6.3). */
struct str str_trim(struct str s);

/* Offset of the first c, or of needle; s.n when absent. */
size_t str_index(struct str s, char c);
size_t str_find(struct str s, struct str needle);

/* Splits at the first `sep`: returns the part before it and leaves the rest in *s.
 * When there is none, returns all and leaves *s empty with p == NULL. */
struct str str_cut(struct str *s, char sep);

/* What stands behind the last slash of a path, without that suffix where it ends in it. */
struct str str_file_stem(const char *path, struct str suffix);

/* Decimal digits only, no sign, no space; RC_INVALID on anything else or above max. */
MUST_USE enum rc str_to_u64(struct str s, uint64_t max, uint64_t *value);

/* FNV-1a; for tables whose keys operators write. Keys from the network use a keyed hash. */
uint64_t str_hash(struct str s);
