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

static size_t allowed_of(struct str word)
{
	if (word.n == 0 || word.n > NAME_MAX_BYTES)
		return 0;
	return word.n / 3 > 1 ? word.n / 3 : 1;
}

/* SIZE_MAX when it is more than `allowed`. */
static size_t distance_within(struct str word, struct str candidate, size_t allowed)
{
	size_t more = candidate.n > word.n ? candidate.n - word.n : word.n - candidate.n;
	if (candidate.n > NAME_MAX_BYTES || more > allowed)
		return SIZE_MAX;
	size_t d = distance(word, candidate);
	return d <= allowed ? d : SIZE_MAX;
}

const char *nearest_name(struct str word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t allowed = allowed_of(word), best_distance = SIZE_MAX;
	for (size_t i = 0; allowed && i < count; i++) {
		size_t d = distance_within(word, str_of(candidates[i]), allowed);
		if (d < best_distance) {
			best_distance = d;
			best = candidates[i];
		}
	}
	return best;
}

size_t nearest_names(struct str word, const char *const *candidates, size_t count, bool *is_near)
{
	const char *best = nearest_name(word, candidates, count);
	size_t least_distance = best ? distance(word, str_of(best)) : 0, n = 0;
	for (size_t i = 0; i < count; i++) {
		is_near[i] = best && distance_within(word, str_of(candidates[i]), least_distance) ==
					     least_distance;
		n += is_near[i];
	}
	return n;
}
