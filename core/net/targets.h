/* SPDX-License-Identifier: Apache-2.0 */
/* net/targets.h - who serves a name by its SRV records (RFC 2782): the addresses of their targets,
 * with port, priority and weight.
 *
 * Records and addresses are the resolver's answers, each kept for its own time and served stale as
 * any other. A target without an address is passed over; there is an answer when all have answered.
 */
#pragma once

#include "net/resolver.h"

#define TARGETS_MAX 64

/* The weight of the heaviest of a priority. */
#define TARGET_WEIGHT_MAX 1000

struct target {
	struct address address; /* with its port */
	uint16_t priority;      /* the lower ones come first */
	/* A share of the target's among those of its priority, which its addresses have in equal
	 * parts; of one without weight as little as can be told, at least 1. */
	unsigned weight;
};

struct targets_query;
/* By priority, the heaviest first, no address twice, the first TARGETS_MAX of them; they live until the callback
 * returns. rc: RC_OK (count > 0), or what the resolver had for the records or the last target.
 * fresh_ms: when to ask again, as resolver_fresh_ms has it. */
typedef void targets_fn(
	void *owner, enum rc rc, const struct target *all, size_t count, int fresh_ms);

/* As resolver_ask: *query is NULL where fn has run already. */
void targets_ask(struct resolver *r, struct str name, targets_fn *fn, void *owner,
	struct targets_query **query);
/* Its fn will not be called. */
void targets_cancel(struct targets_query *query);
