/* SPDX-License-Identifier: Apache-2.0 */
/* Services that a policy's configuration names: its API and its instance change when they do. */
#include "unit.h"
#include "plan_text.h"

#include "base/memory.h"
#include "build/build.h"
#include "policy/chain_build.h"
#include "policy/policy_priv.h"
#include "services/services.h"

static struct registry *registry;
static struct instance_set instances;
static struct metrics *metrics;
static struct diagnostics diagnostics;
static const struct sluice_target *found;

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	found = call->host->target(
		call->instance, call->host->value_get(config, SLUICE_STR("service")));
	return found ? SLUICE_OK : SLUICE_E_INVALID;
}

static void setup(void)
{
	static const struct sluice_policy policy = {
		.size = sizeof(policy), .name = "asks", .version = "1.0.0", .configure = configure};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin descriptor = {
		.size = sizeof(descriptor),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "asks",
		.version = "1.0.0",
		.policies = policies,
	};
	static const uint8_t digest[32] = {0xab};
	struct plugin *added;
	char message[200];
	registry = registry_new();
	services_register(registry);
	instance_set_init(&instances);
	diagnostics_init(&diagnostics);
	metrics = metrics_new(1);
	enum rc rc = registry_add_plugin(
		registry, &descriptor, digest, &added, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
}

static void let_go(void *arg, struct sluice_instance *unused)
{
	instance_unref(unused);
}

static void teardown(void)
{
	instance_set_sweep(&instances, let_go, NULL);
	instance_set_deinit(&instances);
	diagnostics_deinit(&diagnostics);
	registry_free(registry);
	metrics_free(metrics);
}

/* One API; its policy asks service `asked` at `path`, its route leads to service 0. */
static struct generation *build(
	unsigned port, int asked, const char *path, const struct generation *former)
{
	char message[200] = "";
	struct buffer bytes;
	struct plan *plan;
	struct generation *g = NULL;
	char *json = heap_printf(
		"{'plugins': [{'name': 'asks', 'sha256': "
		"'ab00000000000000000000000000000000000000000000000000000000000000'}],"
		"'services': [{'name': 'up', 'host': '127.0.0.1', 'port': 9090},"
		"{'name': 'auth', 'host': '127.0.0.1', 'port': %u, 'path': '/v1'},"
		"{'name': 'http://127.0.0.1:7', 'namespace': '', 'host': '127.0.0.1', 'port': 7}],"
		"'listeners': [{'address': '127.0.0.1', 'port': 8081}],"
		"'apis': [{'name': 'shop', 'listener': 0, 'chain': [{'id': 'default/b', 'policy': "
		"'asks', 'plugin': 0, 'config': {'service': 'auth'}, 'targets': [{'text': 'auth', "
		"'service': %d%s}]}], 'routes': [{'destinations': [{'service': 0}]}]}]}",
		port, asked, path);
	buffer_init(&bytes, 1 << 20);
	plan_text_encode(json, &bytes);
	free(json);
	ck_assert_int_eq(plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)), RC_OK);
	buffer_deinit(&bytes);
	struct build_options options = {.registry = registry,
		.instances = &instances,
		.state_dir = "/nonexistent",
		.workers = 1,
		.number = 1,
		.metrics = metrics,
		.former = former};
	ck_assert_int_eq(build_generation(&options, plan, &diagnostics, &g), RC_OK);
	return g;
}

static struct sluice_instance *instance_of(const struct generation *g)
{
	return chain_binding_instance(chain_binding_at(g->apis[0]->chain, 0));
}

START_TEST(an_instance_gets_the_service_and_its_path)
{
	setup();
	struct generation *g = build(9000, 1, "", NULL);
	ck_assert_ptr_null(g->apis[0]->error);
	assert_str(service_options(found->service)->name, "default/auth");
	assert_str(found->path, "/v1");
	ck_assert(found->rewrites_host);
	/* The routes find theirs as before. */
	assert_str(service_options(api_service_at(g->apis[0], 0)->service)->name, "default/up");
	struct generation *by_address = build(9000, 2, ", 'path': '/x'", g);
	assert_str(service_options(found->service)->name, "http://127.0.0.1:7");
	assert_str(found->path, "/x");
	generation_free(g);
	generation_free(by_address);
	teardown();
}
END_TEST

START_TEST(what_did_not_change_is_taken_over)
{
	setup();
	struct generation *first = build(9000, 1, "", NULL), *same = build(9000, 1, "", first);
	ck_assert_ptr_eq(same->apis[0], first->apis[0]);
	generation_free(first);
	generation_free(same);
	teardown();
}
END_TEST

/* Nothing of the API's node has changed, nor of its policy's configuration. */
START_TEST(a_changed_service_makes_another_api_and_instance)
{
	setup();
	struct generation *first = build(9000, 1, "", NULL), *moved = build(9001, 1, "", first);
	ck_assert_ptr_ne(moved->apis[0], first->apis[0]);
	ck_assert_ptr_ne(instance_of(moved), instance_of(first));
	ck_assert_uint_eq(service_options(found->service)->port, 9001);
	/* The former one has its service as long as it is there. */
	ck_assert_uint_eq(
		service_options(instance_of(first)->targets[0].service)->port, 9000);
	/* Back again while the first is still there: its service was dropped, so it is not found. */
	struct generation *back = build(9000, 1, "", moved);
	ck_assert_ptr_ne(instance_of(back), instance_of(first));
	ck_assert_ptr_eq(instance_of(back)->targets[0].service, back->services[1]);
	generation_free(first);
	generation_free(moved);
	generation_free(back);
	teardown();
}
END_TEST

START_TEST(a_target_out_of_range_makes_a_stub)
{
	setup();
	found = NULL;
	struct generation *g = build(9000, 7, "", NULL);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_ptr_nonnull(strstr(g->apis[0]->error, "no service"));
	ck_assert_ptr_null(found);
	generation_free(g);
	teardown();
}
END_TEST

UNIT_SUITE(targets, an_instance_gets_the_service_and_its_path, what_did_not_change_is_taken_over,
	a_changed_service_makes_another_api_and_instance, a_target_out_of_range_makes_a_stub)
