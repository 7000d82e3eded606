/* SPDX-License-Identifier: Apache-2.0 */
/* settings.dns of the plan. Composition has checked it; what cannot be read is fatal, since others
 * would say where services are. */
#include "build/build_priv.h"

static enum rc port_of(struct str text, uint64_t *port)
{
	enum rc rc = str_to_u64(text, UINT16_MAX, port);
	return rc == RC_OK && *port == 0 ? RC_INVALID : rc;
}

/* "127.0.0.1:53" or "[::1]:53"; "" where it is no such address. */
static struct str server_of(const struct plan_node *n, char out[ADDRESS_TEXT_BYTES])
{
	struct str text = n->type == PLAN_STRING ? n->u.string : STR_EMPTY;
	size_t colon = text.n;
	uint64_t port;
	struct address a;
	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || port_of(str_slice(text, colon, text.n), &port) != RC_OK)
		return STR_EMPTY;
	if (address_from_ip(str_slice(text, 0, colon - 1), (uint16_t)port, &a) != RC_OK)
		return STR_EMPTY;
	return address_text(&a, out);
}

static struct str build_servers(struct build *b, const struct plan_node *list)
{
	struct buffer all;
	buffer_init(&all, LIMIT_HEAD_BYTES);
	for (size_t i = 0; i < plan_count(list); i++) {
		char text[ADDRESS_TEXT_BYTES];
		struct str one = server_of(plan_at(list, i), text);
		if (one.n == 0)
			build_fatal(b, plan_at(list, i), "dns", "this is no address with a port");
		buffer_addf(&all, "%s%.*s", i > 0 ? "," : "", STR_ARG(one));
	}
	struct str copy = str_n(heap_strndup(buffer_str(&all)), buffer_str(&all).n);
	buffer_deinit(&all);
	return copy;
}

void build_resolver(struct build *b)
{
	static const struct resolver_times usual = RESOLVER_TIMES_DEFAULT;
	struct resolver_options *out = &b->generation->resolver;
	struct build_numbers n = {.object = plan_get(plan_get(b->root, "settings"), "dns")};
	out->times = (struct resolver_times){
		.timeout_ms = build_ms(&n, "timeoutMs", usual.timeout_ms),
		.retry_ms = build_ms(&n, "retryMs", usual.retry_ms),
		.stale_ms = build_ms(&n, "staleMs", usual.stale_ms),
		.ttl_min_ms = build_ms(&n, "minTtlMs", usual.ttl_min_ms),
		.ttl_max_ms = build_ms(&n, "maxTtlMs", usual.ttl_max_ms),
	};
	if (n.at)
		build_fatal(b, n.at, "dns", "%s", n.message);
	out->servers = build_servers(b, plan_get(n.object, "servers"));
}
