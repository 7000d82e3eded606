/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/crypto.h - the service "sluice.crypto/1": the few primitives that most policies need, so
 * that none carries a library of its own. Any callback, any thread. */
#ifndef SLUICE_CRYPTO_H
#define SLUICE_CRYPTO_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_CRYPTO_SERVICE "sluice.crypto/1"

struct sluice_crypto_service {
	uint32_t size;
	uint32_t reserved;

	/* 1 when equal. Its time depends on the lengths alone, and not on where they differ. */
	int32_t (*constant_time_equal)(struct sluice_str a, struct sluice_str b);
	/* RFC 4648 section 4, padding required, nothing else allowed. `out` has room for
	 * in.n / 4 * 3 bytes; the number of bytes, or SLUICE_E_INVALID. */
	int64_t (*base64_decode)(struct sluice_str in, char *out);
	void (*sha256)(struct sluice_str in, uint8_t out[32]);
	/* From the operating system; SLUICE_E_RUNTIME when it cannot give any. */
	int32_t (*random)(void *out, size_t n);
	/* SipHash-2-4: for tables whose keys come from the network. */
	uint64_t (*keyed_hash)(const uint8_t key[16], struct sluice_str in);
};

#ifdef __cplusplus
}
#endif
#endif
