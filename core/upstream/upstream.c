/* SPDX-License-Identifier: Apache-2.0 */
/* The pools of one worker. A connection that falls idle goes to whoever has waited longest, else to
 * the front of the idle list. While somebody waits there is an attempt to connect for each of them,
 * as far as connections_max allows; whose attempt it was does not matter when it succeeds.
 *
 * A connection of HTTP/2 takes streams until it is full before the next one is looked at: few
 * connections are well filled, so that the frames of many streams share their writes and their TLS
 * records, and the others fall idle and close. An attempt to connect then counts for as many
 * waiting as it is expected to carry. */
#include "upstream/upstream_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "connection/coarse.h"

#include <stdlib.h>

static void on_timer(struct timer *t);

/* --- pools ----------------------------------------------------------------------------------- */

static bool is_dropped(const struct service *s)
{
	return atomic_load_explicit(&s->is_dropped, memory_order_relaxed);
}

enum { TOLD_CONNECTIONS, TOLD_IDLE, TOLD_WAITING };

static void set_gauges(const struct service_row *row)
{
	metric_set(row->connections, row->told[TOLD_CONNECTIONS]);
	metric_set(row->idle, row->told[TOLD_IDLE]);
	metric_set(row->waiting, row->told[TOLD_WAITING]);
}

/* What other pools of the same name have comes back when the gauges are told again. */
static void clear_gauges(struct service_row *row)
{
	memset(row->told, 0, sizeof(row->told));
	set_gauges(row);
}

static struct upstream_pool *add_pool(struct upstream *u, struct service *s, struct str key)
{
	struct upstream_pool *p = heap_zalloc(sizeof(*p));
	p->upstream = u;
	p->key = str_n(heap_strndup(key), key.n);
	p->service = service_ref(s);
	list_init(&p->idle);
	list_init(&p->waits);
	list_init(&p->room);
	list_init(&p->busy);
	timer_init(&p->timer, on_timer);
	p->streams_per_dial =
		s->options.protocol == HTTP_CLIENT_1 ? 1 : s->options.http2.streams_max;
	list_append(&u->pool_list, &p->link);
	map_put(&u->pools, key, p);
	return p;
}

static void free_pool(struct upstream_pool *p)
{
	struct upstream *u = p->upstream;
	for (size_t i = 0; i < POOL_CACHE_SLOTS; i++)
		if (u->cache[i] == p)
			u->cache[i] = NULL;
	u->gone.connects += p->stats.connects;
	u->gone.connect_failures += p->stats.connect_failures;
	u->gone.reuses += p->stats.reuses;
	if (pool_row(p))
		clear_gauges(pool_row(p));
	map_remove(&u->pools, p->key);
	free((char *)p->key.p);
	list_remove(&p->link);
	timer_stop(&p->timer);
	service_unref(p->service);
	free(p);
}

/* The newest version of a service decides; one that a reload has replaced may still be asked for by
 * exchanges that began before. */
static void adopt(struct upstream_pool *p, struct service *s)
{
	if (p->service == s || (is_dropped(s) && !is_dropped(p->service)))
		return;
	struct service *former = p->service;
	p->service = service_ref(s);
	service_unref(former);
}

/* Whose connections tell the service for whom they are: nobody else may have them. */
static struct upstream_pool *private_pool_of(
	struct upstream *u, struct service *s, const struct upstream_wait *w)
{
	static const struct address nobody;
	char text[ADDRESS_TEXT_BYTES];
	const struct address *client = w->client ? w->client : &nobody;
	struct str who = client->n > 0 ? address_text(client, text) : STR("nobody");
	char *key = heap_printf("%.*s\n%.*s", STR_ARG(s->key), STR_ARG(who));
	struct upstream_pool *p = map_get(&u->pools, str_of(key));
	if (!p)
		p = add_pool(u, s, str_of(key));
	free(key);
	p->is_private = true;
	address_copy(&p->client, client);
	p->local = w->local ? *w->local : nobody;
	adopt(p, s);
	return p;
}

