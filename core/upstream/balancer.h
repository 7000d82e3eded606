/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/balancer.h - the endpoints of a service that has several, and whom the next request goes
 * to (choose.c).
 *
 * Each endpoint is a service of its own, with its pools; breaker, metrics and life are those of the
 * service that has it.
 *
 * Invariants   E1  `active` counts the takes that were not left yet, of all workers.
 *              E2  turns[w] is worker w's alone; it is there once that worker has chosen by turn.
 * Ownership    its service's, as the endpoints are; a service that a reload leaves as it was keeps
 *              them.
 * Threads      all workers.
 */
#pragma once

#include "base/limits.h"
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
	_Alignas(64) struct service *service; /* owned with the endpoint: no count of its own */
	struct str name; /* owned: "host:port" or a socket's path; unlike others of the service */
	char token[STICKY_TOKEN_BYTES]; /* where cookies keep clients */
	unsigned index, weight;
	atomic_uint active;
	struct outlier outlier;
	atomic_bool is_unhealthy;      /* health.h says so */
	_Atomic int64_t well_since_ms; /* when it said so no more; 0: it never did */
};

struct balancer {
	struct balancing options;
	struct endpoint *endpoints; /* owned */
	unsigned count;
	_Atomic int64_t
		ejected_until_ms; /* the latest of the endpoints': nobody is out from then on */
	atomic_flag is_ejecting;
	atomic_uint unhealthy;         /* how many */
	struct ring *ring;             /* owned; NULL: another algorithm */
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

/* Takes an endpoint; NULL: nobody is healthy. */
struct endpoint *balancer_take(struct balancer *b, const struct balance_wish *wish);
/* Each that was taken, once. */
void balancer_leave(struct endpoint *e);
/* How many may be asked: of those that are out, none. */
unsigned balancer_count_available(const struct balancer *b, int64_t now_ms);
/* Whether somebody who may be asked is not among `tried`. */
bool balancer_has_untried(const struct balancer *b, uint64_t tried, int64_t now_ms);
bool endpoint_is_available(const struct endpoint *e, int64_t now_ms);
/* "roundRobin"; BALANCE_ALGORITHM_COUNT for what is none. */
const char *balance_algorithm_name(enum balance_algorithm a);
enum balance_algorithm balance_algorithm_of(struct str name);
static inline uint64_t endpoint_bit(const struct endpoint *e)
{
	return UINT64_C(1) << e->index % 64;
}
