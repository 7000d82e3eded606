/* SPDX-License-Identifier: Apache-2.0 */
/* util/pattern.h - Lua's patterns, with a bound on what a match may take.
 *
 * The language is that of the Lua 5.1 manual (section 5.4.1): classes, sets, the four repetitions,
 * captures and their back-references, %b, %f, anchors. The library's own matcher backtracks without
 * looking at the clock: ("a"):rep(30):find((".-"):rep(30) .. "b") never comes back. This one pays
 * for every step from a budget.
 *
 * Threads      any; pure. */
#pragma once

#include "sluice/sluice.h"

#include <stdbool.h>

#define PATTERN_CAPTURES_MAX 32

struct pattern_capture {
	size_t start;
	size_t n;
	bool is_position; /* of "()": only `start` counts */
};

struct pattern_match {
	size_t start, end; /* in the subject */
	unsigned count;
	struct pattern_capture captures[PATTERN_CAPTURES_MAX];
};

/* The first match at or behind `from` (a pattern that begins with '^': at `from` alone). SLUICE_OK,
 * SLUICE_E_NOT_FOUND, SLUICE_E_INVALID with a sentence in `message`, SLUICE_E_FULL when `steps` is
 * spent. */
int32_t pattern_find(struct sluice_str subject, struct sluice_str pattern, size_t from,
	uint64_t *steps, struct pattern_match *out, const char **message);
