/* SPDX-License-Identifier: Apache-2.0 */
/* services/cache_capture.h - bodies of responses on their way into a store, as sluice.cache/1 has them
 * stored piece by piece.
 *
 * Ownership    the exchange's; given up at its end at the latest.
 * Threads      the worker of the exchange. */
#pragma once

#include "services/named_cache.h"

/* As the SDK's table has them. */
int32_t cache_store_begin(struct sluice_exchange *x, struct sluice_cache *cache,
	const struct sluice_cache_item *given);
int32_t cache_store_piece(
	struct sluice_exchange *x, struct sluice_cache *cache, const struct sluice_body *piece);
int32_t cache_store_abandon(struct sluice_exchange *x, struct sluice_cache *cache);
