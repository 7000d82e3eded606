/* SPDX-License-Identifier: Apache-2.0 */
/* Services: reused when nothing of them changed, so that their connections go on. */
#include "build/build_priv.h"

#include "base/limits.h"

#include <limits.h>
#include <stdio.h>

/* 0: none. */
static unsigned threshold(struct build_numbers *n, const char *key)
{
	return (unsigned)build_number(n, key, 0, UINT_MAX);
}

static enum http_client_protocol protocol_of(const struct plan_node *node)
{
	struct str name = plan_string(node, "protocol", STR_EMPTY);
	if (str_eq(name, STR("h2")))
		return HTTP_CLIENT_2;
	return str_eq(name, STR("alpn")) ? HTTP_CLIENT_ALPN : HTTP_CLIENT_1;
}

#define WINDOW_BYTES_MAX 0x7fffffff

static struct http2_options http2_of(struct build_numbers *n)
{
	int64_t streams = build_number(n, "streamsMax", LIMIT_H2_STREAMS, INT_MAX);
	int64_t window =
		build_number(n, "streamWindow", LIMIT_H2_STREAM_WINDOW_BYTES, WINDOW_BYTES_MAX);
	int64_t all = build_number(
		n, "connectionWindow", LIMIT_H2_CONNECTION_WINDOW_BYTES, WINDOW_BYTES_MAX);
	return (struct http2_options){
		.streams_max = streams > 0 ? (unsigned)streams : 1,
		.stream_window_bytes = (uint32_t)window,
		.connection_window_bytes = (uint32_t)(all > window ? all : window),
		.ping_ms = build_ms(n, "pingMs", 0),
	};
}

static struct service_options options_of(const struct plan_node *node, struct build_numbers *n)
{
	const struct plan_node *via = plan_get(node, "forwardProxy");
	return (struct service_options){
		.scheme = plan_string(node, "scheme", STR("http")),
		.host = plan_string(node, "host", STR_EMPTY),
		.port = (uint16_t)build_number(n, "port", 0, UINT16_MAX),
		.authority = plan_string(node, "authority", STR_EMPTY),
		.proxy_header = (unsigned)build_number(n, "proxyHeader", 0, 2),
		.via_host = plan_string(via, "host", STR_EMPTY),
		.via_port = (uint16_t)plan_integer(via, "port", 0),
		.via_absolute = plan_bool(via, "absolute", false),
		.via_credentials = plan_string(via, "credentials", STR_EMPTY),
		.unix_path = plan_string(node, "unix", STR_EMPTY),
		.protocol = protocol_of(node),
		.http2 = http2_of(n),
		.connect_timeout_ms = build_ms(n, "connectTimeoutMs", LIMIT_CONNECT_MS),
		.response_timeout_ms = build_ms(n, "responseTimeoutMs", LIMIT_UPSTREAM_RESPONSE_MS),
		.idle_timeout_ms = build_ms(n, "idleTimeoutMs", LIMIT_UPSTREAM_IDLE_MS),
		.stream_idle_timeout_ms = build_ms(n, "streamIdleTimeoutMs", LIMIT_STREAM_IDLE_MS),
		.connections_max =
			plan_get(node, "maxConnections") ? UINT_MAX : LIMIT_SERVICE_CONNECTIONS,
		.waiters_max = LIMIT_SERVICE_WAITERS,
		.breaker.max =
			{
				[BREAKER_CONNECTIONS] = threshold(n, "maxConnections"),
				[BREAKER_PENDING] = threshold(n, "maxPending"),
				[BREAKER_REQUESTS] = threshold(n, "maxRequests"),
				[BREAKER_RETRIES] = threshold(n, "maxRetries"),
			},
	};
}

static bool is_same_http2(const struct http2_options *a, const struct http2_options *b)
{
	return a->streams_max == b->streams_max &&
	       a->stream_window_bytes == b->stream_window_bytes &&
	       a->connection_window_bytes == b->connection_window_bytes && a->ping_ms == b->ping_ms;
}

static bool is_same(const struct service_options *a, const struct service_options *b)
{
	return str_eq(a->name, b->name) && str_eq(a->scheme, b->scheme) &&
	       str_eq(a->host, b->host) && a->port == b->port &&
	       a->proxy_header == b->proxy_header && str_eq(a->via_host, b->via_host) &&
	       a->via_port == b->via_port && a->via_absolute == b->via_absolute &&
	       str_eq(a->via_tls_identity, b->via_tls_identity) &&
	       str_eq(a->via_credentials, b->via_credentials) &&
	       str_eq(a->authority, b->authority) && str_eq(a->unix_path, b->unix_path) &&
	       str_eq(a->tls_identity, b->tls_identity) && a->protocol == b->protocol &&
	       is_same_http2(&a->http2, &b->http2) &&
	       a->connect_timeout_ms == b->connect_timeout_ms &&
	       a->response_timeout_ms == b->response_timeout_ms &&
	       a->idle_timeout_ms == b->idle_timeout_ms &&
	       a->stream_idle_timeout_ms == b->stream_idle_timeout_ms &&
	       a->connections_max == b->connections_max && a->waiters_max == b->waiters_max &&
	       memcmp(&a->breaker, &b->breaker, sizeof(a->breaker)) == 0 &&
	       build_same_balancing(a, b);
}

