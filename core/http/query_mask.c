/* SPDX-License-Identifier: Apache-2.0 */
#include "http/query_mask.h"

#include "http/uri.h"

struct str query_mask_all(struct str target, char *out, size_t room)
{
	size_t n = 0;
	bool is_value = false, is_query = false;
	for (size_t i = 0; i < target.n && n + 1 < room; i++) {
		char c = target.p[i];
		bool was_value = is_value;
		is_value = is_query && c != '&' && (is_value || c == '=');
		if (!is_value || !was_value)
			out[n++] = c;
		if (is_value && !was_value)
			out[n++] = '*';
		is_query = is_query || c == '?';
	}
	return str_n(out, n);
}

/* What stands before the next '&', and up to where of it is shown: all of it, or its name and '='.
 */
static struct str part_next(
	struct str *left, query_secret_fn *is_secret, void *arg, struct arena *arena, bool *hides)
{
	struct str part = str_cut(left, '&'), value = part;
	struct str name = str_cut(&value, '=');
	*hides = value.p && is_secret(arg, uri_query_decode(name, arena));
	return *hides ? str_n(part.p, name.n + 1) : part;
}

static int32_t count_secrets(
	struct str query, query_secret_fn *is_secret, void *arg, struct arena *arena)
{
	int32_t n = 0;
	bool hides;
	while (query.p) {
		part_next(&query, is_secret, arg, arena, &hides);
		n += hides;
	}
	return n;
}

#define MASK STR("***")

static char *put(char *to, struct str s)
{
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

struct str query_mask(struct str target, query_secret_fn *is_secret, void *arg, struct arena *arena,
	int32_t *masked)
{
	size_t question = str_index(target, '?');
	struct str left = str_from(target, question + 1), bare = str_slice(target, 0, question);
	*masked = 0;
	if (left.n == 0)
		return target;
	*masked = count_secrets(left, is_secret, arg, arena);
	if (*masked == 0 && !arena->failed)
		return target;
	char *p = arena_alloc(arena, target.n + (size_t)*masked * MASK.n);
	if (!p) {
		*masked = -1;
		return bare;
	}
	char *to = put(put(p, bare), STR("?"));
	for (bool hides, is_first = true; left.p; is_first = false) {
		struct str shown = part_next(&left, is_secret, arg, arena, &hides);
		if (!is_first)
			to = put(to, STR("&"));
		to = put(to, shown);
		if (hides)
			to = put(to, MASK);
	}
	if (!arena->failed)
		return str_n(p, (size_t)(to - p));
	*masked = -1; /* a name that could not be decoded may have been a secret's */
	return bare;
}
