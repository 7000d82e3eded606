/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/signature.h"

#include "crypto/crypto.h"
#include "crypto/digest_priv.h"
#include "crypto/verify_key_priv.h"

#include "base/check.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#define COORDINATE_BYTES_MAX 66
/* Two integers, each with a head of two bytes and one that keeps it positive, and the head around. */
#define DER_BYTES_MAX (2 * (COORDINATE_BYTES_MAX + 3) + 3)

struct scheme {
	enum verify_key_kind kind;
	unsigned char digest_bytes; /* 0: the key's own digest */
	bool is_pss;
	unsigned char coordinate_bytes; /* of ES */
};

static const struct scheme schemes[] = {
	[SIGNATURE_HS256] = {VERIFY_KEY_SECRET, 32, false, 0},
	[SIGNATURE_HS384] = {VERIFY_KEY_SECRET, 48, false, 0},
	[SIGNATURE_HS512] = {VERIFY_KEY_SECRET, 64, false, 0},
	[SIGNATURE_RS256] = {VERIFY_KEY_RSA, 32, false, 0},
	[SIGNATURE_RS384] = {VERIFY_KEY_RSA, 48, false, 0},
	[SIGNATURE_RS512] = {VERIFY_KEY_RSA, 64, false, 0},
	[SIGNATURE_PS256] = {VERIFY_KEY_RSA, 32, true, 0},
	[SIGNATURE_PS384] = {VERIFY_KEY_RSA, 48, true, 0},
	[SIGNATURE_PS512] = {VERIFY_KEY_RSA, 64, true, 0},
	[SIGNATURE_ES256] = {VERIFY_KEY_P256, 32, false, 32},
	[SIGNATURE_ES384] = {VERIFY_KEY_P384, 48, false, 48},
	[SIGNATURE_ES512] = {VERIFY_KEY_P521, 64, false, COORDINATE_BYTES_MAX},
	[SIGNATURE_EDDSA] = {VERIFY_KEY_ED25519, 0, false, 0},
};

bool signature_fits(const struct verify_key *key, enum signature_algorithm algorithm)
{
	if (algorithm < SIGNATURE_HS256 || algorithm > SIGNATURE_EDDSA)
		return false;
	const struct scheme *s = &schemes[algorithm];
	if (algorithm == SIGNATURE_EDDSA)
		return key->kind == VERIFY_KEY_ED25519 || key->kind == VERIFY_KEY_ED448;
	if (key->kind != s->kind)
		return false;
	return key->kind != VERIFY_KEY_SECRET || key->is_short_allowed ||
	       key->secret_bytes >= s->digest_bytes;
}

static bool check_mac(
	const struct verify_key *key, const struct scheme *s, struct str data, struct str signature)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t n = 0;
	EVP_MAC_CTX *_Atomic *place = &key->ways->macs[s - schemes];
	EVP_MAC_CTX *way = atomic_exchange(place, NULL);
	if (!way)
		way = hmac_new(
			s->digest_bytes, str_n((const char *)key->secret, key->secret_bytes));
	/* Without a key: the one that it has, from the start. */
	CHECK(EVP_MAC_init(way, NULL, 0, NULL) == 1 &&
		EVP_MAC_update(way, (const uint8_t *)data.p, data.n) == 1 &&
		EVP_MAC_final(way, mac, &n, sizeof(mac)) == 1);
	EVP_MAC_CTX_free(atomic_exchange(place, way));
	return constant_time_equal(str_n((const char *)mac, n), signature);
}

/* An INTEGER of ASN.1: as few bytes as possible, the highest bit being the sign. */
static size_t put_integer(const char *number, size_t n, uint8_t *out)
{
	while (n > 1 && *number == 0) {
		number++;
		n--;
	}
	size_t pad = (unsigned char)*number >> 7;
	out[0] = 0x02;
	out[1] = (uint8_t)(n + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, number, n);
	return 2 + pad + n;
}

