/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/verify_key_priv.h - a key as the files of this folder see it. */
#pragma once

#include "crypto/verify_key.h"

#include "crypto/signature.h"

#include <openssl/evp.h>
#include <stdatomic.h>

/* What is ready to check signatures of one algorithm. To make one costs libcrypto a fifth of a check, and of a MAC more
 * than the check itself. Workers share keys: who checks takes it, and puts it back. Owned; NULL: none, or it is taken. */
struct verify_ways {
	EVP_PKEY_CTX *_Atomic by_algorithm[SIGNATURE_EDDSA + 1]; /* of a public key */
	EVP_MAC_CTX *_Atomic macs[SIGNATURE_HS512 + 1];          /* of a secret */
};

struct verify_key {
	enum verify_key_kind kind;
	bool is_short_allowed;
	EVP_PKEY *public_key;     /* owned; NULL: a secret */
	struct verify_ways *ways; /* owned */
	size_t secret_bytes;
	uint8_t secret[]; /* wiped */
};
