/* SPDX-License-Identifier: Apache-2.0 */
/* services/contracts.c - the contracts of an exchange's API. Each worker has the table of the
 * generation that it serves by; it changes between two callbacks. */
#include "sluice/contracts.h"

#include "base/memory.h"
#include "policy/chain.h"
#include "policy/contracts.h"
#include "policy/legal.h"
#include "services/services_priv.h"

enum { FIND, SECRET_MATCHES };
static const struct policy_call calls[] = {
	[FIND] = {"sluice.contracts/1 find", IN_EXCHANGE},
	[SECRET_MATCHES] = {"sluice.contracts/1 secret_matches", IN_EXCHANGE},
};

_Static_assert(sizeof(struct sluice_contract_limit) == sizeof(struct contract_limit) &&
		       offsetof(struct sluice_contract_limit, period_ms) ==
			       offsetof(struct contract_limit, period_ms),
	"the SDK's limits are those of the table");

void services_use_contracts(const struct contracts *contracts)
{
	services_thread.contracts = contracts;
}

static const struct contract *contract_of(
	const struct sluice_exchange *x, struct sluice_str client_id)
{
	return contracts_find(services_thread.contracts, x->api, str_in(client_id));
}

static int32_t find(struct sluice_exchange *x, struct sluice_str client_id,
	struct sluice_contract *contract)
{
	if (!policy_allows_exchange(&calls[FIND], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (!contract || contract->size < sizeof(*contract))
		return SLUICE_E_INVALID;
	const struct contract *c = contract_of(x, client_id);
	if (!c)
		return SLUICE_E_NOT_FOUND;
	*contract = (struct sluice_contract){
		.size = contract->size,
		.has_secret = c->has_secret,
		.name = str_out(c->name),
		.client_id = str_out(c->client_id),
		.client_name = str_out(c->client_name),
		.tier_id = str_out(c->tier_id),
		.tier_name = str_out(c->tier_name),
		.limits = (const struct sluice_contract_limit *)c->limits,
		.limit_count = c->limit_count,
	};
	return SLUICE_OK;
}

static int32_t secret_matches(
	struct sluice_exchange *x, struct sluice_str client_id, struct sluice_str secret)
{
	if (!policy_allows_exchange(&calls[SECRET_MATCHES], x))
		return SLUICE_E_WRONG_CALLBACK;
	return contract_secret_matches(
		contract_of(x, client_id), x->api, str_in(client_id), str_in(secret));
}

const void *services_contracts_table(void)
{
	static const struct sluice_contracts_service table = {
		.size = sizeof(table),
		.find = find,
		.secret_matches = secret_matches,
	};
	return &table;
}
