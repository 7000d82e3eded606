/* SPDX-License-Identifier: Apache-2.0 */
/* process/plan_store.h - the last good plans, on disk: what a gateway serves when it cannot compile
 * its folder, or when what the folder says has brought it down.
 *
 * Three slots, <dir>/0 to <dir>/2, each a header and a plan's binary form:
 *
 *   "SLUICEPL"  format u32  zero u32  sequence u64  generation u64  saved, us since 1970, i64
 *   length u64  SHA-256 of the bytes  SHA-256 of all of the above  bytes            (little-endian)
 *
 * and <dir>/proven, which has the digest of the plan that has proved itself: it served for a while
 * without a crash. So edits that crash the gateway, one after the other, never cost the plan that
 * is known to be sound.
 *
 * A save goes to a file of its own that is synced, then renamed over a slot, then the folder is
 * synced: a crash at any point leaves the others whole. Bytes that a slot already has only make
 * that slot the newest. The files hold the plan's secrets: mode 0600, in a folder of mode 0700.
 *
 * Invariants   S1  a slot that loads is, to the bit, one that was saved.
 *              S2  a save never touches the newest slot that loads, unless it has the same bytes.
 *              S3  nor the one that has proved itself.
 * Threads      a thread of its own writes; plan_store_save returns at once, however slow the disk
 *              is. All calls: the main thread. plan_store_load reads on the caller's thread. */
#pragma once

#include "crypto/crypto.h"
#include "process/plan_bytes.h"

#include <stdint.h>

struct plan_store;

struct plan_store_stats {
	uint64_t saved;       /* saves that are on the disk */
	uint64_t failed;      /* saves that are not; the log has said why */
	uint64_t generation;  /* of the last that is on the disk; 0: none by this process */
	uint64_t proven;      /* of the last that has proved itself; likewise */
	bool is_failing;      /* the last save failed */
};

struct plan_store_info {
	uint64_t sequence;
	uint64_t generation; /* its number in the process that saved it */
	int64_t saved_wall_us;
	bool has_proved;
	uint8_t content[SHA256_BYTES]; /* digest of the bytes */
};

/* What comes first: the newest, or the one that has proved itself and then the newest. */
enum plan_order { PLAN_NEWEST_FIRST, PLAN_PROVEN_FIRST };

/* `dir` is made when there is something to save. Starts no thread yet. */
struct plan_store *plan_store_new(const char *dir);
/* Waits for the save under way and the one that waits. */
void plan_store_free(struct plan_store *s);
/* Takes `bytes` over. A save that still waits for the disk is replaced by this
 * one. */
void plan_store_save(struct plan_store *s, uint64_t generation, struct plan_bytes bytes);
/* The plan that was saved under that number has proved itself. Nothing when it is not on the disk,
 * or is not the last one that was saved. */
void plan_store_prove(struct plan_store *s, uint64_t generation);
struct plan_store_stats plan_store_stats(struct plan_store *s);

/* The nth slot, in that order, that is whole (0: the first) of the store in `dir`. A damaged slot
 * is skipped, and the log says so. `bytes` is appended to, with a digest that was right when it was
 * read. RC_NOT_FOUND: there are not so many. `info` may be NULL. Any thread. */
MUST_USE enum rc plan_store_load(const char *dir, enum plan_order order, unsigned nth,
	struct buffer *bytes, struct plan_store_info *info);