static struct upstream_pool *pool_of(
	struct upstream *u, struct service *s, const struct upstream_wait *w)
{
	struct upstream_pool **slot = &u->cache[(uintptr_t)s / 64 % POOL_CACHE_SLOTS];
	if (LIKELY(*slot && (*slot)->service == s))
		return *slot;
	if (s->options.proxy_header)
		return private_pool_of(u, s, w);
	struct upstream_pool *p = map_get(&u->pools, s->key);
	if (!p)
		p = add_pool(u, s, s->key);
	adopt(p, s);
	*slot = p;
	return p;
}

static void free_if_done(struct upstream_pool *p)
{
	bool is_empty = p->stats.connections == 0 && p->stats.waiting == 0;
	bool is_over = p->is_private || is_dropped(p->service);
	if (is_empty && is_over && !p->upstream->is_closing)
		free_pool(p);
}

/* --- idle connections ------------------------------------------------------------------------ */

static struct pooled *leave_idle(struct pooled *c)
{
	list_remove(&c->link);
	list_append(&c->pool->busy, &c->link);
	c->is_idle = false;
	c->pool->stats.idle--;
	return c;
}

static struct pooled *take_newest(struct upstream_pool *p)
{
	while (!list_is_empty(&p->idle)) {
		struct pooled *c = leave_idle(CONTAINER_OF(p->idle.next, struct pooled, link));
		if (http_client_capacity(c->client) > 0)
			return c;
	}
	return NULL;
}

/* One with streams was there a moment ago: it suits who wants a fresh one, too. */
static struct pooled *take(struct upstream_pool *p, bool fresh)
{
	LIST_FOREACH(l, &p->room)
	{
		struct pooled *c = CONTAINER_OF(l, struct pooled, link);
		if (http_client_capacity(c->client) > 0)
			return c;
	}
	return fresh ? NULL : take_newest(p);
}

static void close_oldest(struct upstream_pool *p)
{
	http_client_close(leave_idle(CONTAINER_OF(p->idle.prev, struct pooled, link))->client);
}

static void close_idle(struct upstream_pool *p)
{
	while (!list_is_empty(&p->idle))
		close_oldest(p);
}

/* Its client may have gone. */
static int64_t idle_bound_ms(const struct upstream_pool *p)
{
	int64_t ms = p->service->options.idle_timeout_ms;
	return p->is_private && ms > LIMIT_PRIVATE_IDLE_MS ? LIMIT_PRIVATE_IDLE_MS : ms;
}

static void go_idle(struct pooled *c)
{
	struct upstream_pool *p = c->pool;
	c->idle_since_ms = loop_now_ms(p->upstream->loop);
	c->is_idle = true;
	c->has_room = false;
	list_remove(&c->link);
	list_prepend(&p->idle, &c->link);
	p->stats.idle++;
	if (!timer_is_running(&p->timer))
		timer_start(p->upstream->loop, &p->timer, idle_bound_ms(p));
}

static void on_timer(struct timer *t)
{
	struct upstream_pool *p = CONTAINER_OF(t, struct upstream_pool, timer);
	int64_t now_ms = loop_now_ms(p->upstream->loop);
	int64_t whole_ms = idle_bound_ms(p);
	while (!list_is_empty(&p->idle)) {
		struct pooled *oldest = CONTAINER_OF(p->idle.prev, struct pooled, link);
		int64_t left_ms = oldest->idle_since_ms + whole_ms - now_ms;
		if (left_ms > 0) {
			timer_start(p->upstream->loop, t, coarse_wait_ms(left_ms, whole_ms));
			return;
		}
		close_oldest(p);
	}
}

/* --- waiting --------------------------------------------------------------------------------- */

