/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts stand in the plan beside the APIs that they are with: no API is built anew for them. */
#include "build/build_priv.h"

#include "policy/contracts.h"

void build_contracts(struct build *b)
{
	const struct plan_node *at = NULL;
	if (contracts_new(plan_get(b->root, "contracts"), &b->generation->contracts, &at) != RC_OK)
		build_fatal(b, at, "contracts", "a contract of the plan is damaged");
}
