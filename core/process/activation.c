/* SPDX-License-Identifier: Apache-2.0 */
#include "process/activation.h"

#include "base/memory.h"
#include "services/services.h"

struct retired;

struct activation {
	struct activation_options options;
	activation_fn *fn;
	void *owner;
	struct generation *current; /* owned */
	struct generation *next;    /* owned, while under way */
	struct retired *departed;   /* list: APIs that are let go when `next` has its place */
	struct instance_set instances;
	struct diagnostics diagnostics;
	uint64_t number;
	size_t retiring;   /* APIs */
	unsigned acks_due; /* of the round of posts under way */
	bool has_start_failed;
	bool lacked; /* something that may be had later */
	bool is_sweep_due;
	bool is_closed;   /* `instances` stays as it is: the workers read it */
	size_t first_new; /* instances from here on were made by this build */
};

/* One round of posts: the same function on every worker, then back. */
struct round {
	struct activation *a;
	unsigned worker;
	void (*on_worker)(struct round *r);
	void (*back)(struct activation *a);
	struct sluice_instance *instance; /* of a stop */
	bool failed;
};

static void ack(void *arg)
{
	struct round *r = arg;
	struct activation *a = r->a;
	void (*back)(struct activation *) = r->back;
	a->has_start_failed |= r->failed;
	free(r);
	if (--a->acks_due == 0)
		back(a);
}

static void run_on_worker(void *arg)
{
	struct round *r = arg;
	r->on_worker(r);
	loop_post(r->a->options.loop, ack, r);
}

static void post_round(struct activation *a, void (*on_worker)(struct round *r),
	void (*back)(struct activation *a))
{
	a->acks_due = a->options.workers;
	for (unsigned i = 0; i < a->options.workers; i++) {
		struct round *r = heap_zalloc(sizeof(*r));
		*r = (struct round){.a = a, .worker = i, .on_worker = on_worker, .back = back};
		worker_thread_post(a->options.threads[i], run_on_worker, r);
	}
}

/* --- retiring -------------------------------------------------------------------------------- */

/* A round of its own: it may go on while the next activation runs. */
struct stop {
	struct activation *a;
	struct sluice_instance **instances; /* owned, with a reference to each */
	size_t count, capacity;
	unsigned workers_left;
};

struct stop_post {
	struct stop *stop;
	unsigned worker;
};

static void stop_done(void *arg)
{
	struct stop *s = arg;
	if (--s->workers_left > 0)
		return;
	for (size_t i = 0; i < s->count; i++)
		instance_unref(s->instances[i]);
	free(s->instances);
	free(s);
}

static void stop_on_worker(void *arg)
{
	struct stop_post *p = arg;
	for (size_t i = 0; i < p->stop->count; i++)
		instance_worker_stop(p->stop->instances[i], p->worker);
	loop_post(p->stop->a->options.loop, stop_done, p->stop);
	free(p);
}

static void take_unused(void *arg, struct sluice_instance *unused)
{
	struct stop *s = arg;
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 8;
		s->instances =
			heap_realloc(s->instances, s->capacity * sizeof(struct sluice_instance *));
	}
	s->instances[s->count++] = unused;
}

static void stop_unused_instances(struct activation *a)
{
	struct stop *s = heap_zalloc(sizeof(*s));
	s->a = a;
	s->workers_left = a->options.workers;
	instance_set_sweep(&a->instances, take_unused, s);
	if (s->count == 0) {
		free(s);
		return;
	}
	for (unsigned i = 0; i < a->options.workers; i++) {
		struct stop_post *p = heap_zalloc(sizeof(*p));
		*p = (struct stop_post){s, i};
		worker_thread_post(a->options.threads[i], stop_on_worker, p);
	}
}

/* Once for all APIs that were let go in a turn. */
static void sweep(void *arg)
{
	struct activation *a = arg;
	a->is_sweep_due = false;
	give_back_soon(a->options.give_back);
	if (!activation_is_busy(a) && !a->is_closed)
		stop_unused_instances(a);
}

struct retired {
	struct activation *a;
	struct api *api;
	struct retired *next;
};

static void let_go(struct activation *a, struct api *api)
{
	api_unref(api);
	a->retiring--;
	if (a->is_sweep_due || a->is_closed)
		return;
	a->is_sweep_due = true;
	loop_post(a->options.loop, sweep, a);
}

/* Until all workers have said that they swapped, what they left is still a part of the generation
 * that activation_current gives. */
static void api_retired(void *arg)
{
	struct retired *r = arg;
	struct activation *a = r->a;
	if (++r->api->retired_count < a->options.workers) {
		free(r);
	} else if (a->next) {
		r->next = a->departed;
		a->departed = r;
	} else {
		let_go(a, r->api);
		free(r);
	}
}

static void let_go_of_departed(struct activation *a)
{
	while (a->departed) {
		struct retired *r = a->departed;
		a->departed = r->next;
		let_go(a, r->api);
		free(r);
	}
}

void activation_api_retired(struct activation *a, unsigned worker, struct api *api)
{
	struct retired *r = heap_zalloc(sizeof(*r));
	*r = (struct retired){.a = a, .api = api};
	loop_post(a->options.loop, api_retired, r);
}

/* --- putting into service -------------------------------------------------------------------- */

static void report(struct activation *a, const struct generation *g)
{
	a->fn(a->owner, g, &a->diagnostics);
	diagnostics_deinit(&a->diagnostics);
	diagnostics_init(&a->diagnostics);
}

static bool is_listened(void *arg, struct str key)
{
	return generation_find_listener(arg, key) != NULL;
}

