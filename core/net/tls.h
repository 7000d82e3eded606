/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls.h - TLS settings, compiled: one per port and server name (server), or per service
 * (client).
 *
 * Ownership    counted, with atomic counts: shared by all workers and by generations.
 * Defaults     TLS 1.2 and 1.3, ECDHE AEAD suites, no renegotiation, no compression. Of `ciphers`,
 *              names that begin with TLS_ are 1.3's suites, the others, and those of the RFCs
 *              (TLS_..._WITH_...), 1.2's; a version of which none is named keeps its default. What no
 *              connection can have is left out (net/tls_ciphers.h).
 */
#pragma once

#include "base/diagnostics.h"
#include "base/str.h"

struct tls_context;
struct ticket_ring; /* handover/tickets.h */

struct tls_certificate {
	struct str crt_pem; /* leaf first, then its chain */
	struct str key_pem;
	struct str key_passphrase; /* or STR_EMPTY */
	struct str ocsp; /* base64: sent with it while it is of use (server), or STR_EMPTY */
};

/* Whether clients are asked for a certificate. One that is shown has to be vouched for. */
enum tls_client_certificate {
	TLS_CLIENT_CERTIFICATE_NONE,
	TLS_CLIENT_CERTIFICATE_OPTIONAL,
	TLS_CLIENT_CERTIFICATE_REQUIRED
};

struct tls_server_options {
	struct tls_certificate certificate;
	const struct tls_certificate
		*others; /* beside it, of other kinds (RSA, EC): clients choose */
	size_t other_count;
	struct str min_version, max_version; /* "1.2", "1.3"; STR_EMPTY: 1.2 and 1.3 */
	struct str ciphers;                  /* names separated by ':'; STR_EMPTY: default */
	const struct str *alpn;              /* in order of preference */
	size_t alpn_count;
	enum tls_client_certificate client_certificate; /* one that `trusted_ca_pem` vouches for */
	struct str trusted_ca_pem;
	struct str
		crl_pem; /* what these authorities have revoked; STR_EMPTY: nothing is looked up */
	int depth;       /* how many authorities may stand above a client's certificate; 0: 4 */
	struct str session_scope;          /* sessions are resumed only where this is the same */
	const struct ticket_ring *tickets; /* outlives it; NULL: keys of the context's own */
	bool keeps_chain; /* streams shall tell what clients send above their certificate */
	const struct tls_certificate **blamed; /* on failure gets which cannot be used; or NULL */
};

struct tls_client_options {
	bool skip_validation;
	struct str trusted_ca_pem;          /* STR_EMPTY: the operating system's store */
	struct tls_certificate certificate; /* what is shown to servers that ask; or empty */
	struct str min_version, max_version, ciphers;
	const struct str *alpn;
	size_t alpn_count;
};

/* On failure `message` (from the caller) gets one sentence. */
MUST_USE enum rc tls_server_context_new(const struct tls_server_options *options,
	struct tls_context **out, char *message, size_t message_size);
MUST_USE enum rc tls_client_context_new(const struct tls_client_options *options,
	struct tls_context **out, char *message, size_t message_size);
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c);

/* --- server names: before the port's context serves ------------------------------------------ */

/* Clients that ask for `host`, "shop.test" or "*.shop.test" (one label), get `c` in the place of
 * `port`; an exact name goes before a wildcard. A reference to `c` is taken. RC_INVALID: that is no
 * name; RC_EXISTS: it is another's. */
MUST_USE enum rc tls_context_add_name(
	struct tls_context *port, struct str host, struct tls_context *c);
/* Names that nobody has added are refused, unless the port's own certificate is for them; so are
 * clients that say none, unless `serves_nameless`. */
void tls_context_be_strict(struct tls_context *port, bool serves_nameless);

/* The first URI that the certificate of that name is for; STR_EMPTY: none. As long as the port. */
struct str tls_context_uri(const struct tls_context *port, struct str server_name);
/* Whether a connection that was made to `server_name` may ask for `host` (which may have a port):
 * the same client certificates are asked for at both. Any thread. */
bool tls_context_covers(const struct tls_context *port, struct str server_name, struct str host);