/* A place for one more: among this worker's, and among the service's where it has a breaker. */
static bool take_place(struct upstream_pool *p)
{
	struct breaker *b = service_breaker(p->service);
	if (p->stats.connections >= p->service->options.connections_max)
		return false;
	if (!breaker_bounds(b, BREAKER_CONNECTIONS) || breaker_take(b, BREAKER_CONNECTIONS))
		return true;
	if (p->stats.connections > 0)
		return false;
	breaker_take_anyway(b, BREAKER_CONNECTIONS);
	return true;
}

static void add_connection(struct upstream_pool *p)
{
	struct pooled *c = pool_get(loop_pool(p->upstream->loop), sizeof(*c));
	*c = (struct pooled){.pool = p};
	if (breaker_bounds(service_breaker(p->service), BREAKER_CONNECTIONS))
		c->counted = service_ref(p->service);
	if (p->service->options.via_absolute)
		c->proxied = service_ref(p->service);
	list_append(&p->busy, &c->link);
	p->dials++;
	p->stats.connections++;
	dial_begin(c);
}

/* Where peers allow no stream, another connection would hardly be better. */
static bool may_connect(const struct upstream_pool *p)
{
	return LIKELY(p->barren == 0) || p->barren + p->dials < LIMIT_BARREN_CONNECTIONS;
}

static void connect_for_waits(struct upstream_pool *p)
{
	while (pool_expected(p) < p->stats.waiting && may_connect(p) && take_place(p))
		add_connection(p);
	/* Only who wants a fresh connection waits beside idle ones: its end makes room. */
	if (pool_expected(p) < p->stats.waiting && !list_is_empty(&p->idle))
		close_oldest(p);
}

/* What it may find closed is a connection that nobody uses. */
static bool is_fresh(const struct pooled *c)
{
	return !http_client_was_used(c->client) || !http_client_is_idle(c->client);
}

static struct upstream_wait *first_wait_for(struct pooled *c)
{
	bool suits_all = is_fresh(c);
	LIST_FOREACH(l, &c->pool->waits)
	if (suits_all || !wait_of_link(l)->fresh)
		return wait_of_link(l);
	return NULL;
}

static void serve(struct pooled *c, struct upstream_wait *w)
{
	bool reused = http_client_was_used(c->client);
	c->pool->stats.reuses += reused;
	struct http_stream *s =
		http_client_open(c->client, w->arena, w->limits, w->events, w->owner);
	w->fn(w, RC_OK, s, reused, "");
}

/* To the end of the one list or the other, unless it stands there. */
static void set_room(struct pooled *c, bool has_room)
{
	struct upstream_pool *p = c->pool;
	if (c->has_room == has_room)
		return;
	c->has_room = has_room;
	list_remove(&c->link);
	list_append(has_room ? &p->room : &p->busy, &c->link);
}

static void set_barren(struct pooled *c, bool is_barren)
{
	if (LIKELY(c->is_barren == is_barren))
		return;
	c->is_barren = is_barren;
	if (is_barren)
		c->pool->barren++;
	else
		c->pool->barren--;
}

/* Full of streams, or its peer allows none at all. */
static void put_full(struct pooled *c)
{
	set_room(c, false);
	set_barren(c, http_client_is_multiplexed(c->client) && http_client_is_idle(c->client));
	if (c->is_barren && list_is_empty(&c->pool->waits))
		http_client_close(c->client);
}

/* Nobody waits for what their peers may still allow. */
static void close_barren(struct upstream_pool *p)
{
	LIST_FOREACH_SAFE(l, &p->busy)
	{
		struct pooled *c = CONTAINER_OF(l, struct pooled, link);
		if (c->is_barren)
			http_client_close(c->client);
	}
}

/* Where it stands when nobody who waits wants it. */
static void put(struct pooled *c)
{
	if (http_client_capacity(c->client) == 0) {
		put_full(c);
		return;
	}
	set_barren(c, false);
	if (!http_client_is_idle(c->client))
		set_room(c, true);
	else if (is_dropped(c->pool->service))
		http_client_close(c->client);
	else
		go_idle(c);
}

