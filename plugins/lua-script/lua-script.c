/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script - a policy whose behaviour is a script of the operator's.
 *
 * interpreter.h has the bounds, visit.h what happens in an exchange, prelude.lua what the script
 * sees. A script that fails, or passes a bound, denies. */
#include "interpreter.h"
#include "settings.h"
#include "visit.h"

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	struct settings *s;
	(void)previous;
	int32_t rc = settings_new(call, config, &s);
	if (rc == SLUICE_OK)
		*state = s;
	return rc;
}

static void release(const struct sluice_call *call)
{
	settings_free(call, call->state);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	return visit_run(call, x, HANDLER_request_head, NULL);
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	return visit_run(call, x, HANDLER_request_body, body);
}

static int32_t request_end(const struct sluice_call *call, struct sluice_exchange *x)
{
	return visit_run(call, x, HANDLER_request_end, NULL);
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	return visit_run(call, x, HANDLER_response_head, NULL);
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	return visit_run(call, x, HANDLER_response_body, body);
}

static int32_t response_end(const struct sluice_call *call, struct sluice_exchange *x)
{
	return visit_run(call, x, HANDLER_response_end, NULL);
}

/* Whatever it says: the exchange is over. */
static void on_log(const struct sluice_call *call, struct sluice_exchange *x)
{
	visit_run(call, x, HANDLER_log, NULL);
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "lua-script",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.worker_start = visit_worker_start,
	.worker_stop = visit_worker_stop,
	.request_head = request_head,
	.request_body = request_body,
	.request_end = request_end,
	.response_head = response_head,
	.response_body = response_body,
	.response_end = response_end,
	.log = on_log,
	.done = visit_done,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CRYPTO_SERVICE, SLUICE_EXPR_SERVICE,
		SLUICE_METRICS_SERVICE, SLUICE_REQUEST_SERVICE, SLUICE_STATE_SERVICE,
		SLUICE_TIMER_SERVICE, NULL};
	static const char *const optional[] = {SLUICE_HTTP_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "lua-script",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
		.optional_services = optional,
	};
	return &plugin;
}
