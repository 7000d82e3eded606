/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/plugin_notes.h"

#include "policy/policy_priv.h"

#include <stdio.h>

enum rc plugin_check_abi(const struct plugin *p, struct str abi, char *message, size_t message_size)
{
	char own[24];
	snprintf(own, sizeof(own), "%u.%u", p->head.abi_major, p->head.abi_minor);
	if (abi.n == 0 || str_eq(abi, str_of(own)))
		return RC_OK;
	snprintf(message, message_size,
		"its note says plugin ABI %.*s, and its descriptor %s (ABI_MINOR of "
		"sluice_add_plugin is to be its abi_minor)",
		STR_ARG(abi), own);
	return RC_INVALID;
}

/* What the code has instead. */
static void tell_absent(const struct plugin *p, struct str name, char *message, size_t message_size)
{
	int n = snprintf(message, message_size,
		"its policy.yaml defines the policy %.*s, and its code has none of that name; it "
		"has ",
		STR_ARG(name));
	for (size_t i = 0; i < p->policy_count && n > 0 && (size_t)n < message_size; i++)
		n += snprintf(message + n, message_size - (size_t)n, "%s%s", i > 0 ? ", " : "",
			p->policies[i].name);
}

enum rc plugin_check_policy(const struct plugin *p, struct str name, struct str version,
	char *message, size_t message_size)
{
	const struct sluice_policy *policy = plugin_policy(p, name);
	if (!policy) {
		tell_absent(p, name, message, message_size);
		return RC_INVALID;
	}
	const char *own = policy->version ? policy->version : p->head.version;
	if (version.n == 0 || str_eq(version, str_of(own)))
		return RC_OK;
	snprintf(message, message_size,
		"its policy.yaml says version %.*s of the policy %.*s, and its code %.64s",
		STR_ARG(version), STR_ARG(name), own);
	return RC_INVALID;
}

enum rc plugin_check_notes(
	const struct plugin *p, const struct plan_node *plugin, char *message, size_t message_size)
{
	const struct plan_node *policies = plan_get(plugin, "policies"), *each;
	const struct plan_node *versions = plan_get(plugin, "versions");
	enum rc rc =
		plugin_check_abi(p, plan_string(plugin, "abi", STR_EMPTY), message, message_size);
	for (size_t i = 0; rc == RC_OK && (each = plan_at(policies, i)); i++) {
		struct str name = each->type == PLAN_STRING ? each->u.string : STR_EMPTY;
		const struct plan_node *version = plan_get_str(versions, name);
		bool is_said = version && version->type == PLAN_STRING;
		rc = plugin_check_policy(
			p, name, is_said ? version->u.string : STR_EMPTY, message, message_size);
	}
	return rc;
}
