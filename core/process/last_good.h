/* SPDX-License-Identifier: Apache-2.0 */
/* process/last_good.h - which plan counts as the last good one, and serving it when there is none.
 *
 * A generation is good when it serves and closes no API, by an error, that the last good one
 * serves. An API that is gone is what the operator wanted; an API that is new and in error takes
 * nothing from anybody. So a folder with a mistake in it never replaces a plan in which that API
 * worked.
 *
 * A plan has proved itself when it has served for a crash window (`--crash-window`) without an end
 * of the gateway. After crashes that one comes first, not the newest: an edit that crashes may be
 * followed by another, and both are newer.
 *
 * Invariants   L1  the store's newest plan served in this process or a former one.
 * Threads      the main thread; the store has its own for the disk. */
#pragma once

#include "generation/generation.h"
#include "process/plan_store.h"

/* A plan and its binary form, on the way to a worker. */
struct offer {
	struct plan *plan;       /* owned until it is activated; its parts are in `bytes` */
	struct plan *settings;   /* owned: of the plan that is activated; NULL */
	struct plan_bytes bytes; /* none: there is no offer */
	int64_t began_wall_us;   /* of one from the folder: when reading it was begun */
	bool is_saved;           /* it comes from the store, not from the folder */
	bool is_closed; /* every API of it answers 503: it stands in for a folder that gives none */
	struct plan_store_info saved;
};

void offer_deinit(struct offer *o);

struct last_good;

/* The store is <state_dir>/plans. */
struct last_good *last_good_new(const char *state_dir);
/* In which order they are offered from now on, from the first; without it, the newest first. */
void last_good_order(struct last_good *l, enum plan_order order);
/* Waits for the disk. NULL is harmless. */
void last_good_free(struct last_good *l);
/* `g` serves the plan of `o`: saves it when it is good, and takes its bytes for that. */
void last_good_take(struct last_good *l, const struct generation *g, struct offer *o);
/* The newest saved plan that this version can read and that was not given before. RC_NOT_FOUND:
 * there is none, or no more. */
MUST_USE enum rc last_good_offer(struct last_good *l, struct offer *o);
/* The saved plan with that digest; does not count as given. RC_NOT_FOUND. */
MUST_USE enum rc last_good_find(const struct last_good *l, uint64_t digest, struct offer *o);
/* What served last has served soundly for a while. */
void last_good_prove(struct last_good *l);
/* What the newest saved plan says of its kind: whether an older one may be served in its place. */
bool last_good_may_serve(const struct last_good *l);
struct plan_store_stats last_good_stats(struct last_good *l);
