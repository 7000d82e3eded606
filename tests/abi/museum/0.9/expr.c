/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/expr.h"

enum { GREETING, IS_BLUE, SUM, VARIABLE, WORD, COUNT };
static const char *const keys[COUNT] = {"greeting", "isBlue", "sum", "variable", "word"};

struct state {
	const struct sluice_expr_service *service;
	struct sluice_expr *all[COUNT];
};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	s->service = host->service(SLUICE_EXPR_SERVICE);
	SEE(SLUICE_HAS(s->service, error));
	for (int i = 0; i < COUNT; i++) {
		struct sluice_str key = {keys[i], strlen(keys[i])};
		s->all[i] = s->service->compile(call->instance, host->value_get(config, key));
		SEE(s->all[i]);
	}
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	for (int i = 0; i < COUNT; i++)
		s->service->free(call->instance, s->all[i]);
	s->service->free(call->instance, NULL);
	call->host->instance_free(call->instance, s);
}

static int32_t get_variable(
	void *arg, struct sluice_exchange *x, struct sluice_str name, struct sluice_str *value)
{
	(void)x;
	if (!is(name, "mine"))
		return SLUICE_E_NOT_FOUND;
	*value = (struct sluice_str){arg, strlen(arg)};
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct state *s = call->state;
	const struct sluice_expr_service *e = s->service;
	struct sluice_str text;
	int32_t yes = -1;
	double number = 0;
	int32_t verdict = answer(call, x);
	if (verdict != SLUICE_CONTINUE)
		return verdict;
	SEE(e->uses(s->all[WORD]) == SLUICE_EXPR_CONSTANT);
	SEE(e->uses(s->all[VARIABLE]) == SLUICE_EXPR_PAYLOAD);
	SEE(e->to_string(s->all[WORD], x, NULL, &text) == SLUICE_OK && is(text, "blue"));
	SEE(e->to_string(s->all[GREETING], x, NULL, &text) == SLUICE_OK && text.n > 4);
	SEE(e->to_bool(s->all[IS_BLUE], x, NULL, &yes) == SLUICE_OK && yes == 1);
	SEE(e->to_number(s->all[SUM], x, NULL, &number) == SLUICE_OK && number == 42);
	SEE(e->to_bool(s->all[WORD], x, NULL, &yes) == SLUICE_E_RUNTIME && e->error().n > 0);
	return SLUICE_CONTINUE;
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct state *s = call->state;
	char mine[] = "my ";
	const struct sluice_expr_vars vars = {
		.size = sizeof(vars), .get = get_variable, .arg = mine};
	struct sluice_str text;
	SEE(body->end);
	SEE(s->service->to_string(s->all[VARIABLE], x, &vars, &text) == SLUICE_OK &&
		is(text, "my 7"));
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "expr",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
	.response_head = tell};
EXHIBIT("expr", SLUICE_EXPR_SERVICE, NULL)
