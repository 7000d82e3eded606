/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/digest_priv.h - digests of SHA-2, and MACs of them, as libcrypto's signatures want them.
 *
 * Threads      any: each has a state of its own.
 */
#pragma once

#include "base/str.h"

#include <openssl/evp.h>

/* SHA-256, SHA-384 or SHA-512: of 32, 48 or 64 bytes; looked up once. */
const EVP_MD *digest_algorithm(unsigned bytes);
void digest_write(unsigned bytes, struct str in, uint8_t *out);
/* HMAC with that digest and key, ready for a text; for EVP_MAC_CTX_free. */
EVP_MAC_CTX *hmac_new(unsigned digest_bytes, struct str key);
