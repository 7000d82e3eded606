/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of docs/sdk/README.md, as somebody outside of this tree builds it. */
#include "sluice/sluice.h"

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *exchange)
{
	int32_t rc = call->host->field_set(
		exchange, SLUICE_RESPONSE, SLUICE_STR("x-hello"), SLUICE_STR("world"));
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "hello",
		.version = "1.0.0",
		.response_head = response_head,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "hello",
		.version = "1.0.0",
		.policies = policies,
	};
	return &plugin;
}
