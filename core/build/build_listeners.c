/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_priv.h"

#include <stdio.h>

static bool address_of(const struct plan_node *node, struct address *out)
{
	struct str host = plan_string(node, "address", STR("0.0.0.0"));
	int64_t port = plan_integer(node, "port", 0);
	if (str_eq(host, STR("localhost")))
		host = STR("127.0.0.1");
	if (str_eq(host, STR("*")))
		host = STR("0.0.0.0");
	return port > 0 && port <= 65535 && address_from_ip(host, (uint16_t)port, out) == RC_OK;
}

/* A listener that cannot be built leaves the former generation in place; when there is none, the
 * other ports are served without it. */
static void refuse(
	struct build *b, const struct plan_node *at, const char *path, const char *message)
{
	if (b->options->former)
		build_fatal(b, at, path, "%s", message);
	else
		diagnostics_add(b->diagnostics, SEVERITY_ERROR, at->position, path, "%s", message);
}

/* Composition makes one listener of an address; a plan that has two is not one of it. */
static bool is_first(
	struct build *b, const struct plan_node *node, struct str key, struct map *seen)
{
	char message[ADDRESS_TEXT_BYTES + 64];
	if (!map_get(seen, key)) {
		map_put(seen, key, b);
		return true;
	}
	snprintf(message, sizeof(message), "a second listener on %.*s", STR_ARG(key));
	refuse(b, node, "listeners", message);
	return false;
}

static bool build_listener(struct build *b, const struct plan_node *node, size_t index,
	struct map *seen, struct generation_listener *l)
{
	char message[256] = "", text[ADDRESS_TEXT_BYTES];
	struct build_tls_mistake mistake;
	uint8_t digest[SHA256_BYTES];
	if (!address_of(node, &l->address)) {
		refuse(b, node, "listeners", "not an address that can be listened on");
		return false;
	}
	struct str key = address_text(&l->address, text);
	if (!is_first(b, node, key, seen))
		return false;
	const struct plan_node *tls = plan_get(node, "tls");
	if (tls && tls->type == PLAN_OBJECT) {
		struct build_tls_port to = {
			key, b->generation->limits.http2.enabled, b->options->tickets};
		l->tls = build_tls_server(tls, &to, &mistake);
		if (!l->tls) {
			refuse(b, mistake.at, "tls", mistake.message);
			build_tls_missing(b, tls, &mistake);
			return false;
		}
		l->client_cert_mode = build_client_cert_mode(tls);
		l->client_cert_details = build_client_cert_details(tls);
		build_tls_terms(tls, digest);
		memcpy(&l->tls_identity, digest, sizeof(l->tls_identity));
		l->tls_identity |= 1;
		build_tls_warnings(b, tls, true);
	}
	if (route_table_new(b->bases, b->generation->api_count, index, &l->routes, message,
		    sizeof(message)) != RC_OK) {
		refuse(b, node, "listeners", message);
		return false;
	}
	l->key = heap_strndup(key);
	l->position = node->position;
	l->position.file = node->position.file ? heap_strdup(node->position.file) : NULL;
	l->apis = b->generation->apis;
	l->hides_queries = b->generation->hides_queries;
	l->takes_upgrades = b->generation->takes_upgrades;
	return true;
}

void build_listeners(struct build *b)
{
	const struct plan_node *list = plan_get(b->root, "listeners");
	b->generation->listeners =
		heap_zalloc((plan_count(list) + 1) * sizeof(struct generation_listener));
	struct generation *g = b->generation;
	struct map seen;
	map_init(&seen);
	for (size_t i = 0; i < plan_count(list); i++) {
		struct generation_listener *l = &g->listeners[g->listener_count];
		if (build_listener(b, plan_at(list, i), i, &seen, l)) {
			g->listener_count++;
			continue;
		}
		generation_listener_deinit(l);
		*l = (struct generation_listener){0};
	}
	map_deinit(&seen);
}
