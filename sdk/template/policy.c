/* The policy @name@: greets in a field of the response, and refuses requests that do not say who
 * they are from, if it is configured to. */
#include <sluice/sluice.h>

/* One binding of the policy, as it is configured. Shared by all workers, and never written again.
 */
struct binding {
	struct sluice_str greeting; /* of the configuration: lives until release */
	int32_t requires_from;
};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	/* The schema in policy.yaml has made sure that both are there. */
	b->greeting =
		host->value_string(host->value_get(config, SLUICE_STR("greeting")), SLUICE_STR(""));
	b->requires_from = host->value_bool(host->value_get(config, SLUICE_STR("requiresFrom")), 0);
	*state = b;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *exchange)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	struct sluice_str from;
	if (!b->requires_from ||
		host->field_get(exchange, SLUICE_REQUEST, SLUICE_STR("from"), &from) == SLUICE_OK)
		return SLUICE_CONTINUE;
	if (host->respond_error(exchange, 400, NULL, 0, SLUICE_STR("who are you?"),
		    SLUICE_STR("no_from")) != SLUICE_OK)
		return SLUICE_FAIL;
	return SLUICE_RESPONDED;
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *exchange)
{
	const struct binding *b = call->state;
	int32_t rc = call->host->field_set(
		exchange, SLUICE_RESPONSE, SLUICE_STR("x-greeting"), b->greeting);
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "@name@",
		.version = "0.1.0",
		.configure = configure,
		.release = release,
		.request_head = request_head,
		.response_head = response_head,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "@name@",
		.version = "0.1.0",
		.policies = policies,
	};
	return &plugin;
}
