/* SPDX-License-Identifier: Apache-2.0 */
/* A key from a PEM text is taken apart and made again of its numbers, so that there is one place that
 * judges a key: parameters that the text brings along (a curve of its own, padding, a private half)
 * never get further. */
#include "crypto/verify_key_priv.h"

#include "crypto/crypto.h"
#include "crypto/weak_modulus.h"

#include "base/check.h"
#include "base/memory.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#define COORDINATE_BYTES_MAX 66
#define EDWARDS_BYTES_MAX    57
#define MODULUS_BYTES_MAX    (VERIFY_KEY_RSA_BITS_MAX / 8)

/* By enum verify_key_kind. */
static const struct {
	const char *name;
	size_t bytes; /* of a coordinate, or of the key */
	int id;
} curves[] = {
	[VERIFY_KEY_P256] = {"P-256", 32, 0},
	[VERIFY_KEY_P384] = {"P-384", 48, 0},
	[VERIFY_KEY_P521] = {"P-521", COORDINATE_BYTES_MAX, 0},
	[VERIFY_KEY_ED25519] = {"ED25519", ED25519_KEY_BYTES, EVP_PKEY_ED25519},
	[VERIFY_KEY_ED448] = {"ED448", EDWARDS_BYTES_MAX, EVP_PKEY_ED448},
};

/* Takes `public_key` over. What libcrypto said of an earlier try is nobody's business: TLS on this
 * thread would take it for its own. */
static enum rc key_of(enum verify_key_kind kind, EVP_PKEY *public_key, struct verify_key **out)
{
	ERR_clear_error();
	if (!public_key)
		return RC_INVALID;
	struct verify_key *key = heap_zalloc(sizeof(*key));
	key->kind = kind;
	key->public_key = public_key;
	key->ways = heap_zalloc(sizeof(*key->ways));
	*out = key;
	return RC_OK;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *numbers)
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(numbers);
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	CHECK(params && maker && EVP_PKEY_fromdata_init(maker) == 1);
	if (EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(maker);
	OSSL_PARAM_free(params);
	return key;
}

static bool is_sound_rsa(const BIGNUM *n, const BIGNUM *e)
{
	int bits = BN_num_bits(n);
	return bits >= VERIFY_KEY_RSA_BITS_MIN && bits <= VERIFY_KEY_RSA_BITS_MAX && BN_is_odd(n) &&
	       BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= VERIFY_KEY_EXPONENT_BITS_MAX &&
	       !modulus_is_weak(n);
}

static enum rc key_of_numbers(const BIGNUM *n, const BIGNUM *e, struct verify_key **out)
{
	OSSL_PARAM_BLD *numbers;
	EVP_PKEY *key;
	if (!is_sound_rsa(n, e))
		return RC_INVALID;
	numbers = OSSL_PARAM_BLD_new();
	CHECK(numbers && OSSL_PARAM_BLD_push_BN(numbers, OSSL_PKEY_PARAM_RSA_N, n) &&
		OSSL_PARAM_BLD_push_BN(numbers, OSSL_PKEY_PARAM_RSA_E, e));
	key = key_from("RSA", numbers);
	OSSL_PARAM_BLD_free(numbers);
	return key_of(VERIFY_KEY_RSA, key, out);
}

enum rc verify_key_of_rsa(struct str modulus, struct str exponent, struct verify_key **out)
{
	BIGNUM *n, *e;
	enum rc rc;
	if (modulus.n == 0 || modulus.n > MODULUS_BYTES_MAX || exponent.n == 0 ||
		exponent.n > MODULUS_BYTES_MAX)
		return RC_INVALID;
	n = BN_bin2bn((const unsigned char *)modulus.p, (int)modulus.n, NULL);
	e = BN_bin2bn((const unsigned char *)exponent.p, (int)exponent.n, NULL);
	CHECK(n && e);
	rc = key_of_numbers(n, e, out);
	BN_free(n);
	BN_free(e);
	return rc;
}

