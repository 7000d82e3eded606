/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/vary.h - the fields of a request that choose among the answers of one target (RFC 9111 4.1).
 *
 * Threads      pure functions; names are views of what was added.
 */
#pragma once

#include "cache_key.h"

#define VARY_NAMES_MAX 16

struct vary {
	struct sluice_str
		names[VARY_NAMES_MAX]; /* each once, in order, whatever case they are written in */
	size_t count;
	int is_any; /* "*", what is no name, or too many: no other request is known to match */
};

/* One Vary field's value. */
void vary_add(struct vary *v, struct sluice_str value);
/* The names into a key: in lower case, so that another order or writing gives the same key. */
void vary_key_names(const struct vary *v, struct cache_key *k);

/* What one of those fields says, line by line into `text` of `bytes_max` bytes. Of lists that are known as such
 * (Accept and its kin), spaces around commas and the parting into lines do not count, nor does case where it means
 * nothing; any other field is what it is. */
struct variant_value {
	char *text;
	size_t n, bytes_max;
	int is_present, is_full;
};
void variant_value_add(struct variant_value *value, struct sluice_str name, struct sluice_str line);
void variant_value_key(const struct variant_value *value, struct cache_key *k);
