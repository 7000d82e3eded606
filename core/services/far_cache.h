/* SPDX-License-Identifier: Apache-2.0 */
/* services/far_cache.h - the second level of a store: in the storage that replicas share.
 *
 * What stands there is the truth while it can be asked. What stands here is believed for FAR_TRUST_MS
 * after it was stored or compared; then a look-up asks whether it is still the same (by its version, so
 * that nothing is sent twice), and takes what stands there otherwise. So whatever a replica drops is
 * gone for all of them within that time. While the storage cannot be asked, what stands here counts.
 *
 * What is removed leaves a mark for FAR_MARK_MS: an answer that was asked for before, and comes
 * behind it, finds another version than the one that it has seen, and is stored nowhere.
 *
 * All keys have the store's generation in them. To empty the store is to draw another one; so it is
 * when a removal could not be told, with the next question that can.
 *
 * Invariants   R1  no question is waited for longer than the link waits for an answer.
 *              R2  whoever has a question under way holds the instance whose it is.
 * Threads      workers. */
#pragma once

#include "services/named_cache.h"
#include "state/redis_home.h"

#define FAR_TRUST_MS 1000
#define FAR_MARK_MS  300000

struct far_cache {        /* of a named one */
	struct str scope; /* owned */
	_Atomic uint64_t generation;
	_Atomic bool owes; /* the store is to be emptied there */
};

/* Whether this store has a second level, here and now. */
bool far_cache_is_there(const struct sluice_cache *c);
/* Whether an entry may be given without a question. */
bool far_cache_trusts(const struct sluice_cache *c, const struct cache_entry *e, int64_t now_ms);

/* That it has there; SLUICE_VERSION_ANY: it is not known yet. */
uint64_t far_cache_version(const struct cache_entry *e);

struct far_look;
/* What came of it: an entry (given up to the owner), or NULL; and the version that stands there, 0 for
 * none, SLUICE_VERSION_ANY if it could not be told. */
typedef void far_look_fn(void *owner, struct cache_entry *e, uint64_t seen);
/* `here`: what stands here, or NULL; it is given up. NULL: it cannot be asked, and nothing was given up. */
struct far_look *far_look_begin(const struct sluice_cache *c, struct str key,
	struct cache_entry *here, far_look_fn *fn, void *owner);
/* It ends with `fn`, or with this. */
void far_look_cancel(struct far_look *l);

/* Beside what is done here: they return at once. `seen`: the version that must stand there still. */
void far_cache_put(const struct sluice_cache *c, struct cache_entry *e, uint64_t seen);
void far_cache_remove(const struct sluice_cache *c, struct str key);
void far_cache_empty(const struct sluice_cache *c);
