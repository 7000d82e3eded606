/* SPDX-License-Identifier: Apache-2.0 */
/* base/shared_text.h - a short text that one thread changes now and then and others read.
 *
 * The writer waits for nobody; a reader looks again when the version was odd or has changed
 * meanwhile. */
#pragma once

#include "base/str.h"

#include <stdatomic.h>

#define SHARED_TEXT_WORDS 15
#define SHARED_TEXT_BYTES (SHARED_TEXT_WORDS * sizeof(uint64_t))

/* All zero: "". */
struct shared_text {
	atomic_uint version; /* odd: it is being changed */
	_Atomic uint64_t words[SHARED_TEXT_WORDS];
};

/* What does not fit is cut off. */
void shared_text_set(struct shared_text *t, struct str text);
/* Without a NUL, which ends it. */
struct str shared_text_get(const struct shared_text *t, char out[SHARED_TEXT_BYTES]);
