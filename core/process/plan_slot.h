/* SPDX-License-Identifier: Apache-2.0 */
/* process/plan_slot.h - a slot as a file, without the thread. */
#pragma once

#include "process/plan_store.h"

#include "crypto/crypto.h"

#define PLAN_SLOTS 3

/* RC_NOT_FOUND: no such file; RC_INVALID: damaged, or of another format; RC_IO with errno. `bytes`
 * gets the plan; NULL: the header is looked at alone. `message` says what is wrong. */
MUST_USE enum rc plan_slot_read(const char *dir, unsigned slot, struct buffer *bytes,
	struct plan_store_info *info, const char **message);
/* A slot's file as this process has last seen it whole: while it is the same, it is not read again.
 * All zero: nothing is known. */
struct plan_slot_known {
	uint64_t device, inode, size;
	int64_t mtime_ns, ctime_ns;
};

/* Writes to a slot that holds neither the newest plan nor the one that has proved itself, or makes
 * the one that has these bytes the newest. RC_IO with errno, and then nothing has changed. Makes
 * `dir`. `content` gets the digest of the bytes. `known`, of all slots, is used and kept up; or
 * NULL. */
MUST_USE enum rc plan_slot_write(const char *dir, uint64_t generation, int64_t wall_us,
	const struct plan_bytes *bytes, uint8_t content[SHA256_BYTES],
	struct plan_slot_known *known);
/* The plan with that digest has proved itself, and the one before it is any other. RC_IO with
 * errno. */
MUST_USE enum rc plan_slot_prove(const char *dir, const uint8_t content[SHA256_BYTES]);
