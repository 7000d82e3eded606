/* SPDX-License-Identifier: Apache-2.0 */
/* net/stream_tls_priv.h - the insides of the TLS filter, shared by stream_tls.c and
 * stream_tls_bio.c. */
#pragma once

#include "net/stream_priv.h"
#include "net/tls_priv.h"

struct stream_tls {
	SSL *ssl;                    /* owned */
	struct tls_context *context; /* ref */
	struct stream_tls *outer;    /* owned: whose session carries this one's records; NULL: they
				      * are on the wire themselves */
	const char *in;              /* records at hand: of the group's wire, or of `held` */
	size_t in_n;
	struct block *held; /* ref: records that could not be decrypted yet, since nobody reads */
	struct chunk_queue wire; /* encrypted, not yet sent */
	bool is_open;
	bool has_ended; /* of an outer one: close_notify came */
	bool has_failed;
	char *name;                 /* owned, of a client: whom it expects */
	char *error;                /* owned: why it failed; NULL: it has not */
	unsigned char *certificate; /* owned: the other side's, once somebody has asked for it */
	int certificate_n, chain_n;
	char *chain; /* owned: what it sent above that, one behind the other */
};

/* Whose records are on the wire: `in`, `held` and `wire` are of that one alone. */
static inline struct stream_tls *stream_tls_bottom(struct stream_tls *t)
{
	return t->outer ? t->outer : t;
}

/* Has failed, for the reason that OpenSSL gives, or `fallback`. */
void stream_tls_note_error(struct stream_tls *t, const char *fallback);
/* The group's; NULL: the library has no memory for it. A reference is the caller's. */
BIO *stream_tls_bio(struct stream_group *g);
