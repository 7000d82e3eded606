/* SPDX-License-Identifier: Apache-2.0 */
/* util/jose_keys.h - JSON Web Keys and sets of them (RFC 7517), and which one checks a token.
 *
 * A set's keys that are not for checking signatures, or not known here, are passed over (RFC 7517 section 5). A set
 * without any other is refused, and so are one where a kid names two keys between which nothing decides, and one with
 * secrets among public keys.
 * A key decides which algorithms it may be used with, by its kind and its `alg`; a token only names one of them.
 *
 * Ownership    _deinit frees what _read or _add gave.
 * Threads      immutable once read: any.
 */
#pragma once

#include "util/jose.h"

#define JOSE_KEYS_MAX 256

struct jose_key {
	struct sluice_key *key; /* owned */
	char *kid;              /* owned; NULL: none, which no kid of a token names */
	size_t kid_bytes;
	uint32_t algorithm; /* 0: each that its kind allows */
};

struct jose_keys {
	const struct sluice_crypto_service *crypto;
	struct jose_key *items; /* owned */
	size_t count;
	size_t passed_over; /* keys of a set */
	int is_for_any_kid;
};

/* A key, or a set: an object with `keys`. SLUICE_E_INVALID: neither, or nothing in it can be used; `why` is told in a
 * few words, and there is nothing to free. */
int32_t jose_keys_read(const struct sluice_crypto_service *crypto, struct sluice_str text,
	struct jose_keys *keys, const char **why);
/* The set of one key, which is for every token, whatever kid that names. Takes the key, in any case; SLUICE_E_FULL: no
 * memory. */
int32_t jose_keys_of(
	const struct sluice_crypto_service *crypto, struct sluice_key *key, struct jose_keys *keys);
void jose_keys_deinit(struct jose_keys *keys);

/* By the key of the token's kid; without one, by those that fit its algorithm. SLUICE_OK; SLUICE_E_INVALID: not the
 * signature of any of them; SLUICE_E_NOT_FOUND: there is no key for it, "none" among what has none. */
int32_t jose_keys_check(const struct jose_keys *keys, const struct jose_token *token);
