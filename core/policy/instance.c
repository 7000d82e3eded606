/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/instance.h"

#include "base/memory.h"
#include "crypto/crypto.h"
#include "policy/host_priv.h"
#include "policy/quarantine.h"
#include "policy/run.h"
#include "policy/secrets.h"

#include <stdio.h>
#include <stdlib.h>

/* --- keys ------------------------------------------------------------------------------------ */
bool instance_key_equal(const struct instance_key *a, const struct instance_key *b)
{
	return memcmp(a->plugin_sha256, b->plugin_sha256, sizeof(a->plugin_sha256)) == 0 &&
	       memcmp(a->config_sha256, b->config_sha256, sizeof(a->config_sha256)) == 0;
}

struct instance_key instance_key_of(const struct instance_options *o)
{
	struct instance_key key;
	struct buffer content;
	memcpy(key.plugin_sha256, o->plugin->sha256, sizeof(key.plugin_sha256));
	buffer_init(&content, SIZE_MAX);
	/* A plugin may hold several policies: the name is part of what the binding is. */
	buffer_addf(&content, "%zu,%zu:", o->binding.n, o->policy.n);
	buffer_add(&content, o->binding);
	buffer_add(&content, o->policy);
	if (o->config)
		plan_canonical(o->config, &content);
	for (size_t k = 0; k < o->target_count; k++)
		instance_key_add_target(&content, &o->targets[k]);
	CHECK(!content.failed);
	sha256(buffer_str(&content), key.config_sha256);
	buffer_deinit(&content);
	return key;
}

/* --- life ------------------------------------------------------------------------------------ */
static void release_companions(struct sluice_instance *i)
{
	while (i->companions) {
		struct policy_companion *c = i->companions;
		i->companions = c->next;
		c->release(c);
	}
}

static void instance_free(struct sluice_instance *i)
{
	release_companions(i); /* when configure failed without a state */
	instance_counters_free(i);
	instance_fields_free(i); /* when configure failed without a state */
	instance_secrets_free(i);
	instance_refusals_free(i);
	instance_targets_free(i);
	breadcrumb_give_back(i->label);
	plan_free(i->plan);
	free(i);
}

static char *put_text(char **to, struct str s)
{
	char *at = *to;
	if (s.n > 0)
		memcpy(at, s.p, s.n);
	*to += s.n + 1;
	return at;
}

/* With room for what depends on the number of workers, then the texts: all zero before them. */
static struct sluice_instance *instance_alloc(const struct instance_options *o)
{
	struct sluice_instance *i;
	size_t per_worker = sizeof(*i->attached) + sizeof(*i->worker_data) + 1;
	size_t texts = o->binding.n + o->config_path.n + o->subject.n + 3;
	i = heap_zalloc(sizeof(*i) + o->workers * per_worker + texts);
	i->attached = (struct link *)(i + 1);
	i->worker_data = (void **)(i->attached + o->workers);
	i->worker_started = (bool *)(i->worker_data + o->workers);
	char *to = (char *)(i->worker_started + o->workers);
	i->binding = put_text(&to, o->binding);
	i->config_path = put_text(&to, o->config_path);
	i->subject = put_text(&to, o->subject);
	return i;
}

static struct sluice_instance *instance_make(
	const struct instance_options *o, const struct sluice_policy *policy, struct plan *plan)
{
	struct sluice_instance *i = instance_alloc(o);
	uint32_t plugin_label = o->plugin ? o->plugin->label : 0;
	i->call =
		(struct sluice_call){.size = sizeof(i->call), .host = host_table(), .instance = i};
	i->policy = policy;
	i->plugin = o->plugin;
	i->key = instance_key_of(o);
	i->plan = plan;
	i->refs = 1;
	atomic_init(&i->holds, 1);
	i->quarantine_key = quarantine_key_of_instance(&i->key);
	i->plugin_quarantine_key = quarantine_key_of_plugin(i->key.plugin_sha256);
	i->label = breadcrumb_take(i->quarantine_key, plugin_label, o->binding);
	/* When all numbers are taken the plugin answers for it. */
	i->breadcrumb = i->label ? i->label : o->breadcrumb & 0xffffff;
	if (i->breadcrumb == 0)
		i->breadcrumb = plugin_label;
	i->workers = o->workers;
	for (uint32_t w = 0; w < o->workers; w++)
		list_init(&i->attached[w]);
	i->bytes_max = o->bytes_max ? o->bytes_max : INSTANCE_BYTES_MAX;
	instance_targets_take(i, o->targets, o->target_count);
	return i;
}

/* Runs `configure`; what it leaves behind on failure is its own to free. */
static enum rc instance_configure(struct sluice_instance *i, struct sluice_instance *previous,
	struct diagnostics *diagnostics)
{
	if (!i->policy->configure)
		return RC_OK;
	/* Another build's state may have another layout. */
	bool same = previous && previous->policy == i->policy;
	i->diagnostics = diagnostics;
	policy_enter(NULL, i, CALLBACK_CONFIGURE);
	const struct sluice_value *config =
		(const struct sluice_value *)(const void *)plan_root(i->plan);
	int32_t rc = i->policy->configure(
		&i->call, config, same ? previous->call.state : NULL, &i->call.state);
	policy_leave();
	if (rc < 0 && i->config_errors == 0)
		diagnostics_add_for(diagnostics, i->subject, SEVERITY_ERROR,
			plan_root(i->plan)->position, i->config_path,
			"the policy refused its configuration without saying why");
	i->diagnostics = NULL;
	return rc < 0 || i->config_errors ? RC_INVALID : RC_OK;
}

