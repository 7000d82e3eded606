/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting-sla-based - client applications, as often as the tier of their contract says. */
#include "util/client_contract.h"
#include "util/quota_windows.h"

#include "sluice/request.h"

struct state {
	struct client_contract client;
	struct quota_store store;
	int expose;
	int32_t unknown, limited;
};

/* Of one request. */
struct visit {
	struct quota_windows *windows;
	struct quota quota; /* a limit of 0: there is none to tell */
};

/* --- configuration --------------------------------------------------------------------------- */
static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	client_contract_deinit(&s->client, call);
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
		.expose = host->value_bool(host->value_get(config, SLUICE_STR("exposeHeaders")), 0),
		.unknown = host->counter_define(call->instance, SLUICE_STR("sla_client_unknown"),
			SLUICE_STR("Requests without the credentials of a client that has a "
				   "contract")),
		.limited = host->counter_define(call->instance, SLUICE_STR("sla_rate_limited"),
			SLUICE_STR("Requests refused beyond the tier's limits")),
	};
	if (!s->expose)
		host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_HEAD);
	int32_t rc = client_contract_init(&s->client, call, config);
	if (rc == SLUICE_OK)
		rc = quota_store_init(&s->store, call,
			host->value_bool(host->value_get(config, SLUICE_STR("clusterizable")), 1));
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
static int32_t judge(const struct sluice_call *call, struct sluice_exchange *x, struct visit *visit)
{
	const struct state *s = call->state;
	if (quota_windows_judge(visit->windows, &visit->quota) != SLUICE_OK)
		return SLUICE_FAIL;
	if (visit->quota.allowed)
		return SLUICE_CONTINUE;
	call->host->counter_add(call->instance, s->limited, 1);
	return quota_refuse(call, x, &visit->quota, SLUICE_STR("rate_limited"));
}

/* The client's contract, told to all that follows. */
static int32_t contract_find(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_contract *contract)
{
	const struct state *s = call->state;
	int32_t rc = client_contract_find(&s->client, call, x, contract);
	if (rc == SLUICE_E_NOT_FOUND)
		call->host->counter_add(call->instance, s->unknown, 1);
	return rc == SLUICE_OK ? client_contract_tell(call, x, contract) : rc;
}

static int32_t ask(const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_contract *contract, struct quota_windows **windows)
{
	const struct state *s = call->state;
	struct sluice_quota_limit limits[QUOTA_WINDOWS_MAX];
	const struct quota_terms terms = {
		contract->client_id, limits, contract->limit_count, SLUICE_QUOTA_FIXED, 1, 0};
	if (terms.count > QUOTA_WINDOWS_MAX) {
		call->host->log(call->instance, x, SLUICE_LOG_ERROR,
			SLUICE_STR("the client's contract has more than 16 limits"));
		return SLUICE_E_FULL;
	}
	for (size_t i = 0; i < terms.count; i++) {
		int64_t most = contract->limits[i].requests_max;
		limits[i] = (struct sluice_quota_limit){
			most < SLUICE_COUNT_MAX ? most : SLUICE_COUNT_MAX,
			contract->limits[i].period_ms, 0};
	}
	return quota_windows_ask(&s->store, call, x, &terms, windows);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct sluice_contract contract = {.size = sizeof(contract)};
	struct visit *visit = host->data_get(x);
	if (host->resumed(x))
		return quota_windows_take(&s->store, x, visit->windows) == SLUICE_OK
			       ? judge(call, x, visit)
			       : SLUICE_FAIL;
	int32_t rc = contract_find(call, x, &contract);
	if (rc != SLUICE_OK)
		return client_contract_refuse(call, x, rc, SLUICE_STR("Client-ID-Enforcement"));
	visit = host->exchange_alloc(x, sizeof(*visit));
	if (!visit)
		return SLUICE_FAIL;
	*visit = (struct visit){.windows = NULL};
	host->data_set(x, visit);
	rc = ask(call, x, &contract, &visit->windows);
	if (rc == SLUICE_PENDING)
		return host->wait(x, QUOTA_WAIT_MS);
	return rc == SLUICE_OK ? judge(call, x, visit) : SLUICE_FAIL;
}

/* Also for the 429 of this policy: the walk of an answer begins here. */
static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct visit *visit = call->host->data_get(x);
	if (visit && visit->quota.limit)
		quota_expose(call, x, &visit->quota);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "rate-limiting-sla-based",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CONTRACTS_SERVICE, SLUICE_CRYPTO_SERVICE,
		SLUICE_EXPR_SERVICE, SLUICE_REQUEST_SERVICE, SLUICE_STATE_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "rate-limiting-sla-based",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
