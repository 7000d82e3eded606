/* SPDX-License-Identifier: Apache-2.0 */
/* What PEM texts hold, put into an OpenSSL context. A text counts as a whole: what is garbled
 * behind a good certificate makes all of it unusable, since nobody knows what it was to say. */
#include "net/tls_priv.h"

#include "base/memory.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>

void tls_error_text(char *text, size_t size, const char *fallback)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	snprintf(text, size, "%s", reason ? reason : fallback);
	ERR_clear_error();
}

int tls_refuse(char *message, size_t size, const char *what)
{
	char reason[160];
	tls_error_text(reason, sizeof(reason), "");
	snprintf(message, size, reason[0] ? "%s: %s" : "%s", what, reason);
	return 0;
}

static int refuse_plainly(char *message, size_t size, const char *what)
{
	ERR_clear_error();
	return tls_refuse(message, size, what);
}

static int give_passphrase(char *to, int size, int writing, void *arg)
{
	const struct str *passphrase = arg;
	if (passphrase->n > (size_t)size)
		return -1;
	memcpy(to, passphrase->p ? passphrase->p : "", passphrase->n);
	return (int)passphrase->n;
}

static BIO *bio_of(struct str pem)
{
	return BIO_new_mem_buf(pem.p, (int)pem.n);
}

/* PEM that ended, not PEM that is broken. */
static int is_at_end(void)
{
	unsigned long code = ERR_peek_last_error();
	int at_end =
		ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
	if (at_end)
		ERR_clear_error();
	return at_end;
}

/* --- a certificate with its key -------------------------------------------------------------- */

/* What OpenSSL's security level demands, which rounds a little and says "ee key too small". */
#define SECURITY_BITS_MIN 112
#define RSA_BITS_MIN      2048

static bool is_weak(const EVP_PKEY *key)
{
	bool is_rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
	return EVP_PKEY_get_security_bits(key) < SECURITY_BITS_MIN ||
	       (is_rsa && EVP_PKEY_get_bits(key) < RSA_BITS_MIN);
}

static int check_strength(X509 *x, char *message, size_t size)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	if (!key || !is_weak(key))
		return 1;
	const char *kind = EVP_PKEY_get0_type_name(key);
	snprintf(message, size,
		"the certificate (crt) has a key that is too weak: %s of %d bits, where RSA needs "
		"2048 and EC 224",
		kind ? kind : "one", EVP_PKEY_get_bits(key));
	return 0;
}

static int refuse_chain(char *message, size_t size)
{
	return tls_refuse(message, size, "the certificate (crt) cannot be used");
}

static int add_chain(SSL_CTX *ctx, BIO *bio, char *message, size_t size)
{
	X509 *x;
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		int ok = check_strength(x, message, size);
		if (ok && !SSL_CTX_add0_chain_cert(ctx, x))
			ok = refuse_chain(message, size);
		if (!ok) {
			X509_free(x);
			return 0;
		}
	}
	return is_at_end() ? 1 : refuse_chain(message, size);
}

/* A second one of a kind would silently take the place of the first. */
static bool has_kind(SSL_CTX *ctx, X509 *leaf)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	int ok = key ? SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST) : 0;
	for (; ok; ok = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
		EVP_PKEY *other = X509_get0_pubkey(SSL_CTX_get0_certificate(ctx));
		if (other && EVP_PKEY_get_base_id(other) == EVP_PKEY_get_base_id(key))
			return true;
	}
	return false;
}

static int use_leaf(SSL_CTX *ctx, X509 *leaf, char *message, size_t size)
{
	if (has_kind(ctx, leaf))
		return refuse_plainly(message, size,
			"a second certificate whose key is of the same kind: side by side stand "
			"one of RSA and one of EC");
	if (!check_strength(leaf, message, size))
		return 0;
	return SSL_CTX_use_certificate(ctx, leaf) ? 1 : refuse_chain(message, size);
}

