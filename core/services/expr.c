/* SPDX-License-Identifier: Apache-2.0 */
/* services/expr.c - "sluice.expr/1": values of the configuration that may be expressions. */
#include "sluice/expr.h"

#include "base/utf8.h"
#include "plan/plan.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/expr_scope.h"
#include "services/services_priv.h"

#include <stdio.h>

enum { COMPILE, TO_STRING, TO_BOOL, TO_NUMBER };
static const struct policy_call calls[] = {
	[COMPILE] = {"sluice.expr/1 compile", IN(CONFIGURE)},
	[TO_STRING] = {"sluice.expr/1 to_string", IN_EXCHANGE},
	[TO_BOOL] = {"sluice.expr/1 to_bool", IN_EXCHANGE},
	[TO_NUMBER] = {"sluice.expr/1 to_number", IN_EXCHANGE},
};


struct sluice_expr {
	struct expr *expr;          /* owned; NULL: it stands for itself */
	struct expr_value constant; /* when it does: a view into the configuration */
	uint32_t uses;
};

/* Why the last evaluation on this thread failed. */
static _Thread_local struct expr_error last_error;

static int32_t fail(const char *message)
{
	snprintf(last_error.message, sizeof(last_error.message), "%s", message);
	return SLUICE_E_RUNTIME;
}

static int32_t fail_type(const char *expected, enum expr_type found)
{
	snprintf(last_error.message, sizeof(last_error.message), "expected a %s, found: %s",
		expected, expr_type_name(found));
	return SLUICE_E_RUNTIME;
}

/* --- compiling ------------------------------------------------------------------------------- */
/* The value itself; false for arrays and objects. */
static bool constant_of(const struct plan_node *n, struct expr_value *out)
{
	*out = (struct expr_value){.type = EXPR_NULL};
	switch (n ? n->type : PLAN_NULL) {
	case PLAN_NULL:
		return true;
	case PLAN_BOOL:
		*out = (struct expr_value){.type = EXPR_BOOL, .u.boolean = n->u.boolean};
		return true;
	case PLAN_INTEGER:
		*out = (struct expr_value){.type = EXPR_NUMBER, .u.number = (double)n->u.integer};
		return true;
	case PLAN_REAL:
		*out = (struct expr_value){.type = EXPR_NUMBER, .u.number = n->u.real};
		return true;
	case PLAN_STRING:
		*out = (struct expr_value){.type = EXPR_STRING, .u.string = n->u.string};
		return true;
	default:
		return false;
	}
}

static uint32_t uses_of(const struct expr *e)
{
	uint32_t uses = expr_is_constant(e) ? SLUICE_EXPR_CONSTANT : 0;
	return expr_uses(e) & 1u << EXPR_PAYLOAD ? uses | SLUICE_EXPR_PAYLOAD : uses;
}

/* Characters count from 1, over the whole value as it was written. */
static void report(struct sluice_instance *i, const struct sluice_value *at, struct str text,
	const struct expr_error *error)
{
	char message[300];
	size_t before = utf8_length(str_slice(text, 0, 2 + error->offset));
	int n = snprintf(message, sizeof(message), "%s at character %zu of the expression",
		error->message, before + 1);
	policy_config_error(i, at, str_n(message, (size_t)n));
}

static bool compile_into(struct sluice_expr *e, struct sluice_instance *i,
	const struct sluice_value *at, const struct plan_node *node)
{
	if (!constant_of(node, &e->constant)) {
		policy_config_error(
			i, at, STR("expected an expression, a string, a number or a boolean"));
		return false;
	}
	e->uses = SLUICE_EXPR_CONSTANT;
	struct str text = e->constant.u.string;
	if (e->constant.type != EXPR_STRING || !expr_is_expression(text))
		return true;
	struct expr_error error;
	if (expr_compile(str_slice(text, 2, text.n - 3), 0, &e->expr, &error) != RC_OK) {
		report(i, at, text, &error);
		return false;
	}
	e->uses = uses_of(e->expr);
	return true;
}

