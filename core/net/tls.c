/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "net/tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* TLS 1.2: forward secrecy and AEAD alone; TLS 1.3's three suites are fixed. */
#define DEFAULT_CIPHERS                                                                            \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

#define TICKET_KEYS_BYTES   80
#define CIPHERS_BYTES_MAX   16384
#define CHAIN_DEPTH_MAX     4
#define CHAIN_BYTES_MAX     65536
#define ALPN_NAME_BYTES_MAX 255

void tls_error_text(char *text, size_t size, const char *fallback)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	snprintf(text, size, "%s", reason ? reason : fallback);
	ERR_clear_error();
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void tls_context_unref(struct tls_context *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	SSL_CTX_free(c->ctx);
	free(c->alpn);
	free(c);
}

static int refuse(char *message, size_t size, const char *what)
{
	char reason[160];
	tls_error_text(reason, sizeof(reason), "");
	snprintf(message, size, reason[0] ? "%s: %s" : "%s", what, reason);
	return 0;
}

static int version_of(struct str s, int fallback)
{
	if (str_eq(s, STR("1.2")) || str_eq(s, STR("TLSv1.2")))
		return TLS1_2_VERSION;
	if (str_eq(s, STR("1.3")) || str_eq(s, STR("TLSv1.3")))
		return TLS1_3_VERSION;
	return s.n == 0 ? fallback : -1;
}

static int set_versions(SSL_CTX *ctx, struct str min, struct str max, char *message, size_t size)
{
	int low = version_of(min, TLS1_2_VERSION), high = version_of(max, TLS1_3_VERSION);
	if (low < 0 || high < 0)
		return refuse(message, size, "TLS versions are 1.2 and 1.3");
	if (low > high)
		return refuse(message, size, "minversion is above maxversion");
	int ok =
		SSL_CTX_set_min_proto_version(ctx, low) && SSL_CTX_set_max_proto_version(ctx, high);
	return ok ? ok : refuse(message, size, "these TLS versions are not available");
}

/* OpenSSL keeps the suites of 1.3 apart. */
static void split_ciphers(struct str ciphers, struct buffer *old_names, struct buffer *new_names)
{
	while (ciphers.n > 0) {
		struct str name = str_trim(str_cut(&ciphers, ':'));
		struct buffer *names = str_starts(name, STR("TLS_")) ? new_names : old_names;
		if (name.n > 0 && names->n > 0)
			buffer_add_char(names, ':');
		buffer_add(names, name);
	}
	buffer_add_char(old_names, '\0');
	buffer_add_char(new_names, '\0');
}

static int set_ciphers(SSL_CTX *ctx, struct str ciphers, char *message, size_t size)
{
	struct buffer old_names, new_names;
	buffer_init(&old_names, CIPHERS_BYTES_MAX);
	buffer_init(&new_names, CIPHERS_BYTES_MAX);
	split_ciphers(ciphers, &old_names, &new_names);
	int ok = !old_names.failed && !new_names.failed &&
		 SSL_CTX_set_cipher_list(ctx, old_names.p[0] ? old_names.p : DEFAULT_CIPHERS) &&
		 (!new_names.p[0] || SSL_CTX_set_ciphersuites(ctx, new_names.p));
	buffer_deinit(&old_names);
	buffer_deinit(&new_names);
	return ok ? ok : refuse(message, size, "no usable cipher in the list");
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

static int add_chain(SSL_CTX *ctx, BIO *bio)
{
	X509 *certificate;
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!SSL_CTX_add0_chain_cert(ctx, certificate)) {
			X509_free(certificate);
			return 0;
		}
	return is_at_end();
}

static int use_certificate(SSL_CTX *ctx, struct str pem, char *message, size_t size)
{
	BIO *bio = bio_of(pem);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int ok = leaf && SSL_CTX_use_certificate(ctx, leaf) && add_chain(ctx, bio);
	X509_free(leaf);
	BIO_free(bio);
	return ok ? ok : refuse(message, size, "the certificate (crt) cannot be used");
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

static int refuse_plainly(char *message, size_t size, const char *what)
{
	ERR_clear_error();
	return refuse(message, size, what);
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
		return refuse(message, size,
			"the private key (key) cannot be used with this keyPassphrase");
	return ok ? ok : refuse(message, size, "the private key (key) cannot be used");
}

static int set_alpn(struct tls_context *c, const struct str *protocols, size_t count, char *message,
	size_t size)
{
	for (size_t i = 0; i < count; i++) {
		struct str p = protocols[i];
		if (p.n == 0 || p.n > ALPN_NAME_BYTES_MAX)
			return refuse(message, size, "a protocol of alpn has 1 to 255 bytes");
		c->alpn = heap_realloc(c->alpn, c->alpn_length + p.n + 1);
		c->alpn[c->alpn_length] = (unsigned char)p.n;
		memcpy(c->alpn + c->alpn_length + 1, p.p, p.n);
		c->alpn_length += (unsigned)p.n + 1;
	}
	return 1;
}

static int trust(SSL_CTX *ctx, struct str pem, char *message, size_t size)
{
	BIO *bio = bio_of(pem);
	X509 *certificate;
	int count = 0;
	while (bio && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), certificate);
		X509_free(certificate);
	}
	int ok = bio && is_at_end() && count > 0;
	BIO_free(bio);
	return ok ? ok : refuse(message, size, "trustedCA cannot be used");
}

