/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that does nothing, for its schema. The included ones leave some formats out. */
#include "sluice/sluice.h"

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy policy = {
		.size = sizeof(policy), .name = "every-format", .version = "1.0.0"};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "every-format",
		.version = "1.0.0",
		.policies = policies};
	return &plugin;
}
