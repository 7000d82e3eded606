/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/balancer.h - the endpoints of a service that has several, and whom the next request goes
 * to (choose.c).
 *
 * Each endpoint is a service of its own, with its pools; breaker, metrics and life are those of the
 * service that has it.
 *
 * Where endpoints are found while the service serves (slots.h), each has a slot, which is absent
 * until it is filled and again when its address is gone. Who looks at them does so between
 * balancer_enter and balancer_exit; who has taken one keeps it until it leaves.
 *
 * Invariants   E1  `active` counts the takes that were not left yet, of all workers.
 *              E2  turns[w] is worker w's alone; it is there once that worker has chosen by turn.
 *              E3  a slot changes hands only while it is absent, its `active` is 0 and nobody is
 *                  inside: so whoever entered and found it present, or took it, may use it.
 * Ownership    its service's, as the endpoints are; a service that a reload leaves as it was keeps
 *              them.
 * Threads      all workers.
 */
#pragma once

#include "base/limits.h"
#include "base/shared_text.h"
#include "base/str.h"
#include "upstream/health.h"
#include "upstream/outlier.h"
#include "upstream/ring.h"
#include "upstream/sticky.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expr;
struct service;

/* X(id, as configurations and reports name it) */
#define BALANCE_ALGORITHMS(X)                                                                      \
	X(ROUND_ROBIN, "roundRobin")     /* smooth and weighted; each worker for itself */         \
	X(RANDOM, "random")              /* by weight */                                           \
	X(LEAST_REQUEST, "leastRequest") /* of two at random, who has less to do for its weight */ \
	X(RING_HASH, "ringHash")         /* the same for the same key, by ring.h */                \
	X(MAGLEV, "maglev")              /* likewise */

enum balance_algorithm {
#define X(id, name) BALANCE_##id,
	BALANCE_ALGORITHMS(X)
#undef X
		BALANCE_ALGORITHM_COUNT,
};

struct endpoint_options {
	struct str host;
	uint16_t port;
	struct str unix_path; /* in place of both */
	unsigned weight;      /* at least 1 */
};

struct balancing {
	enum balance_algorithm algorithm;
	int slow_start_ms; /* how long who comes back gets less than its share; 0: not at all */
	struct outlier_options outlier;
	struct health_options health;
	struct sticky_options sticky;
	struct str hash_text; /* of the key, as it is written: an expression; "": there is none */
	const struct expr *hash_on; /* owned by the service: the same, compiled */
	void (*hash_free)(struct expr *e);
};

struct endpoint {
	_Alignas(64) _Atomic(struct service *) service; /* owned with the endpoint; of a slot: a
							   count of it; NULL: never filled */
	struct str name; /* owned: "host:port" or a socket's path; unlike others of the service */
	char token[STICKY_TOKEN_BYTES]; /* where cookies keep clients */
	unsigned index;
	atomic_uint weight;
	atomic_uint priority;  /* of a slot: nobody is asked while one of a lower one may be */
	atomic_bool is_absent; /* nobody is asked in this slot */
	atomic_uint active;
	_Atomic uint64_t requests, failures; /* taken, and failed of those: ever, in this slot */
	struct outlier outlier;
	atomic_bool is_unhealthy;      /* health.h says so */
	struct shared_text why;        /* likewise: what the last bad check found */
	_Atomic int64_t well_since_ms; /* when it said so no more; 0: it never did */
};

/* Whether a reader is inside: a line of its own, which nobody else writes. */
struct balancer_guard {
	_Alignas(64) atomic_bool is_inside;
};

/* Readers: the workers, by their index, and the thread that reports. */
#define BALANCER_READER_REPORT LIMIT_WORKERS
#define BALANCER_READERS       (LIMIT_WORKERS + 1)

