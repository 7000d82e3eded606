/* SPDX-License-Identifier: Apache-2.0 */
/* spec-validation - requests that do not fit the API's OpenAPI description never reach the
 * upstream.
 *
 * Path, method, parameters and media type are judged at the head; only a body that a schema is
 * about is collected. */
#include "body.h"

#include "util/content.h"

#include <stdio.h>

struct state {
	struct spec spec;
	struct sluice_str base; /* without a slash at its end; a view of the configuration */
	int blocks, is_strict;
	int32_t violations;
};

/* What the head leaves for the body callback; in the exchange's memory. */
struct pending {
	const struct operation *operation;
	const struct media *media;
};

/* --- configuration --------------------------------------------------------------------------- */
static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	spec_free(&s->spec);
	call->host->instance_free(call->instance, s);
}

static struct sluice_str base_of(const struct sluice_host *host, const struct sluice_value *config)
{
	struct sluice_str base = host->value_string(
		host->value_get(config, SLUICE_STR("apiBasePath")), SLUICE_STR("/"));
	while (base.n && base.p[base.n - 1] == '/')
		base.n--;
	return base;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *spec = host->value_get(config, SLUICE_STR("spec"));
	char message[500];
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){.base = base_of(host, config)};
	s->blocks = host->value_bool(host->value_get(config, SLUICE_STR("blockOperation")), 1);
	s->is_strict =
		host->value_bool(host->value_get(config, SLUICE_STR("strictParamsValidation")), 0);
	s->violations = host->counter_define(call->instance, SLUICE_STR("spec_violations"),
		SLUICE_STR("Requests that do not fit the API's description"));
	if (spec_init(&s->spec, call, host->value_string(spec, SLUICE_STR("")), message,
		    sizeof(message)) != SLUICE_OK) {
		host->instance_free(call->instance, s);
		host->config_error(call->instance, spec,
			(struct sluice_str){message, __builtin_strlen(message)});
		return SLUICE_E_INVALID;
	}
	*out = s;
	return SLUICE_OK;
}

/* --- verdicts -------------------------------------------------------------------------------- */
/* Refuses, or only tells. */
static int32_t violate(const struct sluice_call *call, struct sluice_exchange *x,
	const struct complaint *complaint, int32_t status)
{
	const struct state *s = call->state;
	char text[480];
	int n = snprintf(text, sizeof(text), "The request does not fit the API's description: %.*s",
		(int)complaint->n, complaint->text);
	struct sluice_str message = {text, n > 0 ? (size_t)n : 0};
	call->host->counter_add(call->instance, s->violations, 1);
	sluice_tell_violation(call->host, x, SLUICE_STR("spec_violation"));
	if (!s->blocks) {
		call->host->log(call->instance, x, SLUICE_LOG_WARN, message);
		return SLUICE_CONTINUE;
	}
	const struct sluice_str fields[] = {SLUICE_STR("Accept-Encoding"), SLUICE_STR("identity")};
	int32_t rc = call->host->respond_error(
		x, status, fields, status == 415 ? 1 : 0, message, SLUICE_STR("spec_violation"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

/* The same at the head: what goes on all the same is not collected. */
static int32_t violate_head(const struct sluice_call *call, struct sluice_exchange *x,
	const struct complaint *complaint, int32_t status)
{
	int32_t verdict = violate(call, x, complaint, status);
	if (verdict == SLUICE_CONTINUE && call->host->body_pass(x) != SLUICE_OK)
		return SLUICE_FAIL;
	return verdict;
}

/* --- the head -------------------------------------------------------------------------------- */
/* What of the path is the description's; a NULL pointer: nothing. */
static struct sluice_str path_within(const struct state *s, struct sluice_str path)
{
	struct sluice_str head = {path.p, s->base.n < path.n ? s->base.n : path.n};
	if (!str_equal(head, s->base))
		return (struct sluice_str){NULL, 0};
	path.p += head.n;
	path.n -= head.n;
	if (path.n == 0)
		return SLUICE_STR("/");
	return path.p[0] == '/' ? path : (struct sluice_str){NULL, 0};
}

static int find_operation(struct check *c, const struct state *s)
{
	const struct sluice_host *host = c->call->host;
	struct sluice_str path = path_within(s, host->fact(c->exchange, SLUICE_FACT_PATH));
	const struct path_item *item = path.p ? template_find(&s->spec.root, path, &c->path) : NULL;
	if (!item) {
		complain(c->complaint, "path (it is not in the description)");
		return 0;
	}
	enum method method = method_of(host->fact(c->exchange, SLUICE_FACT_METHOD));
	c->operation = method == METHOD_COUNT ? NULL : item->operations[method];
	if (!c->operation && method == METHOD_HEAD)
		c->operation = item->operations[METHOD_GET];
	if (!c->operation)
		complain(c->complaint, "method (the path does not have it)");
	return c->operation != NULL;
}

static int32_t leave_pending(const struct sluice_call *call, struct sluice_exchange *x,
	const struct operation *operation, const struct media *media)
{
	struct pending *p = call->host->exchange_alloc(x, sizeof(*p));
	if (!p)
		return SLUICE_FAIL;
	*p = (struct pending){operation, media};
	call->host->data_set(x, p);
	return SLUICE_CONTINUE;
}

static int32_t judge_body(struct check *c, const struct state *s)
{
	const struct media *media = NULL;
	switch (body_judge_head(c, s->is_strict, &media)) {
	case BODY_CHECK:
		return leave_pending(c->call, c->exchange, c->operation, media);
	case BODY_PASS:
		return c->call->host->body_pass(c->exchange) == SLUICE_OK ? SLUICE_CONTINUE
									  : SLUICE_FAIL;
	case BODY_ENCODED:
		complain(c->complaint, "body (its encoding cannot be looked into)");
		return violate_head(c->call, c->exchange, c->complaint, 415);
	default:
		return violate_head(c->call, c->exchange, c->complaint, 400);
	}
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct complaint complaint;
	struct check c = {.call = call, .exchange = x, .spec = &s->spec, .complaint = &complaint};
	if (!find_operation(&c, s))
		return violate_head(call, x, &complaint, 400);
	int fits = check_parameters(&c, s->is_strict);
	if (fits < 0)
		return SLUICE_FAIL;
	return fits ? judge_body(&c, s) : violate_head(call, x, &complaint, 400);
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct state *s = call->state;
	const struct pending *p = call->host->data_get(x);
	struct complaint complaint;
	if (!p)
		return SLUICE_FAIL;
	struct check c = {.call = call,
		.exchange = x,
		.spec = &s->spec,
		.operation = p->operation,
		.complaint = &complaint};
	int fits = body_check(&c, p->media, body->bytes);
	if (fits < 0)
		return SLUICE_FAIL;
	return fits ? SLUICE_CONTINUE : violate(call, x, &complaint, 400);
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "spec-validation",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_SCHEMA_SERVICE, SLUICE_REQUEST_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "spec-validation",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
