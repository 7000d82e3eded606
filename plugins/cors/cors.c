/* SPDX-License-Identifier: Apache-2.0 */
/* cors - cross-origin resource sharing (the Fetch standard, section 3.3).
 *
 * What is not allowed gets no field, and no error: the browser refuses then. What the upstream says
 * about origins does not count. Every answer says Vary: Origin, so that no cache gives one site's
 * answer to another. */
#include "cors.h"

#include "sluice/text.h"

#define REQUESTED_HEADERS_MAX 100
#define ANSWER_FIELDS_MAX     7
#define VARY_OF_A_PREFLIGHT   "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

struct state {
	struct cors cors;
};

/* Kept with an exchange instead of an origin: this policy has answered it. */
static const struct origin answered;

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	struct state *s = call->host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){0};
	int32_t rc = cors_init(&s->cors, call, config);
	if (rc == SLUICE_OK) {
		*out = s;
		return rc;
	}
	cors_deinit(&s->cors, call);
	call->host->instance_free(call->instance, s);
	return rc;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	cors_deinit(&s->cors, call);
	call->host->instance_free(call->instance, s);
}

/* --- what is allowed ------------------------------------------------------------------------- */
static int is_listed(const struct strings *list, struct sluice_str name)
{
	for (size_t i = 0; i < list->count; i++)
		if (sluice_equal_nocase(list->items[i], name))
			return 1;
	return 0;
}

/* Methods have case. */
static int allows_method(const struct group *g, struct sluice_str method)
{
	if (g->any_method)
		return sluice_is_token(method);
	for (size_t i = 0; i < g->methods.count; i++)
		if (sluice_equal(g->methods.items[i], method))
			return 1;
	return 0;
}

static int allows_headers(const struct group *g, struct sluice_str list)
{
	size_t count = 0;
	while (list.p) {
		struct sluice_str name = sluice_trim(sluice_cut(&list, ','));
		if (name.n == 0)
			continue;
		if (!sluice_is_token(name) || ++count > REQUESTED_HEADERS_MAX)
			return 0;
		if (!g->any_header && !is_listed(&g->headers, name))
			return 0;
	}
	return 1;
}

/* 1: the one field of that name; 0: there is none; -1: there are several. */
static int single(const struct sluice_host *host, struct sluice_exchange *x, struct sluice_str name,
	struct sluice_str *value)
{
	uint32_t at = 0;
	struct sluice_str second;
	*value = (struct sluice_str){NULL, 0};
	if (host->field_next(x, SLUICE_REQUEST, name, &at, NULL, value) != SLUICE_OK)
		return 0;
	return host->field_next(x, SLUICE_REQUEST, name, &at, NULL, &second) == SLUICE_OK ? -1 : 1;
}

/* --- preflights ------------------------------------------------------------------------------ */
struct answer {
	struct sluice_str fields[2 * ANSWER_FIELDS_MAX];
	size_t count;
};

static void answer_add(struct answer *a, struct sluice_str name, struct sluice_str value)
{
	if (value.n == 0)
		return;
	a->fields[2 * a->count] = name;
	a->fields[2 * a->count + 1] = value;
	a->count++;
}

static void answer_origin(struct answer *a, const struct cors *c, const struct origin *origin)
{
	answer_add(a, SLUICE_STR("Access-Control-Allow-Origin"), origin->text);
	if (c->has_credentials)
		answer_add(a, SLUICE_STR("Access-Control-Allow-Credentials"), SLUICE_STR("true"));
}

static void answer_preflight(struct answer *a, const struct cors *c, const struct origin *origin,
	struct sluice_str method, struct sluice_str headers)
{
	const struct group *g = origin->group;
	struct sluice_str max_age = {g->max_age, g->max_age_bytes};
	answer_origin(a, c, origin);
	answer_add(a, SLUICE_STR("Access-Control-Allow-Methods"),
		g->any_method ? method : g->allow_methods);
	answer_add(a, SLUICE_STR("Access-Control-Allow-Headers"),
		g->any_header ? headers : g->allow_headers);
	answer_add(a, SLUICE_STR("Access-Control-Max-Age"), max_age);
}

