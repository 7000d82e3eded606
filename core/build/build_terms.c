/* SPDX-License-Identifier: Apache-2.0 */
/* What routes say of their requests. Most say nothing: then the API has no list of it. */
#include "build/build_priv.h"

static enum host_rewrite host_rewrite_of(const struct plan_node *node)
{
	struct str name = plan_string(node, "hostRewrite", STR_EMPTY);
	if (str_eq(name, STR("literal")))
		return HOST_IS_LITERAL;
	if (str_eq(name, STR("keep")))
		return HOST_IS_KEPT;
	return str_eq(name, STR("service")) ? HOST_IS_SERVICES : HOST_AS_SERVICE_SAYS;
}

static void take_terms(
	struct route_terms *t, const struct plan_node *node, struct build_numbers *numbers)
{
	struct str host = plan_string(node, "host", STR_EMPTY);
	numbers->object = node;
	t->response_timeout_ms = build_ms(numbers, "responseTimeoutMs", 0);
	t->stream_idle_timeout_ms = build_ms(numbers, "streamIdleTimeoutMs", 0);
	t->upstream_idle_ms =
		plan_get(node, "upstreamIdleMs") ? build_ms(numbers, "upstreamIdleMs", 0) : -1;
	t->host_rewrite = host_rewrite_of(node);
	t->host = host.n > 0 ? heap_strndup(host) : NULL;
	/* A Host of nothing would be worse than the service's. */
	if (t->host_rewrite == HOST_IS_LITERAL && !t->host)
		t->host_rewrite = HOST_AS_SERVICE_SAYS;
}

static bool has_terms(const struct plan_node *routes)
{
	for (size_t i = 0; i < plan_count(routes); i++)
		if (plan_get(plan_at(routes, i), "terms") ||
			plan_get(plan_at(routes, i), "mirrors"))
			return true;
	return false;
}

void build_terms(struct api *api, const struct plan_node *routes, struct build_numbers *numbers)
{
	size_t count = plan_count(routes);
	if (!has_terms(routes))
		return;
	api->terms = heap_zalloc(count * sizeof(*api->terms));
	api->terms_count = count;
	for (size_t i = 0; i < count; i++)
		take_terms(&api->terms[i], plan_get(plan_at(routes, i), "terms"), numbers);
}

void build_mirror(
	struct route_terms *t, const struct plan_node *node, const struct built_service *to)
{
	int64_t millionths = plan_integer(node, "millionths", ROUTE_MIRROR_ALL);
	bool is_share = millionths >= 0 && millionths <= ROUTE_MIRROR_ALL;
	t->mirror = heap_zalloc(sizeof(*t->mirror));
	t->mirror->service = to->service;
	t->mirror->path = to->path ? heap_strndup(str_of(to->path)) : NULL;
	t->mirror->millionths = is_share ? (uint32_t)millionths : 0;
	t->mirror->rewrites_host = to->rewrites_host;
}
