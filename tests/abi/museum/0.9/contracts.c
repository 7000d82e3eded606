/* SPDX-License-Identifier: Apache-2.0 */
/* An API without contracts: what those say, unit tests and integration tests ask. */
#include "exhibit.h"

#include "sluice/contracts.h"

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_contracts_service *c = call->host->service(SLUICE_CONTRACTS_SERVICE);
	struct sluice_contract contract = {.size = sizeof(contract)};
	SEE(SLUICE_HAS(c, secret_matches));
	SEE(c->find(x, SLUICE_STR("nobody"), &contract) == SLUICE_E_NOT_FOUND);
	SEE(c->secret_matches(x, SLUICE_STR("nobody"), SLUICE_STR("secret")) == 0);
	contract.size = 8;
	SEE(c->find(x, SLUICE_STR("nobody"), &contract) < 0);
	return answer(call, x);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "contracts",
	.version = "1.0.0",
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("contracts", SLUICE_CONTRACTS_SERVICE, NULL)
