/* SPDX-License-Identifier: Apache-2.0 */
/* verified.h - tokens whose signature was right.
 *
 * Remembers digests of whole tokens, each with the number of the keys that it was checked by: with other keys it is as if
 * it had never been seen. Nothing else of a token is kept; whoever finds one still judges its claims.
 * Places are few and fixed, in rows of four: a newcomer takes one of its row in turn. Who has no key puts nothing in.
 *
 * Threads      one worker.
 */
#pragma once

#include "sluice/sluice.h"

struct verified;

/* At least that many places; NULL: no memory, or none are wanted. */
struct verified *verified_new(const struct sluice_call *call, size_t entries);
void verified_free(const struct sluice_call *call, struct verified *v);

/* All of them take NULL, which has nothing. `keys_number` is not 0. */
int verified_has(const struct verified *v, const uint8_t digest[32], uint64_t keys_number);
void verified_add(struct verified *v, const uint8_t digest[32], uint64_t keys_number);
