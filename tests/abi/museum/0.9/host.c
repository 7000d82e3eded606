/* SPDX-License-Identifier: Apache-2.0 */
/* The host's table: every call of it. */
#include "exhibit.h"

struct state {
	int32_t counter;
	struct sluice_field *field, *name_only;
	const struct sluice_target *target;
	uint32_t generation;
	void *memory;
};

static int32_t loads(const struct sluice_host *host)
{
	return host->abi_major == SLUICE_ABI_MAJOR && host->abi_minor >= SLUICE_ABI_MINOR &&
			       SLUICE_HAS(host, reroute)
		       ? SLUICE_OK
		       : SLUICE_E_UNSUPPORTED;
}

static void unloads(void)
{
}

static const struct sluice_value *get(
	const struct sluice_host *host, const struct sluice_value *config, const char *key)
{
	return host->value_get(config, (struct sluice_str){key, strlen(key)});
}

static void see_configuration(const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *list = get(host, config, "list");
	struct sluice_str key = {0};
	SEE(host->value_type(config) == SLUICE_OBJECT);
	SEE(host->value_type(get(host, config, "nothing")) == SLUICE_NULL);
	SEE(host->value_type(get(host, config, "again")) == SLUICE_BOOL);
	SEE(host->value_type(get(host, config, "number")) == SLUICE_INTEGER);
	SEE(host->value_type(get(host, config, "real")) == SLUICE_REAL);
	SEE(host->value_type(get(host, config, "word")) == SLUICE_STRING);
	SEE(host->value_type(list) == SLUICE_ARRAY);
	SEE(host->value_bool(get(host, config, "again"), -1) >= 0);
	SEE(host->value_bool(get(host, config, "word"), -1) == -1);
	SEE(host->value_integer(get(host, config, "number"), 0) == 7);
	SEE(host->value_integer(NULL, 42) == 42);
	SEE(host->value_real(get(host, config, "real"), 0) == 2.5);
	SEE(is(host->value_string(get(host, config, "word"), SLUICE_STR("")), "blue"));
	SEE(is(host->value_string(NULL, SLUICE_STR("none")), "none"));
	SEE(host->value_count(list) == 2);
	SEE(is(host->value_string(host->value_at(list, 1, NULL), SLUICE_STR("")), "b"));
	SEE(!host->value_at(list, 2, NULL));
	SEE(host->value_at(config, 0, &key) && key.n > 0);
	SEE(!get(host, config, "absent"));
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	*state = s;
	SEE(call->size >= sizeof(*call));
	see_configuration(call, config);
	if (previous)
		SEE(((struct state *)previous)->generation == 1);
	s->generation = previous ? 2 : 1;
	s->counter = host->counter_define(
		call->instance, SLUICE_STR("exhibits"), SLUICE_STR("Requests that were shown"));
	SEE(s->counter >= 0);
	s->field =
		host->field_prepare(call->instance, SLUICE_STR("x-prepared"), SLUICE_STR("steady"));
	s->name_only =
		host->field_prepare(call->instance, SLUICE_STR("x-named"), (struct sluice_str){0});
	SEE(s->field && s->name_only);
	SEE(!host->field_prepare(call->instance, SLUICE_STR("a b"), SLUICE_STR("")));
	if (get(host, config, "service")) {
		s->target = host->target(call->instance, get(host, config, "service"));
		SEE(s->target);
	}
	s->memory = host->instance_alloc(call->instance, 100);
	SEE(s->memory);
	SEE(host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_END) == SLUICE_OK);
	host->log(call->instance, NULL, SLUICE_LOG_INFO, SLUICE_STR("the museum opens"));
	if (is(host->value_string(get(host, config, "word"), SLUICE_STR("")), "wrong")) {
		host->config_error(call->instance, get(host, config, "word"),
			SLUICE_STR("is no word for a museum"));
		return SLUICE_E_INVALID;
	}
	SEE(host->value_wipe(call->instance, get(host, config, "secret")) == SLUICE_OK);
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	if (s)
		call->host->instance_free(call->instance, s->memory);
	call->host->instance_free(call->instance, s);
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	*worker_data = call->host->instance_alloc(call->instance, 16);
	return *worker_data ? SLUICE_OK : SLUICE_E_FULL;
}

static void worker_stop(const struct sluice_call *call, void *worker_data)
{
	call->host->instance_free(call->instance, worker_data);
}

