/* SPDX-License-Identifier: Apache-2.0 */
/* callout - a policy that calls services. */
#include "sluice/sluice.h"

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *list = host->value_get(config, SLUICE_STR("services"));
	const struct sluice_value *at;
	for (size_t i = 0; (at = host->value_at(list, i, NULL)); i++)
		if (!host->target(call->instance, at))
			return SLUICE_E_INVALID;
	return SLUICE_OK;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "callout",
	.version = "1.0.0",
	.configure = configure,
};

static const struct sluice_policy *const policies[] = {&policy};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "callout",
		.version = "1.0.0",
		.policies = policies,
	};
	return &plugin;
}
