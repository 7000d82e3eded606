/* SPDX-License-Identifier: Apache-2.0 */
/* state/cache_entry.h - what stands in a store of bodies under a key.
 *
 * Its meta data never changes, so what was once found right there stays right: whoever checks a field that lies in it
 * may leave a mark, and who comes later need not check again.
 *
 * Invariants   E1  marks are written by one thread, once, and read by others only afterwards.
 * Ownership    counted, with an atomic count.
 * Threads      one until it is stored; then any, and nobody changes it but for the marks. */
#pragma once

#include "state/cache_body.h"

/* A field that was found right: where its name and its value lie in the meta data. */
struct cache_mark {
	uint32_t name_at, value_at, value_n;
	uint16_t name_n;
	uint8_t id; /* of the name, as whoever has checked it knows names */
};
/* There is room for a mark in so many bytes of meta data: few fields take less. */
#define CACHE_MARK_PER_BYTES 32

enum cache_marking { CACHE_UNMARKED, CACHE_BEING_MARKED, CACHE_MARKED };

struct cache_entry {
	_Atomic uint32_t refs;
	uint32_t key_n, group_n, meta_n;
	int64_t stored_ms, ends_ms; /* monotonic */
	struct cache_body *body;    /* ref */
	/* Of a copy that others share (services/far_cache.h); 0: none is known of. */
	uint64_t generation;
	_Atomic uint64_t version;
	_Atomic int64_t checked_ms;
	struct cache_mark *marks; /* behind the bytes */
	uint32_t mark_count;
	_Atomic uint8_t marking; /* enum cache_marking */
	char bytes[];            /* key, group, meta */
};

/* `body` gets a reference of its own; times are the caller's to set. */
struct cache_entry *cache_entry_new(
	struct str key, struct str group, struct str meta, struct cache_body *body);
struct cache_entry *cache_entry_ref(struct cache_entry *e);
void cache_entry_unref(struct cache_entry *e);
struct str cache_entry_key(const struct cache_entry *e);
struct str cache_entry_group(const struct cache_entry *e);
struct str cache_entry_meta(const struct cache_entry *e);
/* What it takes in memory, without the body. */
size_t cache_entry_bytes(const struct cache_entry *e);

/* How many marks there are, in the order they were left in. */
uint32_t cache_entry_marks(const struct cache_entry *e, const struct cache_mark **marks);
/* Whether the caller is the one who leaves marks: then it ends that, soon. */
bool cache_entry_mark_begin(struct cache_entry *e);
/* Without room it is left out. */
void cache_entry_mark(struct cache_entry *e, const struct cache_mark *mark);
void cache_entry_mark_end(struct cache_entry *e);