static void instance_release(struct sluice_instance *i)
{
	if (i->policy->release) {
		policy_enter(NULL, i, CALLBACK_RELEASE);
		i->policy->release(&i->call);
		policy_leave();
	}
	release_companions(i);
	instance_fields_free(i);
	instance_secrets_free(i);
	size_t left = atomic_load_explicit(&i->bytes_used, memory_order_relaxed);
	if (left) {
		char text[96];
		int n = snprintf(text, sizeof(text), "release left %zu bytes behind", left);
		policy_complain(i, NULL, SLUICE_LOG_WARN, str_n(text, (size_t)n));
	}
}

enum rc instance_new(const struct instance_options *o, struct sluice_instance *previous,
	struct diagnostics *diagnostics, struct sluice_instance **out)
{
	struct position at = o->config ? o->config->position : (struct position){0};
	const struct sluice_policy *policy = plugin_policy(o->plugin, o->policy);
	char *path = heap_strndup(o->config_path), *subject = heap_strndup(o->subject);
	struct plan *plan;
	enum rc rc = RC_INVALID;
	if (!policy)
		diagnostics_add_for(diagnostics, subject, SEVERITY_ERROR, at, path,
			"the plugin has no policy of that name");
	else if (plan_copy(o->config, INSTANCE_BYTES_MAX, &plan) != RC_OK)
		diagnostics_add_for(diagnostics, subject, SEVERITY_ERROR, at, path,
			"the configuration is too large");
	else
		rc = RC_OK;
	free(path);
	free(subject);
	if (rc != RC_OK)
		return rc;
	struct sluice_instance *i = instance_make(o, policy, plan);
	rc = instance_configure(i, previous, diagnostics);
	if (rc != RC_OK) {
		/* A configure that gave a state and then errors by path has it released. */
		if (i->call.state)
			instance_release(i);
		instance_free(i);
		return rc;
	}
	*out = i;
	return RC_OK;
}

struct sluice_instance *instance_ref(struct sluice_instance *i)
{
	i->refs++;
	return i;
}

uint32_t instance_ref_count(const struct sluice_instance *i)
{
	return i->refs;
}

void instance_unref(struct sluice_instance *i)
{
	if (!i || --i->refs)
		return;
	for (uint32_t w = 0; w < i->workers; w++)
		CHECK(!i->worker_started[w]);
	if (atomic_fetch_sub_explicit(&i->holds, 1, memory_order_acq_rel) == 1)
		instance_end(i);
}

void instance_end(struct sluice_instance *i)
{
	instance_release(i);
	instance_free(i);
}

const struct instance_key *instance_key(const struct sluice_instance *i)
{
	return &i->key;
}

struct str instance_binding(const struct sluice_instance *i)
{
	return str_of(i->binding);
}

struct str instance_policy(const struct sluice_instance *i)
{
	return str_of(i->policy->name);
}

size_t instance_bytes_used(const struct sluice_instance *i)
{
	return atomic_load_explicit(&i->bytes_used, memory_order_relaxed);
}

/* --- workers --------------------------------------------------------------------------------- */
static void drop_attached(struct sluice_instance *i, uint32_t worker)
{
	for (struct link *l; (l = list_pop(&i->attached[worker]));) {
		struct policy_attachment *a = CONTAINER_OF(l, struct policy_attachment, link);
		a->drop(a);
	}
}

static void start_companions(struct sluice_instance *i, uint32_t worker)
{
	for (struct policy_companion *c = i->companions; c; c = c->next)
		if (c->worker_start)
			c->worker_start(c, worker);
}

/* Whose companions stop on this thread. */
static _Thread_local const struct sluice_instance *stopping;

bool policy_is_stopping(const struct sluice_instance *i)
{
	return stopping == i;
}

static void stop_companions(struct sluice_instance *i, uint32_t worker)
{
	stopping = i;
	for (struct policy_companion *c = i->companions; c; c = c->next)
		if (c->worker_stop)
			c->worker_stop(c, worker);
	stopping = NULL;
}

enum rc instance_worker_start(struct sluice_instance *i, uint32_t worker)
{
	CHECK(worker < i->workers && !i->worker_started[worker]);
	int32_t rc = SLUICE_OK;
	if (i->policy->worker_start) {
		policy_enter(NULL, i, CALLBACK_WORKER_START);
		rc = i->policy->worker_start(&i->call, &i->worker_data[worker]);
		policy_leave();
	}
	if (rc < 0) {
		/* What it began before it failed ends as well. */
		stop_companions(i, worker);
		drop_attached(i, worker);
		return RC_REFUSED;
	}
	i->worker_started[worker] = true;
	start_companions(i, worker);
	return RC_OK;
}

void instance_worker_stop(struct sluice_instance *i, uint32_t worker)
{
	if (worker >= i->workers || !i->worker_started[worker])
		return;
	stop_companions(i, worker);
	if (i->policy->worker_stop) {
		policy_enter(NULL, i, CALLBACK_WORKER_STOP);
		i->policy->worker_stop(&i->call, i->worker_data[worker]);
		policy_leave();
	}
	drop_attached(i, worker);
	i->worker_data[worker] = NULL;
	i->worker_started[worker] = false;
}