/* Whose certificates count is part of a session's identity: one that was begun under other rules is
 * not resumed, though the ticket keys are the same. */
static int bind_sessions(SSL_CTX *ctx, const struct tls_server_options *o)
{
	unsigned char id[EVP_MAX_MD_SIZE] = {0};
	unsigned n = 0;
	struct str ca = o->requires_client_certificate ? o->trusted_ca_pem : STR_EMPTY;
	return EVP_Digest(ca.p ? ca.p : "", ca.n, id, &n, EVP_sha256(), NULL) &&
	       SSL_CTX_set_session_id_context(ctx, id, n);
}

static int ask_for_certificates(
	SSL_CTX *ctx, const struct tls_server_options *o, char *message, size_t size)
{
	if (!bind_sessions(ctx, o))
		return refuse(message, size, "the TLS context cannot be set up");
	if (!o->requires_client_certificate)
		return 1;
	if (o->trusted_ca_pem.n == 0)
		return refuse(message, size, "requireClientCertificate needs a trustedCA");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return trust(ctx, o->trusted_ca_pem, message, size);
}

/* NULL: the library has no memory for it. */
static struct tls_context *context_new(const SSL_METHOD *method, char *message, size_t size)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	if (!ctx) {
		refuse(message, size, "the TLS context cannot be made");
		return NULL;
	}
	struct tls_context *c = heap_zalloc(sizeof(*c));
	c->refs = 1;
	c->ctx = ctx;
	SSL_CTX_set_options(c->ctx,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_verify_depth(c->ctx, CHAIN_DEPTH_MAX);
	SSL_CTX_set_max_cert_list(c->ctx, CHAIN_BYTES_MAX);
	SSL_CTX_set_mode(c->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return c;
}

/* The server's order decides. A client that offers nothing of ours goes on without ALPN. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
	const unsigned char *in, unsigned in_length, void *arg)
{
	const struct tls_context *c = arg;
	unsigned char *chosen;
	if (SSL_select_next_proto(&chosen, out_length, c->alpn, c->alpn_length, in, in_length) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

enum rc tls_server_context_new(const struct tls_server_options *o, struct tls_context **out,
	char *message, size_t message_size)
{
	ERR_clear_error();
	struct tls_context *c = context_new(TLS_server_method(), message, message_size);
	if (!c)
		return RC_INVALID;
	int ok = set_alpn(c, o->alpn, o->alpn_count, message, message_size) &&
		 set_versions(c->ctx, o->min_version, o->max_version, message, message_size) &&
		 set_ciphers(c->ctx, o->ciphers, message, message_size) &&
		 use_certificate(c->ctx, o->certificate_pem, message, message_size) &&
		 use_key(c->ctx, o->key_pem, o->key_passphrase, message, message_size) &&
		 ask_for_certificates(c->ctx, o, message, message_size);
	if (!ok) {
		tls_context_unref(c);
		return RC_INVALID;
	}
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF); /* tickets carry the state */
	if (c->alpn_length > 0)
		SSL_CTX_set_alpn_select_cb(c->ctx, choose_alpn, c);
	*out = c;
	return RC_OK;
}

static int trust_store(SSL_CTX *ctx, struct str pem, char *message, size_t size)
{
	if (pem.n > 0)
		return trust(ctx, pem, message, size);
	if (SSL_CTX_set_default_verify_paths(ctx))
		return 1;
	return refuse(message, size, "the operating system's certificates cannot be read");
}

enum rc tls_client_context_new(const struct tls_client_options *o, struct tls_context **out,
	char *message, size_t message_size)
{
	ERR_clear_error();
	struct tls_context *c = context_new(TLS_client_method(), message, message_size);
	if (!c)
		return RC_INVALID;
	c->verifies = !o->skip_validation;
	int ok = set_alpn(c, o->alpn, o->alpn_count, message, message_size) &&
		 set_versions(c->ctx, o->min_version, o->max_version, message, message_size) &&
		 set_ciphers(c->ctx, o->ciphers, message, message_size) &&
		 trust_store(c->ctx, o->trusted_ca_pem, message, message_size);
	if (ok && o->certificate_pem.n > 0)
		ok = use_certificate(c->ctx, o->certificate_pem, message, message_size) &&
		     use_key(c->ctx, o->key_pem, o->key_passphrase, message, message_size);
	if (!ok) {
		tls_context_unref(c);
		return RC_INVALID;
	}
	SSL_CTX_set_verify(c->ctx, c->verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (c->alpn_length > 0)
		SSL_CTX_set_alpn_protos(c->ctx, c->alpn, c->alpn_length);
	*out = c;
	return RC_OK;
}

void tls_context_inherit_tickets(struct tls_context *to, const struct tls_context *from)
{
	unsigned char keys[TICKET_KEYS_BYTES];
	if (SSL_CTX_get_tlsext_ticket_keys(from->ctx, keys, sizeof(keys)) == 1)
		SSL_CTX_set_tlsext_ticket_keys(to->ctx, keys, sizeof(keys));
	OPENSSL_cleanse(keys, sizeof(keys));
}