static void index_former(struct build *b)
{
	const struct generation *former = b->options->former;
	for (size_t i = 0; i < former->service_count; i++)
		map_put(&b->former_services, service_options(former->services[i])->name,
			(void *)(uintptr_t)(i + 1));
}

/* `number`: its place there. */
static struct service *find_former(
	struct build *b, const struct service_options *options, uint32_t *number)
{
	if (!b->options->former)
		return NULL;
	if (b->former_services.count == 0)
		index_former(b);
	size_t place = (uintptr_t)map_get(&b->former_services, options->name);
	struct service *found = place ? b->options->former->services[place - 1] : NULL;
	if (!found || !is_same(service_options(found), options))
		return NULL;
	*number = (uint32_t)place - 1;
	return found;
}

/* https:// is TLS by the system's authorities where nothing else is said; h2:// where it is said.
 */
static bool needs_tls(const struct service_options *o, const struct plan_node *tls)
{
	return str_eq(o->scheme, STR("https")) || (tls && str_eq(o->scheme, STR("h2")));
}

/* Of a forward proxy. */
static bool is_secure(const struct plan_node *via)
{
	return plan_bool(via, "secure", false);
}

/* "namespace/name"; one that a policy calls by its address has no namespace. */
static struct str name_of(const struct plan_node *node, char *name, size_t size)
{
	struct str plain = plan_string(node, "name", STR_EMPTY);
	struct str space = plan_string(node, "namespace", STR("default"));
	snprintf(name, size, "%.*s%s%.*s", STR_ARG(space), space.n > 0 ? "/" : "", STR_ARG(plain));
	return str_of(name);
}

/* False: one of them cannot be used. */
static bool make_contexts(
	struct service_options *o, const struct plan_node *node, struct build_tls_mistake *m)
{
	const struct plan_node *tls = plan_get(node, "tls");
	const struct plan_node *via = plan_get(node, "forwardProxy");
	if (needs_tls(o, tls)) {
		o->tls = build_tls_client(tls, o->protocol, m);
		if (!o->tls)
			return false;
	}
	if (is_secure(via))
		o->via_tls = build_tls_client(plan_get(via, "tls"), HTTP_CLIENT_1, m);
	return !is_secure(via) || o->via_tls;
}

static struct service *make_new(
	struct service_options *o, const struct plan_node *node, struct build_tls_mistake *m)
{
	bool ok = make_contexts(o, node, m) && build_hash(o, m->message, sizeof(m->message));
	struct service *s = ok ? service_new(o) : NULL;
	tls_context_unref(o->tls);
	tls_context_unref(o->via_tls);
	return s;
}

static struct str identity_of(
	struct build *b, const struct plan_node *tls, char hex[SHA256_BYTES * 2])
{
	uint8_t digest[SHA256_BYTES];
	build_sha256(b, tls, digest);
	sha256_hex(digest, hex);
	return str_n(hex, SHA256_BYTES * 2);
}

/* The former generation's, when nothing of it changed. */
static struct service *find_or_make(struct build *b, const struct plan_node *node,
	struct service_options *o, uint32_t *number, struct build_tls_mistake *m)
{
	char name[512], identity[SHA256_BYTES * 2], via_identity[SHA256_BYTES * 2];
	const struct plan_node *tls = plan_get(node, "tls");
	const struct plan_node *via = plan_get(node, "forwardProxy");
	o->name = name_of(node, name, sizeof(name));
	if (b->options->services)
		o->rows = service_book_rows(b->options->services, o->name);
	if (needs_tls(o, tls))
		o->tls_identity = identity_of(b, tls, identity);
	if (is_secure(via))
		o->via_tls_identity = identity_of(b, plan_get(via, "tls"), via_identity);
	struct service *former = find_former(b, o, number);
	return former ? service_ref(former) : make_new(o, node, m);
}

/* NULL with the reason in `m` when it cannot be used, and the place when that is TLS. */
static struct service *make(struct build *b, const struct plan_node *node, uint32_t *number,
	struct build_tls_mistake *m)
{
	struct build_numbers numbers = {.object = node};
	struct service_options o = options_of(node, &numbers);
	struct endpoint_options *endpoints = build_balancing(&numbers, &o);
	struct service *s = NULL;
	if (numbers.at)
		snprintf(m->message, sizeof(m->message), "its service: %s", numbers.message);
	else
		s = find_or_make(b, node, &o, number, m);
	free(endpoints);
	return s;
}

