/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/worker.h - the proxy on one worker: its listeners, connections, exchanges, and the
 * generation that it serves.
 *
 * A generation swap changes what the next exchange on any connection sees; connections stay. An
 * API that the new generation does not have is retired here once its last exchange has ended.
 *
 * Threads      everything here runs on the worker's thread.
 */
#pragma once

#include "base/buffer.h"
#include "base/prng.h"
#include "generation/generation.h"
#include "loop/loop.h"
#include "net/admission.h"
#include "net/listener.h"
#include "net/stream.h"
#include "observe/record.h"
#include "proxy/answer_tally.h"
#include "proxy/binding_tally.h"
#include "proxy/mirror.h"
#include "upstream/discovery.h"
#include "upstream/health.h"
#include "upstream/upstream.h"

struct expr;
struct proxy_listener;
struct sluice_exchange;
struct tracer;

/* How short memory is; each step does what those before it do, too. */
enum pressure {
	PRESSURE_NONE,
	PRESSURE_TRIM,   /* idle connections close early, pools shrink */
	PRESSURE_CLOSE,  /* no keep-alive */
	PRESSURE_REFUSE, /* new requests get 503 */
	PRESSURE_RESET,  /* nobody new comes in, the largest exchanges are cut */
};

/* What `process` wants to hear; called on the worker's thread. */
struct proxy_worker_events {
	/* The worker pins no exchange of `api` any more and will never again. */
	void (*api_retired)(void *owner, unsigned worker, struct api *api);
};

/* proxy/tunnel.h says which. */
#define WEBSOCKET_ENDS 10

struct proxy_worker {
	unsigned index;
	struct loop *loop;                   /* borrowed */
	struct stream_group *group;          /* owned */
	struct upstream *upstream;           /* owned */
	struct mirrors mirrors;
	/* A text of an expression of the configuration; NULL: nobody can tell. */
	bool (*text_of)(const struct expr *e, struct sluice_exchange *x, struct str *out);
	struct health_checks *health;        /* owned; NULL: another worker asks */
	struct discoveries *discoveries;     /* owned; likewise: for names */
	struct record_ring *records;         /* borrowed: access log; NULL when it is off */
	const struct generation *generation; /* borrowed; NULL before the first */
	const struct proxy_worker_events *events;
	void *owner;
	struct link exchanges;
	struct link listeners;
	struct timer sweep;  /* sweep.h */
	struct task closing; /* aborts the connections that are left */
	struct prng prng;
	bool is_draining;
	bool stands_by; /* ready, but accepts nothing until proxy_worker_accept; set before the
			   first swap */
	enum pressure pressure;
	struct admission *admission; /* borrowed; NULL: everybody may come. Before the first swap */
	int64_t shed_ms;             /* when idle connections were looked for */
	struct buffer record_text;   /* the access record being written */
	uint64_t connection_count;   /* accepted, ever */
	uint64_t exchange_count;     /* begun, ever */
	uint64_t refused_count;      /* heads that the codec answered itself, ever */
	uint64_t handshake_failed_count; /* of clients, TLS, ever */
	uint64_t proxy_refused_count; /* connections without a PROXY header that counts, ever */
	uint64_t evicted_count;       /* idle connections closed for want of room, ever */
	uint64_t goaway_counts[H2_ENDING_COUNT]; /* of HTTP/2 connections, ever */
	uint64_t refused_stream_count; /* beyond those that a connection may have open, ever */
	uint64_t overloaded_count;     /* exchanges refused or cut for want of memory, ever */
	unsigned websockets_active;
	uint64_t websockets_ended[WEBSOCKET_ENDS]; /* by why: enum tunnel_end */
	unsigned exchanges_active;
	_Atomic uint32_t *exchanges_told; /* the same for whoever survives a crash; NULL: nobody */
	unsigned connections_active;
	struct answer_tally
		*answers;      /* borrowed; NULL: nobody asks why requests were answered here */
	struct tracer *tracer; /* ref; trace.h; NULL: nobody follows requests */
	struct binding_tally *bindings; /* borrowed; NULL: nor what the bindings did */
};

void proxy_worker_init(struct proxy_worker *w, unsigned index, struct loop *loop,
	struct record_ring *records, const struct resolver_options *resolver,
	const struct proxy_worker_events *events, void *owner);
/* Answers 503 to every exchange that has no head yet, cuts the others, and aborts the connections
 * in the next turn; turn the loop until proxy_worker_is_idle, then deinit. */
void proxy_worker_close(struct proxy_worker *w);
bool proxy_worker_is_idle(const struct proxy_worker *w);
void proxy_worker_deinit(struct proxy_worker *w);

/* Serves `next` from now on. Listeners that are in both go on with their sockets; new ones begin on
 * next->listeners[i].fds[index]; those that are gone stop accepting and drain. APIs of the former
 * generation begin to retire. */
void proxy_worker_swap(struct proxy_worker *w, const struct generation *next);
/* Ends standing by. */
void proxy_worker_accept(struct proxy_worker *w);
/* No new connection is accepted, busy ones close after their answer, idle ones may send one more.
 */
void proxy_worker_drain(struct proxy_worker *w);

/* From now on, and at once for what is there; again while it lasts. */
void proxy_worker_set_pressure(struct proxy_worker *w, enum pressure pressure);

/* Pins are counted here so that the last one of a retired API is noticed. */
void proxy_worker_pin(struct proxy_worker *w, struct api *api);
void proxy_worker_unpin(struct proxy_worker *w, struct api *api);
