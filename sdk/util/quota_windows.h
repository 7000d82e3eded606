/* SPDX-License-Identifier: Apache-2.0 */
/* util/quota_windows.h - counting a request in all windows of somebody's quota, or in none, in a store.
 *
 * Threads      of an exchange: its worker.
 */
#pragma once

#include "sluice/crypto.h"
#include "sluice/state.h"
#include "util/quota_answer.h"

#define QUOTA_WINDOWS_MAX SLUICE_QUOTA_LIMITS_MAX
/* For host->wait: a store has a deadline of its own, which comes before. */
#define QUOTA_WAIT_MS 60000

struct quota_store {
	const struct sluice_crypto_service *crypto;
	const struct sluice_state_service *state;
	struct sluice_state *counters; /* the instance's */
};

/* In `configure`: opens it for as many who have a quota; it is shared where it can be and `shared` is not 0.
 * SLUICE_E_FULL: it could not be, and the log says why. */
int32_t quota_store_init(struct quota_store *store, const struct sluice_call *call, int shared);
/* Whether questions go to other machines now: only then may they be answered later, or not at all. */
static inline int quota_store_is_shared(const struct quota_store *store)
{
	return store->counters && store->state->is_shared(store->counters);
}

/* How many gateways share it; 1 or more. */
static inline uint32_t quota_store_replicas(const struct quota_store *store)
{
	return store->state->replicas(store->counters);
}

/* Whose quota, and how much: at most QUOTA_WINDOWS_MAX windows. */
struct quota_terms {
	struct sluice_str who;
	const struct sluice_quota_limit *limits; /* as sluice/state.h wants them */
	size_t count;
	enum sluice_quota_kind kind;
	int64_t cost; /* what the request takes of each */
	int64_t more; /* taken ahead beside it, of fixed windows (sluice/state.h) */
};

/* When nobody can tell what is left. */
enum quota_unknown { QUOTA_DENY, QUOTA_ALLOW, QUOTA_COUNT_HERE };
/* `onStoreError` of a configuration; where it says nothing the vendor's `blockOnUnknownQuota`, which is true
 * unless it is there. */
enum quota_unknown quota_unknown_of(
	const struct sluice_host *host, const struct sluice_value *config);
/* 503, to be returned by the callback: 429 says that there was too much, which nobody knows. */
int32_t quota_deny(const struct sluice_call *call, struct sluice_exchange *x);

/* The question of one request. */
struct quota_windows;

/* Asks; lives as long as the exchange. SLUICE_OK, SLUICE_PENDING (then host->wait and quota_windows_take),
 * SLUICE_E_FULL: no memory; SLUICE_E_UNAVAILABLE. */
int32_t quota_windows_ask(const struct quota_store *store, const struct sluice_call *call,
	struct sluice_exchange *x, const struct quota_terms *terms, struct quota_windows **out);
/* SLUICE_OK, or why there is no answer. */
int32_t quota_windows_take(
	const struct quota_store *store, struct sluice_exchange *x, struct quota_windows *w);
/* Once it is answered: SLUICE_OK, and `quota` of the window with the least left; where it is not allowed, nothing was
 * counted. Without windows all is allowed, and quota->limit 0. Else why it cannot be told. */
int32_t quota_windows_judge(const struct quota_windows *w, struct quota *quota);
/* For whoever takes ahead; once it is answered. */
const struct sluice_answer *quota_windows_answer(const struct quota_windows *w);
/* Asks for no request: the answer comes to `fn`, as sluice/state.h says of `start`. */
int32_t quota_windows_start(const struct quota_store *store, const struct sluice_call *call,
	const struct quota_terms *terms, sluice_answer_fn *fn, void *arg);
