/* SPDX-License-Identifier: Apache-2.0 */
/* message-logging - lines that the operator words, before the upstream is called and after.
 *
 * An item whose expressions look at the payload is written when the body has come, the others with
 * the head. What cannot be evaluated is told in the log and holds up nobody. */
#include "sluice/expr.h"
#include "sluice/sluice.h"

#include <string.h>

struct item {
	struct sluice_str name;
	struct sluice_str category;
	struct sluice_expr *message;
	struct sluice_expr *conditional; /* NULL: always */
	enum sluice_log_level level;
	int first, second; /* before the upstream, after it */
	int uses_payload;
};

struct state {
	const struct sluice_expr_service *expr;
	struct item *items;
	size_t count;
};

/* What an exchange keeps. */
struct times {
	int64_t received_ms, replied_ms; /* since 1970; 0: not yet */
};

/* --- configuration --------------------------------------------------------------------------- */
static enum sluice_log_level level_of(struct sluice_str name)
{
	static const struct {
		const char *name;
		enum sluice_log_level level;
	} levels[] = {{"DEBUG", SLUICE_LOG_DEBUG}, {"INFO", SLUICE_LOG_INFO},
		{"WARN", SLUICE_LOG_WARN}, {"ERROR", SLUICE_LOG_ERROR}};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strlen(levels[i].name) == name.n && memcmp(levels[i].name, name.p, name.n) == 0)
			return levels[i].level;
	return SLUICE_LOG_INFO; /* the schema lets no other name through */
}

/* Absent, null, "" and true: always. */
static int is_always(const struct sluice_host *host, const struct sluice_value *conditional)
{
	switch (host->value_type(conditional)) {
	case SLUICE_NULL:
		return 1;
	case SLUICE_BOOL:
		return host->value_bool(conditional, 0);
	case SLUICE_STRING:
		return host->value_string(conditional, SLUICE_STR("")).n == 0;
	default:
		return 0;
	}
}

static int32_t item_init(
	const struct sluice_call *call, const struct sluice_value *entry, struct item *item)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	const struct sluice_value *data = host->value_get(entry, SLUICE_STR("itemData"));
	const struct sluice_value *conditional = host->value_get(data, SLUICE_STR("conditional"));
	*item = (struct item){
		.name = host->value_string(
			host->value_get(entry, SLUICE_STR("itemName")), SLUICE_STR("")),
		.category = host->value_string(
			host->value_get(data, SLUICE_STR("category")), SLUICE_STR("")),
		.level = level_of(host->value_string(
			host->value_get(data, SLUICE_STR("level")), SLUICE_STR("INFO"))),
		.first = host->value_bool(host->value_get(data, SLUICE_STR("firstSection")), 0),
		.second = host->value_bool(host->value_get(data, SLUICE_STR("secondSection")), 0),
	};
	item->message =
		s->expr->compile(call->instance, host->value_get(data, SLUICE_STR("message")));
	if (!is_always(host, conditional)) {
		item->conditional = s->expr->compile(call->instance, conditional);
		if (!item->conditional)
			return SLUICE_E_INVALID;
	}
	if (!item->message)
		return SLUICE_E_INVALID;
	uint32_t uses = s->expr->uses(item->message);
	uses |= item->conditional ? s->expr->uses(item->conditional) : 0;
	item->uses_payload = !!(uses & SLUICE_EXPR_PAYLOAD);
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	for (size_t i = 0; i < s->count; i++) {
		s->expr->free(call->instance, s->items[i].message);
		s->expr->free(call->instance, s->items[i].conditional);
	}
	call->host->instance_free(call->instance, s->items);
	call->host->instance_free(call->instance, s);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *list =
		host->value_get(config, SLUICE_STR("loggingConfiguration"));
	size_t count = host->value_count(list);
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	struct item *items =
		s ? host->instance_alloc(call->instance, count * sizeof(*items)) : NULL;
	if (!items) {
		host->instance_free(call->instance, s);
		return SLUICE_E_FULL;
	}
	*s = (struct state){.expr = host->service(SLUICE_EXPR_SERVICE), .items = items};
	struct sluice_call own = *call;
	own.state = s;
	int32_t rc = SLUICE_OK;
	for (; s->count < count; s->count++)
		if (item_init(&own, host->value_at(list, s->count, NULL), &items[s->count]) !=
			SLUICE_OK)
			rc = SLUICE_E_INVALID;
	if (rc == SLUICE_OK)
		*out = s;
	else
		release(&own);
	return rc;
}

/* --- variables ------------------------------------------------------------------------------- */
struct scope {
	const struct sluice_host *host;
	const struct times *times;
};