/* What is not in the new generation. */
static void note_dropped(struct build *b)
{
	struct generation *g = b->generation;
	const struct generation *former = b->options->former;
	size_t count = former ? former->service_count : 0;
	g->dropped = heap_zalloc((count + 1) * sizeof(struct service *));
	for (size_t i = 0; i < count; i++)
		if (!b->kept_services[i])
			g->dropped[g->dropped_count++] = service_ref(former->services[i]);
}

static void take_facts(struct built_service *s, const struct plan_node *node)
{
	struct str path = plan_string(node, "path", STR_EMPTY);
	s->has_facts = true;
	s->rewrites_host = plan_bool(node, "rewriteHost", true);
	s->path = path.n > 0 ? heap_strndup(path) : NULL;
}

const struct built_service *build_service_facts(struct build *b, uint32_t i)
{
	struct built_service *s = &b->services[i];
	const struct plan_node *node = s->has_facts ? NULL : build_node_of(b, PLAN_SERVICES, i);
	if (node)
		take_facts(s, node);
	return s;
}

static void add(struct build *b, uint32_t i, bool can_be_kept)
{
	struct generation *g = b->generation;
	struct built_service *s = &b->services[i];
	uint32_t number = (uint32_t)g->service_count++;
	g->services[number] = s->service;
	memcpy(g->service_digests[number], s->sha256, SHA256_BYTES);
	if (can_be_kept)
		build_note_item(b, PLAN_SERVICES, i, number);
	if (s->former != GENERATION_NONE)
		b->kept_services[s->former] = true;
}

/* Without a look at its node. */
static bool keep(struct build *b, uint32_t i)
{
	struct built_service *s = &b->services[i];
	s->former = build_former_item(b, PLAN_SERVICES, i);
	if (s->former == GENERATION_NONE)
		return false;
	const struct generation *former = b->options->former;
	s->service = service_ref(former->services[s->former]);
	memcpy(s->sha256, former->service_digests[s->former], SHA256_BYTES);
	add(b, i, true);
	return true;
}

/* TLS settings that cannot be used are mostly files that are half written: a service that served
 * before serves on as it did, with all the rest; a new one closes the APIs that lead to it. */
static void refuse(struct build *b, struct built_service *s, const struct plan_node *node,
	const struct build_tls_mistake *m)
{
	char name[512];
	s->error = heap_strdup(m->message);
	if (!m->at)
		return;
	build_tls_missing(b, plan_get(node, "tls"), m);
	s->error_at = m->at->position;
	s->error_at.file = s->error_at.file ? heap_strdup(s->error_at.file) : NULL;
	if (b->options->former && b->former_services.count == 0)
		index_former(b);
	if (!map_get(&b->former_services, name_of(node, name, sizeof(name))))
		return;
	build_fatal(b, m->at, "tls", "%s", m->message);
	s->is_told = true;
}

static bool build_service(struct build *b, uint32_t i)
{
	struct build_tls_mistake mistake = {0};
	struct built_service *s = &b->services[i];
	const struct plan_node *node = build_node_of(b, PLAN_SERVICES, i);
	if (!node)
		return false;
	const struct plan_node *tls = plan_get(node, "tls");
	const struct plan_node *via_tls = plan_get(plan_get(node, "forwardProxy"), "tls");
	s->service = make(b, node, &s->former, &mistake);
	build_sha256(b, node, s->sha256);
	take_facts(s, node);
	if (s->service)
		/* what there is to be said about its TLS is to be said again */
		add(b, i, !tls && !via_tls);
	if (s->service && tls)
		build_tls_warnings(b, tls, false);
	if (s->service && via_tls)
		build_tls_warnings(b, via_tls, false);
	if (!s->service)
		refuse(b, s, node, &mistake);
	return true;
}

bool build_services(struct build *b)
{
	struct generation *g = b->generation;
	uint32_t count = plan_list_count(b->plan, PLAN_SERVICES);
	size_t former_count = b->options->former ? b->options->former->service_count : 0;
	bool is_fine = true;
	b->service_count = count;
	b->services = heap_zalloc((count + 1) * sizeof(struct built_service));
	b->kept_services = heap_zalloc(former_count + 1);
	g->services = heap_zalloc((count + 1) * sizeof(struct service *));
	g->service_digests = heap_alloc((count + 1) * sizeof(*g->service_digests));
	for (uint32_t i = 0; i < count && is_fine; i++)
		is_fine = keep(b, i) || build_service(b, i);
	note_dropped(b);
	return is_fine;
}
