/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_home.h - a worker's way to what the settings call the shared storage: one server, or the nodes
 * of a Redis Cluster, each behind a link of its own (redis_link.h), which is its breaker.
 *
 * Of a cluster, a map tells which node has the slot of a key. It is fetched at once, and again, at most a few
 * times a second, when a node turns a question away or cannot be reached; until the first has come, questions wait
 * for it. A question that a node turns away (MOVED, ASK) was not done: it goes where the node says, within the time
 * that it has anyway. docs/adr/0028.
 *
 * Invariants   H1  as L1 and L2 of redis_link.h: `ended` comes once for what was taken; what may have been done is
 *                  not asked again.
 *              H2  at most REDIS_NODES_MAX nodes are known, REDIS_WAITING_MAX questions wait for a map.
 * Ownership    whoever made it; settings are counted.
 * Threads      its loop's. */
#pragma once

#include "state/redis_link.h"

#define REDIS_NODES_MAX 1024

struct redis_home;

struct redis_home_stats {
	struct redis_link_stats links; /* of all nodes; is_up: all that is asked for can be asked */
	uint64_t maps;                 /* that were fetched */
	unsigned nodes, nodes_up;      /* of those that have a slot, or of the one server */
};

struct redis_home *redis_home_new(
	struct stream_group *group, struct resolver *resolver, struct redis_settings *settings);
/* Questions under way fail. Connections end with the turn. */
void redis_home_free(struct redis_home *h);
/* Takes no more questions, and calls `ended` when none waits any more: then it may be freed. */
void redis_home_retire(struct redis_home *h, void (*ended)(struct redis_home *h));
const struct redis_settings *redis_home_settings(const struct redis_home *h);
struct redis_home_stats redis_home_stats(const struct redis_home *h);

/* As redis_link_ask. */
bool redis_home_ask(struct redis_home *h, struct redis_asked *a, struct str scope,
	const struct sluice_question *q);
/* Harmless when it has ended. */
void redis_home_cancel(struct redis_asked *a);