/* Those who ask again from here on are not among them. */
static void refuse_all(struct upstream_pool *p)
{
	for (unsigned left = p->stats.waiting; left > 0 && !list_is_empty(&p->waits); left--)
		wait_refuse_hopeless(wait_of_link(p->waits.next));
	if (list_is_empty(&p->waits))
		close_barren(p);
}

/* What is there, or on its way, has changed. */
static void settle_waits(struct upstream_pool *p)
{
	if (LIKELY(pool_expected(p) >= p->stats.waiting))
		return;
	connect_for_waits(p);
	if (pool_expected(p) >= p->stats.waiting)
		return;
	if (pool_is_hopeless(p))
		refuse_all(p);
	else
		pool_find_places(p);
}

void pool_offer(struct pooled *c)
{
	struct upstream_pool *p = c->pool;
	struct upstream_wait *w;
	if (UNLIKELY(c->is_idle)) /* its peer allows another number of streams now */
		leave_idle(c);
	while (!list_is_empty(&p->waits) && http_client_capacity(c->client) > 0 &&
		(w = first_wait_for(c))) {
		wait_leave(w);
		serve(c, w);
	}
	put(c);
	settle_waits(p);
}

/* Until the first one has answered, a service that may speak HTTP/2 is taken to do so; one that
 * allows no stream for now tells nothing. */
static void learn_streams(struct pooled *c)
{
	unsigned capacity = http_client_capacity(c->client);
	if (!http_client_is_multiplexed(c->client))
		c->pool->streams_per_dial = 1;
	else if (capacity > 0)
		c->pool->streams_per_dial = capacity;
}

void pool_connected(struct pooled *c)
{
	c->pool->dials--;
	c->pool->stats.connects++;
	learn_streams(c);
	pool_offer(c);
}

static void free_place(struct pooled *c)
{
	struct upstream_pool *p = c->pool;
	set_barren(c, false);
	list_remove(&c->link);
	p->stats.connections--;
	if (c->counted) {
		breaker_leave(service_breaker(c->counted), BREAKER_CONNECTIONS);
		service_unref(c->counted);
	}
	service_unref(c->proxied);
	pool_put(loop_pool(p->upstream->loop), c, sizeof(*c));
}

void pool_dial_failed(struct pooled *c, enum rc rc, const char *text)
{
	struct upstream_pool *p = c->pool;
	p->dials--;
	free_place(c);
	p->stats.connect_failures++;
	if (pool_row(p))
		metric_add(pool_row(p)->connect_failures, 1);
	/* Others may still be trying for those who wait. */
	unsigned told = 0;
	for (; p->stats.waiting > pool_expected(p) && told < p->streams_per_dial; told++)
		wait_refuse(wait_of_link(p->waits.next), rc, text);
	settle_waits(p);
	free_if_done(p);
}

void pool_closed(struct pooled *c)
{
	struct upstream_pool *p = c->pool;
	if (c->is_idle)
		leave_idle(c);
	free_place(c);
	settle_waits(p);
	free_if_done(p);
}

/* --- from above ------------------------------------------------------------------------------ */

void upstream_wait_init(struct upstream_wait *w)
{
	*w = (struct upstream_wait){0};
	list_init(&w->link);
}

void upstream_open(struct upstream *u, struct service *s, struct upstream_wait *w)
{
	struct upstream_pool *p = pool_of(u, s, w);
	struct pooled *c = take(p, w->fresh);
	if (LIKELY(c)) {
		serve(c, w);
		if (UNLIKELY(http_client_is_multiplexed(c->client)))
			set_room(c, http_client_capacity(c->client) > 0);
		return;
	}
	list_append(&p->waits, &w->link);
	w->pool = p;
	w->service = s;
	p->stats.waiting++;
	connect_for_waits(p);
	if (p->stats.waiting <= pool_expected(p))
		return;
	if (pool_is_hopeless(p))
		wait_refuse_hopeless(w);
	else if (!wait_may(w))
		wait_refuse_full(w);
}

