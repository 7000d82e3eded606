/* SPDX-License-Identifier: Apache-2.0 */
/* Session tickets: the session, sealed with a key that all workers and the next gateways have, too,
 * so that nothing is kept of it here (RFC 5077 section 4: AES-CBC, then HMAC over all of it). */
#include "net/tls_priv.h"

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
