/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/sticky.h - a cookie keeps a client at the endpoint that answered it first.
 *
 * Its value is a digest of the endpoint's name, under a key: it tells nobody where the endpoint is,
 * nothing is remembered for it, and it means the same in every replica of the same configuration,
 * before and after a reload or a restart. Whoever makes one up reaches an endpoint that it could
 * have been given anyway.
 *
 * Threads      all workers: what is made with the service is only read.
 */
#pragma once

#include "base/str.h"
#include "http/message.h"

struct balancer;
struct endpoint;

enum sticky_secure {
	STICKY_SECURE_AS_REQUEST, /* where the request came by https */
	STICKY_SECURE_ALWAYS,
	STICKY_SECURE_NEVER,
};

struct sticky_options {
	struct str cookie;     /* its name; empty: nobody is kept */
	struct str attributes; /* as Set-Cookie has them: "; Path=/; HttpOnly" */
	struct str key;        /* empty: one that is known */
	enum sticky_secure secure;
};

#define STICKY_TOKEN_BYTES 24

/* An endpoint's value: hexadecimal digits. */
void sticky_token(struct str key, struct str endpoint, char token[STICKY_TOKEN_BYTES]);
/* Whom the cookies of a request name; NULL: nobody, or one that is no more. */
struct endpoint *sticky_find(const struct balancer *b, const struct fields *request);
/* Tells the client to come back to this one. RC_FULL: there is no room for it; RC_INVALID: the
 * options make no field. */
MUST_USE enum rc sticky_tell(
	const struct balancer *b, const struct endpoint *e, bool is_https, struct fields *response);