static bool is_half(unsigned n, unsigned max)
{
	return n >= max / 2 + max % 2;
}

/* Where there are endpoints, not all of them need be. */
static bool are_all_crowded(struct upstream *u, struct balancer *b)
{
	unsigned present = 0, crowded = 0;
	balancer_enter(b, u->worker);
	for (unsigned i = 0; i < b->count && crowded == present; i++) {
		if (!endpoint_is_present(&b->endpoints[i]))
			continue;
		present++;
		crowded += upstream_is_crowded(u, b->endpoints[i].service);
	}
	balancer_exit(b, u->worker);
	return present > 0 && crowded == present;
}

bool upstream_is_crowded(struct upstream *u, struct service *s)
{
	if (UNLIKELY(s->balancer != NULL))
		return are_all_crowded(u, s->balancer);
	const struct upstream_pool *p = map_get(&u->pools, s->key);
	const struct breaker *b = service_breaker(s);
	if (breaker_bounds(b, BREAKER_CONNECTIONS))
		return is_half(
			atomic_load_explicit(&b->taken[BREAKER_CONNECTIONS], memory_order_relaxed),
			b->limits.max[BREAKER_CONNECTIONS]);
	unsigned taken = p ? p->stats.connections - p->stats.idle : 0;
	return is_half(taken, s->options.connections_max);
}

void upstream_cancel(struct upstream_wait *w)
{
	struct upstream_pool *p = w->pool;
	if (!p)
		return;
	wait_leave(w);
	if (UNLIKELY(p->barren > 0) && list_is_empty(&p->waits))
		close_barren(p);
}

static void forget_private(struct upstream *u, const struct service *s)
{
	LIST_FOREACH_SAFE(l, &u->pool_list)
	{
		struct upstream_pool *p = CONTAINER_OF(l, struct upstream_pool, link);
		if (p->service == s)
			close_idle(p);
	}
}

/* Pools of addresses that are gone, with their service or without. */
static void forget_found(struct upstream *u, const struct service *owner)
{
	LIST_FOREACH_SAFE(l, &u->pool_list)
	{
		struct upstream_pool *p = CONTAINER_OF(l, struct upstream_pool, link);
		const struct service *s = p->service;
		if (!s->is_found || (!is_dropped(s) && s->owner != owner))
			continue;
		atomic_store_explicit(&p->service->is_dropped, true, memory_order_relaxed);
		close_idle(p);
		free_if_done(p);
	}
}

static void forget_slots(struct upstream *u, struct service *s)
{
	struct balancer *b = s->balancer;
	balancer_enter(b, u->worker);
	for (unsigned i = 0; i < b->count; i++)
		if (endpoint_is_present(&b->endpoints[i]))
			atomic_store(&b->endpoints[i].service->is_dropped, true);
	balancer_exit(b, u->worker);
	forget_found(u, s);
}

void upstream_forget(struct upstream *u, struct service *s)
{
	atomic_store_explicit(&s->is_dropped, true, memory_order_relaxed);
	if (s->balancer && s->balancer->guards)
		forget_slots(u, s);
	else if (s->balancer)
		for (unsigned i = 0; i < s->balancer->count; i++)
			upstream_forget(u, s->balancer->endpoints[i].service);
	if (s->options.proxy_header)
		forget_private(u, s);
	struct upstream_pool *p = map_get(&u->pools, s->key);
	if (!p || p->service != s)
		return;
	close_idle(p);
	free_if_done(p);
}

