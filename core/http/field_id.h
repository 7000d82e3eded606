/* SPDX-License-Identifier: Apache-2.0 */
/* http/field_id.h - a perfect hash of the known field names.
 *
 * One multiplication, one slot, at most three comparisons of eight bytes. A name is read as
 * overlapping words (its first and last eight bytes, and the eight from the eighth on), so that no
 * loop over its bytes is left.
 */
#pragma once

#include "http/message.h"

#define FIELD_NAME_KNOWN_MAX 24
#define FIELD_SLOT_BITS      7

/* Of a name in lower case; bit 0x20 is set in every byte, which folds the case of letters. */
struct field_words {
	uint64_t first, last, middle;
};

struct field_slot {
	struct field_words words;
	uint64_t n;
	uint64_t id;
};

extern struct field_slot field_slots[1 << FIELD_SLOT_BITS] __attribute__((visibility("hidden")));

static inline uint64_t load_folded(const char *p, size_t n)
{
	uint64_t word = 0;
	memcpy(&word, p, n);
	return word | 0x2020202020202020u;
}

static inline struct field_words field_words_of(struct str name)
{
	const char *end = name.p + name.n;
	struct field_words w = {0, 0, 0};
	if (name.n >= 8) {
		w.first = load_folded(name.p, 8);
		w.last = load_folded(end - 8, 8);
		if (name.n > 16)
			w.middle = load_folded(name.p + 8, 8);
	} else if (name.n >= 4) {
		w.first = load_folded(name.p, 4) << 32 | load_folded(end - 4, 4);
	} else {
		w.first = load_folded(name.p, 2) << 32 | load_folded(end - 2, 2);
	}
	return w;
}

static inline struct field_slot *field_slot_of(struct field_words w, size_t n)
{
	/* Found by search: no two names of HTTP_FIELDS share a slot. Another name may need another
	 * multiplier; the unit test of field_id_of tells. */
	const uint64_t multiplier = 0xbfeaa1551a28f7b3u;
	uint64_t key = w.first + (w.last << 1) + n;
	return &field_slots[(key * multiplier) >> (64 - FIELD_SLOT_BITS)];
}

/* field_id_of for a name that is a token: in the names known, a byte that only looks like theirs
 * once folded (CR for '-') is none. */
static inline enum field_id field_id_find(struct str name)
{
	if (name.n < 2 || name.n > FIELD_NAME_KNOWN_MAX)
		return FIELD_OTHER;
	struct field_words w = field_words_of(name);
	const struct field_slot *slot = field_slot_of(w, name.n);
	uint64_t differ = (name.n ^ slot->n) | (w.first ^ slot->words.first) |
			  (w.last ^ slot->words.last) | (w.middle ^ slot->words.middle);
	return differ ? FIELD_OTHER : (enum field_id)slot->id;
}
