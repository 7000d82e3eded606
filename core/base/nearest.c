/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#define NAME_MAX_BYTES 64

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Optimal string alignment: insert, delete, replace, swap neighbours, each 1. */
static size_t distance(struct str a, struct str b)
{
	size_t rows[3][NAME_MAX_BYTES + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b.n; j++)
		above[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			char x = ascii_lower(a.p[i - 1]), y = ascii_lower(b.p[j - 1]);
			row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
			bool is_swap = i > 1 && j > 1 && x == ascii_lower(b.p[j - 2]) &&
				       y == ascii_lower(a.p[i - 2]);
			if (is_swap && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		size_t *spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[b.n];
}

const char *nearest_name(struct str word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t allowed = word.n / 3 > 1 ? word.n / 3 : 1;
	size_t best_distance = allowed + 1;
	if (word.n == 0 || word.n > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct str candidate = str_of(candidates[i]);
		if (candidate.n > NAME_MAX_BYTES)
			continue;
		size_t d = distance(word, candidate);
		if (d < best_distance) {
			best_distance = d;
			best = candidates[i];
		}
	}
	return best;
}
