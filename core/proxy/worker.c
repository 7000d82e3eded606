/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/worker.h"

#include "proxy/exchange.h"
#include "proxy/listener.h"
#include "proxy/shed.h"
#include "proxy/sweep.h"

static void abort_connections(struct task *t)
{
	struct proxy_worker *w = CONTAINER_OF(t, struct proxy_worker, closing);
	LIST_FOREACH_SAFE(l, &w->listeners)
	proxy_listener_abort(proxy_listener_of_link(l));
}

void proxy_worker_init(struct proxy_worker *w, unsigned index, struct loop *loop,
	struct record_ring *records, const struct resolver_options *resolver,
	const struct proxy_worker_events *events, void *owner)
{
	*w = (struct proxy_worker){
		.index = index,
		.loop = loop,
		.records = records,
		.events = events,
		.owner = owner,
	};
	list_init(&w->exchanges);
	list_init(&w->listeners);
	task_init(&w->closing, abort_connections);
	sweep_init(w);
	prng_seed(&w->prng);
	buffer_init(&w->record_text, RECORD_BYTES_MAX);
	w->group = stream_group_new(loop);
	w->upstream = upstream_new(w->group, resolver);
	mirrors_init(&w->mirrors, w->upstream);
	if (index == 0) {
		w->discoveries = discoveries_new(w->upstream);
		w->health = health_checks_new(w->upstream);
	}
}

void proxy_worker_close(struct proxy_worker *w)
{
	proxy_worker_drain(w);
	exchange_end_all(w);
	mirrors_end(&w->mirrors);
	/* Not before the answers have left with the end of this turn. */
	loop_ready_next(w->loop, &w->closing);
}

bool proxy_worker_is_idle(const struct proxy_worker *w)
{
	return w->exchanges_active == 0 && w->connections_active == 0;
}

void proxy_worker_deinit(struct proxy_worker *w)
{
	CHECK(proxy_worker_is_idle(w));
	task_cancel(&w->closing);
	sweep_deinit(w);
	LIST_FOREACH_SAFE(l, &w->listeners)
	proxy_listener_close(proxy_listener_of_link(l));
	if (w->health)
		health_checks_free(w->health);
	mirrors_end(&w->mirrors);
	if (w->discoveries)
		discoveries_free(w->discoveries);
	upstream_free(w->upstream);
	stream_group_free(w->group);
	buffer_deinit(&w->record_text);
}

static struct proxy_listener *find_listener(struct proxy_worker *w, struct str key)
{
	LIST_FOREACH(l, &w->listeners)
	{
		struct proxy_listener *listener = proxy_listener_of_link(l);
		bool is_open = proxy_listener_serves(listener) != NULL;
		if (is_open && str_eq(proxy_listener_key(listener), key))
			return listener;
	}
	return NULL;
}

static void update_listeners(struct proxy_worker *w, const struct generation *next)
{
	LIST_FOREACH_SAFE(l, &w->listeners)
	{
		struct proxy_listener *listener = proxy_listener_of_link(l);
		if (!proxy_listener_serves(listener))
			continue;
		const struct generation_listener *serves =
			generation_find_listener(next, proxy_listener_key(listener));
		if (serves)
			proxy_listener_update(listener, serves);
		else
			proxy_listener_close(listener);
	}
	for (size_t i = 0; i < next->listener_count; i++) {
		const struct generation_listener *serves = &next->listeners[i];
		if (!find_listener(w, str_of(serves->key)))
			proxy_listener_new(w, serves);
	}
}

static void let_go(struct proxy_worker *w, struct api *api)
{
	binding_tally_settle_api(&api->workers[w->index]);
	w->events->api_retired(w->owner, w->index, api);
}

static void retire(struct proxy_worker *w, struct api *api)
{
	struct api_worker *own = &api->workers[w->index];
	own->is_retired = true;
	if (own->pins == 0)
		let_go(w, api);
}

void proxy_worker_swap(struct proxy_worker *w, const struct generation *next)
{
	const struct generation *former = w->generation;
	w->generation = next;
	stream_group_set_handshake_ms(w->group, next->limits.tls_handshake_ms);
	upstream_set_resolver(w->upstream, &next->resolver);
	update_listeners(w, next);
	if (w->discoveries)
		discoveries_set(w->discoveries, next->services, next->service_count);
	if (w->health)
		health_checks_set(w->health, next->services, next->service_count);
	if (!former)
		return;
	for (size_t i = 0; i < next->dropped_api_count; i++)
		retire(w, next->dropped_apis[i]);
	for (size_t i = 0; i < next->dropped_count; i++)
		upstream_forget(w->upstream, next->dropped[i]);
}

void proxy_worker_accept(struct proxy_worker *w)
{
	w->stands_by = false;
	LIST_FOREACH(l, &w->listeners)
	{
		struct proxy_listener *listener = proxy_listener_of_link(l);
		if (proxy_listener_serves(listener) && !w->is_draining)
			proxy_listener_accept(listener);
	}
}

void proxy_worker_set_pressure(struct proxy_worker *w, enum pressure pressure)
{
	w->pressure = pressure;
	LIST_FOREACH(l, &w->listeners)
	{
		struct proxy_listener *listener = proxy_listener_of_link(l);
		if (proxy_listener_serves(listener))
			proxy_listener_update(listener, proxy_listener_serves(listener));
	}
	shed_memory(w);
}

void proxy_worker_drain(struct proxy_worker *w)
{
	w->is_draining = true;
	LIST_FOREACH_SAFE(l, &w->listeners)
	proxy_listener_drain(proxy_listener_of_link(l));
}

void proxy_worker_pin(struct proxy_worker *w, struct api *api)
{
	api->workers[w->index].pins++;
}

void proxy_worker_unpin(struct proxy_worker *w, struct api *api)
{
	struct api_worker *own = &api->workers[w->index];
	CHECK(own->pins > 0);
	if (--own->pins == 0 && own->is_retired)
		let_go(w, api);
}
