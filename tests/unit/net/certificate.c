/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made when a test asks for them: P-256, a day long. */
#include "support.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>

#define DAY_S 86400

/* Kept until the process of the test ends. */
static char *texts[256];
static size_t text_count;

static struct str kept_text(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	char *copy = malloc((size_t)n);
	ck_assert_uint_lt(text_count, sizeof(texts) / sizeof(texts[0]));
	memcpy(copy, p, (size_t)n);
	texts[text_count++] = copy;
	BIO_free(bio);
	return str_n(copy, (size_t)n);
}

static X509 *read_certificate(struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ck_assert_ptr_nonnull(x);
	return x;
}

static EVP_PKEY *read_key(struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ck_assert_ptr_nonnull(key);
	return key;
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	ck_assert_ptr_nonnull(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static X509 *unsigned_certificate(const struct certificate_options *o, EVP_PKEY *key)
{
	static long serial = 1;
	char name[32]; /* of each its own, or one authority would be taken for another */
	snprintf(name, sizeof(name), "test %ld", serial);
	X509 *x = X509_new();
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -2 * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(x), o->is_expired ? -DAY_S : DAY_S);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	if (o->is_authority)
		add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
	if (o->names)
		add_extension(x, NID_subject_alt_name, o->names);
	return x;
}

static void sign(X509 *x, EVP_PKEY *key, const struct certificate *issuer)
{
	if (!issuer) {
		X509_set_issuer_name(x, X509_get_subject_name(x));
		ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
		return;
	}
	X509 *above = read_certificate(issuer->crt);
	EVP_PKEY *above_key = read_key(issuer->key);
	X509_set_issuer_name(x, X509_get_subject_name(above));
	ck_assert_int_gt(X509_sign(x, above_key, EVP_sha256()), 0);
	X509_free(above);
	EVP_PKEY_free(above_key);
}

struct certificate certificate_make(const struct certificate_options *o)
{
	struct certificate c;
	EVP_PKEY *key =
		o->is_rsa ? EVP_RSA_gen(o->rsa_bits ? o->rsa_bits : 2048) : EVP_EC_gen("P-256");
	X509 *x = unsigned_certificate(o, key);
	sign(x, key, o->issuer);
	BIO *crt = BIO_new(BIO_s_mem()), *pem = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(crt, x);
	PEM_write_bio_PrivateKey(pem, key, o->passphrase ? EVP_aes_128_cbc() : NULL,
		(const unsigned char *)o->passphrase,
		o->passphrase ? (int)strlen(o->passphrase) : 0, NULL, NULL);
	c.crt = kept_text(crt);
	c.key = kept_text(pem);
	X509_free(x);
	EVP_PKEY_free(key);
	return c;
}

struct certificate test_ca(void)
{
	static struct certificate ca;
	if (ca.crt.n == 0)
		ca = certificate_make(&(struct certificate_options){.is_authority = true});
	return ca;
}

struct certificate test_leaf(void)
{
	static struct certificate leaf;
	struct certificate ca = test_ca();
	if (leaf.crt.n == 0)
		leaf = certificate_make(&(struct certificate_options){
			.issuer = &ca, .names = "DNS:shop.test,DNS:*.wild.test,IP:127.0.0.1"});
	return leaf;
}

struct str test_crl(
	const struct certificate *issuer, const struct certificate *revoked, bool is_old)
{
	X509 *above = read_certificate(issuer->crt),
	     *x = revoked ? read_certificate(revoked->crt) : NULL;
	EVP_PKEY *key = read_key(issuer->key);
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *at = X509_gmtime_adj(NULL, -2 * DAY_S);
	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(above));
	X509_CRL_set1_lastUpdate(list, at);
	X509_gmtime_adj(at, is_old ? -DAY_S : DAY_S);
	X509_CRL_set1_nextUpdate(list, at);
	if (x) {
		X509_REVOKED *entry = X509_REVOKED_new();
		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x));
		X509_gmtime_adj(at, -DAY_S);
		X509_REVOKED_set_revocationDate(entry, at);
		X509_CRL_add0_revoked(list, entry);
	}
	ck_assert_int_gt(X509_CRL_sign(list, key, EVP_sha256()), 0);
	BIO *pem = BIO_new(BIO_s_mem());
	PEM_write_bio_X509_CRL(pem, list);
	ASN1_TIME_free(at);
	X509_CRL_free(list);
	X509_free(x);
	X509_free(above);
	EVP_PKEY_free(key);
	return kept_text(pem);
}
