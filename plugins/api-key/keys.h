/* SPDX-License-Identifier: Apache-2.0 */
/* api-key/keys.h - a set of keys, known by their digests alone.
 *
 * Open addressing, at most half full. What a client sends is digested (SHA-256), placed by a keyed
 * hash of the digest, and compared in constant time: no time that it can measure depends on how
 * much of a key it has guessed.
 *
 * Invariants   K1  every digest stands once.
 * Ownership    on the account of the instance.
 * Threads      immutable once filled.
 */
#ifndef API_KEY_KEYS_H
#define API_KEY_KEYS_H

#include "sluice/crypto.h"
#include "sluice/sluice.h"

#define DIGEST_BYTES 32

struct key {
	uint8_t digest[DIGEST_BYTES];
	struct sluice_str client_id, client_name; /* owned: one block, at client_id.p */
	int64_t expires_ms;                       /* since 1970; INT64_MAX: never */
};

struct keys {
	const struct sluice_crypto_service *crypto;
	uint8_t hash_key[16];
	struct key *items; /* owned */
	size_t count;
	uint32_t *slots;   /* owned: index of an item + 1; 0: free */
	size_t slot_count; /* a power of two */
};

/* Room for `capacity` keys. SLUICE_E_FULL, SLUICE_E_RUNTIME (no random bytes). Free it also then.
 */
int32_t keys_init(struct keys *k, const struct sluice_call *call, size_t capacity);
void keys_deinit(struct keys *k, const struct sluice_call *call);
/* A copy of all that `key` holds but the texts, which it takes over. 0: the digest stands already.
 */
int keys_add(struct keys *k, const struct key *key);
const struct key *keys_find(const struct keys *k, const uint8_t digest[DIGEST_BYTES]);

/* keys-config.c: all of `keys` of the configuration. */
int32_t keys_read(
	struct keys *k, const struct sluice_call *call, const struct sluice_value *config);

#endif