/* The former generation's share in the APIs that both have. Those that it alone had are let go
 * one by one, when their last exchange has ended. */
static void let_go_of_kept(const struct generation *next)
{
	for (size_t i = 0; i < next->api_count; i++)
		if (next->apis[i]->refs > 1)
			api_unref(next->apis[i]);
}

/* Every worker has swapped: nobody looks at the former generation any more, but its APIs may still
 * have exchanges. */
static void swapped(struct activation *a)
{
	struct generation *former = a->current;
	a->current = a->next;
	a->next = NULL;
	let_go_of_kept(a->current);
	ports_close_unused(a->options.ports, is_listened, a->current);
	if (former) {
		former->api_count = 0; /* none of them is its own any more */
		generation_free(former);
	}
	let_go_of_departed(a);
	stop_unused_instances(a);
	report(a, a->current);
}

static void swap_on_worker(struct round *r)
{
	struct activation *a = r->a;
	proxy_worker_swap(&a->options.threads[r->worker]->proxy, a->next);
	services_use_contracts(a->next->contracts);
	services_use_storage(a->next->storage);
}

/* A port that it alone wanted is closed again: nobody accepts there. Without a former generation
 * what is tried next may want it, and connections may wait in it for who follows a crash. */
static void refuse(struct activation *a)
{
	generation_free(a->next);
	a->next = NULL;
	let_go_of_departed(a);
	if (a->current)
		ports_close_unused(a->options.ports, is_listened, a->current);
	stop_unused_instances(a);
	report(a, NULL);
}

static void started(struct activation *a)
{
	if (a->has_start_failed) {
		a->lacked = true;
		diagnostics_add(&a->diagnostics, SEVERITY_ERROR, (struct position){0}, "",
			"a policy could not start on every worker; the former generation serves "
			"on");
		refuse(a);
		return;
	}
	a->retiring += a->next->dropped_api_count;
	post_round(a, swap_on_worker, swapped);
}

static void start_on_worker(struct round *r)
{
	struct activation *a = r->a;
	for (size_t i = a->first_new; i < a->instances.count; i++)
		if (instance_worker_start(a->instances.items[i], r->worker) != RC_OK)
			r->failed = true;
}

/* A port that cannot be had leaves the former generation in place; at the first start the other
 * listeners go on without it. */
static bool open_ports(struct activation *a)
{
	struct generation *g = a->next;
	size_t kept = 0;
	for (size_t i = 0; i < g->listener_count; i++) {
		struct generation_listener *l = &g->listeners[i];
		struct port_sockets sockets;
		const char *why;
		enum rc rc =
			ports_open(a->options.ports, str_of(l->key), &l->address, &sockets, &why);
		if (rc == RC_OK) {
			l->fds = sockets.fds;
			l->fd_count = sockets.count;
			l->worker_count = a->options.workers;
			struct generation_listener tmp = g->listeners[kept];
			g->listeners[kept++] = *l;
			if (&g->listeners[i] != &g->listeners[kept - 1])
				*l = tmp;
			continue;
		}
		diagnostics_add(&a->diagnostics, SEVERITY_ERROR, l->position, "spec.address",
			"cannot listen on %s: %s", l->key, why);
		a->lacked |= rc == RC_IO;
		if (a->current)
			return false;
	}
	for (size_t i = kept; i < g->listener_count; i++)
		generation_listener_deinit(&g->listeners[i]);
	g->listener_count = kept;
	return true;
}

void activation_start(struct activation *a, struct plan *plan, const char *closed)
{
	CHECK(!activation_is_busy(a) && !a->is_closed);
	struct build_options build = {
		.registry = a->options.registry,
		.instances = &a->instances,
		.state_dir = a->options.state_dir,
		.workers = a->options.workers,
		.number = ++a->number,
		.former = a->current,
		.metrics = a->options.metrics,
		.services = a->options.services,
		.tickets = a->options.tickets,
		.closed = closed,
		.lacked = &a->lacked,
	};
	a->first_new = a->instances.count;
	a->has_start_failed = false;
	a->lacked = false;
	if (build_generation(&build, plan, &a->diagnostics, &a->next) != RC_OK) {
		stop_unused_instances(a);
		report(a, NULL);
		return;
	}
	if (!open_ports(a)) {
		refuse(a);
		return;
	}
	post_round(a, start_on_worker, started);
}

struct activation *activation_new(
	const struct activation_options *options, activation_fn *fn, void *owner)
{
	struct activation *a = heap_zalloc(sizeof(*a));
	a->options = *options;
	a->fn = fn;
	a->owner = owner;
	instance_set_init(&a->instances);
	diagnostics_init(&a->diagnostics);
	return a;
}

void activation_close(struct activation *a)
{
	CHECK(!activation_is_busy(a));
	a->is_closed = true;
}

void activation_stop_worker(const struct activation *a, unsigned worker)
{
	for (size_t i = 0; i < a->instances.count; i++)
		instance_worker_stop(a->instances.items[i], worker);
}

static void release_unused(void *arg, struct sluice_instance *unused)
{
	instance_unref(unused);
}

void activation_free(struct activation *a)
{
	generation_free(a->current);
	instance_set_sweep(&a->instances, release_unused, NULL);
	instance_set_deinit(&a->instances);
	diagnostics_deinit(&a->diagnostics);
	free(a);
}

bool activation_is_busy(const struct activation *a)
{
	return a->next != NULL;
}

bool activation_lacked(const struct activation *a)
{
	return a->lacked;
}

const struct generation *activation_current(const struct activation *a)
{
	return a->current;
}

size_t activation_retiring(const struct activation *a)
{
	return a->retiring;
}
