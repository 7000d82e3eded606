/* SPDX-License-Identifier: Apache-2.0 */
/* base/nearest.h - the name the operator probably meant. */
#pragma once

#include "base/str.h"

/* The candidate within a Damerau-Levenshtein distance of max(1, word.n / 3) of `word`, ignoring
 * case; the first of the closest; NULL when none is near. Names over 64 bytes never match. */
const char *nearest_name(struct str word, const char *const *candidates, size_t count);
/* How many candidates are as near as that one; is_near[i] says which, and has room for `count`. */
size_t nearest_names(
	struct str word, const char *const *candidates, size_t count, bool *is_near);
