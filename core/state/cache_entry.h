/* SPDX-License-Identifier: Apache-2.0 */
/* state/cache_entry.h - what stands in a store of bodies under a key.
 *
 * Ownership    counted, with an atomic count.
 * Threads      one until it is stored; then any, and nobody changes it. */
#pragma once

#include "state/cache_body.h"

struct cache_entry {
	_Atomic uint32_t refs;
	uint32_t key_n, group_n, meta_n;
	int64_t stored_ms, ends_ms; /* monotonic */
	struct cache_body *body;    /* ref */
	/* Of a copy that others share (services/far_cache.h); 0: none is known of. */
	uint64_t generation;
	_Atomic uint64_t version;
	_Atomic int64_t checked_ms;
	char bytes[];               /* key, group, meta */
};

/* `body` gets a reference of its own; times are the caller's to set. */
struct cache_entry *cache_entry_new(
	struct str key, struct str group, struct str meta, struct cache_body *body);
struct cache_entry *cache_entry_ref(struct cache_entry *e);
void cache_entry_unref(struct cache_entry *e);
struct str cache_entry_key(const struct cache_entry *e);
struct str cache_entry_group(const struct cache_entry *e);
struct str cache_entry_meta(const struct cache_entry *e);
