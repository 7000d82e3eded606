/* SPDX-License-Identifier: Apache-2.0 */
/* config/pattern.h - Lua's patterns, with a bound on what a match may take.
 *
 * The language is that of the Lua 5.1 manual (section 5.4.1): classes, sets, the four repetitions,
 * captures and their back-references, %b, %f, anchors. The library's own matcher backtracks without
 * looking at the clock: ("a"):rep(30):find((".-"):rep(30) .. "b") never comes back. This one pays for
 * every step from a budget.
 *
 * Threads      any; pure. */
#pragma once

#include "base/rc.h"
#include "base/str.h"

#include <stdint.h>

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

/* The first match at or behind `from` (a pattern that begins with '^': at `from` alone). RC_OK,
 * RC_NOT_FOUND, RC_INVALID with a sentence in `message`, RC_FULL when `steps` is spent. */
MUST_USE enum rc pattern_find(struct str subject, struct str pattern, size_t from, uint64_t *steps,
	struct pattern_match *out, const char **message);
