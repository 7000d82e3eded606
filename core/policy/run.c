/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/run.h"

#include "base/check.h"
#include "loop/loop.h"
#include "policy/chain.h"
#include "policy/host_priv.h"

static bool runs_in(const struct sluice_exchange *x, uint32_t callbacks)
{
	return x && policy_thread.exchange == x && (callbacks >> policy_thread.callback & 1);
}

bool policy_runs_exchange(const struct sluice_exchange *x)
{
	return runs_in(x, IN_LIVE);
}

bool policy_sees_exchange(const struct sluice_exchange *x)
{
	return runs_in(x, IN_EXCHANGE);
}

bool policy_runs(const struct sluice_instance *i, enum callback callback)
{
	return i && policy_thread.instance == i && policy_thread.callback == callback;
}

struct sluice_exchange *policy_exchange(void)
{
	return policy_runs_exchange(policy_thread.exchange) ? policy_thread.exchange : NULL;
}

bool policy_runs_in_exchange(const struct sluice_instance *i)
{
	return i && policy_thread.instance == i && policy_runs_exchange(policy_thread.exchange);
}

bool policy_runs_on_worker(const struct sluice_instance *i)
{
	return i && policy_thread.instance == i && (IN_WORKER >> policy_thread.callback & 1);
}

bool policy_runs_alive(const struct sluice_instance *i)
{
	return policy_runs_on_worker(i) || policy_runs(i, CALLBACK_JOB);
}

struct sluice_instance *policy_current(void)
{
	return policy_thread.instance;
}

void policy_call_enter(struct sluice_instance *i, enum callback callback, uint32_t worker)
{
	policy_thread.worker = worker;
	policy_enter(NULL, i, callback);
}

void policy_call_leave(void)
{
	policy_leave();
}

const struct sluice_call *policy_call_of(const struct sluice_instance *i)
{
	return &i->call;
}

void policy_attach(struct sluice_instance *i, uint32_t worker, struct policy_attachment *a)
{
	CHECK(worker < i->workers);
	list_append(&i->attached[worker], &a->link);
}

void policy_accompany(struct sluice_instance *i, struct policy_companion *c)
{
	CHECK(policy_runs(i, CALLBACK_CONFIGURE));
	c->next = i->companions;
	i->companions = c;
}

struct policy_companion *policy_companion(const struct sluice_instance *i, const void *kind)
{
	struct policy_companion *c = i->companions;
	while (c && c->kind != kind)
		c = c->next;
	return c;
}

void policy_collect_messages(struct sluice_instance *i, size_t bytes_max)
{
	i->message_bytes_max = bytes_max;
}

void policy_hold(struct sluice_instance *i)
{
	atomic_fetch_add_explicit(&i->holds, 1, memory_order_relaxed);
}

static void release_on_main(void *arg)
{
	instance_end(arg);
}

void policy_let_go(struct sluice_instance *i)
{
	if (atomic_fetch_sub_explicit(&i->holds, 1, memory_order_acq_rel) == 1)
		loop_post(registry_loop(i->plugin->registry), release_on_main, i);
}

uint32_t policy_workers(const struct sluice_instance *i)
{
	return i->workers;
}

struct metrics *policy_metrics(const struct sluice_instance *i)
{
	return registry_metrics(i->plugin->registry);
}

struct str policy_plugin_digest(const struct sluice_instance *i)
{
	return str_n((const char *)i->plugin->sha256, sizeof(i->plugin->sha256));
}

struct str policy_plugin_name(const struct sluice_instance *i)
{
	return plugin_name(i->plugin);
}

void *policy_worker_data(const struct sluice_instance *i, uint32_t worker)
{
	return worker < i->workers ? i->worker_data[worker] : NULL;
}

void policy_config_error(
	struct sluice_instance *i, const struct sluice_value *at, struct str message)
{
	host_config_error(i, at, str_out(message));
}

const struct plan_node *policy_config_node(const struct sluice_value *v)
{
	return (const struct plan_node *)(const void *)v;
}

void *policy_alloc(struct sluice_instance *i, size_t size)
{
	return host_instance_alloc(i, size);
}

void policy_free(struct sluice_instance *i, void *p)
{
	host_instance_free(i, p);
}

bool policy_property(const struct sluice_exchange *x, struct str name, struct str *value)
{
	for (const struct chain_property *p = x->properties; p; p = p->next) {
		if (str_eq(p->name, name)) {
			*value = p->value;
			return true;
		}
	}
	return false;
}

void policy_log_line(
	struct sluice_instance *i, const struct sluice_exchange *x, int level, struct str message)
{
	policy_log(i, x, (enum sluice_log_level)level, message);
}
