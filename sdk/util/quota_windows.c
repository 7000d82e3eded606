/* SPDX-License-Identifier: Apache-2.0 */
#include "util/quota_windows.h"

#include <string.h>

#define DIGEST_BYTES      32
#define STORE_ENTRIES_MAX 1000000
#define STORE_BYTES_MAX   (UINT64_C(256) << 20)

/* A counter for each length of a window of each who has a quota: a digest tells them apart whatever their names' length,
 * and one whose windows change begins new ones. */
struct key {
	char bytes[1 + sizeof(int64_t) + DIGEST_BYTES];
};

struct window {
	int64_t requests_max, period_ms;
	int is_pending;
	struct sluice_answer answer;
};

struct quota_windows {
	size_t count;
	int64_t cost;
	uint8_t who[DIGEST_BYTES];
	struct window items[];
};

static struct sluice_str key_of(struct key *to, const struct quota_windows *w, size_t i)
{
	to->bytes[0] = (char)i;
	memcpy(to->bytes + 1, &w->items[i].period_ms, sizeof(int64_t));
	memcpy(to->bytes + 1 + sizeof(int64_t), w->who, DIGEST_BYTES);
	return (struct sluice_str){to->bytes, sizeof(to->bytes)};
}

static struct sluice_question question_of(
	struct key *key, const struct quota_windows *w, size_t i, int64_t delta)
{
	return (struct sluice_question){
		.size = sizeof(struct sluice_question),
		.kind = SLUICE_COUNT,
		.key = key_of(key, w, i),
		.delta = delta,
		.limit = w->items[i].requests_max,
		.for_ms = w->items[i].period_ms,
	};
}

int32_t quota_store_init(struct quota_store *store, const struct sluice_call *call, int shared)
{
	const struct sluice_state_options options = {.size = sizeof(options),
		.entries_max = STORE_ENTRIES_MAX,
		.bytes_max = STORE_BYTES_MAX,
		.shared = shared != 0};
	store->crypto = call->host->service(SLUICE_CRYPTO_SERVICE);
	store->state = call->host->service(SLUICE_STATE_SERVICE);
	store->counters = store->state->open(call->instance, &options);
	return store->counters ? SLUICE_OK : SLUICE_E_FULL;
}

static struct quota_windows *windows_new(const struct quota_store *store,
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota_terms *terms)
{
	struct quota_windows *w =
		call->host->exchange_alloc(x, sizeof(*w) + terms->count * sizeof(w->items[0]));
	if (!w)
		return NULL;
	w->count = terms->count;
	w->cost = terms->cost;
	store->crypto->sha256(terms->who, w->who);
	for (size_t i = 0; i < w->count; i++)
		w->items[i] = (struct window){
			.requests_max = terms->limits[i].requests_max,
			.period_ms = terms->limits[i].period_ms,
			.answer = {.size = sizeof(w->items[i].answer)},
		};
	return w;
}

int32_t quota_windows_ask(const struct quota_store *store, const struct sluice_call *call,
	struct sluice_exchange *x, const struct quota_terms *terms, struct quota_windows **out)
{
	struct quota_windows *w = windows_new(store, call, x, terms);
	int32_t all = SLUICE_OK;
	*out = w;
	if (!w)
		return SLUICE_E_FULL;
	for (size_t i = 0; i < w->count; i++) {
		struct key key;
		const struct sluice_question question = question_of(&key, w, i, w->cost);
		int32_t rc = store->state->ask(x, store->counters, &question, &w->items[i].answer);
		w->items[i].is_pending = rc == SLUICE_PENDING;
		if (rc == SLUICE_PENDING)
			all = rc;
		else if (rc != SLUICE_OK)
			return rc;
	}
	return all;
}

/* Answers come in the order of the questions. */
int32_t quota_windows_take(
	const struct quota_store *store, struct sluice_exchange *x, struct quota_windows *w)
{
	int32_t rc = SLUICE_OK;
	for (size_t i = 0; rc == SLUICE_OK && i < w->count; i++)
		if (w->items[i].is_pending)
			rc = store->state->take(x, store->counters, &w->items[i].answer);
	return rc;
}

static void forget(
	const struct sluice_call *call, const struct sluice_answer *answer, int32_t rc, void *arg)
{
}

/* Takes back what other windows have counted of a request that one refuses. It does not wait, and outlives the
 * exchange; what a store cannot take back stays counted, to the client's cost. */
static void give_back(const struct quota_store *store, const struct sluice_call *call,
	const struct quota_windows *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct key key;
		const struct sluice_question question = question_of(&key, w, i, -w->cost);
		if (w->items[i].answer.result == SLUICE_OK)
			store->state->start(call, store->counters, &question, forget, NULL);
	}
}

static struct quota quota_of(const struct window *w)
{
	int allowed = w->answer.result == SLUICE_OK;
	int64_t left = w->requests_max - w->answer.count;
	return (struct quota){
		.allowed = allowed,
		.limit = (uint64_t)w->requests_max,
		.remaining = allowed && left > 0 ? (uint64_t)left : 0,
		.reset_ms = w->answer.remaining_ms,
	};
}

/* Whether a client has to know of `a` rather than of `b`. */
static int is_nearer(const struct quota *a, const struct quota *b)
{
	if (a->allowed != b->allowed)
		return !a->allowed;
	if (a->remaining != b->remaining)
		return a->remaining < b->remaining;
	return a->reset_ms > b->reset_ms;
}

int32_t quota_windows_judge(const struct quota_store *store, const struct sluice_call *call,
	const struct quota_windows *w, struct quota *quota)
{
	*quota = (struct quota){.allowed = 1};
	for (size_t i = 0; i < w->count; i++) {
		int32_t result = w->items[i].answer.result;
		if (result != SLUICE_OK && result != SLUICE_E_CONFLICT)
			return result;
		struct quota other = quota_of(&w->items[i]);
		other.index = (uint32_t)i;
		if (quota->limit == 0 || is_nearer(&other, quota))
			*quota = other;
	}
	if (!quota->allowed)
		give_back(store, call, w);
	return SLUICE_OK;
}
