/* SPDX-License-Identifier: Apache-2.0 */
/* Two policies whose cost is looked at: one that lets everything pass, and one that computes an
 * expression. */
#include "sluice/expr.h"

struct state {
	const struct sluice_expr_service *service;
	struct sluice_expr *key;
};

static int32_t pass(const struct sluice_call *call, struct sluice_exchange *x)
{
	(void)call;
	(void)x;
	return SLUICE_CONTINUE;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	*state = s;
	s->service = host->service(SLUICE_EXPR_SERVICE);
	s->key = s->service->compile(call->instance, host->value_get(config, SLUICE_STR("key")));
	return s->key ? SLUICE_OK : SLUICE_E_INVALID;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	if (s)
		s->service->free(call->instance, s->key);
	call->host->instance_free(call->instance, s);
}

static int32_t evaluate(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct state *s = call->state;
	struct sluice_str key;
	if (s->service->to_string(s->key, x, NULL, &key) != SLUICE_OK)
		return SLUICE_FAIL;
	return SLUICE_CONTINUE;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy passing = {.size = sizeof(passing),
		.name = "passing",
		.version = "1.0.0",
		.request_head = pass};
	static const struct sluice_policy evaluating = {.size = sizeof(evaluating),
		.name = "evaluating",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.request_head = evaluate};
	static const struct sluice_policy *const policies[] = {&passing, &evaluating};
	static const char *const services[] = {SLUICE_EXPR_SERVICE, NULL};
	static const struct sluice_plugin plugin = {.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 2,
		.name = "costs",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services};
	return &plugin;
}
