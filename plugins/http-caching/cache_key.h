/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/cache_key.h - keys that tell two answers apart, whatever is in their parts.
 *
 * Each part stands behind its length, so that no two lists of parts give the same bytes: "ab","c" is not
 * "a","bc", and nothing is not an empty value.
 *
 * Invariants   K1  two keys are equal if and only if their parts are, in number and order.
 *              K2  a key for which there was no room is_full, and must not be used.
 * Threads      pure functions of the caller's memory.
 */
#pragma once

#include "sluice/sluice.h"

struct cache_key {
	char *p; /* the caller's */
	size_t n, bytes_max;
	int is_full;
};

void cache_key_add(struct cache_key *k, struct sluice_str part);
/* As cache_key_add of the part in lower case. */
void cache_key_add_lower(struct cache_key *k, struct sluice_str part);
/* Something that is not there, unlike something empty. */
void cache_key_add_absent(struct cache_key *k);