static int use_chain(SSL_CTX *ctx, struct str pem, char *message, size_t size)
{
	BIO *bio = bio_of(pem);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int ok = leaf ? use_leaf(ctx, leaf, message, size) : refuse_chain(message, size);
	ok = ok && add_chain(ctx, bio, message, size);
	X509_free(leaf);
	BIO_free(bio);
	return ok;
}

static bool is_encrypted(struct str pem)
{
	return pem.n > 0 && memmem(pem.p, pem.n, "ENCRYPTED", 9) != NULL;
}

static bool is_key_of(SSL_CTX *ctx, EVP_PKEY *key)
{
	X509 *leaf = SSL_CTX_get0_certificate(ctx);
	return leaf && X509_check_private_key(leaf, key) == 1;
}

static int refuse_anothers(SSL_CTX *ctx, char *message, size_t size)
{
	STACK_OF(X509) *rest = NULL;
	SSL_CTX_get0_chain_certs(ctx, &rest);
	return refuse_plainly(message, size,
		sk_X509_num(rest) > 0
			? "the private key does not match the certificate, which is the first "
			  "of crt: the leaf comes before those who vouch for it"
			: "the private key does not match the certificate");
}

static int use_key(SSL_CTX *ctx, struct str pem, struct str passphrase, char *message, size_t size)
{
	BIO *bio = bio_of(pem);
	EVP_PKEY *key =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &passphrase) : NULL;
	bool is_anothers = key && !is_key_of(ctx, key);
	int ok = key && !is_anothers && SSL_CTX_use_PrivateKey(ctx, key);
	EVP_PKEY_free(key);
	BIO_free(bio);
	if (is_anothers)
		return refuse_anothers(ctx, message, size);
	if (!ok && passphrase.n == 0 && is_encrypted(pem))
		return refuse_plainly(message, size,
			"the private key (key) is encrypted, and there is no keyPassphrase");
	if (!ok && is_encrypted(pem))
		return tls_refuse(message, size,
			"the private key (key) cannot be used with this keyPassphrase");
	return ok ? ok : tls_refuse(message, size, "the private key (key) cannot be used");
}

int tls_use_certificate(
	SSL_CTX *ctx, const struct tls_certificate *certificate, char *message, size_t size)
{
	return use_chain(ctx, certificate->crt_pem, message, size) &&
	       use_key(ctx, certificate->key_pem, certificate->key_passphrase, message, size);
}

char *tls_own_uri(SSL_CTX *ctx)
{
	X509 *own = SSL_CTX_get0_certificate(ctx);
	GENERAL_NAMES *names = own ? X509_get_ext_d2i(own, NID_subject_alt_name, NULL, NULL) : NULL;
	char *uri = NULL;
	for (int i = 0; !uri && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_URI)
			continue;
		const ASN1_IA5STRING *text = name->d.uniformResourceIdentifier;
		uri = heap_strndup(str_n((const char *)ASN1_STRING_get0_data(text),
			(size_t)ASN1_STRING_length(text)));
	}
	GENERAL_NAMES_free(names);
	return uri;
}

/* --- whom to believe ------------------------------------------------------------------------- */

/* What is asked for, for clients that have several; a hello has room for so many. */
#define NAMED_AUTHORITIES_MAX 64

int tls_trust(SSL_CTX *ctx, struct str pem, char *message, size_t size)
{
	BIO *bio = bio_of(pem);
	X509 *certificate;
	int count = 0;
	while (bio && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), certificate);
		if (count <= NAMED_AUTHORITIES_MAX)
			SSL_CTX_add_client_CA(ctx, certificate);
		X509_free(certificate);
	}
	int ok = bio && is_at_end() && count > 0;
	BIO_free(bio);
	return ok ? ok : tls_refuse(message, size, "trustedCA cannot be used");
}

int tls_revoke(SSL_CTX *ctx, struct str pem, char *message, size_t size)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = bio_of(pem);
	X509_CRL *list;
	int count = 0;
	while (bio && (list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_crl(store, list);
		X509_CRL_free(list);
	}
	int ok = bio && is_at_end() && count > 0 &&
		 X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	BIO_free(bio);
	return ok ? ok : tls_refuse(message, size, "the revocation list (crl) cannot be used");
}
