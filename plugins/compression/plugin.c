/* SPDX-License-Identifier: Apache-2.0 */
#include "compression.h"

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {
		&compression_policy, &decompression_policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 2,
		.name = "compression",
		.version = "1.0.0",
		.policies = policies,
	};
	return &plugin;
}
