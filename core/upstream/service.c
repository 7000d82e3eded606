/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/memory.h"
#include "upstream/slots.h"
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

static struct str make_credentials(const struct service_options *o)
{
	if (o->via_credentials.n == 0)
		return own(STR_EMPTY);
	return str_of(heap_printf("Proxy-Authorization: %.*s\r\n", STR_ARG(o->via_credentials)));
}

/* How its forward proxy is used, if it has one. RFC 9110 9.3.6: CONNECT always names a port. */
static void make_way(struct service *s)
{
	const struct service_options *o = &s->options;
	if (o->via_host.n == 0)
		return;
	struct str credentials = make_credentials(o);
	if (o->via_absolute) {
		s->proxy = (struct h1_proxy){own(s->authority), credentials};
		return;
	}
	struct str host = o->at.n > 0 ? o->at : o->host;
	bool is_ip6 = str_index(host, ':') < host.n;
	char *to = heap_printf(
		"%s%.*s%s:%u", is_ip6 ? "[" : "", STR_ARG(host), is_ip6 ? "]" : "", o->port);
	s->connect = str_of(heap_printf(
		"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%.*s\r\n", to, to, STR_ARG(credentials)));
	free(to);
	free((char *)credentials.p);
}

/* No part but the last may hold a line feed: names, hosts and schemes are checked before. */
static struct str make_key(const struct service_options *o)
{
	return str_of(heap_printf(
		"%.*s\n%.*s\n%.*s\n%u\n%.*s\n%u\n%.*s\n%u\n%d\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s",
		STR_ARG(o->name), STR_ARG(o->scheme), STR_ARG(o->host), o->port,
		STR_ARG(o->tls_identity), o->proxy_header, STR_ARG(o->via_host), o->via_port,
		o->via_absolute, STR_ARG(o->via_tls_identity), STR_ARG(o->via_credentials),
		STR_ARG(o->records), STR_ARG(o->at), STR_ARG(o->unix_path)));
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
	s->options.at = own(options->at);
	s->options.records = own(options->records);
	s->options.unix_path = own(options->unix_path);
	s->options.tls_identity = own(options->tls_identity);
	s->options.via_host = own(options->via_host);
	s->options.via_tls_identity = own(options->via_tls_identity);
	s->options.via_credentials = own(options->via_credentials);
	if (options->tls)
		s->options.tls = tls_context_ref(options->tls);
	if (options->via_tls)
		s->options.via_tls = tls_context_ref(options->via_tls);
	s->breaker.limits = options->breaker;
	s->authority = make_authority(options);
	s->options.authority = options->authority.n > 0 ? s->authority : STR_EMPTY;
	make_way(s);
	s->key = make_key(&s->options);
}

