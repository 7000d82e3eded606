/* SPDX-License-Identifier: Apache-2.0 */
#include "services/text_of.h"

#include "services/expr_scope.h"

bool services_text_of(const struct expr *e, struct sluice_exchange *x, struct str *out)
{
	struct expr_exchange scope;
	struct expr_value value;
	struct expr_error error;
	expr_exchange_init(&scope, x, NULL);
	scope.is_response = false;
	return expr_eval(e, &scope.scope, x->arena, &value, &error) == RC_OK &&
	       expr_to_text(&value, x->arena, out) == RC_OK;
}
