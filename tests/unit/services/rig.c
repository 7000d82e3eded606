/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "config_tree.h"

#include "base/memory.h"
#include "policy/loader.h"
#include "policy/pause.h"
#include "services/job_pool.h"
#include "services/services.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct rig *rig_new(uint32_t workers)
{
	struct rig *r = heap_zalloc(sizeof(*r));
	r->workers = workers;
	r->metrics = metrics_new(workers);
	r->registry = registry_new();
	registry_set_metrics(r->registry, r->metrics);
	r->main_loop = loop_new(&(struct loop_options){.fake_clock = true});
	registry_set_loop(r->registry, r->main_loop);
	services_register(r->registry);
	diagnostics_init(&r->diagnostics);
	return r;
}

void rig_free(struct rig *r)
{
	chain_free(r->chain);
	for (size_t i = 0; i < r->binding_count; i++)
		instance_unref(r->bindings[i].instance);
	job_pool_stop();
	loop_turn(r->main_loop, 0);
	registry_free(r->registry);
	metrics_free(r->metrics);
	loop_free(r->main_loop);
	diagnostics_deinit(&r->diagnostics);
	free(r);
}

static void sha256_of_name(const void *name, size_t n, uint8_t sha256[32])
{
	uint64_t hash = str_hash(str_n(name, n));
	memset(sha256, 0, 32);
	memcpy(sha256, &hash, sizeof(hash));
}

