/* SPDX-License-Identifier: Apache-2.0 */
/* net/resolver.h - names to addresses, on the loop, never blocking it.
 *
 * c-ares; answers are kept for their TTL (between ttl_min_ms and ttl_max_ms), asked again by their
 * first user after that, and served stale for stale_ms while the name server fails: the first user
 * waits for the failure, the others get the stale answer at once while one question a retry_ms goes
 * on. Failures are remembered for retry_ms, too. IP literals, names of the hosts file and
 * `localhost` (127.0.0.1, then ::1, unless the hosts file says otherwise) are answered at once.
 * A and AAAA are asked together; the order of addresses is RFC 6724's. One per worker.
 */
#pragma once

#include "loop/loop.h"
#include "net/address.h"
#include "net/srv_records.h"

/* Of a name with more the same ones stay, in whatever order they come (address_choice.h). */
#define RESOLVER_ADDRESSES_MAX 32
#define RESOLVER_STALE_MS      3600000
#define RESOLVER_TIMEOUT_MS    3000
#define RESOLVER_RETRY_MS      1000
/* Names remembered; the least recently used one makes room. */
#define RESOLVER_NAMES_MAX 4096

struct resolver_times {
	int timeout_ms;             /* of a question; at least 1 */
	int retry_ms;               /* how long a failure is remembered */
	int stale_ms;               /* 0: what is out of date is of no use */
	int ttl_min_ms, ttl_max_ms; /* bounds of what name servers say */
};
#define RESOLVER_TIMES_DEFAULT                                                                     \
	{                                                                                          \
		.timeout_ms = RESOLVER_TIMEOUT_MS, .retry_ms = RESOLVER_RETRY_MS,                  \
		.stale_ms = RESOLVER_STALE_MS, .ttl_min_ms = 1000, .ttl_max_ms = 3600000,          \
	}

struct resolver;
struct resolver_options {
	struct str servers;          /* "127.0.0.1:5353,..."; STR_EMPTY: resolv.conf */
	struct str hosts_file;       /* STR_EMPTY: /etc/hosts */
	struct resolver_times times; /* timeout_ms 0: the defaults */
};
struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options);
/* Queries under way end with RC_CLOSED. Not from within an answer. */
void resolver_free(struct resolver *r);

/* Other servers and times from now on; the hosts file stays. Where anything of it changes,
 * questions under way are asked anew, and answers count as stale. */
void resolver_set(struct resolver *r, const struct resolver_options *options);

/* How long what is known of a name counts, or how soon it may be asked for again: at least
 * RESOLVER_FRESH_MIN_MS. Of what needs no name server it is RESOLVER_NEARBY_MS. */
#define RESOLVER_FRESH_MIN_MS 100
#define RESOLVER_NEARBY_MS    5000
int resolver_fresh_ms(const struct resolver *r, struct str name);
int resolver_records_fresh_ms(const struct resolver *r, struct str name);

struct resolver_query; /* handle of one question under way */
/* `addresses` (ports 0) live until the callback returns. rc: RC_OK (count > 0), RC_NOT_FOUND,
 * RC_TIMEOUT, RC_IO; RC_CLOSED when the resolver is freed. The query is gone when it is called. */
typedef void resolver_fn(void *owner, enum rc rc, const struct address *addresses, size_t count);

/* Answers what is known before returning: *query is NULL then and fn has run; else fn runs later,
 * from the loop. */
void resolver_ask(struct resolver *r, struct str name, resolver_fn *fn, void *owner,
	struct resolver_query **query);
/* Likewise its SRV records, which live until the callback returns; NULL unless rc is RC_OK. */
typedef void resolver_records_fn(void *owner, enum rc rc, const struct srv_records *records);
void resolver_ask_records(struct resolver *r, struct str name, resolver_records_fn *fn, void *owner,
	struct resolver_query **query);
/* Its fn will not be called. */
void resolver_cancel(struct resolver_query *query);
