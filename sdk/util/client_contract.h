/* SPDX-License-Identifier: Apache-2.0 */
/* util/client_contract.h - the client application that a request names, and its contract with the API.
 *
 * For policies with the parameters clientIdExpression and clientSecretExpression. Without the latter an id alone is
 * believed.
 *
 * Threads      _init and _deinit on the main thread; the rest in exchange callbacks of any worker.
 */
#pragma once

#include "sluice/contracts.h"
#include "sluice/expr.h"
#include "sluice/sluice.h"

struct client_contract {
	const struct sluice_contracts_service *contracts;
	const struct sluice_expr_service *expr;
	struct sluice_expr *id, *secret; /* owned; secret NULL: none is asked for */
};

/* SLUICE_E_INVALID: told, at its place. What the secret's expression reads of fields and parameters by name is kept
 * out of records. The plugin requires the services contracts, expr and request. */
int32_t client_contract_init(struct client_contract *c, const struct sluice_call *call,
	const struct sluice_value *config);
/* Also of one whose _init failed. */
void client_contract_deinit(struct client_contract *c, const struct sluice_call *call);

/* SLUICE_OK: `contract` is filled. SLUICE_E_NOT_FOUND: no id, an unknown one, or not its secret; how long it takes
 * does not tell which. SLUICE_E_RUNTIME: an expression failed; the log says why. */
int32_t client_contract_find(const struct client_contract *c, const struct sluice_call *call,
	struct sluice_exchange *x, struct sluice_contract *contract);
/* The same by credentials that were read otherwise. */
int32_t client_contract_prove(const struct client_contract *c, struct sluice_exchange *x,
	struct sluice_str id, struct sluice_str secret, struct sluice_contract *contract);
/* Tells later policies, expressions and the record who it is: the client, and its tier as the properties slaTierId
 * and slaTierName, where it has one. */
int32_t client_contract_tell(const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_contract *contract);
/* Of what _find or _prove returned: 401 with that challenge, 500, or SLUICE_FAIL; to be returned by the callback. */
int32_t client_contract_refuse(const struct sluice_call *call, struct sluice_exchange *x,
	int32_t rc, struct sluice_str challenge);