struct balancer {
	struct balancing options;
	struct endpoint *endpoints;    /* owned */
	unsigned count;                /* absent ones included */
	atomic_uint present;           /* how many are not absent */
	struct balancer_guard *guards; /* owned: one of each reader; NULL: endpoints never change */
	atomic_bool is_known;          /* with guards: what the name has was found out */
	atomic_bool has_priorities;    /* likewise: not all have the same one */
	_Atomic int64_t
		ejected_until_ms; /* the latest of the endpoints': nobody is out from then on */
	atomic_flag is_ejecting;
	atomic_uint unhealthy;         /* how many */
	_Atomic(struct ring *) ring;   /* owned; NULL: another algorithm, or nobody is present */
	struct ring *former_ring;      /* owned: somebody may still look at it */
	struct health_watch *watch;    /* borrowed: who looks after them; of one worker alone */
	int64_t *turns[LIMIT_WORKERS]; /* owned: what each endpoint is behind its share */
};

/* What a choice may depend on. */
struct balance_wish {
	unsigned worker;
	int64_t now_ms;
	uint64_t random;       /* drawn for this choice */
	uint64_t hash;         /* of the key */
	bool has_hash;         /* without one it is by turn */
	struct endpoint *kept; /* who comes before all others, if it may be asked; or NULL */
	uint64_t tried;        /* by 1 << index % 64: others come first */
};

/* Takes an endpoint; NULL: nobody is healthy, or nobody is known. */
struct endpoint *balancer_take(struct balancer *b, const struct balance_wish *wish);
/* Each that was taken, once. */
void balancer_leave(struct endpoint *e);
/* Whether it has endpoints to choose from; else its name is resolved as that of one without. */
static inline bool balancer_is_known(const struct balancer *b)
{
	return !b->guards || atomic_load_explicit(&b->is_known, memory_order_relaxed);
}
/* How many there are. */
static inline unsigned balancer_size(const struct balancer *b)
{
	return atomic_load_explicit(&b->present, memory_order_relaxed);
}
/* How many may be asked: of those that are out, none. */
unsigned balancer_count_available(const struct balancer *b, int64_t now_ms);
/* Whether somebody who may be asked is not among `tried`. */
bool balancer_has_untried(const struct balancer *b, uint64_t tried, int64_t now_ms);
bool endpoint_is_available(const struct endpoint *e, int64_t now_ms);
/* "roundRobin"; BALANCE_ALGORITHM_COUNT for what is none. */
const char *balance_algorithm_name(enum balance_algorithm a);
enum balance_algorithm balance_algorithm_of(struct str name);
static inline void balancer_enter(struct balancer *b, unsigned reader)
{
	if (b->guards)
		atomic_store(&b->guards[reader].is_inside, true);
}
static inline void balancer_exit(struct balancer *b, unsigned reader)
{
	if (b->guards)
		atomic_store_explicit(&b->guards[reader].is_inside, false, memory_order_release);
}
static inline bool endpoint_is_present(const struct endpoint *e)
{
	return !atomic_load(&e->is_absent);
}
/* X(state, as reports name it) */
#define ENDPOINT_STATES(X)                                                                         \
	X(HEALTHY, "healthy")                                                                      \
	X(SLOW_START, "slowStart") /* it came back, and gets less than its share */                \
	X(EJECTED, "ejected")      /* outlier.h */                                                 \
	X(UNHEALTHY, "unhealthy")  /* health.h */                                                  \
	X(DRAINING, "draining")    /* its address is gone, and requests are under way there */

enum endpoint_state {
#define X(id, name) ENDPOINT_##id,
	ENDPOINT_STATES(X)
#undef X
};
enum endpoint_state endpoint_state(
	const struct balancer *b, const struct endpoint *e, int64_t now_ms);
const char *endpoint_state_name(enum endpoint_state s);
/* When it came back; 0: it was never away. */
int64_t endpoint_since_ms(const struct endpoint *e);
static inline uint64_t endpoint_bit(const struct endpoint *e)
{
	return UINT64_C(1) << e->index % 64;
}
