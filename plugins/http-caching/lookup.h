/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/lookup.h - where the answers of a target stand, and which of them is a request's.
 *
 *	target key -> the one answer, as long as fields of requests do not choose and nobody has told who asks
 *	           -> an index: a generation, and which fields choose
 *	              -> target, generation, who asks, place (0 to 31) -> an answer, which knows what chose it
 *
 * A text of what chooses has PLACES_TRIED of the places. So no target has more answers than places for one client,
 * whoever sends whatever fields; and without its index no answer is found, which makes dropping the index an
 * invalidation of them all.
 *
 * Invariants   L1  an answer is found only by a request of the same target, the same client, and the same text of
 *                  what chooses, compared whole.
 * Ownership    keys are the exchange's memory.
 * Threads      the worker of the exchange.
 */
#pragma once

#include "messages.h"

#define VARIANT_PLACES 32
#define PLACES_TRIED   4

struct lookup {
	struct sluice_str target;             /* the key */
	struct sluice_str who;                /* a part of keys; empty: nobody has told */
	struct sluice_str variant;            /* what chooses, by the index */
	struct sluice_str key;                /* that was asked last */
	struct index_record index;            /* its names are views of what was found */
	int has_index, is_pending, is_target; /* the target's own key is asked */
	unsigned tried;
	int has_free;
	unsigned free_place;        /* for an answer that is not there yet; with the index */
	int64_t oldest_ms;          /* of the places tried */
	struct sluice_cached found; /* with `kept`, when is_found */
	int64_t begun_ms;           /* when the store began to keep it */
	struct kept kept;
	int is_found;
};

/* Where a target is: behind the request its authority may be the upstream's. */
struct origin {
	struct sluice_str scheme, authority;
};
/* 0: no memory to keep it. */
int origin_keep(struct origin *origin, const struct sluice_call *call, struct sluice_exchange *x);

/* request_head. 0: the key cannot be told, or is too long. */
int lookup_init(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x);
/* Of another target of that origin: its key; a NULL pointer: there is none. */
struct sluice_str lookup_key_of(const struct sluice_call *call, struct sluice_exchange *x,
	const struct origin *origin, struct sluice_str path, struct sluice_str query);
/* From the start again. */
void lookup_restart(struct lookup *l);
/* SLUICE_OK: `is_found` tells; SLUICE_PENDING: for host->wait, then again; or the store cannot be asked. */
int32_t lookup_step(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct field_pairs *request);
/* Where an answer that varies so is to stand: l->key and l->variant afterwards. 0: nowhere. */
int lookup_settle(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct field_pairs *request, const struct vary *vary);
