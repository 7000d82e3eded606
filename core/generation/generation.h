/* SPDX-License-Identifier: Apache-2.0 */
/* generation/generation.h - the numbered, immutable runtime form of a plan.
 *
 * Ownership    owns its plan, APIs, listeners and services. Workers borrow it from their swap until
 *              the next; APIs outlive it until their last exchange (api.h, A3).
 * Threads      made and freed on the main thread, read by all workers.
 */
#pragma once

#include "generation/api.h"
#include "generation/edge.h"
#include "net/address.h"
#include "net/tls.h"
#include "plan/plan.h"

struct generation_listener {
	char *key; /* owned: "0.0.0.0:8081" */
	struct address address;
	struct tls_context *tls;    /* ref; NULL: plain */
	struct route_table *routes; /* owned: base paths to indices of apis */
	struct api **apis;          /* borrowed: the generation's */
	int *fds;                   /* borrowed from whoever keeps the ports */
	unsigned fd_count; /* at least worker_count: worker w has w, w + worker_count, ... */
	unsigned worker_count;
};

struct generation {
	uint64_t number;
	struct plan *plan;
	struct connection_limits limits;
	struct edge edge;
	struct api **apis; /* owned array; each owned until retired */
	size_t api_count;
	struct generation_listener *listeners;
	size_t listener_count;
	struct service **services; /* refs; one that did not change is the former generation's */
	size_t service_count;
	struct service **dropped; /* refs: the former generation's that this one has not */
	size_t dropped_count;
};

/* Frees the APIs that are still in `apis`; those that retire elsewhere have been taken out (NULL).
 */
void generation_free(struct generation *g);
/* Frees what a listener owns; for one that is taken out of its generation. */
void generation_listener_deinit(struct generation_listener *l);
/* NULL when absent. */
const struct generation_listener *generation_find_listener(
	const struct generation *g, struct str key);
