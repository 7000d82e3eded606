/* SPDX-License-Identifier: Apache-2.0 */
/* services/cache_head.h - the fields of an answer from a store.
 *
 * Those that lie in the entry's meta data are checked when they are first sent, and marked there (state/cache_entry.h):
 * from then on they are taken over in one copy. Others, such as Age, are checked each time.
 *
 * Ownership    copies in the arena of the exchange: they outlast the entry.
 * Threads      any worker.
 */
#pragma once

#include "http/message.h"
#include "state/cache_entry.h"

struct sluice_cache_answer;

/* SLUICE_OK, SLUICE_E_INVALID, SLUICE_E_FULL. */
int32_t cache_head_fill(
	struct fields *to, struct cache_entry *e, const struct sluice_cache_answer *a);
