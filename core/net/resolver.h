/* SPDX-License-Identifier: Apache-2.0 */
/* net/resolver.h - names to addresses, on the loop, never blocking it.
 *
 * c-ares; answers are kept for their TTL (1 s to 1 h), asked again by their first user after that,
 * and served stale for RESOLVER_STALE_MS while the name server fails: the first user waits for the
 * failure, the others get the stale answer at once while one question a RESOLVER_RETRY_MS goes on.
 * Failures are remembered for RESOLVER_RETRY_MS, too. IP literals, names of the hosts file and
 * `localhost` (127.0.0.1, then ::1, unless the hosts file says otherwise) are answered at once.
 * A and AAAA are asked together; the order of addresses is RFC 6724's. One per worker.
 */
#pragma once

#include "loop/loop.h"
#include "net/address.h"

#define RESOLVER_ADDRESSES_MAX 32
#define RESOLVER_STALE_MS      3600000
#define RESOLVER_TIMEOUT_MS    3000
#define RESOLVER_RETRY_MS      1000
/* Names remembered; the least recently used one makes room. */
#define RESOLVER_NAMES_MAX 4096

struct resolver;
struct resolver_options {
	struct str servers;    /* "127.0.0.1:5353,..." for tests; STR_EMPTY: resolv.conf */
	struct str hosts_file; /* STR_EMPTY: /etc/hosts */
};
struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options);
/* Queries under way end with RC_CLOSED. Not from within an answer. */
void resolver_free(struct resolver *r);

struct resolver_query; /* handle of one question under way */
/* `addresses` (ports 0) live until the callback returns. rc: RC_OK (count > 0), RC_NOT_FOUND,
 * RC_TIMEOUT, RC_IO; RC_CLOSED when the resolver is freed. The query is gone when it is called. */
typedef void resolver_fn(void *owner, enum rc rc, const struct address *addresses, size_t count);

/* Answers what is known before returning: *query is NULL then and fn has run; else fn runs later,
 * from the loop. */
void resolver_ask(struct resolver *r, struct str name, resolver_fn *fn, void *owner,
	struct resolver_query **query);
/* Its fn will not be called. */
void resolver_cancel(struct resolver_query *query);