static int32_t text_of_ms(
	const struct scope *scope, struct sluice_exchange *x, int64_t ms, struct sluice_str *value)
{
	if (ms <= 0)
		return SLUICE_E_NOT_FOUND;
	char *text = scope->host->exchange_alloc(x, 20);
	if (!text)
		return SLUICE_E_FULL;
	size_t at = 20;
	for (; ms; ms /= 10)
		text[--at] = (char)('0' + ms % 10);
	*value = (struct sluice_str){text + at, 20 - at};
	return SLUICE_OK;
}

static int is_name(struct sluice_str name, const char *text)
{
	return strlen(text) == name.n && memcmp(text, name.p, name.n) == 0;
}

/* The part of "namespace/name" behind the slash. */
static struct sluice_str api_name(struct sluice_str api)
{
	const char *slash = api.n ? memchr(api.p, '/', api.n) : NULL;
	if (!slash)
		return api;
	return (struct sluice_str){slash + 1, (size_t)(api.p + api.n - slash - 1)};
}

static int32_t var_get(
	void *arg, struct sluice_exchange *x, struct sluice_str name, struct sluice_str *value)
{
	const struct scope *scope = arg;
	static const struct {
		const char *name;
		enum sluice_fact fact;
	} facts[] = {{"method", SLUICE_FACT_METHOD}, {"requestPath", SLUICE_FACT_PATH},
		{"remoteAddress", SLUICE_FACT_CLIENT_ADDRESS}, {"reqId", SLUICE_FACT_REQUEST_ID},
		{"apiId", SLUICE_FACT_API}};
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (is_name(name, facts[i].name)) {
			*value = scope->host->fact(x, facts[i].fact);
			return SLUICE_OK;
		}
	}
	if (is_name(name, "apiName") || is_name(name, "apiInstanceName")) {
		*value = api_name(scope->host->fact(x, SLUICE_FACT_API));
		return SLUICE_OK;
	}
	if (is_name(name, "receivedTs"))
		return text_of_ms(scope, x, scope->times->received_ms, value);
	if (is_name(name, "repliedTs"))
		return text_of_ms(scope, x, scope->times->replied_ms, value);
	return SLUICE_E_NOT_FOUND;
}

/* --- writing --------------------------------------------------------------------------------- */
/* "[category] text". */
static void write_line(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str category, enum sluice_log_level level, struct sluice_str text)
{
	size_t n = category.n ? category.n + 3 + text.n : text.n;
	char *line = call->host->exchange_alloc(x, n ? n : 1);
	if (!line)
		return;
	size_t at = 0;
	if (category.n) {
		line[at++] = '[';
		memcpy(line + at, category.p, category.n);
		at += category.n;
		line[at++] = ']';
		line[at++] = ' ';
	}
	memcpy(line + at, text.p, text.n);
	call->host->log(call->instance, x, level, (struct sluice_str){line, n});
}

static void write_item(
	const struct sluice_call *call, struct sluice_exchange *x, const struct item *item)
{
	const struct state *s = call->state;
	static const struct times none;
	const struct times *kept = call->host->data_get(x);
	struct scope scope = {call->host, kept ? kept : &none};
	const struct sluice_expr_vars vars = {.size = sizeof(vars), .get = var_get, .arg = &scope};
	int32_t wanted = 1, rc = SLUICE_OK;
	if (item->conditional)
		rc = s->expr->to_bool(item->conditional, x, &vars, &wanted);
	if (rc == SLUICE_OK && !wanted)
		return;
	struct sluice_str text = SLUICE_STR("");
	if (rc == SLUICE_OK)
		rc = s->expr->to_string(item->message, x, &vars, &text);
	if (rc == SLUICE_OK || rc == SLUICE_E_NOT_FOUND)
		write_line(call, x, item->category, item->level, text);
	else
		write_line(call, x, item->name, SLUICE_LOG_WARN, s->expr->error());
}

static void write_items(
	const struct sluice_call *call, struct sluice_exchange *x, int second, int with_payload)
{
	const struct state *s = call->state;
	for (size_t i = 0; i < s->count; i++) {
		const struct item *item = &s->items[i];
		if ((second ? item->second : item->first) && item->uses_payload == with_payload)
			write_item(call, x, item);
	}
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct times *times = call->host->exchange_alloc(x, sizeof(*times));
	if (times) {
		*times = (struct times){.received_ms = call->host->wall_ms(x)};
		call->host->data_set(x, times);
	}
	write_items(call, x, 0, 0);
	return SLUICE_CONTINUE;
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct times *times = call->host->data_get(x);
	if (times)
		times->replied_ms = call->host->wall_ms(x);
	write_items(call, x, 1, 0);
	return SLUICE_CONTINUE;
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	if (body->end)
		write_items(call, x, 0, 1);
	return SLUICE_CONTINUE;
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	if (body->end)
		write_items(call, x, 1, 1);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "message-logging",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
	.response_head = response_head,
	.response_body = response_body,
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
		.name = "message-logging",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
