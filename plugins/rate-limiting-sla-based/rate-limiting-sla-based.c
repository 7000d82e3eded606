/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting-sla-based - client applications, as often as the tier of their contract says. */
#include "util/client_contract.h"
#include "util/quota_windows.h"

#include "sluice/request.h"

struct state {
	struct client_contract client;
	struct quota_store store;
	struct quota_store here; /* while `store` cannot be asked */
	enum quota_unknown unknown;
	int expose;
	int32_t unknown_clients, limited, undecided;
};

/* Of one request. */
struct visit {
	struct quota_windows *windows;
	int is_here;
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
		.unknown = quota_unknown_of(host, config),
		.unknown_clients =
			host->counter_define(call->instance, SLUICE_STR("sla_client_unknown"),
				SLUICE_STR("Requests without the credentials of a client that "
					   "has a contract")),
		.limited = host->counter_define(call->instance, SLUICE_STR("sla_rate_limited"),
			SLUICE_STR("Requests refused beyond the tier's limits")),
		.undecided = host->counter_define(call->instance, SLUICE_STR("sla_undecided"),
			SLUICE_STR("Requests whose shared quota could not be told")),
	};
	if (!s->expose)
		host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_HEAD);
	int32_t rc = client_contract_init(&s->client, call, config);
	if (rc == SLUICE_OK)
		rc = quota_store_init(&s->store, call,
			host->value_bool(host->value_get(config, SLUICE_STR("clusterizable")), 1));
	if (rc == SLUICE_OK && s->unknown == QUOTA_COUNT_HERE)
		rc = quota_store_init(&s->here, call, 0);
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
/* The client's contract, told to all that follows. */
static int32_t contract_find(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_contract *contract)
{
	const struct state *s = call->state;
	int32_t rc = client_contract_find(&s->client, call, x, contract);
	if (rc == SLUICE_E_NOT_FOUND)
		call->host->counter_add(call->instance, s->unknown_clients, 1);
	return rc == SLUICE_OK ? client_contract_tell(call, x, contract) : rc;
}

/* Of `replicas` each has an n-th of the tier, but one request at least. */
static int64_t part_of(int64_t requests_max, int64_t replicas)
{
	int64_t part = requests_max / replicas;
	if (part > SLUICE_COUNT_MAX)
		return SLUICE_COUNT_MAX;
	return part > 0 ? part : 1;
}

static int32_t ask(const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_contract *contract, struct visit *visit)
{
	const struct state *s = call->state;
	int64_t replicas = visit->is_here ? quota_store_replicas(&s->store) : 1;
	struct sluice_quota_limit limits[QUOTA_WINDOWS_MAX];
	const struct quota_terms terms = {
		contract->client_id, limits, contract->limit_count, SLUICE_QUOTA_FIXED, 1, 0};
	if (terms.count > QUOTA_WINDOWS_MAX) {
		call->host->log(call->instance, x, SLUICE_LOG_ERROR,
			SLUICE_STR("the client's contract has more than 16 limits"));
		return SLUICE_E_FULL;
	}
	for (size_t i = 0; i < terms.count; i++)
		limits[i] = (struct sluice_quota_limit){
			part_of(contract->limits[i].requests_max, replicas),
			contract->limits[i].period_ms, 0};
	return quota_windows_ask(
		visit->is_here ? &s->here : &s->store, call, x, &terms, &visit->windows);
}

static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x, int32_t rc)
{
	return client_contract_refuse(call, x, rc, SLUICE_STR("Client-ID-Enforcement"));
}

static int32_t settle(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *visit, int32_t rc);

/* Nobody could tell. Whose contract has ended meanwhile is refused. */
static int32_t undecided(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *visit)
{
	const struct state *s = call->state;
	struct sluice_contract contract = {.size = sizeof(contract)};
	if (!visit->is_here)
		call->host->counter_add(call->instance, s->undecided, 1);
	if (s->unknown == QUOTA_ALLOW)
		return SLUICE_CONTINUE;
	if (s->unknown == QUOTA_DENY || visit->is_here)
		return quota_deny(call, x);
	int32_t rc = contract_find(call, x, &contract);
	if (rc != SLUICE_OK)
		return refuse(call, x, rc);
	visit->is_here = 1;
	return settle(call, x, visit, ask(call, x, &contract, visit));
}

/* `rc`: of the question, or of its answer. */
static int32_t settle(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *visit, int32_t rc)
{
	const struct state *s = call->state;
	if (rc == SLUICE_PENDING)
		return call->host->wait(x, QUOTA_WAIT_MS);
	if (rc == SLUICE_E_FULL)
		return SLUICE_FAIL;
	if (rc != SLUICE_OK || quota_windows_judge(visit->windows, &visit->quota) != SLUICE_OK)
		return undecided(call, x, visit);
	if (visit->quota.allowed)
		return SLUICE_CONTINUE;
	call->host->counter_add(call->instance, s->limited, 1);
	return quota_refuse(call, x, &visit->quota, SLUICE_STR("rate_limited"));
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct sluice_contract contract = {.size = sizeof(contract)};
	struct visit *visit = host->data_get(x);
	if (host->resumed(x))
		return settle(call, x, visit,
			quota_windows_take(
				visit->is_here ? &s->here : &s->store, x, visit->windows));
	int32_t rc = contract_find(call, x, &contract);
	if (rc != SLUICE_OK)
		return refuse(call, x, rc);
	visit = host->exchange_alloc(x, sizeof(*visit));
	if (!visit)
		return SLUICE_FAIL;
	*visit = (struct visit){.windows = NULL};
	host->data_set(x, visit);
	return settle(call, x, visit, ask(call, x, &contract, visit));
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
