/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/verify_key.h - keys that check the signatures of JSON Web Tokens.
 *
 * Made of the numbers that a JWK has (RFC 7518 section 6, RFC 8037) or of a PEM text. A key that
 * exists is one that can be trusted to mean something: its size has bounds, its point is on its
 * curve, its modulus is none that a known bad generator made.
 *
 * Invariants   V1  a key has one kind, and the kind decides which algorithms it may be used with: a
 *                  token's header never does.
 * Ownership    who made it frees it.
 * Threads      immutable: any.
 */
#pragma once

#include "base/str.h"

enum verify_key_kind {
	VERIFY_KEY_RSA = 1,
	VERIFY_KEY_P256,
	VERIFY_KEY_P384,
	VERIFY_KEY_P521,
	VERIFY_KEY_ED25519,
	VERIFY_KEY_ED448,
	VERIFY_KEY_SECRET,
};

/* Below the first the modulus can be factored by those who want to; above the second a signature
 * costs a client nothing and us milliseconds. */
#define VERIFY_KEY_RSA_BITS_MIN 2048
#define VERIFY_KEY_RSA_BITS_MAX 16384
/* Of e: the check's cost grows with it, and nobody has a larger one. */
#define VERIFY_KEY_EXPONENT_BITS_MAX 64
#define VERIFY_KEY_SECRET_BYTES_MAX  4096
#define VERIFY_KEY_PEM_BYTES_MAX     16384

struct verify_key;

/* All: RC_INVALID when it is no key of that sort, or not one to rely on. Numbers are big-endian. */
MUST_USE enum rc verify_key_of_rsa(
	struct str modulus, struct str exponent, struct verify_key **out);
/* P-256, P-384, P-521: coordinates of exactly the curve's length (RFC 7518 section 6.2.1.2). */
MUST_USE enum rc verify_key_of_point(
	enum verify_key_kind kind, struct str x, struct str y, struct verify_key **out);
/* Ed25519, Ed448. */
MUST_USE enum rc verify_key_of_edwards(
	enum verify_key_kind kind, struct str x, struct verify_key **out);
/* A secret for HMAC, copied; at least as long as the digest (RFC 7518 section 3.2) where it is used,
 * unless `is_short_allowed`; never empty. */
MUST_USE enum rc verify_key_of_secret(
	struct str secret, bool is_short_allowed, struct verify_key **out);
/* One "PUBLIC KEY" (RFC 7468 section 13) of a kind above, and white space around it. */
MUST_USE enum rc verify_key_of_pem(struct str pem, struct verify_key **out);
void verify_key_free(struct verify_key *key);

enum verify_key_kind verify_key_kind(const struct verify_key *key);
