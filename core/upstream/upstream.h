/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/upstream.h - services, and the connections a worker keeps to them.
 *
 * A `service` is immutable, counted and shared by all workers. A worker has one `upstream` with a
 * pool per service identity (name, address, TLS settings): a service of which a reload changed
 * nothing else keeps its connections. A pool whose service was dropped closes when idle.
 *
 * Reuse: one with streams that has room (HTTP/2), else the most recently idle connection; idle ones
 * close after idle_timeout_ms, or when the peer sends or closes. Names are resolved again by TTL;
 * new connections take the addresses in turn; each is tried once per attempt to connect, the next
 * one beside the one before when that stays silent (RFC 8305), the families in turn.
 */
#pragma once

#include "connection/client.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "upstream/balancer.h"
#include "upstream/breaker.h"
#include "upstream/retry_budget.h"
#include "upstream/service_metrics.h"

struct service_options {
	struct str name;   /* "namespace/name" */
	struct str scheme; /* "http", "https", "h2" */
	struct str host;   /* name or IP literal; empty for a UNIX socket */
	uint16_t port;
	struct str at; /* an IP literal that is dialled in place of the host; empty: the host is */
	struct str authority;  /* what it is called by; empty: by host and port */
	unsigned proxy_header; /* connections begin with one of that version, and are a client's
				  own; 0: without */
	struct str via_host;   /* of a forward proxy that is asked for the way; empty: none */
	uint16_t via_port;
	bool via_absolute; /* it gets each request in absolute form, and is not asked for a way */
	struct tls_context
		*via_tls; /* ref taken: with the proxy; NULL: it is spoken to in plain text */
	struct str via_tls_identity; /* as tls_identity */
	struct str via_credentials;  /* what Proxy-Authorization says; empty: none */
	struct str unix_path;        /* "unix:/path" services */
	struct tls_context *tls;     /* ref taken; NULL when plain */
	struct str tls_identity; /* what makes two TLS settings different; part of the pool's key */
	enum http_client_protocol protocol;
	struct http2_options http2; /* where protocol is not HTTP_CLIENT_1 */
	int connect_timeout_ms;
	int response_timeout_ms;       /* to the final response's head; 0: none */
	int idle_timeout_ms;           /* of a pooled connection */
	int stream_idle_timeout_ms;    /* between body bytes */
	unsigned connections_max;      /* per worker; further attempts wait */
	unsigned waiters_max;          /* per worker; more are refused: RC_FULL */
	struct breaker_limits breaker; /* of all workers together */
	struct service_row *rows;      /* borrowed: one of each worker; NULL: nobody counts */
	/* Several in place of `host`, `port` and `unix_path`, which are the first's then. */
	const struct endpoint_options *endpoints; /* copied */
	unsigned endpoint_count; /* 0: there is one address, and nothing to choose */
	bool finds_endpoints;    /* every address that the host has is one: slots.h */
	struct str
		records; /* whose SRV records say where those are, in place of host and port; empty:
			       no records do */
	struct balancing balancing;
	struct retry_options retries;
};

struct service;
struct service *service_new(const struct service_options *options);
struct service *service_ref(struct service *s);
void service_unref(struct service *s);
const struct service_options *service_options(const struct service *s);
/* Counts what all workers use of it; as long as the service is there. */
struct breaker *service_breaker(struct service *s);
/* Whom requests of it go to is for this one to say, and upstream_open is for the service of the
 * endpoint then; NULL: there is one address. */
struct balancer *service_balancer(struct service *s);
/* Counts what all workers send again. */
struct retry_budget *service_retry_budget(struct service *s);
/* "host:port" as the rewritten Host field has it: without the scheme's default port. */
struct str service_authority(const struct service *s);

struct upstream;
struct upstream *upstream_new(struct stream_group *group, const struct resolver_options *resolver);
/* Closes everything, and turns the loop until all of it has ended: not from inside a turn. Nobody
 * waits and no stream is open any more. */
void upstream_free(struct upstream *u);

/* How names are resolved from now on; what is as before costs nothing. */
void upstream_set_resolver(struct upstream *u, const struct resolver_options *resolver);
/* Borrowed, until it is freed. */
struct resolver *upstream_resolver(struct upstream *u);
/* Which of a service's rows is this worker's; 0 until told. */
void upstream_set_worker(struct upstream *u, unsigned index);
/* Now and then: brings the gauges of all services to what the pools have now, and closes what is
 * idle of addresses that are gone. */
void upstream_tell(struct upstream *u);

/* One attempt's wish for a stream. Embedded in the attempt. */
struct upstream_wait;
/* rc RC_OK: `stream` is open, its events and owner are those given; `reused` tells whether the
 * connection had served before. Else: RC_REFUSED or RC_NOT_FOUND or RC_IO could not connect,
 * RC_TIMEOUT, RC_INVALID TLS, RC_FULL too many waiting; `text` says which, one sentence. A service
 * whose connections allow no stream has refused, too. */
typedef void upstream_fn(struct upstream_wait *w, enum rc rc, struct http_stream *stream,
	bool reused, const char *text);
struct upstream_pool;
struct upstream_wait {
	struct link link;
	struct upstream_pool *pool; /* where it waits; NULL: nowhere */
	upstream_fn *fn;
	struct arena *arena;                     /* for the response's head */
	const struct message_limits *limits;     /* of the response; outlives the stream */
	const struct http_stream_events *events; /* of the stream to open */
	void *owner;
	bool fresh; /* do not reuse: a retry after the idle race */
	/* For whom it asks, and where that one came in, until fn is called; NULL: for nobody. */
	const struct address *client, *local;
	struct service *service; /* while it waits; borrowed: whoever waits keeps it */
	struct breaker *counted; /* has a place of BREAKER_PENDING there; NULL: nowhere */
};
void upstream_wait_init(struct upstream_wait *w);
/* Calls w->fn before returning when a pooled connection is there, too many wait (RC_FULL), or the
 * peers of all connections allow no stream (RC_REFUSED), else later. Who waits is served in the order of coming. */
void upstream_open(struct upstream *u, struct service *s, struct upstream_wait *w);
/* Whether this worker has taken half of the connections that the service may have. */
bool upstream_is_crowded(struct upstream *u, struct service *s);
/* Takes the wish back; fn does not come any more. Harmless when it came already. */
void upstream_cancel(struct upstream_wait *w);

/* A service was dropped by a reload: its idle connections close, and its busy ones when they are
 * done. Exchanges of the former generation may still open it. */
void upstream_forget(struct upstream *u, struct service *s);

/* Memory is short: closes what has been idle for `idle_ms` or longer. */
void upstream_trim(struct upstream *u, int64_t idle_ms);

struct upstream_stats {
	uint64_t connects, connect_failures, reuses;
	unsigned connections, idle, waiting;
};
/* Per pool: fn(arg, service name, stats); last, with an empty name, the counters of pools that are
 * gone. */
void upstream_each(struct upstream *u,
	void (*fn)(void *arg, struct str service, const struct upstream_stats *stats), void *arg);
