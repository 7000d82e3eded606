/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/crypto.h - digests, random bytes, constant-time comparison, base64.
 *
 * libcrypto's types stay in this folder. Failures of libcrypto that depend on no input (no memory) are
 * death with a message. Any thread.
 */
#pragma once

#include "base/str.h"

/* N of libcrypto.so.N that this program is built for. */
unsigned libcrypto_version(void);

/* For handshakes that ask for it, and for nothing that has to be hard to forge. */
#define SHA1_BYTES 20
void sha1(struct str in, uint8_t out[SHA1_BYTES]);

#define SHA256_BYTES 32
void sha256(struct str in, uint8_t out[SHA256_BYTES]);
/* Of all pieces that `next` gives until it is false; it hashes nothing itself. */
void sha256_pieces(
	bool (*next)(void *arg, struct str *piece), void *arg, uint8_t out[SHA256_BYTES]);
/* Lower-case hex, 64 characters, no NUL. */
void sha256_hex(const uint8_t digest[SHA256_BYTES], char out[SHA256_BYTES * 2]);
/* 64 digits in either case; RC_INVALID. */
MUST_USE enum rc sha256_from_hex(struct str hex, uint8_t out[SHA256_BYTES]);
/* Of a whole file; RC_IO with errno. */
MUST_USE enum rc sha256_file(const char *path, uint8_t out[SHA256_BYTES]);
void hmac_sha256(struct str key, struct str in, uint8_t out[SHA256_BYTES]);

/* BLAKE2b (RFC 7693) without a key. */
#define BLAKE2B_512_BYTES 64
void blake2b_512(struct str in, uint8_t out[BLAKE2B_512_BYTES]);

/* Ed25519 (RFC 8032). A secret key is its 32-byte seed. */
#define ED25519_KEY_BYTES       32
#define ED25519_SIGNATURE_BYTES 64
void ed25519_public(
	const uint8_t secret_key[ED25519_KEY_BYTES], uint8_t public_key[ED25519_KEY_BYTES]);
void ed25519_sign(const uint8_t secret_key[ED25519_KEY_BYTES], struct str message,
	uint8_t signature[ED25519_SIGNATURE_BYTES]);
MUST_USE bool ed25519_verify(const uint8_t public_key[ED25519_KEY_BYTES], struct str message,
	const uint8_t signature[ED25519_SIGNATURE_BYTES]);

/* Time depends on the lengths alone. */
bool constant_time_equal(struct str a, struct str b);
/* From the operating system. RC_IO: it has none. */
MUST_USE enum rc random_bytes(void *out, size_t n);
/* SipHash-2-4 (Aumasson and Bernstein, 2012), for tables whose keys come from the network. */
uint64_t keyed_hash(const uint8_t key[16], struct str in);

/* RFC 4648 section 4, padding required, nothing else accepted. `out` has room for in.n / 4 * 3. */
MUST_USE enum rc base64_decode(struct str in, char *out, size_t *n);
/* RFC 4648 section 5 as JOSE writes it (RFC 7515 section 2): no padding, nothing else accepted. `out`
 * has room for in.n / 4 * 3 + 2. */
MUST_USE enum rc base64url_decode(struct str in, char *out, size_t *n);
/* `out` has room for (in.n + 2) / 3 * 4; returns how many were written. */
size_t base64_encode(struct str in, char *out);
/* Overwrites, so that no optimiser leaves it out. */
void cleanse(void *p, size_t n);
