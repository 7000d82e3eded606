/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/memory.h"
#include "upstream/upstream_priv.h"

#include <stdlib.h>

static struct str own(struct str s)
{
	return str_n(heap_strndup(s), s.n);
}

static bool is_default_port(const struct service_options *o)
{
	bool is_secure = o->tls || str_eq(o->scheme, STR("https"));
	return o->port == (is_secure ? 443 : 80);
}

static struct str make_authority(const struct service_options *o)
{
	if (o->authority.n > 0)
		return own(o->authority);
	if (o->host.n == 0)
		return own(STR("localhost")); /* behind a UNIX socket there is no other name */
	bool is_ip6 = str_index(o->host, ':') < o->host.n;
	const char *open = is_ip6 ? "[" : "", *close = is_ip6 ? "]" : "";
	char *text = is_default_port(o)
			     ? heap_printf("%s%.*s%s", open, STR_ARG(o->host), close)
			     : heap_printf("%s%.*s%s:%u", open, STR_ARG(o->host), close, o->port);
	return str_of(text);
}

/* RFC 9110 9.3.6: always with a port. */
static struct str make_connect(const struct service_options *o)
{
	if (o->via_host.n == 0)
		return STR_EMPTY;
	bool is_ip6 = str_index(o->host, ':')<o->host.n, has = o->via_credentials.n> 0;
	char *to = heap_printf(
		"%s%.*s%s:%u", is_ip6 ? "[" : "", STR_ARG(o->host), is_ip6 ? "]" : "", o->port);
	char *text = heap_printf("CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%.*s%s\r\n", to, to,
		has ? "Proxy-Authorization: " : "", STR_ARG(o->via_credentials), has ? "\r\n" : "");
	free(to);
	return str_of(text);
}

/* No part but the last may hold a line feed: names, hosts and schemes are checked before. */
static struct str make_key(const struct service_options *o)
{
	return str_of(heap_printf("%.*s\n%.*s\n%.*s\n%u\n%.*s\n%u\n%.*s\n%u\n%.*s\n%.*s",
		STR_ARG(o->name), STR_ARG(o->scheme), STR_ARG(o->host), o->port,
		STR_ARG(o->tls_identity), o->proxy_header, STR_ARG(o->via_host), o->via_port,
		STR_ARG(o->via_credentials), STR_ARG(o->unix_path)));
}

static void init(struct service *s, const struct service_options *options, struct service *owner)
{
	atomic_init(&s->refs, 1);
	atomic_init(&s->is_dropped, false);
	s->owner = owner;
	s->options = *options;
	s->options.name = own(options->name);
	s->options.scheme = own(options->scheme);
	s->options.host = own(options->host);
	s->options.unix_path = own(options->unix_path);
	s->options.tls_identity = own(options->tls_identity);
	s->options.via_host = own(options->via_host);
	s->options.via_credentials = own(options->via_credentials);
	if (options->tls)
		s->options.tls = tls_context_ref(options->tls);
	s->breaker.limits = options->breaker;
	s->authority = make_authority(options);
	s->options.authority = options->authority.n > 0 ? s->authority : STR_EMPTY;
	s->connect = make_connect(&s->options);
	s->key = make_key(&s->options);
}

static void deinit(struct service *s)
{
	const struct str texts[] = {s->options.name, s->options.scheme, s->options.host,
		s->options.unix_path, s->options.tls_identity, s->options.via_host,
		s->options.via_credentials, s->authority, s->connect, s->key};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		free((char *)texts[i].p);
	tls_context_unref(s->options.tls);
}

/* --- endpoints ------------------------------------------------------------------------------- */

/* Whatever Host it gets. */
static struct str endpoint_name(const struct endpoint_options *o)
{
	bool is_ip6 = str_index(o->host, ':') < o->host.n;
	if (o->host.n == 0)
		return own(o->unix_path);
	return str_of(heap_printf(
		"%s%.*s%s:%u", is_ip6 ? "[" : "", STR_ARG(o->host), is_ip6 ? "]" : "", o->port));
}

static void init_endpoint(
	struct endpoint *e, const struct endpoint_options *o, struct service *owner)
{
	struct service_options options = owner->options;
	options.host = o->host;
	options.port = o->port;
	options.unix_path = o->unix_path;
	options.endpoints = NULL;
	options.endpoint_count = 0;
	e->service = heap_zalloc(sizeof(*e->service));
	e->name = endpoint_name(o);
	e->weight = o->weight;
	if (options.balancing.sticky.cookie.n > 0)
		sticky_token(options.balancing.sticky.key, e->name, e->token);
	init(e->service, &options, owner);
}

