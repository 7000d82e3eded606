/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_priv.h - what the files of TLS share of a context. */
#pragma once

#include "net/tls.h"

#include <openssl/ssl.h>

#include <time.h>

struct buffer;
struct tls_names;    /* tls_names.c */
struct tls_staple;   /* tls_ocsp.c */
struct tls_sessions; /* tls_sessions.c */

struct tls_context {
	_Atomic unsigned refs;
	SSL_CTX *ctx;        /* owned */
	unsigned char *alpn; /* owned: protocols in wire form */
	unsigned alpn_length;
	bool verifies;
	bool keeps_chain;
	struct tls_sessions *sessions; /* owned, of a client: what servers offered */
	struct tls_staple *staples;    /* owned */
	char *uri;                     /* owned: the first of its own certificate's; NULL: none */
	uint64_t clients;        /* which certificates clients have to show; 0: none is asked for */
	struct tls_names *names; /* owned, of a port's context; NULL: it has one for all names */
};

/* The newest error of OpenSSL's queue as a sentence; empties the queue. */
void tls_error_text(char *text, size_t size, const char *fallback);
/* A message, with OpenSSL's reason if there is one; 0, for `&&` chains. */
int tls_refuse(char *message, size_t size, const char *what);

/* With no less security than we want, however OpenSSL was built. NULL: it has no memory for it. */
SSL_CTX *tls_library_context_new(const SSL_METHOD *method);

/* --- tls_ciphers.c --- */
/* What of "A:B" can be used; STR_EMPTY: the default. 0 with a message. */
int tls_set_ciphers(SSL_CTX *ctx, bool is_server, struct str all, char *message, size_t size);

/* --- tls_pem.c: what PEM texts hold, into a context. 0 with a message. --- */
/* Beside those of other kinds (RSA, EC): the client decides. */
int tls_use_certificate(
	SSL_CTX *ctx, const struct tls_certificate *certificate, char *message, size_t size);
/* Authorities; their names go to clients that are asked for a certificate. */
int tls_trust(SSL_CTX *ctx, struct str pem, char *message, size_t size);
/* Lists of what they have revoked: from now on each of a chain's authorities needs one. */
int tls_revoke(SSL_CTX *ctx, struct str pem, char *message, size_t size);
/* The first URI that the context's certificate is for, on the heap; NULL: none. */
char *tls_own_uri(SSL_CTX *ctx);

/* --- tls_tickets.c --- */
/* `ring` NULL: keys of the context's own. */
void tls_use_tickets(SSL_CTX *ctx, const struct ticket_ring *ring);
/* Tickets carry what clients send above their certificate, so that a session that goes on has it. */
void tls_keep_chains(SSL_CTX *ctx);
/* What the client has sent above its certificate, now or when the session began, one behind the other
 * as DER; false: it does not fit. */
MUST_USE bool tls_chain_above(SSL *ssl, struct buffer *chain);

/* --- tls_ocsp.c --- */
/* Why clients cannot use that response, in a few words behind "it"; NULL: they can, until *until
 * (0: for ever). `issuer` NULL: it is not known. */
const char *tls_ocsp_problem(
	struct str der, X509 *leaf, const X509 *issuer, time_t now, time_t *until);
/* On the heap; STR_EMPTY: that is no base64. */
struct str tls_ocsp_decode(struct str base64);
/* For the certificate that the context has got last; nothing where they cannot use it. */
void tls_staple_add(struct tls_context *c, struct str base64);
void tls_staples_free(struct tls_staple *staples);

/* --- tls_sessions.c --- */
struct tls_sessions *tls_sessions_new(SSL_CTX *ctx);
/* Its context is freed before. */
void tls_sessions_free(struct tls_sessions *all);
/* The last session with that name goes on, and the next ones are kept for it. `name` outlives
 * `ssl`. */
void tls_sessions_resume(SSL *ssl, const char *name);

/* --- tls_names.c --- */
void tls_names_free(struct tls_names *names);
