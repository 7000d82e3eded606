/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

bool bytes_eq_nocase(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

int str_compare(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;
	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

struct str str_from(struct str s, size_t from)
{
	if (from > s.n)
		from = s.n;
	return (struct str){s.p ? s.p + from : NULL, s.n - from};
}

struct str str_slice(struct str s, size_t from, size_t n)
{
	s = str_from(s, from);
	if (s.n > n)
		s.n = n;
	return s;
}

static bool is_ows(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_ows(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_ows(s.p[s.n - 1]))
		s.n--;
	return s;
}

size_t str_index(struct str s, char c)
{
	const char *found = s.n ? memchr(s.p, c, s.n) : NULL;
	return found ? (size_t)(found - s.p) : s.n;
}

size_t str_find(struct str s, struct str needle)
{
	if (needle.n == 0)
		return 0;
	const char *found = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return found ? (size_t)(found - s.p) : s.n;
}

struct str str_file_stem(const char *path, struct str suffix)
{
	const char *slash = strrchr(path, '/');
	struct str name = str_of(slash ? slash + 1 : path);
	if (str_ends(name, suffix))
		name.n -= suffix.n;
	return name;
}

struct str str_cut(struct str *s, char sep)
{
	size_t at = str_index(*s, sep);
	struct str part = {s->p, at};
	if (at == s->n)
		*s = STR_EMPTY;
	else
		*s = (struct str){s->p + at + 1, s->n - at - 1};
	return part;
}

enum rc str_to_u64(struct str s, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;
	if (s.n == 0)
		return RC_INVALID;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return RC_INVALID;
		v = v * 10 + digit;
	}
	if (v > max)
		return RC_INVALID;
	*value = v;
	return RC_OK;
}

uint64_t str_hash(struct str s)
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
	return h ^ (h >> 29);
}
