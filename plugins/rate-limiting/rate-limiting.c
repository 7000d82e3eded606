/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting - so many requests per period, by key.
 *
 * Every limit of `rateLimits` must have quota. Counts are this replica's; or, where the gateway has
 * a shared storage, of all replicas, one round trip a request. */
#include "rate_limiting.h"

#include "sluice/crypto.h"
#include "util/config_complain.h"

#include <string.h>

#define COST_MAX 9007199254740992 /* 2^53: doubles are exact */

/* --- configuration --------------------------------------------------------------------------- */
/* The counts go on where the limits are the same; so does the key of the hash. */
static int32_t buckets_init(
	struct state *s, const struct state *previous, const struct limits *limits)
{
	if (previous && buckets_match(previous->buckets, limits)) {
		s->buckets = buckets_ref(previous->buckets);
		memcpy(s->hash_key, previous->hash_key, sizeof(s->hash_key));
		elsewhere_continue(&s->elsewhere, &previous->elsewhere);
		return SLUICE_OK;
	}
	int32_t rc = s->crypto->random(s->hash_key, sizeof(s->hash_key));
	if (rc != SLUICE_OK)
		return rc;
	s->buckets = buckets_new(limits);
	return s->buckets ? SLUICE_OK : SLUICE_E_FULL;
}

/* NULL in `*expr`: there is none. */
static int32_t expression_init(const struct sluice_call *call, struct state *s,
	const struct sluice_value *at, struct sluice_expr **expr)
{
	if (!at || call->host->value_type(at) == SLUICE_NULL)
		return SLUICE_OK;
	*expr = s->expr->compile(call->instance, at);
	if (!*expr)
		return SLUICE_E_INVALID;
	if (s->expr->uses(*expr) & SLUICE_EXPR_PAYLOAD)
		return config_complain(
			call, at, SLUICE_STR("payload is not at hand when the request is counted"));
	return SLUICE_OK;
}

static int32_t policies_init(
	const struct sluice_call *call, struct state *s, const struct limits *limits)
{
	char text[LIMITS_TEXT_MAX];
	size_t n = limits_text(limits, text);
	char *kept = call->host->instance_alloc(call->instance, n);
	if (!kept)
		return SLUICE_E_FULL;
	memcpy(kept, text, n);
	s->policies = kept;
	s->policies_bytes = n;
	return SLUICE_OK;
}

static int is_cost(double number)
{
	return number >= 0 && number <= COST_MAX && number == (double)(uint64_t)number;
}

/* A text that is no expression is no number either. */
static int32_t cost_init(
	const struct sluice_call *call, const struct sluice_value *config, struct state *s)
{
	const struct sluice_value *at = call->host->value_get(config, SLUICE_STR("cost"));
	struct sluice_str text = call->host->value_string(at, SLUICE_STR("#["));
	if (!is_cost(call->host->value_real(at, 0)))
		return config_complain(call, at, SLUICE_STR("cost is a whole number of 0 or more"));
	if (text.n < 2 || memcmp(text.p, "#[", 2) != 0)
		return config_complain(
			call, at, SLUICE_STR("cost is a number, or an expression in #[ ]"));
	return expression_init(call, s, at, &s->cost);
}

/* All mistakes are told, not the first alone. */
static int32_t state_init(const struct sluice_call *call, const struct sluice_value *config,
	struct state *s, const struct state *previous)
{
	const struct sluice_host *host = call->host;
	struct limits limits;
	int32_t rc = limits_read(call, config, &limits);
	int32_t selector = expression_init(
		call, s, host->value_get(config, SLUICE_STR("keySelector")), &s->selector);
	int32_t cost = cost_init(call, config, s);
	rc = rc == SLUICE_OK ? selector : rc;
	rc = rc == SLUICE_OK ? cost : rc;
	if (rc == SLUICE_OK &&
		host->value_bool(host->value_get(config, SLUICE_STR("exposeRateLimitFields")), 0))
		rc = policies_init(call, s, &limits);
	if (rc == SLUICE_OK)
		rc = elsewhere_init(&s->elsewhere, call, config, &limits);
	return rc == SLUICE_OK ? buckets_init(s, previous, &limits) : rc;
}

