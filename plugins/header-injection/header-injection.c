/* SPDX-License-Identifier: Apache-2.0 */
/* header-injection - sets fields of the request and of the response to values of expressions.
 *
 * The first of a name replaces what came, so that a client cannot forge it; further ones of the
 * same name are added. An expression that is null removes the field. One that fails: 500. */
#include "sluice/expr.h"
#include "sluice/sluice.h"
#include "util/config_complain.h"

#include <string.h>

struct header {
	struct sluice_str name;
	struct sluice_expr *value;
	struct sluice_field *field; /* the name, and the value when it stands for itself */
	int is_plain;               /* a literal that replaces: prepared as it is */
	int is_further;             /* one of that name stands before it in the list */
};

struct headers {
	struct header *items;
	size_t count;
};

struct state {
	const struct sluice_expr_service *expr;
	struct headers inbound, outbound;
};

/* --- configuration --------------------------------------------------------------------------- */
static int equals_nocase(struct sluice_str a, struct sluice_str b)
{
	if (a.n != b.n)
		return 0;
	for (size_t i = 0; i < a.n; i++) {
		char x = a.p[i], y = b.p[i];
		if ((x >= 'A' && x <= 'Z' ? x | 0x20 : x) != (y >= 'A' && y <= 'Z' ? y | 0x20 : y))
			return 0;
	}
	return 1;
}

static int is_token(struct sluice_str name)
{
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		int is_alnum =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!is_alnum && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
			return 0;
	}
	return name.n > 0;
}

static int is_gateways_own(struct sluice_str name)
{
	static const char *const names[] = {"host", "connection", "content-length",
		"transfer-encoding", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
		"expect"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (equals_nocase(name, (struct sluice_str){names[i], strlen(names[i])}))
			return 1;
	return 0;
}

/* A string of the configuration that is no expression; p NULL: it has to be evaluated. */
static struct sluice_str literal_of(
	const struct sluice_call *call, const struct sluice_value *value)
{
	struct sluice_str none = {NULL, 0};
	struct sluice_str text = call->host->value_string(value, none);
	int is_expression = text.n >= 2 && text.p[0] == '#' && text.p[1] == '[';
	return text.p && !is_expression ? text : none;
}

static int32_t header_init(
	const struct sluice_call *call, const struct sluice_value *entry, struct headers *list)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	const struct sluice_value *key = host->value_get(entry, SLUICE_STR("key"));
	const struct sluice_value *value = host->value_get(entry, SLUICE_STR("value"));
	struct sluice_str name = host->value_string(key, SLUICE_STR(""));
	if (!is_token(name))
		return config_complain(call, key, SLUICE_STR("this is no field name"));
	if (is_gateways_own(name))
		return config_complain(
			call, key, SLUICE_STR("the gateway itself writes this field"));
	struct header *h = &list->items[list->count];
	*h = (struct header){
		.name = name,
		.value = s->expr->compile(call->instance, value),
	};
	if (!h->value)
		return SLUICE_E_INVALID;
	list->count++;
	struct sluice_str literal = literal_of(call, value);
	h->field = host->field_prepare(call->instance, name, literal);
	if (!h->field)
		return config_complain(call, value, SLUICE_STR("this is no field value"));
	for (size_t i = 0; i + 1 < list->count; i++)
		h->is_further |= equals_nocase(list->items[i].name, name);
	h->is_plain = literal.p && !h->is_further;
	if (s->expr->uses(h->value) & SLUICE_EXPR_PAYLOAD)
		return config_complain(
			call, value, SLUICE_STR("payload is not at hand when the fields are sent"));
	return SLUICE_OK;
}

static int32_t headers_init(
	const struct sluice_call *call, const struct sluice_value *entries, struct headers *list)
{
	const struct sluice_host *host = call->host;
	size_t count = host->value_count(entries);
	if (!count)
		return SLUICE_OK;
	list->items = host->instance_alloc(call->instance, count * sizeof(*list->items));
	if (!list->items)
		return SLUICE_E_FULL;
	int32_t rc = SLUICE_OK;
	for (size_t i = 0; i < count; i++)
		if (header_init(call, host->value_at(entries, i, NULL), list) != SLUICE_OK)
			rc = SLUICE_E_INVALID;
	return rc;
}

