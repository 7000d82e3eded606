/* SPDX-License-Identifier: Apache-2.0 */
/* witness - a policy that tells the upstream, in fields, what services tell it, and counts requests by
 * whether the client had a certificate. */
#include "sluice/contracts.h"
#include "sluice/metrics.h"
#include "sluice/sluice.h"
#include "sluice/tls.h"

static const struct sluice_tls_service *tls;
static const struct sluice_metrics_service *metrics;
static const struct sluice_contracts_service *contracts;

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	static const struct sluice_str answers[] = {{"no", 2}, {"yes", 3}};
	static const struct sluice_label labels[] = {{{"certificate", 11}, answers, 2}};
	static const struct sluice_metric_definition witnessed = {.size = sizeof(witnessed),
		.kind = SLUICE_COUNTER,
		.name = {"witnessed", 9},
		.description = {"Requests that the witness saw.", 30},
		.labels = labels,
		.label_count = 1};
	tls = call->host->service(SLUICE_TLS_SERVICE);
	metrics = call->host->service(SLUICE_METRICS_SERVICE);
	contracts = call->host->service(SLUICE_CONTRACTS_SERVICE);
	*state = metrics->define(call->instance, &witnessed);
	return *state ? SLUICE_OK : SLUICE_E_INVALID;
}

static void tell(const struct sluice_call *call, struct sluice_exchange *x, const char *field,
	struct sluice_str value)
{
	struct sluice_str name = {field, 0};
	while (field[name.n])
		name.n++;
	call->host->field_add(x, SLUICE_REQUEST, name, value);
}

static int32_t tell_certificate(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_certificate c = {.size = sizeof(c)};
	struct sluice_str name;
	uint32_t at = 0;
	if (tls->client_certificate(x, &c) != SLUICE_OK)
		return 0;
	tell(call, x, "x-subject", c.subject);
	tell(call, x, "x-fingerprint", c.fingerprint);
	while (tls->client_name_next(x, &at, NULL, &name) == SLUICE_OK)
		tell(call, x, "x-name", name);
	return 1;
}

/* Of the client that the request names: its tier, and whether its secret is right. */
static void tell_contract(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_contract c = {.size = sizeof(c)};
	struct sluice_str id, secret = {"", 0};
	const struct sluice_host *host = call->host;
	if (host->field_get(x, SLUICE_REQUEST, SLUICE_STR("x-client"), &id) != SLUICE_OK)
		return;
	host->field_get(x, SLUICE_REQUEST, SLUICE_STR("x-secret"), &secret);
	int32_t is_right = contracts->secret_matches(x, id, secret);
	int32_t is_known = contracts->find(x, id, &c) == SLUICE_OK;
	tell(call, x, "x-known", is_known ? SLUICE_STR("yes") : SLUICE_STR("no"));
	tell(call, x, "x-right", is_right == 1 ? SLUICE_STR("yes") : SLUICE_STR("no"));
	tell(call, x, "x-tier", c.tier_name);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	tell_contract(call, x);
	metrics->add(call->state, tell_certificate(call, x) ? 1 : 0, 1);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "witness",
	.version = "1.0.0",
	.configure = configure,
	.request_head = request_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {
		SLUICE_TLS_SERVICE, SLUICE_METRICS_SERVICE, SLUICE_CONTRACTS_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "witness",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
