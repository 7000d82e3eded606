/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/contracts.h - the service "sluice.contracts/1": which clients have a contract with the API of an
 * exchange, on which terms.
 *
 *	struct sluice_contract c = {.size = sizeof(c)};
 *	int32_t known = contracts->find(x, id, &c) == SLUICE_OK;
 *	int32_t right = contracts->secret_matches(x, id, secret);
 *	if (!known || right != 1)
 *	        return deny(call, x);              // 401 for both, after the same time
 *	host->authenticate(x, c.client_id, c.client_id, c.client_name);
 *
 * Contracts are found in memory, at once. A configuration that changes them counts from the next
 * callback on, for exchanges under way, too, and makes no instance anew.
 */
#ifndef SLUICE_CONTRACTS_H
#define SLUICE_CONTRACTS_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_CONTRACTS_SERVICE "sluice.contracts/1"

/* So many requests in such a time. */
struct sluice_contract_limit {
	int64_t requests_max;
	int64_t period_ms;
};

/* Views and `limits` are valid until the callback returns. */
struct sluice_contract {
	uint32_t size;       /* set by the caller */
	uint32_t has_secret; /* 1: the client has one to give */
	struct sluice_str name; /* of the contract: "namespace/name" */
	struct sluice_str client_id, client_name; /* the latter may be empty */
	struct sluice_str tier_id, tier_name;     /* of the service level agreement; may be empty */
	const struct sluice_contract_limit *limits;
	size_t limit_count;
};

struct sluice_contracts_service {
	uint32_t size;
	uint32_t reserved;

	/* Any exchange callback, log and done among them. The contract of that client with the exchange's
	 * API; ids are compared byte by byte. SLUICE_E_NOT_FOUND: there is none; SLUICE_E_INVALID:
	 * `contract` is smaller than its first version. */
	int32_t (*find)(struct sluice_exchange *exchange, struct sluice_str client_id,
		struct sluice_contract *contract);
	/* The same callbacks: 1 when that is the secret of the client's contract; 0 when it is not, when
	 * the contract has none, and when there is no contract. How long it takes tells nothing of
	 * which. The gateway has a digest of each secret, keyed by API and client, and no secret. */
	int32_t (*secret_matches)(struct sluice_exchange *exchange, struct sluice_str client_id,
		struct sluice_str secret);
};

#ifdef __cplusplus
}
#endif
#endif
