/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/expr.h - the service "sluice.expr/1": values of the configuration that are expressions.
 *
 * A string of the form #[...] is an expression over the exchange; any other value stands for itself.
 * docs/expressions.md describes the language. In request callbacks
 * attributes.headers are the request's; in response callbacks they are the response's, and
 * attributes.statusCode is its status. `vars` are the properties of the chain, and what the plugin
 * adds.
 */
#ifndef SLUICE_EXPR_H
#define SLUICE_EXPR_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_EXPR_SERVICE "sluice.expr/1"

struct sluice_expr; /* compiled; belongs to the instance */

/* What an expression looks at, by `uses`. */
enum {
	SLUICE_EXPR_CONSTANT = 1, /* nothing: it stands for itself */
	SLUICE_EXPR_PAYLOAD = 2   /* the body: evaluate it in a body callback */
};

/* Variables that the plugin adds under `vars`, before the properties of the chain. */
struct sluice_expr_vars {
	uint32_t size;
	uint32_t reserved;
	/* During an evaluation: the value of vars.<name>, or SLUICE_E_NOT_FOUND. The view must last
	 * until the evaluation returns. */
	int32_t (*get)(void *arg, struct sluice_exchange *exchange, struct sluice_str name,
		struct sluice_str *value);
	void *arg;
};

struct sluice_expr_service {
	uint32_t size;
	uint32_t reserved;

	/* `configure` only. NULL, and a configuration error at `value`, when it does not compile or
	 * is no string, number or boolean. `value` NULL is the constant null. */
	struct sluice_expr *(*compile)(
		struct sluice_instance *instance, const struct sluice_value *value);
	/* At the latest in `release`; NULL is harmless. */
	void (*free)(struct sluice_instance *instance, struct sluice_expr *expr);
	uint32_t (*uses)(const struct sluice_expr *expr);

	/* Exchange callbacks; `vars` may be NULL. SLUICE_E_RUNTIME when the evaluation fails: `error`
	 * tells why. SLUICE_E_NOT_FOUND when the result is null. */
	/* As text; numbers and booleans are written out, other types fail. The view is good for as long
	 * as the exchange, or what the expression took it from, lasts. */
	int32_t (*to_string)(const struct sluice_expr *expr, struct sluice_exchange *exchange,
		const struct sluice_expr_vars *vars, struct sluice_str *value);
	/* Any type but a boolean fails. */
	int32_t (*to_bool)(const struct sluice_expr *expr, struct sluice_exchange *exchange,
		const struct sluice_expr_vars *vars, int32_t *value);
	int32_t (*to_number)(const struct sluice_expr *expr, struct sluice_exchange *exchange,
		const struct sluice_expr_vars *vars, double *value);
	/* Why the last evaluation on this thread failed; valid until the next one. */
	struct sluice_str (*error)(void);
};

#ifdef __cplusplus
}
#endif
#endif
