/* SPDX-License-Identifier: Apache-2.0 */
/* state/store.h - a store of counters, values and locks in this process's memory.
 *
 * Shards by a keyed hash of the key, each with a lock that is held for one look-up. What has
 * expired is found when it is looked for, a little of it with every question, and more of it when
 * there is no room for a new key.
 *
 * Invariants   S1  entries and bytes never exceed what was allowed, for more than one question that
 *                  is under way on each other thread.
 *              S2  nothing that has not expired is ever dropped.
 *
 * Ownership    whoever made it.
 * Threads      state_store_ask: any.
 */
#pragma once

#include "base/arena.h"

#include "sluice/state.h"

struct state_store;

struct state_store *state_store_new(uint32_t entries_max, uint64_t bytes_max);
void state_store_free(struct state_store *s); /* NULL: nothing */
/* From here on; what is beyond it already stays. Any thread. */
void state_store_limit(struct state_store *s, uint32_t entries_max, uint64_t bytes_max);

/* The question is valid (state_question_is_valid); `now_ms` is monotonic. A value goes into
 * `arena`; when that is spent the result is SLUICE_E_FULL. A GET of the version that stands there is
 * answered without the value. */
void state_store_ask(struct state_store *s, int64_t now_ms, const struct sluice_question *q,
	struct arena *arena, struct sluice_answer *a);
/* How many there are, expired ones among them. */
size_t state_store_count(const struct state_store *s);
