/* SPDX-License-Identifier: Apache-2.0 */
/* settings.edge of the plan. Composition has checked all of it, so what cannot be read is fatal: a
 * guess would decide who is believed. */
#include "build/build_priv.h"

static void build_prefixes(
	struct build *b, const struct plan_node *object, const char *path, struct cidr_set *out)
{
	const struct plan_node *list = plan_get(object, "trustedProxies");
	for (size_t i = 0; i < plan_count(list); i++) {
		const struct plan_node *n = plan_at(list, i);
		struct str text = n->type == PLAN_STRING ? n->u.string : STR_EMPTY;
		if (cidr_set_add(out, text) != RC_OK)
			build_fatal(b, n, path, "\"%.*s\" is no address and no prefix of addresses",
				STR_ARG(text));
	}
}

static void build_client_address(struct build *b, const struct plan_node *node, struct edge *e)
{
	struct str header = plan_string(node, "header", STR("X-Forwarded-For"));
	build_prefixes(b, node, "clientAddress", &e->proxies);
	struct build_numbers numbers = {.object = node};
	e->hops = (uint32_t)build_number(&numbers, "hops", 0, UINT32_MAX);
	if (numbers.at)
		build_fatal(b, numbers.at, "clientAddress", "%s", numbers.message);
	e->emits_forwarded = plan_bool(node, "emitForwarded", false);
	if (str_eq_nocase(header, STR("X-Forwarded-For"))) {
		e->header = EDGE_X_FORWARDED_FOR;
	} else if (str_eq_nocase(header, STR("Forwarded"))) {
		e->header = EDGE_FORWARDED;
	} else {
		e->header = EDGE_OTHER_HEADER;
		e->header_text = heap_strndup(header);
		e->header_name = str_of(e->header_text);
	}
}

/* Which statuses a page is for. */
static void judge_errors(const struct plan_node *errors, struct build_numbers *numbers)
{
	for (size_t i = 0; i < plan_count(errors); i++) {
		numbers->object = plan_at(errors, i);
		build_number(numbers, "low", 0, 999);
		build_number(numbers, "high", 0, 999);
	}
}

static void build_errors(struct build *b, const struct plan_node *errors, struct edge *e)
{
	struct build_numbers numbers = {0};
	judge_errors(errors, &numbers);
	if (numbers.at)
		build_fatal(b, numbers.at, "errors", "%s", numbers.message);
	e->errors = error_pages_new(errors);
}

/* In one block, the texts behind the views. */
static void build_record_claims(const struct plan_node *list, struct edge *e)
{
	size_t count = plan_count(list), bytes = 0;
	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		bytes += plan_at(list, i)->type == PLAN_STRING ? plan_at(list, i)->u.string.n : 0;
	e->record_claims = heap_zalloc(count * sizeof(*e->record_claims) + bytes + 1);
	char *to = (char *)(e->record_claims + count);
	for (size_t i = 0; i < count; i++) {
		const struct plan_node *n = plan_at(list, i);
		struct str name = n->type == PLAN_STRING ? n->u.string : STR_EMPTY;
		if (name.n == 0)
			continue;
		memcpy(to, name.p, name.n);
		e->record_claims[e->record_claim_count++] = str_n(to, name.n);
		to += name.n;
	}
}

/* The texts of Server and Via, ready to be set. */
static void build_own_fields(const struct plan_node *node, struct edge *e)
{
	struct str server = plan_string(node, "server", STR_EMPTY);
	struct str name = plan_string(node, "viaName", STR("sluice"));
	struct str via = plan_string(node, "via", STR("requests"));
	bool is_both = str_eq(via, STR("both"));
	size_t length = 4 + name.n;
	e->adds_via_to_request = is_both || str_eq(via, STR("requests"));
	e->adds_via_to_response = is_both || str_eq(via, STR("responses"));
	e->field_text = heap_printf("%.*s1.0 %.*s1.1 %.*s2.0 %.*s", STR_ARG(server), STR_ARG(name),
		STR_ARG(name), STR_ARG(name));
	e->server = str_n(e->field_text, server.n);
	for (size_t i = 0; i < ARRAY_COUNT(e->via); i++)
		e->via[i] = str_n(e->field_text + server.n + i * length, length);
}

void build_edge(struct build *b)
{
	struct edge *e = &b->generation->edge;
	const struct plan_node *node = plan_get(plan_get(b->root, "settings"), "edge");
	const struct plan_node *proxy_protocol = plan_get(node, "proxyProtocol");
	build_client_address(b, plan_get(node, "clientAddress"), e);
	e->has_proxy_protocol = plan_bool(proxy_protocol, "enabled", false);
	build_prefixes(b, proxy_protocol, "proxyProtocol", &e->proxy_protocol_from);
	e->keeps_request_id = plan_bool(node, "preserveRequestId", false);
	e->passes_overrides = plan_bool(node, "allowOverrides", false);
	e->removes_server = plan_bool(node, "removeServer", false);
	e->tells_reason = plan_bool(node, "reasonHeader", false);
	build_own_fields(node, e);
	e->changes_responses =
		e->removes_server || e->tells_reason || e->adds_via_to_response || e->server.n > 0;
	build_record_claims(plan_get(node, "recordClaims"), e);
	build_errors(b, plan_get(node, "errors"), e);
}

static struct str string_at(const struct plan_node *list, size_t i)
{
	const struct plan_node *item = plan_at(list, i);
	return item->type == PLAN_STRING ? item->u.string : STR_EMPTY;
}

/* "a,b", as they are looked for; NULL: nothing is said. */
static char *joined(const struct plan_node *list)
{
	size_t count = plan_count(list), bytes = 1;
	if (!list)
		return NULL;
	for (size_t i = 0; i < count; i++)
		bytes += 1 + string_at(list, i).n;
	char *text = heap_alloc(bytes), *to = text;
	for (size_t i = 0; i < count; i++) {
		struct str item = string_at(list, i);
		if (i > 0)
			*to++ = ',';
		memcpy(to, item.p, item.n);
		to += item.n;
	}
	*to = '\0';
	return text;
}

void build_api_edge(struct api *api, const struct plan_node *node, struct build_numbers *numbers)
{
	const struct plan_node *to = plan_get(node, "redirect");
	judge_errors(plan_get(node, "errors"), numbers);
	api->errors = error_pages_new(plan_get(node, "errors"));
	api->upgrades = joined(plan_get(node, "upgrades"));
	api->upgrade_origins = joined(plan_get(node, "upgradeOrigins"));
	if (!to || to->type != PLAN_OBJECT)
		return;
	struct str host = plan_string(to, "host", STR_EMPTY);
	numbers->object = to;
	api->redirect = heap_alloc(sizeof(*api->redirect));
	*api->redirect = (struct api_redirect){
		.host = host.n > 0 ? heap_strndup(host) : NULL,
		.port = (uint16_t)build_number(numbers, "port", 443, UINT16_MAX),
		.status = (uint16_t)build_number(numbers, "status", 308, 399),
	};
}
