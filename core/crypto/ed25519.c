/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include "base/check.h"

#include <openssl/evp.h>

void ed25519_public(
	const uint8_t secret_key[ED25519_KEY_BYTES], uint8_t public_key[ED25519_KEY_BYTES])
{
	size_t n = ED25519_KEY_BYTES;
	EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret_key, ED25519_KEY_BYTES);
	CHECK(key && EVP_PKEY_get_raw_public_key(key, public_key, &n) && n == ED25519_KEY_BYTES);
	EVP_PKEY_free(key);
}

void ed25519_sign(const uint8_t secret_key[ED25519_KEY_BYTES], struct str message,
	uint8_t signature[ED25519_SIGNATURE_BYTES])
{
	size_t n = ED25519_SIGNATURE_BYTES;
	EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret_key, ED25519_KEY_BYTES);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	CHECK(key && md && EVP_DigestSignInit(md, NULL, NULL, NULL, key) &&
		EVP_DigestSign(md, signature, &n, (const unsigned char *)message.p, message.n) &&
		n == ED25519_SIGNATURE_BYTES);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
}

bool ed25519_verify(const uint8_t public_key[ED25519_KEY_BYTES], struct str message,
	const uint8_t signature[ED25519_SIGNATURE_BYTES])
{
	/* NULL: no point of the curve. */
	EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, ED25519_KEY_BYTES);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	CHECK(md);
	bool is_valid = key && EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1 &&
			EVP_DigestVerify(md, signature, ED25519_SIGNATURE_BYTES,
				(const unsigned char *)message.p, message.n) == 1;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return is_valid;
}
