/* SPDX-License-Identifier: Apache-2.0 */
/* services/cache_found.h - what exchanges look for in stores of bodies, and what they have found.
 *
 * Ownership    the exchange's; given up at its end at the latest.
 * Threads      the worker of the exchange. */
#pragma once

#include "policy/operation.h"
#include "services/far_cache.h"

/* The SDK's entry; in the exchange's arena. */
struct sluice_cache_entry {
	struct operation operation;
	struct task task; /* ends it, when its answer is told to be late */
	const struct sluice_cache *cache;
	struct cache_entry *entry; /* ref; NULL: there is none */
	bool is_given;
	/* Where the shared storage was asked. */
	struct far_look *far; /* owned; under way */
	struct str key;
	uint64_t seen; /* the version that stood there */
};

/* As the SDK's table has them. */
int32_t cache_find_for(struct sluice_exchange *x, struct sluice_cache *cache, struct sluice_str key,
	struct sluice_cached *cached);
int32_t cache_take_found(
	struct sluice_exchange *x, struct sluice_cache *cache, struct sluice_cached *cached);

/* What the plugin gave as an entry, if this binding has found it in this exchange: in whichever
 * direction. Nothing of it is read before. */
struct sluice_cache_entry *cache_found_of(const struct policy_call *call, struct sluice_exchange *x,
	const struct sluice_cache_entry *given);
/* The version that the exchange at hand has seen under that key in the shared storage; or
 * SLUICE_VERSION_ANY. */
uint64_t cache_found_seen(const struct sluice_cache *cache, struct str key);