static struct sluice_expr *compile(struct sluice_instance *i, const struct sluice_value *value)
{
	if (!policy_allows(&calls[COMPILE], i))
		return NULL;
	struct sluice_expr *e = policy_alloc(i, sizeof(*e));
	if (!e) {
		policy_config_error(i, value, STR("the policy has no memory left"));
		return NULL;
	}
	*e = (struct sluice_expr){0};
	if (compile_into(e, i, value, policy_config_node(value)))
		return e;
	policy_free(i, e);
	return NULL;
}

static void release(struct sluice_instance *i, struct sluice_expr *e)
{
	if (!e)
		return;
	expr_free(e->expr);
	policy_free(i, e);
}

static uint32_t uses(const struct sluice_expr *e)
{
	return e->uses;
}

/* --- evaluating ------------------------------------------------------------------------------ */
static int32_t evaluate(const struct policy_call *call, const struct sluice_expr *e,
	struct sluice_exchange *x, const struct sluice_expr_vars *vars, struct expr_value *out)
{
	if (!policy_allows_exchange(call, x)) {
		fail("an expression is evaluated in callbacks of its exchange alone");
		return SLUICE_E_WRONG_CALLBACK;
	}
	if (!e->expr) {
		*out = e->constant;
		return SLUICE_OK;
	}
	struct expr_exchange scope;
	expr_exchange_init(&scope, x, vars);
	return expr_eval(e->expr, &scope.scope, x->arena, out, &last_error) == RC_OK
		       ? SLUICE_OK
		       : SLUICE_E_RUNTIME;
}

static int32_t to_string(const struct sluice_expr *e, struct sluice_exchange *x,
	const struct sluice_expr_vars *vars, struct sluice_str *value)
{
	struct expr_value result;
	struct str text;
	int32_t rc = evaluate(&calls[TO_STRING], e, x, vars, &result);
	if (rc != SLUICE_OK)
		return rc;
	switch (expr_to_text(&result, x->arena, &text)) {
	case RC_OK:
		*value = str_out(text);
		return SLUICE_OK;
	case RC_NOT_FOUND:
		return SLUICE_E_NOT_FOUND;
	case RC_FULL:
		return fail("the memory of the exchange is spent");
	default:
		return fail_type("string", result.type);
	}
}

static int32_t to_bool(const struct sluice_expr *e, struct sluice_exchange *x,
	const struct sluice_expr_vars *vars, int32_t *value)
{
	struct expr_value result;
	int32_t rc = evaluate(&calls[TO_BOOL], e, x, vars, &result);
	if (rc != SLUICE_OK)
		return rc;
	if (result.type == EXPR_NULL)
		return SLUICE_E_NOT_FOUND;
	if (result.type != EXPR_BOOL)
		return fail_type("boolean", result.type);
	*value = result.u.boolean;
	return SLUICE_OK;
}

static int32_t to_number(const struct sluice_expr *e, struct sluice_exchange *x,
	const struct sluice_expr_vars *vars, double *value)
{
	struct expr_value result;
	int32_t rc = evaluate(&calls[TO_NUMBER], e, x, vars, &result);
	if (rc != SLUICE_OK)
		return rc;
	if (result.type == EXPR_NULL)
		return SLUICE_E_NOT_FOUND;
	if (result.type != EXPR_NUMBER)
		return fail_type("number", result.type);
	*value = result.u.number;
	return SLUICE_OK;
}

static struct sluice_str error_text(void)
{
	return str_out(str_of(last_error.message));
}

const void *services_expr_table(void)
{
	static const struct sluice_expr_service table = {
		.size = sizeof(table),
		.compile = compile,
		.free = release,
		.uses = uses,
		.to_string = to_string,
		.to_bool = to_bool,
		.to_number = to_number,
		.error = error_text,
	};
	return &table;
}
