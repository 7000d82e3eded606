/* SPDX-License-Identifier: Apache-2.0 */
/* config/lookups.h - what a composition asked for beside its files: variables and included files.
 *
 * Of the answers only a digest is kept, so that it can be told later whether they would be the same.
 *
 * Ownership    owns copies of all names.
 */
#pragma once

#include "base/buffer.h"
#include "base/map.h"
#include "crypto/crypto.h"

/* More make the composition one that nobody can build on. */
#define LOOKUPS_MAX 20000

enum lookup_kind { LOOKUP_VARIABLE = 'v', LOOKUP_FILE = 'f' };

struct lookups {
	struct map places; /* 1 + place, by kind and name */
	struct lookup {
		char *name; /* owned: the kind's letter before it */
		uint8_t digest[SHA256_BYTES];
	} * items;          /* owned */
	size_t count;
	size_t capacity;
	bool has_failed; /* too many, or one that had two answers */
};

void lookups_init(struct lookups *l);
void lookups_deinit(struct lookups *l);
/* `is_found` false: `answer` says why there is none. */
void lookups_add(struct lookups *l, enum lookup_kind kind, const char *name, bool is_found,
	struct str answer);

void lookups_write(const struct lookups *l, struct buffer *out);
/* Adds those that were written, once each has the answer that it had; `getenv_fn` NULL: the process's.
 * False: one has another, or the bytes are none of lookups_write. */
bool lookups_hold(struct lookups *l, struct str written, const char *(*getenv_fn)(const char *));
