/* SPDX-License-Identifier: Apache-2.0 */
/* process/plan_slot.h - a slot as a file, without the thread. */
#pragma once

#include "process/plan_store.h"

#define PLAN_SLOTS 2

/* RC_NOT_FOUND: no such file; RC_INVALID: damaged, or of another format; RC_IO with errno. `bytes`
 * (may be NULL) gets the plan. `message` (may be NULL) says what is wrong. */
MUST_USE enum rc plan_slot_read(const char *dir, unsigned slot, struct buffer *bytes,
	struct plan_store_info *info, const char **message);
/* Writes to the slot that does not hold the newest plan, or marks the one that has these bytes as the
 * newest. RC_IO with errno, and then nothing has changed. Makes `dir`. */
MUST_USE enum rc plan_slot_write(
	const char *dir, uint64_t generation, int64_t wall_us, struct str bytes);
