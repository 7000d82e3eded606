/* SPDX-License-Identifier: Apache-2.0 */
/* base/utf8.h - well-formed UTF-8 (Unicode 15, table 3-7). */
#pragma once

#include "base/str.h"

/* How many bytes the sequence at the start of `s` has; 0 when it is ill-formed or empty. */
size_t utf8_sequence(struct str s);
bool utf8_is_valid(struct str s);
/* Code points of valid UTF-8; a bad byte counts as one. */
size_t utf8_length(struct str s);

/* The same of bytes that come in pieces. Zeroed at the beginning. */
struct utf8_stream {
	uint8_t missing; /* bytes that the sequence at hand still needs */
	uint8_t lead;    /* its first byte until the second has come */
};
/* False at the first byte that no text can have there. */
bool utf8_stream_take(struct utf8_stream *u, struct str bytes);
/* No sequence is cut. */
static inline bool utf8_stream_is_whole(const struct utf8_stream *u)
{
	return u->missing == 0;
}
