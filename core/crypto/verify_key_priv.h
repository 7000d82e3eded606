/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/verify_key_priv.h - a key as the files of this folder see it. */
#pragma once

#include "crypto/verify_key.h"

#include <openssl/evp.h>

struct verify_key {
	enum verify_key_kind kind;
	bool is_short_allowed;
	EVP_PKEY *public_key; /* owned; NULL: a secret */
	size_t secret_bytes;
	uint8_t secret[]; /* wiped */
};
