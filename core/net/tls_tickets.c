/* SPDX-License-Identifier: Apache-2.0 */
/* Session tickets: the session, sealed with a key that all workers and the next gateways have, too,
 * so that nothing is kept of it here (RFC 5077 section 4: AES-CBC, then HMAC over all of it). */
#include "net/tls_priv.h"

#include "base/buffer.h"
#include "base/check.h"
#include "handover/tickets.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define IV_BYTES 16
/* TLS 1.3 has tickets made in advance. One is what a connection needs that comes back; each costs 6
 * us of the handshake's 160. */
#define TICKETS_PER_HANDSHAKE 1
/* What a ticket may carry of a client's chain: it comes back in a hello, which many bound by 16 KiB. */
#define CHAIN_BYTES_MAX 8192

static EVP_CIPHER *aes; /* looking one up by name takes a lock */

__attribute__((constructor)) static void find_cipher(void)
{
	aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	CHECK(aes);
}

static bool use_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(
			OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac, TICKET_KEY_BYTES),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 0: the client gets no ticket. */
static int seal(const struct ticket_ring *ring, unsigned char *name, unsigned char *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct ticket_key *key = ticket_ring_newest(ring);
	if (!key || RAND_bytes(iv, IV_BYTES) != 1)
		return 0;
	memcpy(name, key->name, TICKET_NAME_BYTES);
	return EVP_EncryptInit_ex(cipher, aes, NULL, key->cipher, iv) == 1 && use_mac(mac, key)
		       ? 1
		       : -1;
}

/* 0: a full handshake; 1: the session goes on; 2: and the client gets a new ticket. In TLS 1.3 it
 * always does: a ticket that is used twice tells whoever watches that it is the same client. */
static int unseal(const struct ticket_ring *ring, SSL *ssl, const unsigned char *name,
	const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	bool is_newest;
	const struct ticket_key *key = ticket_ring_find(ring, name, &is_newest);
	if (!key)
		return 0;
	if (EVP_DecryptInit_ex(cipher, aes, NULL, key->cipher, iv) != 1 || !use_mac(mac, key))
		return -1;
	return is_newest && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int seals)
{
	const struct ticket_ring *ring = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	return seals ? seal(ring, name, iv, cipher, mac) : unseal(ring, ssl, name, iv, cipher, mac);
}

/* --- chains of clients ----------------------------------------------------------------------- */

static bool add_to_chain(struct buffer *chain, X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	if (n > 0)
		buffer_add(chain, str_n((const char *)der, (size_t)n));
	OPENSSL_free(der);
	return n > 0 && !chain->failed;
}

bool tls_chain_above(SSL *ssl, struct buffer *chain)
{
	unsigned char *kept;
	size_t n;
	if (SSL_session_reused(ssl)) {
		if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), (void **)&kept, &n) == 1)
			buffer_add(chain, str_n((const char *)kept, n));
		return !chain->failed;
	}
	STACK_OF(X509) *above = SSL_get_peer_cert_chain(ssl);
	bool ok = true;
	for (int i = 0; ok && i < sk_X509_num(above); i++)
		ok = add_to_chain(chain, sk_X509_value(above, i));
	return ok;
}

/* OpenSSL puts the client's own certificate alone into a session. What does not fit is marked by one
 * byte, which is no certificate. One that goes on has it already. */
static int on_ticket_made(SSL *ssl, void *arg)
{
	struct buffer chain;
	if (SSL_session_reused(ssl))
		return 1;
	buffer_init(&chain, CHAIN_BYTES_MAX);
	struct str kept = tls_chain_above(ssl, &chain) ? buffer_str(&chain) : STR("-");
	int ok = SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), kept.p, kept.n);
	buffer_deinit(&chain);
	ERR_clear_error();
	return ok;
}

/* A session whose chain did not fit is not resumed: upstreams are told the same each time. */
static SSL_TICKET_RETURN on_ticket_read(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
	size_t name_n, SSL_TICKET_STATUS status, void *arg)
{
	void *kept = NULL;
	size_t n = 0;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (SSL_SESSION_get0_ticket_appdata(session, &kept, &n) != 1 || n == 1)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tls_keep_chains(SSL_CTX *ctx)
{
	SSL_CTX_set_session_ticket_cb(ctx, on_ticket_made, on_ticket_read, NULL);
}

/* --------------------------------------------------------------------------------------------- */

void tls_use_tickets(SSL_CTX *ctx, const struct ticket_ring *ring)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets carry the state */
	SSL_CTX_set_num_tickets(ctx, TICKETS_PER_HANDSHAKE);
	SSL_CTX_set_timeout(ctx, TICKETS_ROTATE_S);
	if (!ring)
		return;
	SSL_CTX_set_app_data(ctx, (void *)(uintptr_t)ring);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
