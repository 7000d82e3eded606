/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "sluice/text.h"
#include "util/config_complain.h"

#define BYTES_MIN INT64_C(65536)
#define BYTES_MAX (INT64_C(64) << 30)

static int32_t expression_init(const struct settings *s, const struct sluice_call *call,
	const struct sluice_value *config, struct sluice_str name, struct sluice_expr **out)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *at = host->value_get(config, name);
	if (!at || host->value_type(at) == SLUICE_NULL)
		return SLUICE_OK;
	*out = s->expr->compile(call->instance, at);
	if (!*out)
		return SLUICE_E_INVALID;
	if (s->expr->uses(*out) & SLUICE_EXPR_PAYLOAD)
		return config_complain(
			call, at, SLUICE_STR("payload is not at hand when this is asked"));
	return SLUICE_OK;
}

static int32_t expressions_init(
	struct settings *s, const struct sluice_call *call, const struct sluice_value *config)
{
	int32_t key = expression_init(s, call, config, SLUICE_STR("httpCachingKey"), &s->key);
	int32_t request =
		expression_init(s, call, config, SLUICE_STR("requestExpression"), &s->request);
	int32_t response =
		expression_init(s, call, config, SLUICE_STR("responseExpression"), &s->response);
	if (key != SLUICE_OK)
		return key;
	return request != SLUICE_OK ? request : response;
}

static int64_t bytes_of(
	const struct sluice_call *call, const struct sluice_value *config, struct sluice_str name)
{
	return sluice_bytes(call->host->value_string(
		call->host->value_get(config, name), (struct sluice_str){"", 0}));
}

static int64_t integer(
	const struct sluice_call *call, const struct sluice_value *config, struct sluice_str name)
{
	return call->host->value_integer(call->host->value_get(config, name), 0);
}

static int32_t cache_init(
	struct settings *s, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	int64_t all = bytes_of(call, config, SLUICE_STR("maxCacheSize"));
	int64_t one = bytes_of(call, config, SLUICE_STR("maxEntrySize"));
	if (all < BYTES_MIN || all > BYTES_MAX)
		return config_complain(call, host->value_get(config, SLUICE_STR("maxCacheSize")),
			SLUICE_STR("expected 64KiB to 64GiB"));
	if (one < 1 || one > all)
		return config_complain(call, host->value_get(config, SLUICE_STR("maxEntrySize")),
			SLUICE_STR("expected 1B to what all entries may have together"));
	int is_shared =
		host->value_bool(host->value_get(config, SLUICE_STR("distributed")), 0) != 0;
	if (is_shared && one > SLUICE_CACHE_SHARED_BYTES_MAX)
		one = SLUICE_CACHE_SHARED_BYTES_MAX;
	s->entry_bytes_max = (uint64_t)one;
	const struct sluice_cache_options options = {.size = sizeof(options),
		.bytes_max = (uint64_t)all,
		.entry_bytes_max = (uint64_t)one,
		.entries_max = (uint32_t)integer(call, config, SLUICE_STR("maxCacheEntries")),
		.persists = host->value_bool(
				    host->value_get(config, SLUICE_STR("persistCache")), 0) != 0,
		.shared = (uint32_t)is_shared};
	s->cache = s->store->open(call->instance, &options);
	return s->cache ? SLUICE_OK : SLUICE_E_FULL;
}

static int32_t invalidation_init(
	struct settings *s, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_value *at =
		call->host->value_get(config, SLUICE_STR("invalidationHeader"));
	s->invalidation = call->host->value_string(at, (struct sluice_str){"", 0});
	if (s->invalidation.n && !sluice_is_token(s->invalidation))
		return config_complain(call, at, SLUICE_STR("expected the name of a header"));
	return SLUICE_OK;
}

static struct sluice_str view(const char *text)
{
	return (struct sluice_str){text, strlen(text)};
}

static void counters_init(struct settings *s, const struct sluice_call *call)
{
	const struct {
		int32_t *counter;
		const char *name, *description;
	} rows[] = {{&s->hits, "cache_hits", "Requests answered by what is stored"},
		{&s->validated, "cache_validated", "Answers that the upstream found unchanged"},
		{&s->stale, "cache_stale", "Requests answered by what is stale"},
		{&s->waited, "cache_waited", "Requests that waited for another one's answer"},
		{&s->invalidated, "cache_invalidated", "Requests that dropped what was stored"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		*rows[i].counter = call->host->counter_define(
			call->instance, view(rows[i].name), view(rows[i].description));
}

int32_t settings_init(struct settings *s, const struct settings *previous,
	const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	*s = (struct settings){.store = host->service(SLUICE_CACHE_SERVICE),
		.expr = host->service(SLUICE_EXPR_SERVICE),
		.timer = host->service(SLUICE_TIMER_SERVICE),
		.crypto = host->service(SLUICE_CRYPTO_SERVICE),
		.ttl_s = integer(call, config, SLUICE_STR("ttl")),
		.stale_if_error_s = integer(call, config, SLUICE_STR("staleIfErrorSeconds")),
		.wait_ms = (uint32_t)integer(
			call, config, SLUICE_STR("collapseTimeoutInMilliseconds")),
		.heeds_fields = host->value_bool(
			host->value_get(config, SLUICE_STR("useHttpCacheHeaders")), 1),
		.tells_status =
			host->value_bool(host->value_get(config, SLUICE_STR("cacheStatus")), 1)};
	counters_init(s, call);
	int32_t rc = expressions_init(s, call, config);
	rc = rc != SLUICE_OK ? rc : invalidation_init(s, call, config);
	rc = rc != SLUICE_OK ? rc : cache_init(s, call, config);
	if (rc != SLUICE_OK)
		return rc;
	s->flights = previous ? flights_ref(previous->flights) : flights_new();
	return s->flights ? SLUICE_OK : SLUICE_E_FULL;
}

void settings_free(struct settings *s, const struct sluice_call *call)
{
	s->expr->free(call->instance, s->key);
	s->expr->free(call->instance, s->request);
	s->expr->free(call->instance, s->response);
	flights_unref(s->flights);
}
