/* SPDX-License-Identifier: Apache-2.0 */
/* config/record.h - what a composition leaves to the next one: of each file its identity and digest,
 * and what it contributed, where that was composed apart.
 *
 * What a file contributed stands as long as its text does, and what all files share: the program, the
 * plugins, all files that are not composed apart, and the variables and included files that anybody
 * asked for. Whatever is odd about a record makes it none, and everything is composed anew.
 *
 *   record     magic; length; checksum of what follows; program; shared; sizes; lookups; entries
 *   entry      sizes; identity; digest; flags; name; part
 *
 * Ownership    borrows the bytes that it was opened on.
 */
#pragma once

#include "config/lookups.h"
#include "config/parts.h"
#include "config/sources.h"

struct record_entry {
	struct str name;
	struct file_identity identity;
	uint8_t sha256[SHA256_BYTES];
	bool is_settled; /* the identity tells a change */
	struct str part; /* empty: none */
};

struct record {
	struct record_entry *items; /* owned */
	uint32_t count;
	struct map places; /* 1 + place, by name */
	uint8_t shared[SHA256_BYTES];
	struct str lookups;
};

/* Of the program that runs. RC_IO: it cannot be read, and there are no records. */
MUST_USE enum rc record_program(uint8_t digest[SHA256_BYTES]);
/* RC_INVALID: another program's, damaged, or no record at all; then there is nothing to deinit. */
MUST_USE enum rc record_open(
	struct record *r, struct str bytes, const uint8_t program[SHA256_BYTES]);
void record_deinit(struct record *r);
const struct record_entry *record_find(const struct record *r, struct str name);

/* `parts` are those of the sources. */
void record_write(struct buffer *out, const uint8_t program[SHA256_BYTES],
	const uint8_t shared[SHA256_BYTES], const struct lookups *lookups,
	const struct sources *sources, const struct part *parts);
