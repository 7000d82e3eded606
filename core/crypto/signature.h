/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/signature.h - the signature algorithms of JSON Web Tokens (RFC 7518 section 3, RFC 8037). */
#pragma once

#include "crypto/verify_key.h"

enum signature_algorithm {
	SIGNATURE_HS256 = 1,
	SIGNATURE_HS384,
	SIGNATURE_HS512,
	SIGNATURE_RS256,
	SIGNATURE_RS384,
	SIGNATURE_RS512,
	SIGNATURE_PS256,
	SIGNATURE_PS384,
	SIGNATURE_PS512,
	SIGNATURE_ES256,
	SIGNATURE_ES384,
	SIGNATURE_ES512,
	SIGNATURE_EDDSA, /* Ed25519 or Ed448, as the key is */
};

/* Whether that key may be used so: its kind has to be the algorithm's, a secret long enough. */
bool signature_fits(const struct verify_key *key, enum signature_algorithm algorithm);
/* RC_OK: `signature` is the key's over `data`. RC_INVALID: it is not. RC_UNSUPPORTED: the algorithm is
 * none for this key, and nothing was computed. A signature has exactly the length that key and
 * algorithm ask for; that of ES is r and s, not DER (RFC 7518 section 3.4). Any thread. */
MUST_USE enum rc signature_check(const struct verify_key *key, enum signature_algorithm algorithm,
	struct str data, struct str signature);