static void headers_free(const struct sluice_call *call, struct headers *list)
{
	const struct state *s = call->state;
	for (size_t i = 0; i < list->count; i++)
		s->expr->free(call->instance, list->items[i].value);
	call->host->instance_free(call->instance, list->items);
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	headers_free(call, &s->inbound);
	headers_free(call, &s->outbound);
	call->host->instance_free(call->instance, s);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){.expr = host->service(SLUICE_EXPR_SERVICE)};
	struct sluice_call own = *call;
	own.state = s;
	int32_t in = headers_init(
		&own, host->value_get(config, SLUICE_STR("inboundHeaders")), &s->inbound);
	int32_t back = headers_init(
		&own, host->value_get(config, SLUICE_STR("outboundHeaders")), &s->outbound);
	if (!s->inbound.count)
		host->callbacks_omit(call->instance, SLUICE_OMIT_REQUEST_HEAD);
	if (!s->outbound.count)
		host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_HEAD);
	if (in == SLUICE_OK && back == SLUICE_OK) {
		*out = s;
		return SLUICE_OK;
	}
	release(&own);
	return in != SLUICE_OK ? in : back;
}

/* --- exchanges ------------------------------------------------------------------------------- */
/* By itself: the walk over what is prepared needs no frame. */
static __attribute__((noinline)) int32_t inject_value(const struct sluice_call *call,
	struct sluice_exchange *x, enum sluice_side side, const struct header *h)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct sluice_str value = {NULL, 0};
	int32_t rc = s->expr->to_string(h->value, x, NULL, &value);
	if (rc == SLUICE_OK)
		return h->is_further ? host->field_add(x, side, h->name, value)
				     : host->field_set_prepared(x, side, h->field, value);
	if (rc != SLUICE_E_NOT_FOUND)
		return rc;
	if (!h->is_further)
		host->field_remove(x, side, h->name);
	return SLUICE_OK;
}

/* "name: why" for the log. */
static void log_failure(const struct sluice_call *call, struct sluice_exchange *x,
	const struct header *h, int32_t rc)
{
	const struct state *s = call->state;
	struct sluice_str why = SLUICE_STR("the value is no field value");
	if (rc == SLUICE_E_RUNTIME)
		why = s->expr->error();
	else if (rc == SLUICE_E_FULL)
		why = SLUICE_STR("the head has no room for it");
	size_t n = h->name.n + 2 + why.n;
	char *text = call->host->exchange_alloc(x, n);
	if (!text)
		return;
	memcpy(text, h->name.p, h->name.n);
	memcpy(text + h->name.n, ": ", 2);
	memcpy(text + h->name.n + 2, why.p, why.n);
	call->host->log(call->instance, x, SLUICE_LOG_ERROR, (struct sluice_str){text, n});
}

static __attribute__((noinline)) int32_t refuse(const struct sluice_call *call,
	struct sluice_exchange *x, const struct header *h, int32_t rc)
{
	log_failure(call, x, h, rc);
	rc = call->host->respond_error(x, 500, NULL, 0, SLUICE_STR("Header injection failed"),
		SLUICE_STR("header_injection_failed"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t inject(const struct sluice_call *call, struct sluice_exchange *x,
	enum sluice_side side, const struct headers *list)
{
	const struct sluice_str as_prepared = {NULL, 0};
	const struct header *end = list->items + list->count;
	for (const struct header *h = list->items; h != end; h++) {
		int32_t rc =
			h->is_plain ? call->host->field_set_prepared(x, side, h->field, as_prepared)
				    : inject_value(call, x, side, h);
		if (rc != SLUICE_OK)
			return refuse(call, x, h, rc);
	}
	return SLUICE_CONTINUE;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	return inject(call, x, SLUICE_REQUEST, &s->inbound);
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	return inject(call, x, SLUICE_RESPONSE, &s->outbound);
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "header-injection",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_EXPR_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "header-injection",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
