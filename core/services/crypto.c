/* SPDX-License-Identifier: Apache-2.0 */
#include "sluice/crypto.h"

#include "crypto/crypto.h"
#include "services/services_priv.h"

static int32_t is_equal(struct sluice_str a, struct sluice_str b)
{
	return constant_time_equal(str_in(a), str_in(b));
}

static int64_t decode(struct sluice_str in, char *out)
{
	size_t n;
	return base64_decode(str_in(in), out, &n) == RC_OK ? (int64_t)n : SLUICE_E_INVALID;
}

static void digest(struct sluice_str in, uint8_t out[32])
{
	sha256(str_in(in), out);
}

static int32_t fill(void *out, size_t n)
{
	return random_bytes(out, n) == RC_OK ? SLUICE_OK : SLUICE_E_RUNTIME;
}

static uint64_t hash(const uint8_t key[16], struct sluice_str in)
{
	return keyed_hash(key, str_in(in));
}

const void *services_crypto_table(void)
{
	static const struct sluice_crypto_service table = {
		.size = sizeof(table),
		.constant_time_equal = is_equal,
		.base64_decode = decode,
		.sha256 = digest,
		.random = fill,
		.keyed_hash = hash,
	};
	return &table;
}
