/* SPDX-License-Identifier: Apache-2.0 */
/* services/named_cache.h - the stores of sluice.cache/1 by their names: who holds them, what they are
 * allowed, what is counted of them.
 *
 * A store lasts while anybody holds it, across generations; whoever opened it last chooses its limits.
 *
 * Ownership    counted by its holders.
 * Threads      opening and the end: main. The rest: workers, and main. */
#pragma once

#include "base/list.h"
#include "policy/instance.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "state/cache.h"

#include "sluice/cache.h"

struct named_cache;
struct far_cache;

struct sluice_cache {
	struct policy_companion companion;
	struct sluice_instance *instance; /* borrowed: it goes with it */
	struct named_cache *named;
	struct link holder; /* of the named one's list */
	struct cache_options options;
	bool persists, is_shared;
};

/* `given` is valid (named_cache_options_take). */
struct sluice_cache *named_cache_open(
	struct sluice_instance *i, const struct sluice_cache_options *given);
bool named_cache_options_take(
	const struct sluice_cache_options *given, struct sluice_cache_options *o);

/* Whether a cache is that of the policy that runs; else it is told so. */
bool cache_is_own(const struct policy_call *call, const struct sluice_cache *c);
bool cache_may_ask(const struct policy_call *call, const struct sluice_exchange *x,
	const struct sluice_cache *c);
/* Takes what the plugin gave; false: it breaks its contract. */
bool cache_item_take(const struct sluice_cache_item *given, struct sluice_cache_item *item);
bool cache_key_is_valid(struct sluice_str key);
bool cache_terms_are_valid(struct sluice_str meta, int64_t for_ms);

/* What stands here: with a reference; NULL: nothing. The caller says what came of the look-up (_count_found). */
struct cache_entry *named_cache_look(struct named_cache *n, int64_t now_ms, struct str key);
void named_cache_count_found(struct named_cache *n, bool is_found);

/* What is done here is done in the storage that is shared, too, if there is one (services/far_cache.h). On a
 * worker. SLUICE_OK, SLUICE_E_FULL; `seen`: the version that the shared one had, or SLUICE_VERSION_ANY. */
int32_t named_cache_put(const struct sluice_cache *c, int64_t begun_ms,
	const struct sluice_cache_item *item, struct cache_body *body, uint64_t seen);
/* SLUICE_OK, SLUICE_E_CONFLICT: something else stands there. */
int32_t named_cache_touch(const struct sluice_cache *c, const struct cache_entry *e,
	struct str meta, int64_t ends_ms);
bool named_cache_remove(const struct sluice_cache *c, struct str key);
size_t named_cache_remove_group(const struct sluice_cache *c, struct str group);
size_t named_cache_remove_prefix(const struct sluice_cache *c, struct str prefix);

/* For far_cache.c: here alone. */
struct far_cache *named_cache_far(struct named_cache *n);
void named_cache_take_in(struct named_cache *n, struct cache_entry *e);
/* If it is what stands there still. */
void named_cache_drop(struct named_cache *n, const struct cache_entry *e);
/* An entry that came from there; or a question that was not answered. */
void named_cache_count_far(struct named_cache *n, bool is_hit);

/* Bodies on their way into it are bounded as what it holds is. False: it would be too much. */
bool named_cache_expect(struct named_cache *n, uint64_t bytes, uint64_t bytes_max);
void named_cache_expect_no_more(struct named_cache *n, uint64_t bytes);
/* Changes with each purge: what was begun before one is not stored. */
uint64_t named_cache_purges(const struct named_cache *n);