static void see_facts(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const struct {
		enum sluice_fact which;
		const char *value;
	} facts[] = {{SLUICE_FACT_METHOD, "POST"}, {SLUICE_FACT_PATH, "/orders/7"},
		{SLUICE_FACT_QUERY, "page=2&page=3"}, {SLUICE_FACT_AUTHORITY, "api.example"},
		{SLUICE_FACT_SCHEME, "http"}, {SLUICE_FACT_VERSION, "1.1"},
		{SLUICE_FACT_TARGET, "/orders/7?page=2&page=3"},
		{SLUICE_FACT_CLIENT_ADDRESS, "192.0.2.1"}, {SLUICE_FACT_LOCAL_ADDRESS, "192.0.2.9"},
		{SLUICE_FACT_REQUEST_ID, "00000000-0000-4000-8000-000000000001"},
		{SLUICE_FACT_API, "default/test"}, {SLUICE_FACT_TLS_VERSION, ""},
		{SLUICE_FACT_TLS_SERVER_NAME, ""}, {SLUICE_FACT_PRINCIPAL, "ann"},
		{SLUICE_FACT_CLIENT_ID, "till-7"}, {SLUICE_FACT_CLIENT_NAME, "Till"}};
	const struct sluice_host *host = call->host;
	SEE(host->authenticate(x, SLUICE_STR("ann"), SLUICE_STR("till-7"), SLUICE_STR("Till")) ==
		SLUICE_OK);
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		SEE(is(host->fact(x, facts[i].which), facts[i].value));
	SEE(host->fact(x, SLUICE_FACT_BINDING).n > 0);
	SEE(host->status(x) == 0);
	SEE(host->now_ms(x) >= 0);
	SEE(host->wall_ms(x) > 1500000000000);
	SEE(host->body_length(x, SLUICE_REQUEST) == 11);
}

static void see_fields(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	const struct sluice_str added = SLUICE_STR("x-added"), none = {0};
	struct sluice_str value, name;
	uint32_t at = 0;
	SEE(host->field_get(x, SLUICE_REQUEST, SLUICE_STR("X-Tenant"), &value) == SLUICE_OK &&
		is(value, "blue"));
	SEE(host->field_get(x, SLUICE_REQUEST, added, &value) == SLUICE_E_NOT_FOUND);
	SEE(host->field_set(x, SLUICE_REQUEST, added, SLUICE_STR("1")) == SLUICE_OK);
	SEE(host->field_add(x, SLUICE_REQUEST, added, SLUICE_STR("2")) == SLUICE_OK);
	SEE(host->field_next(x, SLUICE_REQUEST, added, &at, NULL, &value) == SLUICE_OK);
	SEE(host->field_next(x, SLUICE_REQUEST, added, &at, &name, &value) == SLUICE_OK);
	SEE(is(value, "2") && is(name, "x-added"));
	SEE(host->field_next(x, SLUICE_REQUEST, added, &at, NULL, &value) == SLUICE_E_NOT_FOUND);
	SEE(host->field_remove(x, SLUICE_REQUEST, added) == 2);
	SEE(host->field_set(x, SLUICE_REQUEST, SLUICE_STR("content-length"), added) ==
		SLUICE_E_INVALID);
	SEE(host->field_set_prepared(x, SLUICE_REQUEST, s->field, none) == SLUICE_OK);
	SEE(host->field_set_prepared(x, SLUICE_REQUEST, s->name_only, added) == SLUICE_OK);
	SEE(host->field_get(x, SLUICE_REQUEST, SLUICE_STR("x-prepared"), &value) == SLUICE_OK &&
		is(value, "steady"));
}

static void see_data(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	struct sluice_str value;
	char *memory = host->exchange_alloc(x, 8);
	SEE(memory && !((uintptr_t)memory & 15));
	SEE(!host->data_get(x));
	host->data_set(x, memory);
	SEE(host->data_get(x) == memory);
	SEE(host->worker_data(x));
	SEE(host->property_set(x, SLUICE_STR("hall"), SLUICE_STR("east")) == SLUICE_OK);
	SEE(host->property_get(x, SLUICE_STR("hall"), &value) == SLUICE_OK && is(value, "east"));
	SEE(host->property_get(x, SLUICE_STR("none"), &value) == SLUICE_E_NOT_FOUND);
	SEE(host->path_set(x, SLUICE_STR("/orders/8"), SLUICE_STR("page=2&page=3")) == SLUICE_OK);
	host->counter_add(call->instance, ((struct state *)call->state)->counter, 1);
}

static void see_claims(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct sluice_str role = SLUICE_STR("role"), none = {0};
	struct sluice_str name, json;
	uint32_t at = 0;
	SEE(host->claim_get(x, role, &json) == SLUICE_E_NOT_FOUND);
	SEE(host->claim_set(x, role, SLUICE_STR("\"admin\"")) == SLUICE_OK);
	SEE(host->claim_set(x, none, SLUICE_STR("{\"age\": 7}")) == SLUICE_OK);
	SEE(host->claim_set(x, role, SLUICE_STR("{")) == SLUICE_E_INVALID);
	SEE(host->claim_get(x, role, &json) == SLUICE_OK && is(json, "\"admin\""));
	SEE(host->claim_next(x, &at, &name, &json) == SLUICE_OK && is(name, "role"));
	SEE(host->claim_next(x, &at, &name, &json) == SLUICE_OK && is(name, "age"));
	SEE(host->claim_next(x, &at, &name, &json) == SLUICE_E_NOT_FOUND);
	SEE(host->claim_set(x, role, none) == SLUICE_OK);
}

