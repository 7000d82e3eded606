/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/mirror.h - sends a copy of a request to another service, too, where its route has a mirror.
 *
 *   mirror_want -> mirror_keep ... -> mirror_send: from here on it is the worker's
 *                                 \-> mirror_drop: the request did not go upstream whole
 *
 * The copy goes out when the last byte of the request has been handed to its upstream; what comes
 * back is read and dropped. It is a call as policies make them (upstream/call.h), so pools, TLS,
 * timeouts, the circuit breaker and the metrics of the service hold for it.
 *
 * Invariants   M1  nothing of the exchange waits for its copy, looks at it, or is changed by it.
 *              M2  a worker has at most LIMIT_MIRRORS of them; there is none beyond.
 *              M3  at most MIRROR_BODY_BYTES of a body are kept; a longer one has no copy.
 *              M4  a copy is sent once, and never of a request that wants to leave HTTP.
 * Ownership    the exchange's, later the worker's, from the loop's pool.
 * Threads      the worker's.
 */
#pragma once

#include "base/chunk.h"
#include "base/list.h"
#include "upstream/call.h"

struct exchange;
struct mirror;
struct proxy_worker;
struct route_mirror;

#define MIRROR_BODY_BYTES 65536

/* What became of them. */
enum mirror_end {
	MIRROR_ANSWERED, /* whatever the answer was */
	MIRROR_FAILED,   /* nobody answered, or not in time */
	MIRROR_OMITTED,  /* too many are under way, the body is too long, or memory is short */
	MIRROR_ENDS,
};

/* A worker's copies. */
struct mirrors {
	struct link under_way; /* of struct mirror: those that were sent */
	unsigned count;        /* with those that are not sent yet */
	struct upstream_calls calls;
	uint64_t ended[MIRROR_ENDS]; /* ever, by enum mirror_end */
};

void mirrors_init(struct mirrors *m, struct upstream *upstream);
/* Gives up those that were sent. */
void mirrors_end(struct mirrors *m);

/* The route was taken: e->mirror is there afterwards, if this request is to have a copy. `own_path`:
 * in the address of the service that the request itself goes to; NULL: there is none. */
void mirror_want(struct exchange *e, const struct route_mirror *to, const char *own_path);
/* What is about to go upstream of the body. */
void mirror_keep(struct exchange *e, const struct chunk_queue *q);
/* The request is whole; e->mirror is NULL afterwards. */
void mirror_send(struct exchange *e);
void mirror_drop(struct exchange *e);
