/* SPDX-License-Identifier: Apache-2.0 */
/* base/prng.h - fast random numbers that protect nothing.
 *
 * xoshiro256** (Blackman and Vigna, 2018), seeded from the operating system: for choosing weighted
 * destinations, jitter and request ids. Whatever must not be guessed uses crypto/random.h. */
#pragma once

#include <stdint.h>

struct prng {
	uint64_t s[4];
};

void prng_seed(struct prng *r);
uint64_t prng_next(struct prng *r);

/* A version 4 UUID (RFC 9562) in its 36-character form; no NUL. */
#define UUID_BYTES 36
void prng_uuid(struct prng *r, char out[UUID_BYTES]);
