/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/redirect.h"

#include <stdio.h>

#define HTTPS_PORT 443

/* Without its port; an IPv6 literal with its brackets. */
static struct str host_of(struct str authority)
{
	size_t end = authority.n > 0 && authority.p[0] == '[' ? str_index(authority, ']') + 1
							      : str_index(authority, ':');
	return str_slice(authority, 0, end);
}

static struct str location_of(struct exchange *e, struct str host)
{
	const struct api_redirect *to = e->api->redirect;
	const struct http_request *r = e->down->request;
	struct str path = r->path.n > 0 && r->path.p[0] == '/' ? r->path : STR("/");
	char port[8] = "";
	if (to->port != HTTPS_PORT)
		snprintf(port, sizeof(port), ":%u", to->port);
	return arena_printf(e->x.arena, "https://%.*s%s%.*s%s%.*s", STR_ARG(host), port,
		STR_ARG(path), r->has_query ? "?" : "", STR_ARG(r->query));
}

void redirect_answer(struct exchange *e)
{
	const struct api_redirect *to = e->api->redirect;
	struct str host = to->host ? str_of(to->host) : host_of(e->down->request->authority);
	if (host.n == 0) {
		exchange_fail(e, FAULT_CLIENT_PROTOCOL, "no Host to redirect to");
		return;
	}
	struct local_response *local = arena_zalloc(e->x.arena, sizeof(*local));
	struct str location = location_of(e, host);
	if (!local || location.n == 0) {
		exchange_fail(e, FAULT_MEMORY, NULL);
		return;
	}
	http_response_init(&local->head, e->x.arena);
	local->head.status = to->status;
	local->head.reason = http_reason(to->status);
	local->head.version_major = 1;
	local->head.version_minor = 1;
	local->head.content_length = 0;
	local->reason = STR("redirected");
	if (fields_append(&local->head.fields, STR("Location"), FIELD_LOCATION, location) != RC_OK)
		exchange_fail(e, FAULT_MEMORY, NULL);
	else
		exchange_answer(e, local);
}
