/* SPDX-License-Identifier: Apache-2.0 */
/* services/caches.h - the stores of sluice.cache/1, for whoever runs the gateway.
 *
 * A store has the name that its policy gave it, or that of its binding ("default/shop:http-caching").
 *
 * Threads      the main thread.
 */
#pragma once

#include "base/str.h"

/* What is on disk of stores that nobody has opened is deleted. */
void services_caches_sweep(void);
/* The process ends: what is on disk of stores that go from now on stays there. */
void services_caches_end(void);

struct cache_account {
	struct str policy, name;
	uint64_t entries, entries_max, bytes, bytes_max;
};
typedef void cache_account_fn(const struct cache_account *account, void *arg);
/* Each of them, in no order. */
void services_caches(cache_account_fn *fn, void *arg);
/* Drops all that the stores of that name hold; what is being sent lasts until then, and what exchanges have begun to
 * store is given up. How many entries; -1: there is no such store. */
int64_t services_cache_purge(struct str name);
