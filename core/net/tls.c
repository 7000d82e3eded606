/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "crypto/crypto.h"
#include "net/tls_priv.h"

#include <openssl/err.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_DEPTH_MAX     4
#define CHAIN_BYTES_MAX     65536
#define ALPN_NAME_BYTES_MAX 255
/* OpenSSL's: 112 bits, so RSA of 2048, and no SHA-1 in signatures. Some builds have less. */
#define SECURITY_LEVEL 2

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
	tls_names_free(c->names);
	tls_sessions_free(c->sessions);
	tls_staples_free(c->staples);
	free(c->uri);
	free(c->alpn);
	free(c);
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
		return tls_refuse(message, size, "TLS versions are 1.2 and 1.3");
	if (low > high)
		return tls_refuse(message, size, "minversion is above maxversion");
	int ok =
		SSL_CTX_set_min_proto_version(ctx, low) && SSL_CTX_set_max_proto_version(ctx, high);
	return ok ? ok : tls_refuse(message, size, "these TLS versions are not available");
}

static int set_alpn(struct tls_context *c, const struct str *protocols, size_t count, char *message,
	size_t size)
{
	for (size_t i = 0; i < count; i++) {
		struct str p = protocols[i];
		if (p.n == 0 || p.n > ALPN_NAME_BYTES_MAX)
			return tls_refuse(message, size, "a protocol of alpn has 1 to 255 bytes");
		c->alpn = heap_realloc(c->alpn, c->alpn_length + p.n + 1);
		c->alpn[c->alpn_length] = (unsigned char)p.n;
		memcpy(c->alpn + c->alpn_length + 1, p.p, p.n);
		c->alpn_length += (unsigned)p.n + 1;
	}
	return 1;
}

/* --- whose certificates count ----------------------------------------------------------------- */

/* Of both texts, and of where the one ends. */
static void digest_of(
	const void *head, size_t n, struct str a, struct str b, uint8_t out[SHA256_BYTES])
{
	struct buffer all;
	buffer_init(&all, SIZE_MAX);
	buffer_add(&all, str_n(head, n));
	buffer_add(&all, str_n((const char *)&a.n, sizeof(a.n)));
	buffer_add(&all, a);
	buffer_add(&all, b);
	sha256(buffer_str(&all), out);
	buffer_deinit(&all);
}

/* What is asked of clients, in one word; 0: nothing. */
static uint64_t clients_of(const struct tls_server_options *o)
{
	uint64_t number;
	uint8_t digest[SHA256_BYTES];
	const int how[] = {(int)o->client_certificate, o->depth};
	if (o->client_certificate == TLS_CLIENT_CERTIFICATE_NONE)
		return 0;
	digest_of(how, sizeof(how), o->trusted_ca_pem, o->crl_pem, digest);
	memcpy(&number, digest, sizeof(number));
	return number | 1;
}

/* It is part of a session's identity: one that was begun under other rules, on another port or for
 * another name is not resumed, though the ticket keys are the same. */
static int bind_sessions(struct tls_context *c, struct str scope)
{
	uint8_t id[SHA256_BYTES];
	digest_of(&c->clients, sizeof(c->clients), scope, STR_EMPTY, id);
	return SSL_CTX_set_session_id_context(c->ctx, id, sizeof(id));
}

static int ask_for_certificates(
	struct tls_context *c, const struct tls_server_options *o, char *message, size_t size)
{
	c->clients = clients_of(o);
	if (!bind_sessions(c, o->session_scope))
		return tls_refuse(message, size, "the TLS context cannot be set up");
	if (c->clients == 0)
		return 1;
	if (o->trusted_ca_pem.n == 0)
		return tls_refuse(message, size, "client certificates need a trustedCA");
	bool is_required = o->client_certificate == TLS_CLIENT_CERTIFICATE_REQUIRED;
	SSL_CTX_set_verify(c->ctx,
		SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	if (o->depth > 0)
		SSL_CTX_set_verify_depth(c->ctx, o->depth);
	return tls_trust(c->ctx, o->trusted_ca_pem, message, size) &&
	       (o->crl_pem.n == 0 || tls_revoke(c->ctx, o->crl_pem, message, size));
}

/* --------------------------------------------------------------------------------------------- */

static int use_certificates(
	struct tls_context *c, const struct tls_server_options *o, char *message, size_t size)
{
	for (size_t i = 0; i <= o->other_count; i++) {
		const struct tls_certificate *one = i == 0 ? &o->certificate : &o->others[i - 1];
		if (!tls_use_certificate(c->ctx, one, message, size)) {
			if (o->blamed)
				*o->blamed = one;
			return 0;
		}
		tls_staple_add(c, one->ocsp);
	}
	return 1;
}

SSL_CTX *tls_library_context_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	if (ctx && SSL_CTX_get_security_level(ctx) < SECURITY_LEVEL)
		SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	return ctx;
}

/* NULL: the library has no memory for it. */
static struct tls_context *context_new(const SSL_METHOD *method, char *message, size_t size)
{
	SSL_CTX *ctx = tls_library_context_new(method);
	if (!ctx) {
		tls_refuse(message, size, "the TLS context cannot be made");
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
		 tls_set_ciphers(c->ctx, true, o->ciphers, message, message_size) &&
		 use_certificates(c, o, message, message_size) &&
		 ask_for_certificates(c, o, message, message_size);
	if (!ok) {
		tls_context_unref(c);
		return RC_INVALID;
	}
	tls_use_tickets(c->ctx, o->tickets);
	c->keeps_chain = o->keeps_chain;
	if (c->keeps_chain)
		tls_keep_chains(c->ctx);
	c->uri = tls_own_uri(c->ctx);
	if (c->alpn_length > 0)
		SSL_CTX_set_alpn_select_cb(c->ctx, choose_alpn, c);
	*out = c;
	return RC_OK;
}

static int trust_store(SSL_CTX *ctx, struct str pem, char *message, size_t size)
{
	if (pem.n > 0)
		return tls_trust(ctx, pem, message, size);
	if (SSL_CTX_set_default_verify_paths(ctx))
		return 1;
	return tls_refuse(message, size, "the operating system's certificates cannot be read");
}

enum rc tls_client_context_new(const struct tls_client_options *o, struct tls_context **out,
	char *message, size_t message_size)
{
	ERR_clear_error();
	struct tls_context *c = context_new(TLS_client_method(), message, message_size);
	if (!c)
		return RC_INVALID;
	c->verifies = !o->skip_validation;
	c->sessions = tls_sessions_new(c->ctx);
	int ok = set_alpn(c, o->alpn, o->alpn_count, message, message_size) &&
		 set_versions(c->ctx, o->min_version, o->max_version, message, message_size) &&
		 tls_set_ciphers(c->ctx, false, o->ciphers, message, message_size) &&
		 trust_store(c->ctx, o->trusted_ca_pem, message, message_size);
	if (ok && o->certificate.crt_pem.n > 0)
		ok = tls_use_certificate(c->ctx, &o->certificate, message, message_size);
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