static int tells_client(const struct state *s)
{
	return s->expose || s->policies;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	s->expr->free(call->instance, s->selector);
	s->expr->free(call->instance, s->cost);
	call->host->instance_free(call->instance, s->policies);
	buckets_unref(s->buckets);
	elsewhere_deinit(&s->elsewhere, call);
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
		.report_only =
			host->value_bool(host->value_get(config, SLUICE_STR("reportOnly")), 0),
		.refused = host->counter_define(call->instance, SLUICE_STR("rate_limited"),
			SLUICE_STR("Requests refused by rate limiting")),
		.reported = host->counter_define(call->instance, SLUICE_STR("rate_limit_reported"),
			SLUICE_STR("Requests over the limit that passed, for it is only reported")),
		.undecided =
			host->counter_define(call->instance, SLUICE_STR("rate_limit_undecided"),
				SLUICE_STR("Requests whose shared quota could not be told")),
	};
	int32_t rc = state_init(call, config, s, previous);
	if (rc == SLUICE_OK) {
		if (!tells_client(s))
			host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_HEAD);
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
	int32_t rc = s->expr->to_string(s->selector, x, NULL, key);
	if (rc == SLUICE_E_NOT_FOUND) {
		*key = SLUICE_STR("");
		return SLUICE_OK;
	}
	if (rc != SLUICE_OK)
		call->host->log(call->instance, x, SLUICE_LOG_ERROR, s->expr->error());
	return rc;
}

/* What cannot be told counts for nothing less: it does not pass. */
static int32_t find_cost(const struct sluice_call *call, struct sluice_exchange *x, uint64_t *cost)
{
	const struct state *s = call->state;
	double number;
	int32_t rc = s->expr->to_number(s->cost, x, NULL, &number);
	struct sluice_str why = SLUICE_STR("cost is a whole number of 0 or more");
	if (rc != SLUICE_OK && rc != SLUICE_E_NOT_FOUND)
		why = s->expr->error();
	else if (rc == SLUICE_OK && is_cost(number)) {
		*cost = (uint64_t)number;
		return SLUICE_OK;
	}
	call->host->log(call->instance, x, SLUICE_LOG_ERROR, why);
	return SLUICE_E_INVALID;
}

static int32_t keep(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota)
{
	struct visit *kept = call->host->exchange_alloc(x, sizeof(*kept));
	if (!kept)
		return SLUICE_E_FULL;
	*kept = (struct visit){.quota = *quota};
	call->host->data_set(x, kept);
	return SLUICE_OK;
}

static int32_t report(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	call->host->counter_add(call->instance, s->reported, 1);
	sluice_tell_violation(call->host, x, SLUICE_STR("rate_limited"));
	return SLUICE_CONTINUE;
}

/* Of what is over the limit. */
static int32_t judge(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota)
{
	const struct state *s = call->state;
	return s->report_only ? report(call, x) : refuse(call, x, quota);
}

static inline int32_t settle(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota)
{
	if (tells_client(call->state) && keep(call, x, quota) != SLUICE_OK)
		return SLUICE_FAIL;
	return quota->allowed ? SLUICE_CONTINUE : judge(call, x, quota);
}

static int32_t count_here(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str text, uint64_t cost)
{
	const struct state *s = call->state;
	int64_t now_ms = call->host->now_ms(x);
	struct quota quota = s->selector ? buckets_take(s->buckets, key_of(s, text), now_ms, cost)
					 : buckets_take_of_all(s->buckets, now_ms, cost);
	return settle(call, x, &quota);
}

int32_t request_settle(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota)
{
	return settle(call, x, quota);
}

int32_t request_judge(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota)
{
	return judge(call, x, quota);
}

static __attribute__((noinline)) int32_t count_what_is_asked(
	const struct sluice_call *call, struct sluice_exchange *x, int is_shared)
{
	const struct state *s = call->state;
	struct sluice_str text = SLUICE_STR("");
	uint64_t cost = 1;
	if (is_shared && call->host->resumed(x))
		return elsewhere_resume(call, x);
	if (s->selector && select_key(call, x, &text) != SLUICE_OK)
		return SLUICE_FAIL;
	if (s->cost && find_cost(call, x, &cost) != SLUICE_OK)
		return SLUICE_FAIL;
	if (!is_shared)
		return count_here(call, x, text, cost);
	struct bucket_key key = s->selector ? key_of(s, text) : (struct bucket_key){0, 1};
	return elsewhere_count(call, x, text, key, cost);
}

/* Most limits count all requests as one, each as one, and here: they pay for nothing else (100 instructions of 230). */
static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	int is_shared = elsewhere_is_shared(&s->elsewhere);
	if (is_shared || s->selector || s->cost)
		return count_what_is_asked(call, x, is_shared);
	struct quota quota = buckets_take_of_all(s->buckets, call->host->now_ms(x), 1);
	return settle(call, x, &quota);
}

/* Also for the 429 of this policy: the walk of an answer begins here. */
static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	const struct visit *visit = call->host->data_get(x);
	if (!visit || !visit->quota.limit)
		return SLUICE_CONTINUE;
	if (s->expose)
		quota_expose(call, x, &visit->quota);
	if (s->policies)
		quota_expose_fields(call, x, &visit->quota,
			(struct sluice_str){s->policies, s->policies_bytes});
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "rate-limiting",
	.version = "1.1.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {
		SLUICE_CRYPTO_SERVICE, SLUICE_EXPR_SERVICE, SLUICE_STATE_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "rate-limiting",
		.version = "1.1.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
