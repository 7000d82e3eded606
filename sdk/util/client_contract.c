/* SPDX-License-Identifier: Apache-2.0 */
#include "util/client_contract.h"

#include "util/config_complain.h"
#include "util/expr_secret.h"

#include "sluice/text.h"

/* --- configuration --------------------------------------------------------------------------- */
static int32_t compile(const struct client_contract *c, const struct sluice_call *call,
	const struct sluice_value *at, struct sluice_expr **expr)
{
	*expr = c->expr->compile(call->instance, at);
	if (!*expr)
		return SLUICE_E_INVALID;
	if (c->expr->uses(*expr) & SLUICE_EXPR_CONSTANT)
		return config_complain(call, at, SLUICE_STR("every request would have the same"));
	if (c->expr->uses(*expr) & SLUICE_EXPR_PAYLOAD)
		return config_complain(call, at,
			SLUICE_STR("payload is not at hand when the client is looked for"));
	return SLUICE_OK;
}

int32_t client_contract_init(struct client_contract *c, const struct sluice_call *call,
	const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *id = host->value_get(config, SLUICE_STR("clientIdExpression"));
	const struct sluice_value *secret =
		host->value_get(config, SLUICE_STR("clientSecretExpression"));
	*c = (struct client_contract){.contracts = host->service(SLUICE_CONTRACTS_SERVICE),
		.expr = host->service(SLUICE_EXPR_SERVICE)};
	int32_t rc = compile(c, call, id, &c->id);
	if (host->value_type(secret) == SLUICE_NULL ||
		host->value_string(secret, SLUICE_STR("")).n == 0)
		return rc;
	int32_t of_secret = compile(c, call, secret, &c->secret);
	if (of_secret == SLUICE_OK)
		of_secret = expr_secret_hide(call, secret);
	return rc != SLUICE_OK ? rc : of_secret;
}

void client_contract_deinit(struct client_contract *c, const struct sluice_call *call)
{
	if (!c->expr)
		return;
	c->expr->free(call->instance, c->id);
	c->expr->free(call->instance, c->secret);
}

/* --- exchanges ------------------------------------------------------------------------------- */
/* Null is the empty text, which is no client's. */
static int32_t text_of(const struct client_contract *c, const struct sluice_call *call,
	struct sluice_exchange *x, const struct sluice_expr *expr, struct sluice_str *text)
{
	int32_t rc = c->expr->to_string(expr, x, NULL, text);
	if (rc == SLUICE_OK)
		return rc;
	*text = SLUICE_STR("");
	if (rc == SLUICE_E_NOT_FOUND)
		return SLUICE_OK;
	call->host->log(call->instance, x, SLUICE_LOG_ERROR, c->expr->error());
	return SLUICE_E_RUNTIME;
}

int32_t client_contract_find(const struct client_contract *c, const struct sluice_call *call,
	struct sluice_exchange *x, struct sluice_contract *contract)
{
	struct sluice_str id, secret;
	if (text_of(c, call, x, c->id, &id) != SLUICE_OK)
		return SLUICE_E_RUNTIME;
	if (!c->secret)
		return c->contracts->find(x, id, contract);
	if (text_of(c, call, x, c->secret, &secret) != SLUICE_OK)
		return SLUICE_E_RUNTIME;
	return client_contract_prove(c, x, id, secret, contract);
}

int32_t client_contract_prove(const struct client_contract *c, struct sluice_exchange *x,
	struct sluice_str id, struct sluice_str secret, struct sluice_contract *contract)
{
	int32_t is_right = c->contracts->secret_matches(x, id, secret);
	int32_t rc = c->contracts->find(x, id, contract);
	return rc == SLUICE_OK && is_right != 1 ? SLUICE_E_NOT_FOUND : rc;
}

static int32_t tell_property(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str name, struct sluice_str value)
{
	return value.n ? call->host->property_set(x, name, value) : SLUICE_OK;
}

int32_t client_contract_tell(const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_contract *contract)
{
	int32_t rc = call->host->authenticate(
		x, contract->client_id, contract->client_id, contract->client_name);
	if (rc == SLUICE_OK)
		rc = tell_property(call, x, SLUICE_STR("slaTierId"), contract->tier_id);
	if (rc == SLUICE_OK)
		rc = tell_property(call, x, SLUICE_STR("slaTierName"), contract->tier_name);
	return rc;
}

int32_t client_contract_refuse(const struct sluice_call *call, struct sluice_exchange *x,
	int32_t rc, struct sluice_str challenge)
{
	const struct sluice_str fields[] = {SLUICE_STR("WWW-Authenticate"), challenge};
	if (rc == SLUICE_E_NOT_FOUND) {
		sluice_tell_violation(call->host, x, SLUICE_STR("client_unknown"));
		rc = call->host->respond_error(x, 401, fields, 1,
			SLUICE_STR("Invalid client id or secret"), SLUICE_STR("client_unknown"));
	} else if (rc == SLUICE_E_RUNTIME) {
		rc = call->host->respond_error(x, 500, NULL, 0,
			SLUICE_STR("The client's credentials cannot be read"),
			SLUICE_STR("client_expression_failed"));
	}
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}