struct plugin *rig_plugin(struct rig *r, const char *path)
{
	uint8_t sha256[32];
	char message[300];
	struct plugin *plugin;
	sha256_of_name(path, strlen(path), sha256);
	enum rc rc = plugin_load(r->registry, path, sha256, &plugin, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s: %s", path, message);
	return plugin;
}

struct plugin *rig_policy(struct rig *r, const struct sluice_policy *policy)
{
	static const struct sluice_policy *policies[1];
	static struct sluice_plugin descriptor;
	uint8_t sha256[32];
	char message[300];
	struct plugin *plugin;
	policies[0] = policy;
	descriptor = (struct sluice_plugin){
		.size = sizeof(descriptor),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "test",
		.version = "1.0.0",
		.policies = policies,
	};
	sha256_of_name(&policy, sizeof(policy), sha256);
	enum rc rc = registry_add_plugin(
		r->registry, &descriptor, sha256, &plugin, message, sizeof(message));
	ck_assert_msg(rc == RC_OK || rc == RC_EXISTS, "%s", message);
	return plugin;
}

struct sluice_instance *rig_try_bind(
	struct rig *r, struct plugin *plugin, const char *policy, const char *config)
{
	char binding[32];
	snprintf(binding, sizeof(binding), "default/%zu", r->binding_count);
	struct plan *plan = config_tree(config);
	const struct instance_options options = {
		.plugin = plugin,
		.policy = str_of(policy),
		.binding = str_of(binding),
		.config = plan_root(plan),
		.config_path = STR("config"),
		.subject = STR("default/shop"),
		.breadcrumb = 1,
		.workers = r->workers,
	};
	struct sluice_instance *i;
	enum rc rc = instance_new(&options, NULL, &r->diagnostics, &i);
	plan_free(plan);
	return rc == RC_OK ? i : NULL;
}

struct chain_binding_options *rig_bind(
	struct rig *r, struct plugin *plugin, const char *policy, const char *config)
{
	ck_assert_uint_lt(r->binding_count, RIG_BINDINGS_MAX);
	struct sluice_instance *i = rig_try_bind(r, plugin, policy, config);
	ck_assert_msg(i, "%s",
		r->diagnostics.count ? r->diagnostics.items[0].message : "refused in silence");
	struct chain_binding_options *b = &r->bindings[r->binding_count++];
	*b = (struct chain_binding_options){.instance = i};
	return b;
}

uint64_t rig_counter(struct rig *r, const char *name, size_t n)
{
	char family_name[100], binding[32];
	snprintf(family_name, sizeof(family_name), "sluice_policy_%s_total", name);
	snprintf(binding, sizeof(binding), "default/%zu", n);
	struct metric_family *family =
		metrics_family(r->metrics, family_name, "", METRIC_COUNTER, NULL, 0);
	const struct metric_label label = {STR("binding"), str_of(binding)};
	struct metric_series *series = metrics_series(family, &label, 1);
	uint64_t value = metric_series_value(series);
	metric_series_unref(series);
	return value;
}

/* --- visits ---------------------------------------------------------------------------------- */
static void on_wake(struct sluice_exchange *x)
{
	CONTAINER_OF(x, struct visit, x)->wakes++;
}

struct visit *visit_new(struct rig *r, uint32_t worker)
{
	const struct loop_options fake = {.fake_clock = true, .fake_wall_us = 1700000000000000};
	if (!r->chain)
		ck_assert_int_eq(chain_new(r->bindings, r->binding_count, &r->chain), RC_OK);
	struct visit *v = heap_zalloc(sizeof(*v));
	v->rig = r;
	v->loop = loop_new(&fake);
	v->x.worker = worker;
	pause_worker_start(worker, v->loop);
	services_worker_start(worker, v->loop);
	arena_init(&v->arena, loop_pool(v->loop), 1 << 20);
	for (size_t i = 0; i < r->binding_count; i++)
		ck_assert_int_eq(instance_worker_start(r->bindings[i].instance, worker), RC_OK);
	return v;
}

void visit_end(struct visit *v)
{
	if (v->is_open)
		chain_finish(&v->x);
	v->is_open = false;
	arena_reset(&v->arena);
}

void visit_free(struct visit *v)
{
	uint32_t worker = v->x.worker;
	visit_end(v);
	for (size_t i = 0; i < v->rig->binding_count; i++)
		instance_worker_stop(v->rig->bindings[i].instance, worker);
	services_worker_stop(worker);
	pause_worker_stop(worker);
	loop_free(v->loop);
	free(v);
}

void visit_begin(struct visit *v)
{
	visit_end(v);
	uint32_t worker = v->x.worker;
	http_request_init(&v->request, &v->arena);
	http_response_init(&v->response, &v->arena);
	v->request.method = METHOD_GET;
	v->request.method_name = STR("GET");
	v->request.path = v->request.target = STR("/");
	v->request.authority = STR("api.example");
	v->request.scheme = STR("http");
	v->request.version_major = v->request.version_minor = 1;
	v->request.content_length = CONTENT_LENGTH_NONE;
	v->response.status = 200;
	v->response.has_content = true;
	v->response.content_length = CONTENT_LENGTH_UNKNOWN;
	v->x = (struct sluice_exchange){
		.loop = v->loop,
		.arena = &v->arena,
		.worker = worker,
		.request = &v->request,
		.client_address = STR("192.0.2.1"),
		.local_address = STR("192.0.2.9"),
		.request_id = STR("r-1"),
		.api = STR("default/shop"),
		.wake = on_wake,
	};
	chain_begin(&v->x, v->rig->chain, UINT64_MAX);
	v->is_open = true;
}

void visit_field(struct visit *v, enum chain_direction d, const char *name, const char *value)
{
	struct fields *fields = d == CHAIN_REQUEST ? &v->request.fields : &v->response.fields;
	ck_assert_int_eq(fields_add(fields, str_of(name), str_of(value)), RC_OK);
}

enum chain_result visit_give(struct visit *v, enum chain_direction d, const char *body)
{
	if (d == CHAIN_RESPONSE && !v->x.response)
		v->x.response = &v->response;
	if (d == CHAIN_REQUEST && *body)
		v->request.content_length = (int64_t)strlen(body);
	chunk_queue_add_copy(&v->x.run[d].in, str_of(body));
	v->x.run[d].in_ended = true;
	return chain_step(&v->x, d);
}

enum chain_result visit_answer(struct visit *v)
{
	ck_assert_ptr_nonnull(v->x.local);
	v->x.response = &v->x.local->head;
	chunk_queue_add_copy(&v->x.run[CHAIN_RESPONSE].in, v->x.local->body);
	v->x.run[CHAIN_RESPONSE].in_ended = true;
	return chain_step(&v->x, CHAIN_RESPONSE);
}

struct str visit_answered(struct visit *v, const char *name)
{
	const struct field *f =
		v->x.response ? fields_get(&v->x.response->fields, str_of(name)) : NULL;
	return f ? f->value : STR("");
}
