/* SPDX-License-Identifier: Apache-2.0 */
#include "util/quota_windows.h"

#include <string.h>

#define DIGEST_BYTES      32
#define STORE_ENTRIES_MAX 1000000
#define STORE_BYTES_MAX   (UINT64_C(256) << 20)

/* One key for all of somebody's windows: a digest tells them apart whatever their names' length, and who has windows of
 * other lengths, or another way for quota to come back, has another one. */
struct key {
	char bytes[1 + QUOTA_WINDOWS_MAX * sizeof(int64_t) + DIGEST_BYTES];
};

struct quota_windows {
	int is_pending;
	size_t count;
	struct sluice_answer answer;
	struct sluice_quota_limit limits[];
};

static struct sluice_str key_of(
	const struct quota_store *store, struct key *to, const struct quota_terms *terms)
{
	uint8_t who[DIGEST_BYTES];
	size_t n = 0;
	to->bytes[n++] = (char)terms->kind;
	for (size_t i = 0; i < terms->count; i++, n += sizeof(int64_t))
		memcpy(to->bytes + n, &terms->limits[i].period_ms, sizeof(int64_t));
	store->crypto->sha256(terms->who, who);
	memcpy(to->bytes + n, who, sizeof(who));
	return (struct sluice_str){to->bytes, n + sizeof(who)};
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

static struct quota_windows *windows_new(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota_terms *terms)
{
	size_t limits_bytes = terms->count * sizeof(terms->limits[0]);
	struct quota_windows *w = call->host->exchange_alloc(x, sizeof(*w) + limits_bytes);
	if (!w)
		return NULL;
	*w = (struct quota_windows){.count = terms->count, .answer = {.size = sizeof(w->answer)}};
	if (limits_bytes)
		memcpy(w->limits, terms->limits, limits_bytes);
	return w;
}

/* Its limits are those of the terms. */
static struct sluice_question question_of(
	const struct quota_store *store, struct key *key, const struct quota_terms *terms)
{
	return (struct sluice_question){.size = sizeof(struct sluice_question),
		.kind = SLUICE_SPEND,
		.key = key_of(store, key, terms),
		.delta = terms->cost,
		.more = terms->more,
		.limits = terms->limits,
		.limit_count = (uint32_t)terms->count,
		.quota = terms->kind};
}

int32_t quota_windows_ask(const struct quota_store *store, const struct sluice_call *call,
	struct sluice_exchange *x, const struct quota_terms *terms, struct quota_windows **out)
{
	struct quota_windows *w = windows_new(call, x, terms);
	struct key key;
	*out = w;
	if (!w)
		return SLUICE_E_FULL;
	if (w->count == 0)
		return SLUICE_OK;
	const struct sluice_question question = question_of(store, &key, terms);
	int32_t rc = store->state->ask(x, store->counters, &question, &w->answer);
	w->is_pending = rc == SLUICE_PENDING;
	return rc;
}

int32_t quota_windows_take(
	const struct quota_store *store, struct sluice_exchange *x, struct quota_windows *w)
{
	return w->is_pending ? store->state->take(x, store->counters, &w->answer) : SLUICE_OK;
}

int32_t quota_windows_judge(const struct quota_windows *w, struct quota *quota)
{
	const struct sluice_answer *a = &w->answer;
	*quota = (struct quota){.allowed = 1};
	if (w->count == 0)
		return SLUICE_OK;
	if (a->result != SLUICE_OK && a->result != SLUICE_E_CONFLICT)
		return a->result;
	const struct sluice_quota_limit *limit = &w->limits[a->index < w->count ? a->index : 0];
	*quota = (struct quota){
		.allowed = a->result == SLUICE_OK,
		.index = a->index,
		.limit = (uint64_t)(limit->burst ? limit->burst : limit->most),
		.remaining = a->count > 0 ? (uint64_t)a->count : 0,
		.reset_ms = a->remaining_ms,
	};
	return SLUICE_OK;
}

const struct sluice_answer *quota_windows_answer(const struct quota_windows *w)
{
	return &w->answer;
}

int32_t quota_windows_start(const struct quota_store *store, const struct sluice_call *call,
	const struct quota_terms *terms, sluice_answer_fn *fn, void *arg)
{
	struct key key;
	const struct sluice_question question = question_of(store, &key, terms);
	return store->state->start(call, store->counters, &question, fn, arg);
}

/* --- without an answer ------------------------------------------------------------------------ */
static int is_word(struct sluice_str text, const char *word)
{
	return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

enum quota_unknown quota_unknown_of(
	const struct sluice_host *host, const struct sluice_value *config)
{
	struct sluice_str word = host->value_string(
		host->value_get(config, SLUICE_STR("onStoreError")), SLUICE_STR(""));
	if (is_word(word, "local"))
		return QUOTA_COUNT_HERE;
	if (is_word(word, "allow"))
		return QUOTA_ALLOW;
	if (word.n > 0)
		return QUOTA_DENY;
	return host->value_bool(host->value_get(config, SLUICE_STR("blockOnUnknownQuota")), 1)
		       ? QUOTA_DENY
		       : QUOTA_ALLOW;
}

int32_t quota_deny(const struct sluice_call *call, struct sluice_exchange *x)
{
	int32_t rc = call->host->respond_error(x, 503, NULL, 0,
		SLUICE_STR("The quota cannot be told"), SLUICE_STR("quota_unknown"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}
