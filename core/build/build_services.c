/* SPDX-License-Identifier: Apache-2.0 */
/* Services: reused when nothing of them changed, so that their connections go on. */
#include "build/build_priv.h"

#include "base/limits.h"

#include <limits.h>
#include <stdio.h>

/* 0: none. */
static unsigned threshold(const struct plan_node *node, const char *key)
{
	int64_t n = plan_integer(node, key, 0);
	return n < 0 ? 0 : n > UINT_MAX ? UINT_MAX : (unsigned)n;
}

static struct service_options options_of(const struct plan_node *node)
{
	return (struct service_options){
		.scheme = plan_string(node, "scheme", STR("http")),
		.host = plan_string(node, "host", STR_EMPTY),
		.port = (uint16_t)plan_integer(node, "port", 0),
		.unix_path = plan_string(node, "unix", STR_EMPTY),
		.connect_timeout_ms = (int)plan_integer(node, "connectTimeoutMs", LIMIT_CONNECT_MS),
		.response_timeout_ms =
			(int)plan_integer(node, "responseTimeoutMs", LIMIT_UPSTREAM_RESPONSE_MS),
		.idle_timeout_ms = (int)plan_integer(node, "idleTimeoutMs", LIMIT_UPSTREAM_IDLE_MS),
		.stream_idle_timeout_ms =
			(int)plan_integer(node, "streamIdleTimeoutMs", LIMIT_STREAM_IDLE_MS),
		.connections_max =
			plan_get(node, "maxConnections") ? UINT_MAX : LIMIT_SERVICE_CONNECTIONS,
		.waiters_max = LIMIT_SERVICE_WAITERS,
		.breaker.max =
			{
				[BREAKER_CONNECTIONS] = threshold(node, "maxConnections"),
				[BREAKER_PENDING] = threshold(node, "maxPending"),
				[BREAKER_REQUESTS] = threshold(node, "maxRequests"),
				[BREAKER_RETRIES] = threshold(node, "maxRetries"),
			},
	};
}

static bool is_same(const struct service_options *a, const struct service_options *b)
{
	return str_eq(a->name, b->name) && str_eq(a->scheme, b->scheme) &&
	       str_eq(a->host, b->host) && a->port == b->port &&
	       str_eq(a->unix_path, b->unix_path) && str_eq(a->tls_identity, b->tls_identity) &&
	       a->connect_timeout_ms == b->connect_timeout_ms &&
	       a->response_timeout_ms == b->response_timeout_ms &&
	       a->idle_timeout_ms == b->idle_timeout_ms &&
	       a->stream_idle_timeout_ms == b->stream_idle_timeout_ms &&
	       a->connections_max == b->connections_max && a->waiters_max == b->waiters_max &&
	       memcmp(&a->breaker, &b->breaker, sizeof(a->breaker)) == 0;
}

static struct service *find_former(struct build *b, const struct service_options *options)
{
	struct service *former = map_get(&b->former_services, options->name);
	return former && is_same(service_options(former), options) ? former : NULL;
}

static bool needs_tls(const struct service_options *o)
{
	return str_eq(o->scheme, STR("https"));
}

/* NULL with the reason in `message` when its TLS settings cannot be used. */
static struct service *make(
	struct build *b, const struct plan_node *node, char *message, size_t message_size)
{
	char name[512], identity[SHA256_BYTES * 2];
	struct service_options o = options_of(node);
	struct str plain = plan_string(node, "name", STR_EMPTY);
	struct str space = plan_string(node, "namespace", STR("default"));
	snprintf(name, sizeof(name), "%.*s/%.*s", STR_ARG(space), STR_ARG(plain));
	o.name = str_of(name);
	if (b->options->services)
		o.rows = service_book_rows(b->options->services, o.name);
	const struct plan_node *tls = plan_get(node, "tls");
	if (needs_tls(&o)) {
		uint8_t digest[SHA256_BYTES];
		build_sha256(b, tls, digest);
		sha256_hex(digest, identity);
		o.tls_identity = str_n(identity, sizeof(identity));
	}
	struct service *former = find_former(b, &o);
	if (former)
		return service_ref(former);
	if (needs_tls(&o)) {
		o.tls = build_tls_client(tls, message, message_size);
		if (!o.tls)
			return NULL;
	}
	struct service *s = service_new(&o);
	tls_context_unref(o.tls);
	return s;
}

static void index_former(struct build *b)
{
	const struct generation *former = b->options->former;
	for (size_t i = 0; former && i < former->service_count; i++)
		map_put(&b->former_services, service_options(former->services[i])->name,
			former->services[i]);
}

/* What is left in the index after the kept ones were taken out. */
static void note_dropped(struct build *b)
{
	struct generation *g = b->generation;
	for (size_t i = 0; i < g->service_count; i++) {
		struct str name = service_options(g->services[i])->name;
		if (map_get(&b->former_services, name) == g->services[i])
			map_remove(&b->former_services, name);
	}
	g->dropped = heap_zalloc((b->former_services.count + 1) * sizeof(struct service *));
	size_t at = 0;
	const struct map_entry *entry;
	while ((entry = map_next(&b->former_services, &at)))
		g->dropped[g->dropped_count++] = service_ref(entry->value);
}

void build_services(struct build *b)
{
	const struct plan_node *list = plan_get(b->root, "services");
	struct generation *g = b->generation;
	size_t count = plan_count(list);
	b->service_count = count;
	b->services = heap_zalloc((count + 1) * sizeof(struct built_service));
	g->services = heap_zalloc((count + 1) * sizeof(struct service *));
	index_former(b);
	for (size_t i = 0; i < count; i++) {
		char message[256] = "";
		struct service *s = make(b, plan_at(list, i), message, sizeof(message));
		b->services[i].service = s;
		build_sha256(b, plan_at(list, i), b->services[i].sha256);
		const struct plan_node *tls = plan_get(plan_at(list, i), "tls");
		if (s)
			g->services[g->service_count++] = s;
		if (s && tls)
			build_tls_warnings(b, tls);
		if (!s)
			b->services[i].error =
				heap_printf("its service's TLS settings: %s", message);
	}
	note_dropped(b);
}