static void own_health(struct health_options *o)
{
	o->path = own(o->path);
	o->host = own(o->host);
	o->grpc_service = own(o->grpc_service);
}

static void own_sticky(struct sticky_options *o)
{
	o->cookie = own(o->cookie);
	o->attributes = own(o->attributes);
	o->key = own(o->key);
}

static void init_ring(struct balancer *b)
{
	bool is_maglev = b->options.algorithm == BALANCE_MAGLEV;
	if (!is_maglev && b->options.algorithm != BALANCE_RING_HASH)
		return;
	struct ring_member *members = heap_alloc(b->count * sizeof(*members));
	for (unsigned i = 0; i < b->count; i++)
		members[i] = (struct ring_member){b->endpoints[i].name, b->endpoints[i].weight};
	b->ring = ring_new(members, b->count, is_maglev);
	free(members);
}

/* The texts of the options are those of the endpoints' own. */
static void init_endpoints(struct service *s)
{
	unsigned count = s->options.endpoint_count;
	struct endpoint_options *copies = heap_alloc(count * sizeof(*copies));
	struct endpoint *all = aligned_alloc(_Alignof(struct endpoint), count * sizeof(*all));
	CHECK(all);
	memset(all, 0, count * sizeof(*all));
	for (unsigned i = 0; i < count; i++) {
		copies[i] = s->options.endpoints[i];
		init_endpoint(&all[i], &copies[i], s);
		all[i].index = i;
		copies[i].host = all[i].service->options.host;
		copies[i].unix_path = all[i].service->options.unix_path;
	}
	s->options.endpoints = copies;
	s->balancer = heap_zalloc(sizeof(*s->balancer));
	own_health(&s->options.balancing.health);
	own_sticky(&s->options.balancing.sticky);
	s->options.balancing.hash_text = own(s->options.balancing.hash_text);
	s->balancer->options = s->options.balancing;
	s->balancer->endpoints = all;
	s->balancer->count = count;
	atomic_flag_clear(&s->balancer->is_ejecting);
	init_ring(s->balancer);
}

static void deinit_endpoints(struct service *s)
{
	struct balancer *b = s->balancer;
	for (unsigned i = 0; i < b->count; i++) {
		deinit(b->endpoints[i].service);
		free(b->endpoints[i].service);
		free((char *)b->endpoints[i].name.p);
	}
	for (unsigned w = 0; w < LIMIT_WORKERS; w++)
		free(b->turns[w]);
	ring_free(b->ring);
	free((char *)b->options.hash_text.p);
	if (b->options.hash_on)
		b->options.hash_free((struct expr *)b->options.hash_on);
	free((char *)b->options.health.path.p);
	free((char *)b->options.health.host.p);
	free((char *)b->options.health.grpc_service.p);
	free((char *)b->options.sticky.cookie.p);
	free((char *)b->options.sticky.attributes.p);
	free((char *)b->options.sticky.key.p);
	free(b->endpoints);
	free(b);
	free((struct endpoint_options *)s->options.endpoints);
}

/* --- life ------------------------------------------------------------------------------------ */

struct service *service_new(const struct service_options *options)
{
	struct service *s = heap_zalloc(sizeof(*s));
	init(s, options, NULL);
	if (options->endpoint_count > 0)
		init_endpoints(s);
	return s;
}

static struct service *counted(struct service *s)
{
	return s->owner ? s->owner : s;
}

struct service *service_ref(struct service *s)
{
	atomic_fetch_add_explicit(&counted(s)->refs, 1, memory_order_relaxed);
	return s;
}

void service_unref(struct service *s)
{
	struct service *c = s ? counted(s) : NULL;
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (c->balancer)
		deinit_endpoints(c);
	deinit(c);
	free(c);
}

const struct service_options *service_options(const struct service *s)
{
	return &s->options;
}

struct breaker *service_breaker(struct service *s)
{
	return &counted(s)->breaker;
}

struct retry_budget *service_retry_budget(struct service *s)
{
	return &s->retry_budget;
}

struct balancer *service_balancer(struct service *s)
{
	return s->balancer;
}

struct str service_authority(const struct service *s)
{
	return s->authority;
}