/* ECDSA-Sig-Value (RFC 3279 section 2.2.3). */
static size_t put_der(struct str signature, uint8_t out[DER_BYTES_MAX])
{
	uint8_t integers[DER_BYTES_MAX];
	size_t half = signature.n / 2, head = 0;
	size_t n = put_integer(signature.p, half, integers);
	n += put_integer(signature.p + half, half, integers + n);
	out[head++] = 0x30;
	if (n > 127)
		out[head++] = 0x81;
	out[head++] = (uint8_t)n;
	memcpy(out + head, integers, n);
	return head + n;
}

static bool set_padding(EVP_PKEY_CTX *way, const struct scheme *s)
{
	return !s->is_pss ||
	       (EVP_PKEY_CTX_set_rsa_padding(way, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(way, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static EVP_PKEY_CTX *way_new(const struct verify_key *key, const struct scheme *s)
{
	EVP_PKEY_CTX *way = EVP_PKEY_CTX_new(key->public_key, NULL);
	if (way && EVP_PKEY_verify_init(way) == 1 &&
		EVP_PKEY_CTX_set_signature_md(way, digest_algorithm(s->digest_bytes)) == 1 &&
		set_padding(way, s))
		return way;
	EVP_PKEY_CTX_free(way);
	return NULL;
}

/* Only what has found a signature right is used again. */
static bool check_digest(const struct verify_key *key, const struct scheme *s, struct str data,
	const uint8_t *signature, size_t n)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_PKEY_CTX *_Atomic *place = &key->ways->by_algorithm[s - schemes];
	EVP_PKEY_CTX *way = atomic_exchange(place, NULL);
	if (!way)
		way = way_new(key, s);
	digest_write(s->digest_bytes, data, digest);
	bool is_valid = way && EVP_PKEY_verify(way, signature, n, digest, s->digest_bytes) == 1;
	if (is_valid)
		way = atomic_exchange(place, way);
	EVP_PKEY_CTX_free(way);
	return is_valid;
}

/* Of what digests as it signs. */
static bool check_data(
	const struct verify_key *key, struct str data, const uint8_t *signature, size_t n)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	CHECK(md);
	bool is_valid =
		EVP_DigestVerifyInit(md, NULL, NULL, NULL, key->public_key) == 1 &&
		EVP_DigestVerify(md, signature, n, (const unsigned char *)data.p, data.n) == 1;
	EVP_MD_CTX_free(md);
	return is_valid;
}

static bool check_public(const struct verify_key *key, const struct scheme *s, struct str data,
	const uint8_t *signature, size_t n)
{
	bool is_valid = s->digest_bytes ? check_digest(key, s, data, signature, n)
					: check_data(key, data, signature, n);
	ERR_clear_error(); /* TLS on this thread would take it for its own */
	return is_valid;
}

static bool check_point(
	const struct verify_key *key, const struct scheme *s, struct str data, struct str signature)
{
	uint8_t der[DER_BYTES_MAX];
	if (signature.n != 2 * (size_t)s->coordinate_bytes)
		return false;
	return check_public(key, s, data, der, put_der(signature, der));
}

/* libcrypto takes a shorter one for a number with zeros before it, at least with PSS. */
static bool check_whole(
	const struct verify_key *key, const struct scheme *s, struct str data, struct str signature)
{
	return signature.n == (size_t)EVP_PKEY_get_size(key->public_key) &&
	       check_public(key, s, data, (const uint8_t *)signature.p, signature.n);
}

enum rc signature_check(const struct verify_key *key, enum signature_algorithm algorithm,
	struct str data, struct str signature)
{
	bool is_valid;
	if (!signature_fits(key, algorithm))
		return RC_UNSUPPORTED;
	const struct scheme *s = &schemes[algorithm];
	if (s->kind == VERIFY_KEY_SECRET)
		is_valid = check_mac(key, s, data, signature);
	else if (s->coordinate_bytes)
		is_valid = check_point(key, s, data, signature);
	else
		is_valid = check_whole(key, s, data, signature);
	return is_valid ? RC_OK : RC_INVALID;
}
