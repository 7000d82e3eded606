/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting - so many requests per period, by key.
 *
 * Every limit of `rateLimits` must have quota. Counts are this replica's; or, where the gateway has
 * a shared storage, of all replicas, one round trip a request. */
#include "buckets.h"
#include "sluice/crypto.h"
#include "sluice/expr.h"
#include "sluice/sluice.h"
#include "util/config_complain.h"
#include "util/quota_windows.h"

#include <string.h>

#define KEY_BYTES 32               /* two keys of the keyed hash */
#define COST_MAX  9007199254740992 /* 2^53: doubles are exact */

/* When the shared quota cannot be told. */
enum on_store_error { COUNT_LOCALLY, ALLOW, DENY };

struct state {
	const struct sluice_crypto_service *crypto;
	const struct sluice_expr_service *expr;
	struct sluice_expr *selector; /* NULL: one bucket for all */
	struct sluice_expr *cost;     /* NULL: 1 */
	struct buckets *buckets;      /* counted */
	char *policies;               /* owned: RateLimit-Policy; NULL: not told */
	size_t policies_bytes;
	uint8_t hash_key[KEY_BYTES];
	struct quota_store store; /* no counters: every replica counts for itself */
	enum on_store_error on_store_error;
	size_t limit_count;
	struct sluice_quota_limit limits[WINDOWS_MAX]; /* the windows, for the store */
	enum sluice_quota_kind kind;
	int32_t expose;
	int32_t report_only;
	int32_t refused, reported, undecided;
};

/* Of a request that somebody is told of, or that is counted elsewhere. */
struct visit {
	struct quota quota; /* a limit of 0: there is none to tell */
	struct sluice_str key;
	uint64_t cost;
	struct quota_windows *windows;
};

/* --- configuration --------------------------------------------------------------------------- */
/* The counts go on where the limits are the same; so does the key of the hash. */
static int32_t buckets_init(
	struct state *s, const struct state *previous, const struct limits *limits)
{
	if (previous && buckets_match(previous->buckets, limits)) {
		s->buckets = buckets_ref(previous->buckets);
		memcpy(s->hash_key, previous->hash_key, sizeof(s->hash_key));
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

/* The vendor's word decides where ours says nothing. */
static enum on_store_error on_store_error_of(
	const struct sluice_host *host, const struct sluice_value *config)
{
	struct sluice_str word = host->value_string(
		host->value_get(config, SLUICE_STR("onStoreError")), SLUICE_STR(""));
	if (word.n == 5 && memcmp(word.p, "local", 5) == 0)
		return COUNT_LOCALLY;
	if (word.n == 5 && memcmp(word.p, "allow", 5) == 0)
		return ALLOW;
	if (word.n > 0)
		return DENY;
	return host->value_bool(host->value_get(config, SLUICE_STR("blockOnUnknownQuota")), 1)
		       ? DENY
		       : ALLOW;
}

static enum sluice_quota_kind kind_of(const struct algorithm *algorithm)
{
	if (algorithm == &algorithm_sliding_window)
		return SLUICE_QUOTA_SLIDING;
	return algorithm == &algorithm_gcra ? SLUICE_QUOTA_EVEN : SLUICE_QUOTA_FIXED;
}

static int64_t at_most(uint64_t n)
{
	return n < COST_MAX ? (int64_t)n : COST_MAX;
}

static int32_t store_init(const struct sluice_call *call, struct state *s,
	const struct sluice_value *config, const struct limits *limits)
{
	const struct sluice_host *host = call->host;
	s->on_store_error = on_store_error_of(host, config);
	if (!host->value_bool(host->value_get(config, SLUICE_STR("clusterizable")), 1))
		return SLUICE_OK;
	s->kind = kind_of(limits->algorithm);
	s->limit_count = limits->count;
	for (size_t i = 0; i < limits->count; i++) {
		const struct window_limit *w = &limits->windows[i];
		s->limits[i] = (struct sluice_quota_limit){
			at_most(w->requests_max), w->period_ms, at_most(w->burst)};
	}
	return quota_store_init(&s->store, call, 1);
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
		rc = store_init(call, s, config, &limits);
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

/* --- counted elsewhere ----------------------------------------------------------------------- */
/* 429 says that there was too much, which nobody knows here. */
static int32_t deny(const struct sluice_call *call, struct sluice_exchange *x)
{
	int32_t rc = call->host->respond_error(x, 503, NULL, 0,
		SLUICE_STR("The quota cannot be told"), SLUICE_STR("quota_unknown"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t undecided(
	const struct sluice_call *call, struct sluice_exchange *x, const struct visit *visit)
{
	const struct state *s = call->state;
	call->host->counter_add(call->instance, s->undecided, 1);
	if (s->on_store_error == COUNT_LOCALLY)
		return count_here(call, x, visit->key, visit->cost);
	return s->on_store_error == ALLOW || s->report_only ? SLUICE_CONTINUE : deny(call, x);
}

static int32_t shared_judge(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *visit)
{
	if (quota_windows_judge(visit->windows, &visit->quota) != SLUICE_OK)
		return undecided(call, x, visit);
	return visit->quota.allowed ? SLUICE_CONTINUE : judge(call, x, &visit->quota);
}

static int32_t count_elsewhere(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str key, uint64_t cost)
{
	const struct state *s = call->state;
	const struct quota_terms terms = {key, s->limits, s->limit_count, s->kind, (int64_t)cost};
	struct visit *visit = call->host->exchange_alloc(x, sizeof(*visit));
	if (!visit)
		return SLUICE_FAIL;
	*visit = (struct visit){.key = key, .cost = cost};
	call->host->data_set(x, visit);
	int32_t rc = quota_windows_ask(&s->store, call, x, &terms, &visit->windows);
	if (rc == SLUICE_PENDING)
		return call->host->wait(x, QUOTA_WAIT_MS);
	return rc == SLUICE_OK ? shared_judge(call, x, visit) : undecided(call, x, visit);
}

static int32_t resume(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct visit *visit = call->host->data_get(x);
	if (quota_windows_take(&s->store, x, visit->windows) == SLUICE_OK)
		return shared_judge(call, x, visit);
	return undecided(call, x, visit);
}

static __attribute__((noinline)) int32_t count_what_is_asked(
	const struct sluice_call *call, struct sluice_exchange *x, int is_shared)
{
	const struct state *s = call->state;
	struct sluice_str text = SLUICE_STR("");
	uint64_t cost = 1;
	if (is_shared && call->host->resumed(x))
		return resume(call, x);
	if (s->selector && select_key(call, x, &text) != SLUICE_OK)
		return SLUICE_FAIL;
	if (s->cost && find_cost(call, x, &cost) != SLUICE_OK)
		return SLUICE_FAIL;
	return is_shared ? count_elsewhere(call, x, text, cost) : count_here(call, x, text, cost);
}

/* Most limits count all requests as one, each as one, and here: they pay for nothing else (100 instructions of 230). */
static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	int is_shared = quota_store_is_shared(&s->store);
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
