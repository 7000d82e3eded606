/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/secret_digest.h - what a plan holds of a secret that only has to be recognised.
 *
 * HMAC-SHA-256 of the secret, keyed by whom it belongs to: equal secrets of two clients have two
 * digests, and a table of digests made beforehand is of no use. It is not slow: it holds for secrets
 * that were generated, not for words that people choose. */
#pragma once

#include "crypto/crypto.h"

/* `owner` has no line break in it, so that owner and name cannot be shifted against each other. Any
 * thread. */
void secret_digest(
	struct str owner, struct str name, struct str secret, uint8_t out[SHA256_BYTES]);