/* Every OPTIONS is answered here, unless it is plain and those are to be passed on. */
static int32_t answer_options(
	const struct sluice_call *call, struct sluice_exchange *x, const struct origin *origin)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct answer a = {.count = 0};
	struct sluice_str method, headers;
	int asks = single(host, x, SLUICE_STR("access-control-request-method"), &method);
	if (asks == 0 && s->cors.forwards_plain_options)
		return SLUICE_CONTINUE;
	int names = single(host, x, SLUICE_STR("access-control-request-headers"), &headers);
	answer_add(&a, SLUICE_STR("Vary"),
		asks ? SLUICE_STR(VARY_OF_A_PREFLIGHT) : SLUICE_STR("Origin"));
	if (origin && asks == 1 && names >= 0 && allows_method(origin->group, method) &&
		allows_headers(origin->group, headers))
		answer_preflight(&a, &s->cors, origin, method, headers);
	else if (origin && asks == 0 && allows_method(origin->group, SLUICE_STR("OPTIONS")))
		answer_origin(&a, &s->cors, origin);
	host->data_set(x, (void *)(uintptr_t)&answered);
	int32_t rc = host->respond(x, 200, a.fields, a.count, SLUICE_STR(""),
		asks ? SLUICE_STR("cors_preflight") : SLUICE_STR("cors_options"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct sluice_str text, method = call->host->fact(x, SLUICE_FACT_METHOD);
	const struct origin *origin = NULL;
	if (single(call->host, x, SLUICE_STR("origin"), &text) == 1)
		origin = cors_find(&s->cors, text);
	if (sluice_equal(method, SLUICE_STR("OPTIONS"))) {
		int32_t verdict = answer_options(call, x, origin);
		if (verdict != SLUICE_CONTINUE)
			return verdict;
	}
	if (origin && allows_method(origin->group, method))
		call->host->data_set(x, (void *)(uintptr_t)origin);
	return SLUICE_CONTINUE;
}

/* --- responses ------------------------------------------------------------------------------- */
struct found {
	int has_cors;      /* fields that only this policy may set */
	int varies_origin; /* Vary says so already */
};

static int vary_has_origin(struct sluice_str list)
{
	while (list.p) {
		struct sluice_str name = sluice_trim(sluice_cut(&list, ','));
		if (sluice_equal(name, SLUICE_STR("*")) ||
			sluice_equal_nocase(name, SLUICE_STR("origin")))
			return 1;
	}
	return 0;
}

static struct found look_at(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct found f = {0};
	struct sluice_str name, value;
	uint32_t at = 0;
	while (host->field_next(x, SLUICE_RESPONSE, SLUICE_STR(""), &at, &name, &value) ==
		SLUICE_OK) {
		if (name.n == 4 && sluice_equal_nocase(name, SLUICE_STR("vary")))
			f.varies_origin |= vary_has_origin(value);
		else if (sluice_starts_nocase(name, SLUICE_STR("access-control-")))
			f.has_cors = 1;
	}
	return f;
}

static void remove_cors(const struct sluice_host *host, struct sluice_exchange *x)
{
	static const struct sluice_str names[] = {
#define NAME(text) {text, sizeof(text) - 1}
		NAME("access-control-allow-origin"), NAME("access-control-allow-credentials"),
		NAME("access-control-allow-methods"), NAME("access-control-allow-headers"),
		NAME("access-control-expose-headers"), NAME("access-control-max-age"),
		NAME("access-control-allow-private-network")
#undef NAME
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		host->field_remove(x, SLUICE_RESPONSE, names[i]);
}

static int32_t allow(
	const struct sluice_call *call, struct sluice_exchange *x, const struct origin *origin)
{
	const struct state *s = call->state;
	struct answer a = {.count = 0};
	answer_origin(&a, &s->cors, origin);
	answer_add(&a, SLUICE_STR("Access-Control-Expose-Headers"), origin->group->expose_headers);
	for (size_t i = 0; i < a.count; i++) {
		int32_t rc = call->host->field_add(
			x, SLUICE_RESPONSE, a.fields[2 * i], a.fields[2 * i + 1]);
		if (rc != SLUICE_OK)
			return rc;
	}
	return SLUICE_OK;
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct origin *origin = host->data_get(x);
	if (origin == &answered)
		return SLUICE_CONTINUE;
	struct found found = look_at(host, x);
	if (found.has_cors)
		remove_cors(host, x);
	if (!found.varies_origin && host->field_add(x, SLUICE_RESPONSE, SLUICE_STR("Vary"),
					    SLUICE_STR("Origin")) != SLUICE_OK)
		return SLUICE_FAIL;
	return !origin || allow(call, x, origin) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "cors",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "cors",
		.version = "1.0.0",
		.policies = policies,
	};
	return &plugin;
}
