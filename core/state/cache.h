/* SPDX-License-Identifier: Apache-2.0 */
/* state/cache.h - a store of bodies under keys, bounded, which drops what is of least use.
 *
 * What drops is chosen by S3-FIFO (Yang, Zhang, Qiu, Yue, Vigfusson, "FIFO queues are all you need for cache
 * eviction", SOSP 2023): a new entry goes into a small queue, a tenth of the whole; one that was asked
 * for there moves on into the main one, one that was not leaves, and is remembered by a fingerprint: if
 * it comes back it goes into the main queue at once. So a scan over many keys goes through the small
 * queue and leaves what is in use alone.
 *
 * Invariants   K1  entries and bytes never exceed what was allowed.
 *              K2  an entry is never changed: a new one takes its place, and whoever has the former one
 *                  keeps it. So what is dropped lasts as long as it is being sent.
 * Ownership    entries and bodies are counted.
 * Threads      all calls: any. One lock, held for a look-up or what it takes to make room.
 */
#pragma once

#include "state/cache_entry.h"

struct cache_options {
	uint64_t bytes_max; /* of all: bodies, keys, meta data, and what it takes to keep them */
	uint64_t entry_bytes_max;
	uint32_t entries_max;
};

/* What a call has changed, added to what stood there; for who counts. */
struct cache_change {
	int64_t bytes, entries;
	uint64_t evicted; /* for want of room */
	uint64_t restored,
		unkept; /* of the copy (cache_mirror): come from there; could not be written there */
};

struct cache;
struct cache *cache_new(const struct cache_options *o);
void cache_free(struct cache *c);
/* From here on; what is beyond it is dropped. */
void cache_limit(struct cache *c, const struct cache_options *o, struct cache_change *change);

struct cache_usage {
	uint64_t bytes, entries;
	struct cache_options options;
};
struct cache_usage cache_usage(struct cache *c);

/* With a reference; NULL: none, or it has ended. */
struct cache_entry *cache_find(
	struct cache *c, int64_t now_ms, struct str key, struct cache_change *change);
/* Takes the place of what stood there. `body` gets a reference of its own. RC_FULL: more than one entry
 * may have; what stood there goes. */
MUST_USE enum rc cache_put(struct cache *c, int64_t now_ms, struct str key, struct str group,
	struct str meta, struct cache_body *body, int64_t ends_ms, struct cache_change *change);
/* The same of one that is made already; the store takes a reference of its own. */
MUST_USE enum rc cache_put_entry(
	struct cache *c, struct cache_entry *e, struct cache_change *change);
/* The same body under new meta data: the newer entry, with a reference. NULL: `e` is not what stands
 * there any more. */
MUST_USE struct cache_entry *cache_touch(struct cache *c, const struct cache_entry *e,
	struct str meta, int64_t ends_ms, struct cache_change *change);
/* If it is what stands under its key. */
void cache_drop(struct cache *c, const struct cache_entry *e, struct cache_change *change);
bool cache_remove(struct cache *c, struct str key, struct cache_change *change);
/* All of a group (not empty), or all whose keys begin so; how many. They look at every entry: some ms for
 * 100,000 of them. */
size_t cache_remove_group(struct cache *c, struct str group, struct cache_change *change);
size_t cache_remove_prefix(struct cache *c, struct str prefix, struct cache_change *change);

/* --- a copy of it ---------------------------------------------------------------------------- */
/* Who keeps one is told of all that comes and goes, in order, under the store's lock: nothing of the
 * store may be called there. */
struct cache_mirror {
	void (*stands)(struct cache_mirror *m, struct cache_entry *e);
	void (*is_gone)(struct cache_mirror *m, const struct cache_entry *e);
};
/* From here on, beginning with what stands already, until another is set; NULL: none. It restores what it has from before, until it says that this
 * is all: what is removed meanwhile does not come back. */
void cache_set_mirror(struct cache *c, struct cache_mirror *m);
/* Of any thread; what it changes is told with the next call. RC_EXISTS: something newer stands there;
 * RC_REFUSED: it was removed meanwhile, or has ended; RC_FULL: too large. The copy keeps it on RC_OK and RC_EXISTS. */
MUST_USE enum rc cache_restore(struct cache *c, int64_t now_ms, struct cache_entry *e);
void cache_is_restored(struct cache *c);
/* The copy could not be written. */
void cache_tell_unkept(struct cache *c);
