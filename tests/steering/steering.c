/* SPDX-License-Identifier: Apache-2.0 */
/* steering - changes of an exchange what its configuration says: method, query, claims, trailers; and
 * tells the upstream, in fields, whom it works for. */
#include "sluice/request.h"
#include "sluice/sluice.h"

struct settings {
	struct sluice_str method, query, claims, violation, trailers[2], path, host;
	const struct sluice_target *target;
	int32_t tells;
};

static const struct sluice_request_service *request;

static struct sluice_str text_of(
	const struct sluice_host *h, const struct sluice_value *config, struct sluice_str key)
{
	return h->value_string(h->value_get(config, key), SLUICE_STR(""));
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *h = call->host;
	struct settings *s = h->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	(void)previous;
	s->tells = h->value_bool(h->value_get(config, SLUICE_STR("tells")), 0);
	s->method = text_of(h, config, SLUICE_STR("method"));
	s->query = text_of(h, config, SLUICE_STR("query"));
	s->claims = text_of(h, config, SLUICE_STR("claims"));
	s->violation = text_of(h, config, SLUICE_STR("violation"));
	s->path = text_of(h, config, SLUICE_STR("path"));
	s->host = text_of(h, config, SLUICE_STR("host"));
	const struct sluice_value *target = h->value_get(config, SLUICE_STR("target"));
	s->target = target ? h->target(call->instance, target) : NULL;
	s->trailers[0] = text_of(h, config, SLUICE_STR("requestTrailer"));
	s->trailers[1] = text_of(h, config, SLUICE_STR("responseTrailer"));
	if (!s->trailers[0].n)
		h->callbacks_omit(call->instance, SLUICE_OMIT_REQUEST_BODY);
	if (!s->trailers[1].n)
		h->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_BODY);
	request = h->service(SLUICE_REQUEST_SERVICE);
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static void tell_labels(
	const struct sluice_host *h, struct sluice_exchange *x, enum sluice_labels whose)
{
	struct sluice_str name, value;
	uint32_t at = 0;
	while (h->label_next(x, whose, &at, &name, &value) == SLUICE_OK)
		h->field_add(x, SLUICE_REQUEST,
			whose == SLUICE_LABELS_API ? SLUICE_STR("x-api-label")
						   : SLUICE_STR("x-binding-label"),
			value);
}

static void tell(const struct sluice_host *h, struct sluice_exchange *x)
{
	static const struct {
		struct sluice_str field;
		enum sluice_fact fact;
	} facts[] = {
		{{"x-api-name", 10}, SLUICE_FACT_API_NAME},
		{{"x-api-namespace", 15}, SLUICE_FACT_API_NAMESPACE},
		{{"x-binding-name", 14}, SLUICE_FACT_BINDING_NAME},
		{{"x-stage", 7}, SLUICE_FACT_STAGE},
		{{"x-policy", 8}, SLUICE_FACT_POLICY},
		{{"x-method-received", 17}, SLUICE_FACT_METHOD_RECEIVED},
	};
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		h->field_set(x, SLUICE_REQUEST, facts[i].field, h->fact(x, facts[i].fact));
	tell_labels(h, x, SLUICE_LABELS_API);
	tell_labels(h, x, SLUICE_LABELS_BINDING);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *h = call->host;
	const struct settings *s = call->state;
	const struct sluice_str none = {"", 0};
	int32_t rc = SLUICE_OK;
	if (s->method.n)
		rc = h->method_set(x, s->method);
	if (rc == SLUICE_OK && s->query.n)
		rc = request->query_set(x, SLUICE_STR("steered"), s->query);
	if (rc == SLUICE_OK && s->claims.n)
		rc = h->claim_set(x, none, s->claims);
	if (rc == SLUICE_OK && s->violation.n)
		rc = h->violation(x, s->violation, none, none);
	if (rc == SLUICE_OK && (s->target || s->path.n || s->host.n))
		rc = h->reroute(x, s->target, s->path, s->host);
	if (s->tells)
		tell(h, x);
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

static int32_t add_trailer(const struct sluice_call *call, struct sluice_exchange *x,
	enum sluice_side side, const struct sluice_body *body)
{
	const struct settings *s = call->state;
	struct sluice_str value = s->trailers[side == SLUICE_RESPONSE_TRAILERS];
	if (body->end)
		call->host->field_set(x, side, SLUICE_STR("x-steered"), value);
	return SLUICE_CONTINUE;
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	return add_trailer(call, x, SLUICE_REQUEST_TRAILERS, body);
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	return add_trailer(call, x, SLUICE_RESPONSE_TRAILERS, body);
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "steering",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
	.response_body = response_body,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_REQUEST_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "steering",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
