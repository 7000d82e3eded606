/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/net/name_server.h - a name server in this process, on loopback sockets, that answers what the
 * test has written down, and a resolver that asks it. The loop's clock is fake; c-ares looks at the
 * real one, for its retries alone. */
#pragma once

#include "unit.h"

#include "net/resolver.h"

#define NAME_ROWS_MAX 8

enum { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3 };

struct name_service {
	uint16_t priority, weight, port;
	const char *target; /* NULL: the end of a list */
};

/* What the server says about a name. */
struct name_row {
	const char *name;
	const char *v4, *v6; /* separated by spaces */
	const struct name_service *services;
	uint32_t ttl;
	int rcode;
	bool is_silent;
	bool is_truncated; /* over UDP */
};

extern struct names {
	struct name_row rows[NAME_ROWS_MAX];
	int questions, tcp_questions;
	struct loop *loop;
	struct resolver *resolver;
	char hosts_path[64];
} names;

void names_open(void);
void names_close(void);
void names_write_hosts(const char *text);
/* Both sides, until nothing moves any more. */
void names_serve(void);
/* Whom the resolver asks. */
struct resolver_options options_now(char servers[32]);

/* What came back. */
struct asked {
	struct resolver_query *query;
	int calls;
	enum rc rc;
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	size_t count;
	struct asked *cancels, *asks; /* while it is answered */
	const char *asks_for;
};

/* A resolver_fn whose owner is a struct asked. */
void on_addresses(void *owner, enum rc rc, const struct address *addresses, size_t count);
void ask(struct asked *a, const char *name);
/* Of what is known, or to be cancelled: a later answer would go to memory that is gone. */
struct asked asked(const char *name);
/* Asks, serves, and expects an answer. */
struct asked resolved(const char *name);
void assert_first(const struct asked *a, const char *ip);
void assert_failed(const struct asked *a, enum rc rc);
