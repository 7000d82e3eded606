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

/* --- signatures of JSON Web Tokens (RFC 7518 section 3, RFC 8037) ------------------------------ */
/* A key that checks signatures; immutable, any thread. Whoever made it frees it. */
struct sluice_key;

/* The kind decides which algorithms a key may be used with; a token's header never does. */
enum sluice_key_kind {
	SLUICE_KEY_RSA = 1, /* RS and PS: 2,048 to 16,384 bits, an odd exponent from 3 to 64 bits */
	SLUICE_KEY_P256,    /* ES256 */
	SLUICE_KEY_P384,    /* ES384 */
	SLUICE_KEY_P521,    /* ES512 */
	SLUICE_KEY_ED25519, /* EdDSA */
	SLUICE_KEY_ED448,   /* EdDSA */
	SLUICE_KEY_SECRET,  /* HS: 1 to 4,096 bytes, and no fewer than the digest has */
	SLUICE_KEY_PEM = 64 /* one "PUBLIC KEY" of RFC 7468: any of the above but SECRET */
};

/* For SECRET: HS takes also what is shorter than the digest, against RFC 7518 section 3.2. */
#define SLUICE_KEY_SHORT_ALLOWED 1u

struct sluice_key_source {
	uint32_t size;
	uint32_t kind;  /* enum sluice_key_kind */
	uint32_t flags; /* SLUICE_KEY_ and ..._ALLOWED */
	uint32_t reserved;
	/* Bytes, not base64url. RSA: n and e. P-256 to P-521: x and y, each of exactly the curve's
	 * length. Ed25519, Ed448: x. SECRET: the secret. PEM: the text. What is not named is empty. */
	struct sluice_str first;
	struct sluice_str second;
};

enum sluice_algorithm {
	SLUICE_HS256 = 1,
	SLUICE_HS384,
	SLUICE_HS512,
	SLUICE_RS256,
	SLUICE_RS384,
	SLUICE_RS512,
	SLUICE_PS256,
	SLUICE_PS384,
	SLUICE_PS512,
	SLUICE_ES256,
	SLUICE_ES384,
	SLUICE_ES512,
	SLUICE_EDDSA
};

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

	/* RFC 4648 section 5 without padding, nothing else allowed. `out` has room for
	 * in.n / 4 * 3 + 2 bytes; the number of bytes, or SLUICE_E_INVALID. */
	int64_t (*base64url_decode)(struct sluice_str in, char *out);
	/* SLUICE_OK; SLUICE_E_INVALID: that is no such key, or not one to rely on (bounds above, a
	 * point off its curve, a modulus of a generator known to be broken). */
	int32_t (*key_new)(const struct sluice_key_source *source, struct sluice_key **out);
	void (*key_free)(struct sluice_key *key); /* NULL: nothing */
	int32_t (*key_kind)(const struct sluice_key *key);
	/* 1 if that key may be used with that algorithm (enum sluice_algorithm). */
	int32_t (*key_fits)(const struct sluice_key *key, uint32_t algorithm);
	/* SLUICE_OK: `signature` is the key's over `data`. SLUICE_E_INVALID: it is not.
	 * SLUICE_E_UNSUPPORTED: the algorithm does not fit the key. Bytes, of exactly the length that
	 * key and algorithm ask for; ES: r and s, not DER. */
	int32_t (*signature_check)(const struct sluice_key *key, uint32_t algorithm,
		struct sluice_str data, struct sluice_str signature);
};

#ifdef __cplusplus
}
#endif
#endif
