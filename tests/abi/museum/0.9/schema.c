/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/schema.h"

struct state {
	const struct sluice_schema_service *service;
	struct sluice_document *document;
	struct sluice_schema *order;
};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	struct sluice_str why;
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	const struct sluice_schema_service *service = host->service(SLUICE_SCHEMA_SERVICE);
	SEE(SLUICE_HAS(service, property_item_types));
	s->service = service;
	s->document = service->document_new(call->instance,
		host->value_string(host->value_get(config, SLUICE_STR("document")), SLUICE_STR("")),
		&why);
	SEE(s->document);
	SEE(host->value_count(service->document_root(s->document)) == 1);
	s->order = service->compile(
		call->instance, s->document, SLUICE_STR("#/order"), SLUICE_SCHEMA_OPENAPI_31, &why);
	SEE(s->order);
	SEE(!service->compile(call->instance, s->document, SLUICE_STR("#/none"),
		    SLUICE_SCHEMA_OPENAPI_30, &why) &&
		why.n > 0);
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	s->service->free(call->instance, s->order);
	s->service->document_free(call->instance, s->document);
	call->host->instance_free(call->instance, s);
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct state *s = call->state;
	const struct sluice_schema_service *service = s->service;
	struct sluice_schema_problem problem = {.size = sizeof(problem)};
	SEE(service->types(s->order) == SLUICE_SCHEMA_OBJECT);
	SEE(service->item_types(s->order) == 0);
	SEE(service->property_types(s->order, SLUICE_STR("item")) == SLUICE_SCHEMA_INTEGER);
	SEE(service->property_item_types(s->order, SLUICE_STR("tags")) == SLUICE_SCHEMA_STRING);
	SEE(service->check(s->order, x, body->bytes, NULL) == SLUICE_OK);
	SEE(service->check(s->order, x, SLUICE_STR("{\"item\": \"x\"}"), &problem) ==
		SLUICE_E_INVALID);
	SEE(is(problem.pointer, "/item") && is(problem.keyword, "type"));
	SEE(service->check(s->order, x, SLUICE_STR("{\"item\""), &problem) == SLUICE_E_RUNTIME);
	SEE(problem.offset > 0);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "schema",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = answer,
	.request_body = request_body,
	.response_head = tell};
EXHIBIT("schema", SLUICE_SCHEMA_SERVICE, NULL)
