/* SPDX-License-Identifier: Apache-2.0 */
#include "process/thread.h"

#include "base/memory.h"
#include "base/thread_start.h"
#include "policy/pause.h"
#include "process/crash.h"
#include "services/services.h"
#include "services/text_of.h"

#include <errno.h>
#include <stdio.h>

struct worker_start {
	struct worker_thread *thread;
	struct worker_options options;
};

static void *run(void *arg)
{
	struct worker_start *start = arg;
	struct worker_thread *t = start->thread;
	struct worker_options o = start->options;
	uint64_t turns = 0;
	char name[16];
	snprintf(name, sizeof(name), "worker-%u", o.index);
	pthread_setname_np(pthread_self(), name);
	crash_thread_enter(o.trail, o.index + 1);
	pause_worker_start(o.index, t->loop);
	services_worker_start(o.index, t->loop);
	proxy_worker_init(&t->proxy, o.index, t->loop, o.records, o.resolver, o.events, o.owner);
	t->proxy.text_of = services_text_of;
	t->proxy.answers = &t->answers;
	t->proxy.bindings = &t->bindings;
	upstream_set_worker(t->proxy.upstream, o.index);
	upstream_calls_init(&t->calls, t->proxy.upstream);
	services_worker_carry(&t->calls.carrier);
	services_worker_dial(t->proxy.group, upstream_resolver(t->proxy.upstream));
	t->proxy.exchanges_told = &t->trail->exchanges;
	t->proxy.stands_by = o.stands_by;
	t->proxy.admission = o.admission;
	stream_group_set_descriptors_max(
		t->proxy.group, admission_upstream_descriptors(o.admission));
	free(start);
	/* A stop may come before the last exchange has ended: the loop turns until it has. */
	while (!t->is_stopping || !proxy_worker_is_idle(&t->proxy)) {
		loop_turn(t->loop, -1);
		atomic_store_explicit(&t->trail->turns, ++turns, memory_order_relaxed);
		atomic_store_explicit(
			&t->is_idle, proxy_worker_is_idle(&t->proxy), memory_order_relaxed);
	}
	o.ending(o.owner, o.index);
	services_worker_stop(o.index);
	binding_tally_settle(&t->bindings);
	proxy_worker_deinit(&t->proxy);
	pause_worker_stop(t->index);
	crash_thread_leave();
	loop_post(t->main_loop, t->stopped, t);
	return NULL;
}

static void worker_thread_free(struct worker_thread *t)
{
	loop_free(t->loop);
	answer_tally_deinit(&t->answers);
	binding_tally_deinit(&t->bindings);
	free(t);
}

struct worker_thread *worker_thread_start(const struct worker_options *options)
{
	struct loop *loop = loop_try_new();
	if (!loop)
		return NULL;
	struct worker_thread *t = heap_zalloc(sizeof(*t));
	struct worker_start *start = heap_zalloc(sizeof(*start));
	t->index = options->index;
	t->main_loop = options->main_loop;
	t->stopped = options->stopped;
	t->owner = options->owner;
	t->trail = &options->trail->threads[options->index + 1];
	t->loop = loop;
	answer_tally_init(&t->answers);
	binding_tally_init(&t->bindings);
	start->thread = t;
	start->options = *options;
	if (thread_try_start(&t->id, run, start))
		return t;
	int error = errno;
	free(start);
	worker_thread_free(t);
	errno = error;
	return NULL;
}

void worker_thread_post(struct worker_thread *t, void (*fn)(void *arg), void *arg)
{
	loop_post(t->loop, fn, arg);
}

static void stop_here(void *arg)
{
	struct worker_thread *t = arg;
	t->is_stopping = true;
	proxy_worker_close(&t->proxy);
}

void worker_thread_stop(struct worker_thread *t)
{
	loop_post(t->loop, stop_here, t);
}

void worker_thread_join(struct worker_thread *t)
{
	pthread_join(t->id, NULL);
	worker_thread_free(t);
}