static void see_more_of_the_request(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	const struct sluice_str none = {0};
	struct sluice_str name, value;
	uint32_t at = 0;
	SEE(host->label_get(x, SLUICE_LABELS_API, SLUICE_STR("hall"), &value) ==
		SLUICE_E_NOT_FOUND);
	SEE(host->label_next(x, SLUICE_LABELS_BINDING, &at, &name, &value) == SLUICE_E_NOT_FOUND);
	SEE(host->method_set(x, SLUICE_STR("PUT")) == SLUICE_OK);
	SEE(is(host->fact(x, SLUICE_FACT_METHOD), "PUT"));
	SEE(is(host->fact(x, SLUICE_FACT_METHOD_RECEIVED), "POST"));
	SEE(host->method_set(x, SLUICE_STR("CONNECT")) == SLUICE_E_INVALID);
	SEE(host->violation(x, SLUICE_STR("too_loud"), none, none) == SLUICE_OK);
	SEE(host->violation(x, SLUICE_STR("too_loud"), none, none) == SLUICE_E_CONFLICT);
	SEE(host->reroute(x, s->target, none, SLUICE_STR("other.example")) == SLUICE_OK);
	see_claims(call, x);
}

/* Resumed before it waits, and then called again. */
static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	int32_t verdict = answer(call, x);
	if (verdict != SLUICE_CONTINUE)
		return verdict;
	if (host->resumed(x))
		return SLUICE_CONTINUE;
	see_facts(call, x);
	see_more_of_the_request(call, x);
	see_fields(call, x);
	see_data(call, x);
	sluice_token token = host->pause(x, 1000);
	SEE(token);
	SEE(host->resume(token) == SLUICE_OK);
	SEE(!host->service("sluice.none/1"));
	return SLUICE_PAUSE;
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	SEE(body->size >= sizeof(*body) && body->end == 1);
	SEE(is(body->bytes, "{\"item\": 7}"));
	SEE(call->host->body_replace(x, SLUICE_STR("{\"item\"")) == SLUICE_OK);
	SEE(call->host->body_replace(x, SLUICE_STR(": 8}")) == SLUICE_OK);
	return SLUICE_CONTINUE;
}

static int32_t request_end(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_str value;
	SEE(call->host->data_get(x));
	SEE(call->host->field_get(x, SLUICE_REQUEST_TRAILERS, SLUICE_STR("x-none"), &value) ==
		SLUICE_E_NOT_FOUND);
	return SLUICE_CONTINUE;
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	if (host->status(x) == 403) /* its own answer */
		return SLUICE_CONTINUE;
	SEE(host->status(x) == 200);
	SEE(host->status_set(x, 201) == SLUICE_OK);
	SEE(host->body_length(x, SLUICE_RESPONSE) == 4);
	SEE(host->body_pass(x) == SLUICE_OK);
	if (((struct state *)call->state)->generation == 2) {
		const struct sluice_str type[] = {SLUICE_STR("x-answer"), SLUICE_STR("late")};
		SEE(tell(call, x) == SLUICE_CONTINUE);
		SEE(host->respond(x, 202, type, 1, SLUICE_STR("mine"), SLUICE_STR("exhibit")) ==
			SLUICE_OK);
	}
	return tell(call, x);
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	(void)body;
	if (call->host->status(x) != 403)
		SEE(!"the body was passed by");
	return SLUICE_CONTINUE;
}

static int32_t response_end(const struct sluice_call *call, struct sluice_exchange *x)
{
	(void)x;
	SEE(!"response_end was omitted");
	return SLUICE_CONTINUE;
}

static void on_log(const struct sluice_call *call, struct sluice_exchange *x)
{
	SEE(call->host->fact(x, SLUICE_FACT_METHOD).n > 0);
}

static void on_done(const struct sluice_call *call, struct sluice_exchange *x)
{
	(void)x;
	SEE(call->state);
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy policy = {.size = sizeof(policy),
		.name = "host",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.worker_start = worker_start,
		.worker_stop = worker_stop,
		.request_head = request_head,
		.request_body = request_body,
		.request_end = request_end,
		.response_head = response_head,
		.response_body = response_body,
		.response_end = response_end,
		.log = on_log,
		.done = on_done};
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const optional[] = {"sluice.none/1", NULL};
	static const struct sluice_plugin plugin = {.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "host",
		.version = "1.0.0",
		.policies = policies,
		.optional_services = optional,
		.load = loads,
		.unload = unloads};
	return &plugin;
}
