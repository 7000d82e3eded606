/* SPDX-License-Identifier: Apache-2.0 */
/* state/cache_record.h - an entry of a store as a value in a shared storage.
 *
 * Times are spans, so that no two machines have to agree on a clock: how old it was when it was
 * written, how long it was to last; how long it still lasts the storage knows.
 *
 * Threads      pure functions. */
#pragma once

#include "base/buffer.h"
#include "state/cache_entry.h"

/* Values are not larger (sluice/state.h). */
#define CACHE_RECORD_BYTES_MAX (1u << 20)

/* Appended. `for_ms`: how long it is to last from now on. */
void cache_record_write(
	struct buffer *out, const struct cache_entry *e, int64_t now_ms, int64_t for_ms);
/* With a reference; NULL: it is none, or stands under another key. `remaining_ms`: of the value. */
struct cache_entry *cache_record_read(
	struct str value, struct str key, int64_t now_ms, int64_t remaining_ms);
