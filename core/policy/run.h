/* SPDX-License-Identifier: Apache-2.0 */
/* policy/run.h - what the services of the SDK may know about the plugin code that calls them.
 *
 * A service gets the same opaque handles as the host table, and owes the same care: a handle counts
 * only if it is the one whose callback runs on this thread.
 */
#pragma once

#include "base/list.h"
#include "base/str.h"
#include "policy/breadcrumb.h"

struct sluice_call;
struct sluice_exchange;
struct sluice_instance;
struct sluice_value;

/* Whether a callback of exchange x runs on this thread, from request_head to response_end. Does not
 * read x. */
bool policy_runs_exchange(const struct sluice_exchange *x);
/* That one; NULL: none runs. */
struct sluice_exchange *policy_exchange(void);
/* The same for any exchange callback, log and done included. */
bool policy_sees_exchange(const struct sluice_exchange *x);
/* Whether that callback of i runs on this thread. Does not read i. */
bool policy_runs(const struct sluice_instance *i, enum callback callback);
/* Whether a callback of i with an exchange, from request_head to response_end, runs on this thread.
 * Does not read i. */
bool policy_runs_in_exchange(const struct sluice_instance *i);
/* Whether plugin code of i runs on this thread as on a worker: an exchange's callback as above,
 * worker_start, or what a service called. Does not read i. */
bool policy_runs_on_worker(const struct sluice_instance *i);
/* The same, or a job of i on a thread of its own. Does not read i. */
bool policy_runs_alive(const struct sluice_instance *i);
/* Whether what services have under way for i is being answered on this thread because it stops there:
 * nothing new begins. */
bool policy_is_stopping(const struct sluice_instance *i);
/* The instance whose callback runs on this thread, or NULL. */
struct sluice_instance *policy_current(void);

/* Around a call into the plugin that a service makes by itself (CALLBACK_TIMER and the like),
 * on a worker; or CALLBACK_JOB and CALLBACK_DROPPED, on any thread (`worker` counts for nothing). */
void policy_call_enter(struct sluice_instance *i, enum callback callback, uint32_t worker);
void policy_call_leave(void);
/* What callbacks of i get; lives as long as i. */
const struct sluice_call *policy_call_of(const struct sluice_instance *i);

/* Something of a service that belongs to an instance on one worker, embedded in it. It is dropped
 * after the instance's worker_stop there; removing it from its list earlier (list_remove) detaches
 * it. In worker_start, timer and exchange callbacks, on that worker. */
struct policy_attachment {
	struct link link;
	void (*drop)(struct policy_attachment *a); /* it is off the list already */
};
void policy_attach(struct sluice_instance *i, uint32_t worker, struct policy_attachment *a);

/* Something of a service that goes with an instance through its life, embedded in it. Hooks may be
 * NULL. */
struct policy_companion {
	struct policy_companion *next;
	const void *kind; /* whose it is: the address of something static of the service */
	/* On the worker, after the plugin's worker_start has succeeded; before its worker_stop, or
	 * alone, when worker_start has failed. */
	void (*worker_start)(struct policy_companion *c, uint32_t worker);
	void (*worker_stop)(struct policy_companion *c, uint32_t worker);
	/* Main thread, after the plugin's `release`: frees it. */
	void (*release)(struct policy_companion *c);
};
/* In configure only. */
void policy_accompany(struct sluice_instance *i, struct policy_companion *c);
/* The newest of that kind, or NULL. */
struct policy_companion *policy_companion(const struct sluice_instance *i, const void *kind);

/* The instance is there, `release` not called, until it is let go as often as it was held. On its
 * worker or main thread, where it is alive; let go: any thread. */
void policy_hold(struct sluice_instance *i);
void policy_let_go(struct sluice_instance *i);

/* In configure only: its `frame` callback gets whole messages of at most so many bytes. */
void policy_collect_messages(struct sluice_instance *i, size_t bytes_max);

/* How many workers there are; any thread. */
uint32_t policy_workers(const struct sluice_instance *i);
/* Where it counts; NULL: nowhere. Main thread. */
struct metrics;
struct metrics *policy_metrics(const struct sluice_instance *i);
/* The 32 bytes of the SHA-256 of its plugin's file. */
struct str policy_plugin_digest(const struct sluice_instance *i);
struct str policy_plugin_name(const struct sluice_instance *i);
/* What worker_start gave there; on that worker. */
void *policy_worker_data(const struct sluice_instance *i, uint32_t worker);

/* A diagnostic at a node of the configuration; in configure only. */
void policy_config_error(
	struct sluice_instance *i, const struct sluice_value *at, struct str message);
/* The configured node, borrowed from the instance. */
struct plan_node;
const struct plan_node *policy_config_node(const struct sluice_value *v);
/* Memory on the instance's account, as host->instance_alloc. */
void *policy_alloc(struct sluice_instance *i, size_t size);
void policy_free(struct sluice_instance *i, void *p);
/* A property of the exchange's chain; false when absent. */
bool policy_property(const struct sluice_exchange *x, struct str name, struct str *value);
/* One line in the log, by the instance; x may be NULL. Level: enum sluice_log_level. */
void policy_log_line(
	struct sluice_instance *i, const struct sluice_exchange *x, int level, struct str message);
