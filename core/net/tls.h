/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls.h - TLS settings, compiled: one per certificate (server) or per service (client).
 *
 * Ownership    counted, with atomic counts: shared by all workers and by generations.
 * Defaults     TLS 1.2 and 1.3, ECDHE AEAD suites, no renegotiation, no compression. Of `ciphers`,
 *              names that begin with TLS_ are 1.3's suites, the others 1.2's; a version of which
 * none is named keeps its default.
 */
#pragma once

#include "base/diagnostics.h"
#include "base/str.h"

struct tls_context;

struct tls_server_options {
	struct str certificate_pem; /* leaf first, then its chain */
	struct str key_pem;
	struct str key_passphrase;           /* or STR_EMPTY */
	struct str min_version, max_version; /* "1.2", "1.3"; STR_EMPTY: 1.2 and 1.3 */
	struct str ciphers;     /* OpenSSL names separated by ':'; STR_EMPTY: default */
	const struct str *alpn; /* in order of preference */
	size_t alpn_count;
	bool requires_client_certificate; /* one that `trusted_ca_pem` vouches for */
	struct str trusted_ca_pem;
};

struct tls_client_options {
	bool skip_validation;
	struct str trusted_ca_pem; /* STR_EMPTY: the operating system's store */
	struct str certificate_pem, key_pem, key_passphrase; /* client certificate, or STR_EMPTY */
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
/* Ticket keys survive a reload: the new context of the same port continues the old one's. A session
 * is resumed only where the same client certificates are asked for. */
void tls_context_inherit_tickets(struct tls_context *to, const struct tls_context *from);
