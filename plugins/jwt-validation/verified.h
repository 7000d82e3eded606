/* SPDX-License-Identifier: Apache-2.0 */
/* verified.h - tokens whose signature was right, and their claims.
 *
 * Each is kept with the number of the keys that it was checked by: with other keys it is as if it had never been seen.
 * Whoever finds one still judges its claims. Places are few and fixed, in rows of four: a newcomer takes one of its
 * row in turn. Who has no key puts nothing in.
 *
 * The row is told by the end of the signature, which nobody chooses who has no key; and unless that end is the
 * same, all 48 bits of it, nothing of a token is compared: how long it takes tells nothing of those that are kept.
 *
 * Invariants   V1  tokens and what is kept with them take VERIFIED_BYTES_MAX at most.
 *              V2  no two tokens are taken for one: texts are compared whole.
 * Ownership    of the worker; what is found lasts until the next verified_add.
 * Threads      one worker.
 */
#pragma once

#include "util/jose_value.h"

/* Of a worker and binding: 10,000 tokens of 900 bytes with their claims. */
#define VERIFIED_BYTES_MAX (64u << 20)

struct verified;

struct verified_token {
	struct sluice_str text;
	struct sluice_str claims_text;
	struct jose_value *claims;
	struct sluice_claims *prepared; /* the same, for exchanges; NULL: they cannot be */
};

/* At least that many places; NULL: no memory, or none are wanted. */
struct verified *verified_new(const struct sluice_call *call, size_t entries);
void verified_free(const struct sluice_call *call, struct verified *v);

/* Both take a `v` of NULL, which has nothing. `keys_number` is not 0. NULL: it is not there. */
const struct verified_token *verified_find(
	const struct verified *v, struct sluice_str text, uint64_t keys_number);
/* Texts are copied. 1: the claims, both of them, are its own from here on; 0: there is no room. */
int verified_add(const struct sluice_call *call, struct verified *v,
	const struct verified_token *token, uint64_t keys_number);
