/* SPDX-License-Identifier: Apache-2.0 */
/* process/thread.h - one worker: a thread, its loop, the proxy on it.
 *
 * The main thread talks to it by posts; it answers by posts to the main loop. */
#pragma once

#include "handover/trail.h"
#include "proxy/worker.h"
#include "upstream/call.h"

#include <pthread.h>
#include <stdatomic.h>

struct worker_thread {
	pthread_t id;
	unsigned index;
	struct loop *loop;
	struct loop *main_loop;
	struct proxy_worker proxy;
	struct upstream_calls calls; /* of policies, through the proxy's pools */
	struct trail_thread *trail; /* borrowed */
	bool is_stopping;
	struct answer_tally answers; /* the proxy's; the main thread may read rows until it joins */
	struct binding_tally bindings; /* likewise */
	/* For whoever waits for the end of a drain. */
	_Atomic bool has_drained;      /* it accepts no more */
	_Atomic bool is_idle;          /* no connection, no exchange, after its last turn */
	void (*stopped)(void *thread); /* posted to the main loop when the thread is done */
	void *owner;
};

struct worker_options {
	unsigned index;
	struct loop *main_loop;
	struct trail *trail;         /* its row is index + 1 */
	bool stands_by;              /* ready, but not accepting yet */
	struct record_ring *records; /* access log, or NULL */
	const struct resolver_options *resolver;
	struct admission *admission; /* borrowed */
	const struct proxy_worker_events *events;
	void *owner;
	/* On the worker: its last exchange has ended, its loop turns no more. */
	void (*ending)(void *owner, unsigned index);
	void (*stopped)(void *thread);
};

/* NULL with errno: there is no thread, or no descriptor for its loop. */
struct worker_thread *worker_thread_start(const struct worker_options *options);
/* Any thread: runs fn(arg) there. */
void worker_thread_post(struct worker_thread *t, void (*fn)(void *arg), void *arg);
/* Ends its exchanges and connections, then the thread; `stopped` is posted. */
void worker_thread_stop(struct worker_thread *t);
/* After `stopped`: joins and frees. */
void worker_thread_join(struct worker_thread *t);
