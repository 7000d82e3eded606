/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/tally_key.h - three labels as the key of a worker's table.
 *
 * Nothing is allocated for a key that is only looked for. Labels hold no NUL: names, words and ids
 * of policies.
 *
 * Ownership    the caller's memory; tally_own is the heap's.
 * Threads      any. */
#pragma once

#include "base/str.h"

/* Names of Kubernetes' length, and room for two of them in an API's. */
#define TALLY_LABEL_BYTES_MAX 512

struct tally_key {
	size_t n;
	char text[3 * (TALLY_LABEL_BYTES_MAX + 1)];
};

/* A label as it counts: what is longer is cut. */
static inline struct str tally_label(struct str s)
{
	return str_slice(s, 0, TALLY_LABEL_BYTES_MAX);
}
/* Of labels that were cut. The key is *k's memory. */
struct str tally_key_make(struct tally_key *k, struct str a, struct str b, struct str c);
/* A copy; free(.p). */
struct str tally_own(struct str s);