void upstream_trim(struct upstream *u, int64_t idle_ms)
{
	int64_t since_ms = loop_now_ms(u->loop) - idle_ms;
	LIST_FOREACH(l, &u->pool_list)
	{
		struct upstream_pool *p = CONTAINER_OF(l, struct upstream_pool, link);
		while (!list_is_empty(&p->idle) &&
			CONTAINER_OF(p->idle.prev, struct pooled, link)->idle_since_ms <= since_ms)
			close_oldest(p);
	}
}

void upstream_each(struct upstream *u,
	void (*fn)(void *arg, struct str service, const struct upstream_stats *stats), void *arg)
{
	LIST_FOREACH(l, &u->pool_list)
	{
		struct upstream_pool *p = CONTAINER_OF(l, struct upstream_pool, link);
		fn(arg, p->service->options.name, &p->stats);
	}
	fn(arg, STR_EMPTY, &u->gone);
}

void upstream_set_resolver(struct upstream *u, const struct resolver_options *resolver)
{
	resolver_set(u->resolver, resolver);
}

struct resolver *upstream_resolver(struct upstream *u)
{
	return u->resolver;
}

void upstream_set_worker(struct upstream *u, unsigned index)
{
	u->worker = index;
}

/* Two pools may have one name, the former's and the present one's: summed up before it is shown. */
void upstream_tell(struct upstream *u)
{
	forget_found(u, NULL);
	LIST_FOREACH(l, &u->pool_list)
	{
		struct service_row *row = pool_row(CONTAINER_OF(l, struct upstream_pool, link));
		if (row)
			memset(row->told, 0, sizeof(row->told));
	}
	LIST_FOREACH(l, &u->pool_list)
	{
		const struct upstream_pool *p = CONTAINER_OF(l, struct upstream_pool, link);
		struct service_row *row = pool_row(p);
		if (!row)
			continue;
		row->told[TOLD_CONNECTIONS] += p->stats.connections;
		row->told[TOLD_IDLE] += p->stats.idle;
		row->told[TOLD_WAITING] += p->stats.waiting;
	}
	LIST_FOREACH(l, &u->pool_list)
	{
		const struct service_row *row =
			pool_row(CONTAINER_OF(l, struct upstream_pool, link));
		if (row)
			set_gauges(row);
	}
}

struct upstream *upstream_new(struct stream_group *group, const struct resolver_options *resolver)
{
	struct upstream *u = heap_zalloc(sizeof(*u));
	u->group = group;
	u->loop = stream_group_loop(group);
	u->resolver = resolver_new(u->loop, resolver);
	prng_seed(&u->prng);
	map_init(&u->pools);
	list_init(&u->pool_list);
	return u;
}

/* The ends of connections come at the end of a turn. */
#define CLOSING_TURNS_MAX 16

static void close_place(struct pooled *c)
{
	if (c->dial)
		dial_abandon(c);
	else
		http_client_close(c->client);
}

static bool close_pools(struct upstream *u)
{
	bool is_empty = true;
	LIST_FOREACH(l, &u->pool_list)
	{
		struct upstream_pool *p = CONTAINER_OF(l, struct upstream_pool, link);
		CHECK(p->stats.waiting == 0);
		close_idle(p);
		LIST_FOREACH_SAFE(at, &p->room)
		close_place(CONTAINER_OF(at, struct pooled, link));
		LIST_FOREACH_SAFE(at, &p->busy)
		close_place(CONTAINER_OF(at, struct pooled, link));
		is_empty &= p->stats.connections == 0;
	}
	return is_empty && u->losers == 0;
}

void upstream_free(struct upstream *u)
{
	u->is_closing = true;
	for (int i = 0; !close_pools(u); i++) {
		CHECK(i < CLOSING_TURNS_MAX);
		loop_turn(u->loop, 0);
	}
	while (!list_is_empty(&u->pool_list))
		free_pool(CONTAINER_OF(u->pool_list.next, struct upstream_pool, link));
	resolver_free(u->resolver);
	map_deinit(&u->pools);
	free(u);
}
