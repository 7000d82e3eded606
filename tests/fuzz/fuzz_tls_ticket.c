/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links net loop handover crypto observe base */
/* fuzz: packages libssl libcrypto */
/* Session tickets that clients bring. Of all bytes that there are, one ticket goes on: the one that
 * was given out, whole and as it was. The first byte chooses how the rest becomes a ticket. */
#include "base/check.h"
#include "handover/tickets.h"
#include "net/tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

#define IS_NEW      1 /* TLS 1.3, else 1.2 */
#define IS_WHOLE    2 /* the bytes are the ticket, else they change the one that was given out */
#define HAS_NAME    4 /* behind the name of the key that seals */
#define TICKETS_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* --- a port, and what a client has of it ------------------------------------------------------ */

static struct ticket_ring ring;
static SSL_CTX *server, *client;
static SSL_SESSION *given[2]; /* of TLS 1.2 and 1.3 */

static void write_text(BIO *bio, char *to, size_t size)
{
	int n = BIO_read(bio, to, (int)size - 1);
	CHECK(n > 0);
	to[n] = '\0';
	BIO_free(bio);
}

static void make_server(void)
{
	static struct tls_context *context;
	char crt[2048], key[2048], message[200];
	EVP_PKEY *own = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, own);
	CHECK(X509_sign(x, own, EVP_sha256()) > 0);
	BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(a, x);
	PEM_write_bio_PrivateKey(b, own, NULL, NULL, 0, NULL, NULL);
	write_text(a, crt, sizeof(crt));
	write_text(b, key, sizeof(key));
	X509_free(x);
	EVP_PKEY_free(own);
	CHECK(ticket_ring_rotate(&ring, 0) == RC_OK);
	struct tls_server_options o = {
		.certificate = {.crt_pem = str_of(crt), .key_pem = str_of(key)}, .tickets = &ring};
	CHECK(tls_server_context_new(&o, &context, message, sizeof(message)) == RC_OK);
	server = context->ctx;
}

/* Two ends whose bytes meet in memory. */
struct pair {
	SSL *server, *client;
};

static struct pair pair_new(bool is_new)
{
	struct pair p = {SSL_new(server), SSL_new(client)};
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
	CHECK(p.server && p.client && up && down && BIO_up_ref(up) && BIO_up_ref(down));
	BIO_set_mem_eof_return(up, -1);
	BIO_set_mem_eof_return(down, -1);
	SSL_set_bio(p.server, up, down);
	SSL_set_bio(p.client, down, up);
	SSL_set_accept_state(p.server);
	SSL_set_connect_state(p.client);
	SSL_set_max_proto_version(p.client, is_new ? TLS1_3_VERSION : TLS1_2_VERSION);
	return p;
}

static void pair_free(struct pair *p)
{
	SSL_set_shutdown(p->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->server);
	SSL_free(p->client);
	ERR_clear_error();
}

static SSL_SESSION *get_ticket(bool is_new)
{
	struct pair p = pair_new(is_new);
	char byte;
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(p.client);
		SSL_do_handshake(p.server);
	}
	CHECK(SSL_is_init_finished(p.client) && SSL_is_init_finished(p.server));
	SSL_read(p.client, &byte, 1); /* takes the ticket of TLS 1.3 */
	SSL_SESSION *session = SSL_get1_session(p.client);
	CHECK(SSL_SESSION_has_ticket(session));
	pair_free(&p);
	return session;
}

/* --- a visit ---------------------------------------------------------------------------------- */

/* Whether the session goes on: the client says hello, and what it has of the session is true. */
static bool is_taken(struct pair *p)
{
	SSL_do_handshake(p->client);
	SSL_do_handshake(p->server);
	return SSL_session_reused(p->server);
}

/* The same session with other bytes where its ticket stands, of the same length. */
static SSL_SESSION *with_ticket(SSL_SESSION *session, const uint8_t *ticket)
{
	const unsigned char *old;
	size_t n;
	unsigned char *der = NULL;
	SSL_SESSION_get0_ticket(session, &old, &n);
	int der_n = i2d_SSL_SESSION(session, &der);
	CHECK(der_n > 0);
	unsigned char *at = memmem(der, (size_t)der_n, old, n);
	CHECK(at);
	memcpy(at, ticket, n);
	const unsigned char *from = der;
	SSL_SESSION *other = d2i_SSL_SESSION(NULL, &from, der_n);
	CHECK(other);
	OPENSSL_free(der);
	return other;
}

/* What was given out, with bytes at the place that the first two say changed by the others. */
static void visit_changed(bool is_new, const uint8_t *bytes, size_t n)
{
	const unsigned char *old;
	size_t ticket_n, at = n > 1 ? bytes[0] | (size_t)bytes[1] << 8 : 0;
	uint8_t ticket[TICKETS_MAX];
	SSL_SESSION_get0_ticket(given[is_new], &old, &ticket_n);
	CHECK(ticket_n <= sizeof(ticket));
	memcpy(ticket, old, ticket_n);
	for (size_t i = 2; i < n; i++)
		ticket[(at + i) % ticket_n] ^= bytes[i];
	bool is_same = memcmp(ticket, old, ticket_n) == 0;
	SSL_SESSION *session = with_ticket(given[is_new], ticket);
	struct pair p = pair_new(is_new);
	SSL_set_session(p.client, session);
	CHECK(is_taken(&p) == is_same);
	pair_free(&p);
	SSL_SESSION_free(session);
}

/* A ticket of any length; TLS 1.3 has none without a session that it belongs to. */
static void visit_with(bool has_name, const uint8_t *bytes, size_t n)
{
	uint8_t ticket[TICKETS_MAX];
	size_t name_n = has_name ? TICKET_NAME_BYTES : 0;
	if (n > sizeof(ticket) - TICKET_NAME_BYTES)
		return;
	memcpy(ticket, ticket_ring_newest(&ring)->name, name_n);
	if (n > 0)
		memcpy(ticket + name_n, bytes, n);
	struct pair p = pair_new(false);
	CHECK(SSL_set_session_ticket_ext(p.client, ticket, (int)(name_n + n)) == 1);
	CHECK(!is_taken(&p));
	pair_free(&p);
}

static void begin(void)
{
	make_server();
	client = SSL_CTX_new(TLS_client_method());
	CHECK(client);
	for (int i = 0; i < 2; i++)
		given[i] = get_ticket(i == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (!server)
		begin();
	if (n == 0)
		return 0;
	if (bytes[0] & IS_WHOLE)
		visit_with(bytes[0] & HAS_NAME, bytes + 1, n - 1);
	else
		visit_changed(bytes[0] & IS_NEW, bytes + 1, n - 1);
	return 0;
}
