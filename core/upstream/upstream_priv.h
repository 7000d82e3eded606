/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/upstream_priv.h - a worker's pools, shared by upstream.c and dial.c. */
#pragma once

#include "base/map.h"
#include "base/prng.h"
#include "http/h1.h"
#include "upstream/upstream.h"

#include <stdatomic.h>

struct service {
	atomic_uint refs;       /* of an endpoint that is configured: its owner's */
	atomic_bool is_dropped; /* by a reload: its pools close when idle */
	struct service *owner;  /* whose endpoint this is; NULL: nobody's */
	bool is_found; /* in a slot of its owner: `refs` count what holds this one, each with a
			  count of the owner, and the slot, without */
	struct breaker breaker; /* of an endpoint: its owner's */
	struct retry_budget retry_budget;
	struct balancer *balancer;      /* owned; NULL: there is one address */
	struct service_options options; /* texts owned */
	struct str authority;           /* owned */
	struct str connect;             /* owned: asks its forward proxy; empty: it has none */
	struct h1_proxy
		proxy; /* owned texts: its forward proxy takes absolute forms; empty: it does not */
	struct str key; /* owned: what makes its pools different from others */
};

/* Pools by the address of their service, so that a request need not hash its key. */
#define POOL_CACHE_SLOTS 64

struct upstream {
	struct stream_group *group; /* borrowed */
	struct loop *loop;          /* borrowed */
	struct resolver *resolver;  /* owned */
	struct map pools;           /* by key */
	struct link pool_list;
	struct upstream_pool *cache[POOL_CACHE_SLOTS];
	struct upstream_stats gone; /* of pools that are freed */
	bool is_closing;
	unsigned worker;  /* whose rows of the services are counted in */
	unsigned losers;  /* that are not closed yet */
	struct prng prng; /* for choices among endpoints */
};

/* Invariants   P1  connections counts every struct pooled, and connections <= connections_max but
 *                  for what an older version of the service had allowed.
 *              P2  dials <= waiting + those whose waiter was served or left meanwhile.
 *              P3  who waits while a connection is idle wants a fresh one, and nobody waits while
 *                  one with streams has room.
 *              P4  a connection is idle without a stream, in room with some and capacity for more.
 *              P5  barren counts those without a stream whose peers allow none; they are there only
 *                  while somebody waits.
 *              P6  who waits beyond what is on its way has a place to do so: `counted` of them one
 *                  of the service's breaker each, or as many as the service lets wait.
 *              P7  nobody waits where none is on its way and the peers of all allow no stream.
 */
struct upstream_pool {
	struct link link; /* in upstream.pool_list */
	struct upstream *upstream;
	struct service *service; /* ref: the newest with this key */
	struct str key;          /* owned: in upstream.pools */
	bool is_private; /* of one client, who is told to the service; gone when it is empty */
	struct address client, local;
	struct link idle;   /* of struct pooled; the most recently used first */
	struct link waits;  /* of struct upstream_wait, in the order of coming */
	struct link room;   /* of struct pooled: those that fell full go to the end */
	struct link busy;   /* of struct pooled: full, being connected, or closing */
	struct timer timer; /* looks for connections that were idle too long */
	unsigned dials;
	unsigned barren;
	unsigned counted; /* of those who wait */
	unsigned streams_per_dial; /* that a new connection is expected to carry */
	unsigned next_address;     /* new connections take the addresses in turn */
	int family;                /* of an address that won over another family's; 0: none did */
	struct upstream_stats stats;
};

/* One connection, in an attempt to connect beside others to other addresses, and later alone. */
struct racer {
	struct link link;     /* in dial.racers */
	struct pooled *place; /* NULL: it lost, and is being closed */
	struct upstream *upstream;
	struct http_client *client;
	struct address address;
};

/* One attempt to connect; only while it lasts. */
struct dial {
	struct pooled *place;          /* borrowed: whose this is */
	struct resolver_query *query;  /* NULL: answered */
	struct targets_query *targets; /* likewise */
	struct address *addresses;     /* owned: in the order in which they are tried */
	size_t count, tried;
	struct link racers; /* struct racer: those under way */
	struct timer next;  /* to try the next one beside them */
	int64_t started_ms, started_us;
	struct task failed; /* tells later what failed at once */
	enum rc rc;
	char text[256];
};

/* A place in the pool: a connection, or the attempt to have one. */
struct pooled {
	struct link link; /* in pool.idle, pool.room or pool.busy */
	struct upstream_pool *pool;
	struct http_client *client; /* NULL until connected */
	struct dial *dial;          /* owned; NULL once connected */
	struct service *counted;    /* ref: has a place of BREAKER_CONNECTIONS there */
	struct service *proxied;    /* ref: whose `proxy` the client borrows; NULL: it has none */
	int64_t idle_since_ms;
	bool is_idle;  /* in pool.idle */
	bool has_room; /* in pool.room */
	bool is_barren;
};

/* Where this worker counts what the pool does; NULL: nowhere. */
static inline struct service_row *pool_row(const struct upstream_pool *p)
{
	struct service_row *rows = p->service->options.rows;
	return rows ? &rows[p->upstream->worker] : NULL;
}

/* service.c: of a slot. */
struct service *service_new_found(
	struct service *owner, struct str ip, uint16_t port, struct str *name);
/* The slot's count of it. */
void service_let_go_found(struct service *s);
void service_make_ring(struct balancer *b);

/* waits.c */
static inline struct upstream_wait *wait_of_link(struct link *l)
{
	return CONTAINER_OF(l, struct upstream_wait, link);
}
/* How many a connection is on its way for. */
static inline uint64_t pool_expected(const struct upstream_pool *p)
{
	return (uint64_t)p->dials * p->streams_per_dial;
}
void wait_leave(struct upstream_wait *w);
/* It waits no more, and is told. */
void wait_refuse(struct upstream_wait *w, enum rc rc, const char *text);
void wait_refuse_full(struct upstream_wait *w);
void wait_refuse_hopeless(struct upstream_wait *w);
/* Whether there is a place for it, for which no connection is on its way. */
bool wait_may(struct upstream_wait *w);
/* Of those who wait beyond what is on its way, who came first has a place first (P6); the last to come
 * are refused. */
void pool_find_places(struct upstream_pool *p);
/* No stream's end, nor anything on its way, will make room (P7). */
bool pool_is_hopeless(const struct upstream_pool *p);

/* dial.c: tries to connect for c; c->dial is there until it ended, one way or the other. */
void dial_begin(struct pooled *c);
/* Ends it without telling anybody but pool_closed. */
void dial_abandon(struct pooled *c);

/* upstream.c */
void pool_connected(struct pooled *c);
/* `text` is for the one who waits for it, if any. */
void pool_dial_failed(struct pooled *c, enum rc rc, const char *text);
/* A stream may be opened on it. */
void pool_offer(struct pooled *c);
/* The connection is gone, and c with it. */
void pool_closed(struct pooled *c);