enum rc verify_key_of_point(
	enum verify_key_kind kind, struct str x, struct str y, struct verify_key **out)
{
	uint8_t point[1 + 2 * COORDINATE_BYTES_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM_BLD *numbers;
	EVP_PKEY *key;
	if (kind < VERIFY_KEY_P256 || kind > VERIFY_KEY_P521 || x.n != curves[kind].bytes ||
		y.n != curves[kind].bytes)
		return RC_INVALID;
	memcpy(point + 1, x.p, x.n);
	memcpy(point + 1 + x.n, y.p, y.n);
	numbers = OSSL_PARAM_BLD_new();
	CHECK(numbers &&
		OSSL_PARAM_BLD_push_utf8_string(
			numbers, OSSL_PKEY_PARAM_GROUP_NAME, curves[kind].name, 0) &&
		OSSL_PARAM_BLD_push_octet_string(
			numbers, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.n + y.n));
	key = key_from("EC", numbers); /* NULL: the point is not on the curve */
	OSSL_PARAM_BLD_free(numbers);
	return key_of(kind, key, out);
}

enum rc verify_key_of_edwards(enum verify_key_kind kind, struct str x, struct verify_key **out)
{
	if ((kind != VERIFY_KEY_ED25519 && kind != VERIFY_KEY_ED448) || x.n != curves[kind].bytes)
		return RC_INVALID;
	return key_of(kind,
		EVP_PKEY_new_raw_public_key(curves[kind].id, NULL, (const unsigned char *)x.p, x.n),
		out);
}

enum rc verify_key_of_secret(struct str secret, bool is_short_allowed, struct verify_key **out)
{
	struct verify_key *key;
	if (secret.n == 0 || secret.n > VERIFY_KEY_SECRET_BYTES_MAX)
		return RC_INVALID;
	key = heap_zalloc(sizeof(*key) + secret.n);
	key->kind = VERIFY_KEY_SECRET;
	key->is_short_allowed = is_short_allowed;
	key->ways = heap_zalloc(sizeof(*key->ways));
	key->secret_bytes = secret.n;
	memcpy(key->secret, secret.p, secret.n);
	*out = key;
	return RC_OK;
}

/* --- PEM -------------------------------------------------------------------------------------- */
static enum rc rsa_again(const EVP_PKEY *pem, struct verify_key **out)
{
	BIGNUM *n = NULL, *e = NULL;
	enum rc rc = RC_INVALID;
	if (EVP_PKEY_get_bn_param(pem, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
		EVP_PKEY_get_bn_param(pem, OSSL_PKEY_PARAM_RSA_E, &e) == 1)
		rc = key_of_numbers(n, e, out);
	BN_free(n);
	BN_free(e);
	return rc;
}

static bool coordinate_of(const EVP_PKEY *pem, const char *name, uint8_t *out, size_t bytes)
{
	BIGNUM *number = NULL;
	bool ok = EVP_PKEY_get_bn_param(pem, name, &number) == 1 &&
		  BN_bn2binpad(number, out, (int)bytes) == (int)bytes;
	BN_free(number);
	return ok;
}

static enum rc point_again(const EVP_PKEY *pem, struct verify_key **out)
{
	static const int sizes[] = {
		[VERIFY_KEY_P256] = 256, [VERIFY_KEY_P384] = 384, [VERIFY_KEY_P521] = 521};
	uint8_t x[COORDINATE_BYTES_MAX], y[COORDINATE_BYTES_MAX];
	int kind = VERIFY_KEY_P256;
	while (kind <= VERIFY_KEY_P521 && sizes[kind] != EVP_PKEY_get_bits(pem))
		kind++;
	if (kind > VERIFY_KEY_P521 ||
		!coordinate_of(pem, OSSL_PKEY_PARAM_EC_PUB_X, x, curves[kind].bytes) ||
		!coordinate_of(pem, OSSL_PKEY_PARAM_EC_PUB_Y, y, curves[kind].bytes))
		return RC_INVALID;
	return verify_key_of_point((enum verify_key_kind)kind,
		str_n((const char *)x, curves[kind].bytes),
		str_n((const char *)y, curves[kind].bytes), out);
}

static enum rc edwards_again(const EVP_PKEY *pem, struct verify_key **out)
{
	uint8_t x[EDWARDS_BYTES_MAX];
	size_t n = sizeof(x);
	if (EVP_PKEY_get_raw_public_key(pem, x, &n) != 1)
		return RC_INVALID;
	return verify_key_of_edwards(n == ED25519_KEY_BYTES ? VERIFY_KEY_ED25519 : VERIFY_KEY_ED448,
		str_n((const char *)x, n), out);
}

static enum rc key_again(const EVP_PKEY *pem, struct verify_key **out)
{
	if (EVP_PKEY_is_a(pem, "RSA"))
		return rsa_again(pem, out);
	if (EVP_PKEY_is_a(pem, "EC"))
		return point_again(pem, out);
	if (EVP_PKEY_is_a(pem, "ED25519") || EVP_PKEY_is_a(pem, "ED448"))
		return edwards_again(pem, out);
	return RC_INVALID;
}

static struct str without_white_space(struct str s)
{
	static const char white[] = " \t\r\n";
	while (s.n > 0 && memchr(white, s.p[0], sizeof(white) - 1))
		s = str_from(s, 1);
	while (s.n > 0 && memchr(white, s.p[s.n - 1], sizeof(white) - 1))
		s.n--;
	return s;
}

/* libcrypto would skip whatever stands before a key, and not look behind it. */
static bool is_one_public_key(struct str text)
{
	const struct str begin = STR("-----BEGIN PUBLIC KEY-----"),
			 end = STR("-----END PUBLIC KEY-----");
	return text.n <= VERIFY_KEY_PEM_BYTES_MAX && str_starts(text, begin) &&
	       str_find(text, end) + end.n == text.n;
}

enum rc verify_key_of_pem(struct str pem, struct verify_key **out)
{
	struct str text = without_white_space(pem);
	enum rc rc = RC_INVALID;
	BIO *bio;
	EVP_PKEY *key;
	if (!is_one_public_key(text))
		return RC_INVALID;
	bio = BIO_new_mem_buf(text.p, (int)text.n);
	CHECK(bio);
	key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (key)
		rc = key_again(key, out);
	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return rc;
}

void verify_key_free(struct verify_key *key)
{
	if (!key)
		return;
	for (unsigned i = 0; i <= SIGNATURE_EDDSA; i++)
		EVP_PKEY_CTX_free(atomic_load(&key->ways->by_algorithm[i]));
	for (unsigned i = 0; i <= SIGNATURE_HS512; i++)
		EVP_MAC_CTX_free(atomic_load(&key->ways->macs[i]));
	free(key->ways);
	EVP_PKEY_free(key->public_key);
	cleanse(key->secret, key->secret_bytes);
	free(key);
}

enum verify_key_kind verify_key_kind(const struct verify_key *key)
{
	return key->kind;
}
