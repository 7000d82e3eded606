/* SPDX-License-Identifier: Apache-2.0 */
/* net/resolver.h - names to addresses, on the loop, never blocking it.
 *
 * c-ares; answers are kept for their TTL (1 s to 1 h), asked again by their first user after that,
 * and served stale for RESOLVER_STALE_MS while the name server fails. IP literals and `localhost`
 * are answered at once. One per worker.
 */
#pragma once

#include "loop/loop.h"
#include "net/address.h"

#define RESOLVER_ADDRESSES_MAX 32
#define RESOLVER_STALE_MS 3600000
#define RESOLVER_TIMEOUT_MS 3000

struct resolver;
struct resolver_options {
	struct str servers;    /* "127.0.0.1:5353,..." for tests; STR_EMPTY: resolv.conf */
	struct str hosts_file; /* STR_EMPTY: /etc/hosts */
};
struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options);
/* Queries under way end with RC_CLOSED. */
void resolver_free(struct resolver *r);

struct resolver_query; /* handle of one question under way */
/* `addresses` (ports 0) live until the callback returns. rc: RC_OK, RC_NOT_FOUND, RC_TIMEOUT, RC_IO. */
typedef void resolver_fn(void *owner, enum rc rc, const struct address *addresses, size_t count);

/* Answers from the cache before returning: *query is NULL then and fn has run; else fn runs later. */
void resolver_ask(struct resolver *r, struct str name, resolver_fn *fn, void *owner,
	struct resolver_query **query);
void resolver_cancel(struct resolver_query *query);