static void deinit(struct service *s)
{
	const struct str texts[] = {s->options.name, s->options.scheme, s->options.host,
		s->options.at, s->options.records, s->options.unix_path, s->options.tls_identity,
		s->options.via_host, s->options.via_tls_identity, s->options.via_credentials,
		s->authority, s->connect, s->proxy.authority, s->proxy.fields, s->key};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		free((char *)texts[i].p);
	tls_context_unref(s->options.tls);
	tls_context_unref(s->options.via_tls);
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

/* Named by the address; the host is what it goes by in Host and TLS. */
struct service *service_new_found(
	struct service *owner, struct str ip, uint16_t port, struct str *name)
{
	struct service *s = heap_zalloc(sizeof(*s));
	struct service_options options = owner->options;
	options.at = ip;
	options.port = port;
	options.finds_endpoints = false;
	init(s, &options, owner);
	s->is_found = true;
	*name = endpoint_name(&(struct endpoint_options){.host = ip, .port = port});
	return s;
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

static int compare_members(const void *a, const void *b)
{
	const struct ring_member *x = a, *y = b;
	return str_compare(x->name, y->name);
}

/* Replicas fill their slots in other orders, and have to agree. */
void service_make_ring(struct balancer *b)
{
	bool is_maglev = b->options.algorithm == BALANCE_MAGLEV;
	if (!is_maglev && b->options.algorithm != BALANCE_RING_HASH)
		return;
	struct ring_member *members = heap_alloc(b->count * sizeof(*members));
	unsigned count = 0;
	for (unsigned i = 0; i < b->count; i++) {
		struct endpoint *e = &b->endpoints[i];
		if (endpoint_is_present(e))
			members[count++] = (struct ring_member){e->name, e->weight, i};
	}
	if (b->guards && count > 0)
		qsort(members, count, sizeof(*members), compare_members);
	b->former_ring = b->ring;
	b->ring = count > 0 ? ring_new(members, count, is_maglev) : NULL;
	free(members);
}

static void init_balancer(struct service *s, unsigned count)
{
	struct balancer *b = heap_zalloc(sizeof(*b));
	size_t bytes = count * sizeof(struct endpoint);
	own_health(&s->options.balancing.health);
	own_sticky(&s->options.balancing.sticky);
	s->options.balancing.hash_text = own(s->options.balancing.hash_text);
	b->options = s->options.balancing;
	b->endpoints = aligned_alloc(_Alignof(struct endpoint), bytes);
	CHECK(b->endpoints);
	memset(b->endpoints, 0, bytes);
	for (unsigned i = 0; i < count; i++)
		b->endpoints[i].index = i;
	b->count = count;
	atomic_flag_clear(&b->is_ejecting);
	s->balancer = b;
}

/* The texts of the options are those of the endpoints' own. */
static void init_endpoints(struct service *s)
{
	unsigned count = s->options.endpoint_count;
	struct endpoint_options *copies = heap_alloc(count * sizeof(*copies));
	init_balancer(s, count);
	for (unsigned i = 0; i < count; i++) {
		struct endpoint *e = &s->balancer->endpoints[i];
		copies[i] = s->options.endpoints[i];
		init_endpoint(e, &copies[i], s);
		copies[i].host = e->service->options.host;
		copies[i].unix_path = e->service->options.unix_path;
	}
	s->options.endpoints = copies;
	s->balancer->present = count;
	service_make_ring(s->balancer);
}

static void init_slots(struct service *s)
{
	size_t bytes = BALANCER_READERS * sizeof(struct balancer_guard);
	init_balancer(s, SLOTS_MAX);
	struct balancer *b = s->balancer;
	for (unsigned i = 0; i < b->count; i++)
		b->endpoints[i].is_absent = true;
	b->guards = aligned_alloc(_Alignof(struct balancer_guard), bytes);
	CHECK(b->guards);
	memset(b->guards, 0, bytes);
}

static void free_endpoint(struct endpoint *e)
{
	struct service *s = e->service;
	if (s && s->is_found) {
		service_let_go_found(s);
	} else if (s) {
		deinit(s);
		free(s);
	}
	free((char *)e->name.p);
}

static void deinit_endpoints(struct service *s)
{
	struct balancer *b = s->balancer;
	for (unsigned i = 0; i < b->count; i++)
		free_endpoint(&b->endpoints[i]);
	for (unsigned w = 0; w < LIMIT_WORKERS; w++)
		free(b->turns[w]);
	ring_free(b->ring);
	ring_free(b->former_ring);
	free(b->guards);
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
	if (options->finds_endpoints)
		init_slots(s);
	else if (options->endpoint_count > 0)
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
	if (s->is_found)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

static bool is_last(struct service *s)
{
	return atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1;
}

void service_let_go_found(struct service *s)
{
	if (!is_last(s))
		return;
	deinit(s);
	free(s);
}

void service_unref(struct service *s)
{
	struct service *c = s ? counted(s) : NULL;
	if (s && s->is_found)
		service_let_go_found(s);
	if (!c || !is_last(c))
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
	return s->is_found ? s->owner->authority
			   : s->authority; /* who has the text may outlive it */
}
