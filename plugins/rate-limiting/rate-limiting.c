/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting - so many requests per window, by key.
 *
 * Windows are fixed, and opened by the first request of a key. Every window of `rateLimits` must
 * have quota. Counts are this replica's. */
#include "buckets.h"
#include "sluice/crypto.h"
#include "sluice/expr.h"
#include "sluice/sluice.h"

#include <string.h>

#define KEY_BYTES 32 /* two keys of the keyed hash */

struct state {
	const struct sluice_crypto_service *crypto;
	const struct sluice_expr_service *expr;
	struct sluice_expr *selector; /* NULL: one bucket for all */
	struct buckets *buckets;      /* counted */
	uint8_t hash_key[KEY_BYTES];
	int32_t expose;
	int32_t refused;
};

/* --- configuration --------------------------------------------------------------------------- */
static int32_t complain(
	const struct sluice_call *call, const struct sluice_value *at, struct sluice_str message)
{
	call->host->config_error(call->instance, at, message);
	return SLUICE_E_INVALID;
}

static int32_t window_init(const struct sluice_call *call, const struct sluice_value *entry,
	struct window_limit *window)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *max = host->value_get(entry, SLUICE_STR("maximumRequests"));
	const struct sluice_value *period =
		host->value_get(entry, SLUICE_STR("timePeriodInMilliseconds"));
	int64_t requests = host->value_integer(max, 0);
	window->period_ms = host->value_integer(period, 0);
	if (requests < 1)
		return complain(
			call, max ? max : entry, SLUICE_STR("maximumRequests is at least 1"));
	/* A year: so that no sum with a clock overflows. */
	if (window->period_ms < 1 || window->period_ms > INT64_C(31536000000))
		return complain(call, period ? period : entry,
			SLUICE_STR("timePeriodInMilliseconds is from 1 to a year's"));
	window->requests_max = (uint64_t)requests;
	return SLUICE_OK;
}

static int32_t windows_init(const struct sluice_call *call, const struct sluice_value *config,
	struct window_limit *windows, size_t *count)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *list = host->value_get(config, SLUICE_STR("rateLimits"));
	*count = host->value_count(list);
	if (*count < 1 || *count > WINDOWS_MAX)
		return complain(
			call, list ? list : config, SLUICE_STR("rateLimits has 1 to 16 entries"));
	int32_t rc = SLUICE_OK;
	for (size_t i = 0; i < *count; i++)
		if (window_init(call, host->value_at(list, i, NULL), &windows[i]) != SLUICE_OK)
			rc = SLUICE_E_INVALID;
	return rc;
}

/* The counters go on where the windows are the same; so does the key of the hash. */
static int32_t buckets_init(struct state *s, const struct state *previous,
	const struct window_limit *windows, size_t count)
{
	if (previous && buckets_match(previous->buckets, windows, count)) {
		s->buckets = buckets_ref(previous->buckets);
		memcpy(s->hash_key, previous->hash_key, sizeof(s->hash_key));
		return SLUICE_OK;
	}
	int32_t rc = s->crypto->random(s->hash_key, sizeof(s->hash_key));
	if (rc != SLUICE_OK)
		return rc;
	s->buckets = buckets_new(windows, count);
	return s->buckets ? SLUICE_OK : SLUICE_E_FULL;
}

static int32_t selector_init(
	const struct sluice_call *call, struct state *s, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *at = host->value_get(config, SLUICE_STR("keySelector"));
	if (!at || host->value_type(at) == SLUICE_NULL)
		return SLUICE_OK;
	s->selector = s->expr->compile(call->instance, at);
	if (!s->selector)
		return SLUICE_E_INVALID;
	if (s->expr->uses(s->selector) & SLUICE_EXPR_PAYLOAD)
		return complain(
			call, at, SLUICE_STR("payload is not at hand when the request is counted"));
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	s->expr->free(call->instance, s->selector);
	buckets_unref(s->buckets);
	call->host->instance_free(call->instance, s);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){
		.crypto = host->service(SLUICE_CRYPTO_SERVICE),
		.expr = host->service(SLUICE_EXPR_SERVICE),
		.expose = host->value_bool(host->value_get(config, SLUICE_STR("exposeHeaders")), 0),
		.refused = host->counter_define(call->instance, SLUICE_STR("rate_limited"),
			SLUICE_STR("Requests refused by rate limiting")),
	};
	if (!s->expose)
		host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_HEAD);
	struct window_limit windows[WINDOWS_MAX];
	size_t count;
	int32_t rc = windows_init(call, config, windows, &count);
	int32_t selector = selector_init(call, s, config);
	rc = rc == SLUICE_OK ? selector : rc;
	if (rc == SLUICE_OK)
		rc = buckets_init(s, previous, windows, count);
	if (rc == SLUICE_OK) {
		*out = s;
		return rc;
	}
	struct sluice_call own = *call;
	own.state = s;
	release(&own);
	return rc;
}

/* --- exchanges ------------------------------------------------------------------------------- */
static struct bucket_key key_of(const struct state *s, struct sluice_str text)
{
	if (!s->selector)
		return (struct bucket_key){0, 1};
	return (struct bucket_key){s->crypto->keyed_hash(s->hash_key, text),
		s->crypto->keyed_hash(s->hash_key + KEY_BYTES / 2, text)};
}

static int32_t refuse(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota)
{
	const struct state *s = call->state;
	call->host->counter_add(call->instance, s->refused, 1);
	return quota_refuse(call, x, quota, SLUICE_STR("rate_limited"));
}

/* No key, no count, no pass. A missing value is the bucket "". */
static int32_t select_key(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str *key)
{
	const struct state *s = call->state;
	*key = SLUICE_STR("");
	if (!s->selector)
		return SLUICE_OK;
	int32_t rc = s->expr->to_string(s->selector, x, NULL, key);
	if (rc == SLUICE_E_NOT_FOUND) {
		*key = SLUICE_STR("");
		return SLUICE_OK;
	}
	if (rc != SLUICE_OK)
		call->host->log(call->instance, x, SLUICE_LOG_ERROR, s->expr->error());
	return rc;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct sluice_str text;
	if (select_key(call, x, &text) != SLUICE_OK)
		return SLUICE_FAIL;
	struct quota quota = buckets_take(s->buckets, key_of(s, text), call->host->now_ms(x));
	if (s->expose) {
		struct quota *kept = call->host->exchange_alloc(x, sizeof(*kept));
		if (!kept)
			return SLUICE_FAIL;
		*kept = quota;
		call->host->data_set(x, kept);
	}
	return quota.allowed ? SLUICE_CONTINUE : refuse(call, x, &quota);
}

/* Also for the 429 of this policy: the walk of an answer begins here. */
static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct quota *quota = call->host->data_get(x);
	if (quota)
		quota_expose(call, x, quota);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "rate-limiting",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CRYPTO_SERVICE, SLUICE_EXPR_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "rate-limiting",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
