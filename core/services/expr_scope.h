/* SPDX-License-Identifier: Apache-2.0 */
/* services/expr_scope.h - an exchange as expressions see it.
 *
 * attributes.headers and .statusCode are those of the request or of the response, by the callback
 * that runs; the other attributes are the request's in both. Values are views of the exchange where
 * they can be, else in its arena. */
#pragma once

#include "expr/expr.h"
#include "policy/chain.h"

struct sluice_expr_vars;

struct expr_exchange {
	struct expr_scope scope;
	struct sluice_exchange *x;
	const struct sluice_expr_vars *vars; /* the plugin's; may be NULL */
	bool is_response;
};

/* `x` is the exchange whose callback runs. Fill it, evaluate, forget it. */
void expr_exchange_init(
	struct expr_exchange *e, struct sluice_exchange *x, const struct sluice_expr_vars *vars);
