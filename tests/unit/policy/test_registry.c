/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "policy/policy_priv.h"
#include "policy/registry.h"

#include <check.h>

static int loads, unloads;
static int32_t load_result;

static int32_t on_load(const struct sluice_host *host)
{
	ck_assert(SLUICE_HAS(host, worker_data));
	loads++;
	return load_result;
}

static void on_unload(void)
{
	unloads++;
}

static int32_t head(const struct sluice_call *call, struct sluice_exchange *x)
{
	return SLUICE_CONTINUE;
}

static struct sluice_policy policy;
static const struct sluice_policy *policies[2];
static const char *services[2];
static struct sluice_plugin descriptor;
static char message[300];

/* A whole descriptor, for each test to spoil. */
static struct registry *begin(void)
{
	loads = unloads = load_result = 0;
	policy = (struct sluice_policy){
		.size = sizeof(policy), .name = "p", .version = "1.0.0", .request_head = head};
	policies[0] = policies[1] = &policy;
	services[0] = services[1] = NULL;
	descriptor = (struct sluice_plugin){
		.size = sizeof(descriptor),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "plug",
		.version = "1.2.3",
		.policies = policies,
		.requires_services = services,
		.load = on_load,
		.unload = on_unload,
	};
	return registry_new();
}

static enum rc add(struct registry *r, uint8_t id, struct plugin **out)
{
	const uint8_t sha256[32] = {id};
	message[0] = '\0';
	return registry_add_plugin(r, &descriptor, sha256, out, message, sizeof(message));
}

/* The descriptor as it is now is refused, with these words. */
static void assert_refused(struct registry *r, const char *words)
{
	struct plugin *p;
	const uint8_t sha256[32] = {9};
	ck_assert_int_eq(add(r, 9, &p), RC_INVALID);
	ck_assert_msg(strstr(message, words), "got: %s", message);
	ck_assert_ptr_null(registry_plugin(r, sha256));
}

START_TEST(keeps_a_plugin_under_its_digest)
{
	struct registry *r = begin();
	struct plugin *p, *again;
	ck_assert_int_eq(add(r, 1, &p), RC_OK);
	assert_str(plugin_name(p), "plug");
	assert_str(plugin_version(p), "1.2.3");
	ck_assert_uint_eq(plugin_policy_count(p), 1);
	assert_str(plugin_policy_name(p, 0), "p");
	ck_assert_ptr_null(plugin_policy_name(p, 1).p);
	ck_assert_ptr_eq(registry_plugin(r, plugin_sha256(p)), p);
	ck_assert_int_eq(add(r, 1, &again), RC_EXISTS);
	ck_assert_ptr_eq(again, p);
	ck_assert_int_eq(add(r, 2, &again), RC_OK);
	ck_assert_int_eq(loads, 2);
	registry_free(r);
	ck_assert_int_eq(unloads, 2);
}
END_TEST

START_TEST(refuses_another_abi)
{
	struct registry *r = begin();
	descriptor.abi_minor = SLUICE_ABI_MINOR + 1;
	assert_refused(r, "use a newer gateway");
	descriptor.abi_major = SLUICE_ABI_MAJOR + 1;
	assert_refused(r, "build it again");
	descriptor.abi_major = SLUICE_ABI_MAJOR;
	descriptor.abi_minor = SLUICE_ABI_MINOR;
	descriptor.size = 8;
	assert_refused(r, "too short");
	ck_assert_int_eq(loads, 0);
	registry_free(r);
}
END_TEST

START_TEST(refuses_names_and_counts_that_cannot_be)
{
	struct registry *r = begin();
	static const char *const bad[] = {NULL, "", "Big", "a b", "a/b", "\xc3\xa4"};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		descriptor.name = bad[i];
		assert_refused(r, "name");
	}
	descriptor.name = "plug";
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		policy.name = bad[i];
		assert_refused(r, "name");
	}
	policy.name = "p";
	descriptor.policy_count = 0;
	assert_refused(r, "policies");
	descriptor.policy_count = 65;
	assert_refused(r, "policies");
	descriptor.policy_count = 2;
	assert_refused(r, "two policies named p");
	policies[1] = NULL;
	assert_refused(r, "too short");
	registry_free(r);
}
END_TEST

START_TEST(fields_beyond_the_given_size_count_as_absent)
{
	struct registry *r = begin();
	struct plugin *p;
	policy.size =
		offsetof(struct sluice_policy, request_head); /* what follows is not its own */
	descriptor.size = offsetof(struct sluice_plugin, load);
	ck_assert_int_eq(add(r, 1, &p), RC_OK);
	ck_assert_int_eq(loads, 0);
	ck_assert_ptr_null(plugin_policy(p, STR("p"))->request_head);
	registry_free(r);
	ck_assert_int_eq(unloads, 0);
}
END_TEST

START_TEST(a_larger_descriptor_of_a_later_sdk_is_taken)
{
	struct registry *r = begin();
	struct {
		struct sluice_plugin known;
		void *more[4];
	} later = {.known = descriptor};
	later.known.size = sizeof(later);
	const uint8_t sha256[32] = {1};
	struct plugin *p;
	ck_assert_int_eq(
		registry_add_plugin(r, &later.known, sha256, &p, message, sizeof(message)), RC_OK);
	registry_free(r);
}
END_TEST

START_TEST(a_required_service_must_be_there)
{
	struct registry *r = begin();
	static const int table = 1;
	struct plugin *p;
	services[0] = "sluice.test/1";
	assert_refused(r, "sluice.test/1");
	ck_assert_int_eq(registry_add_service(r, "sluice.test/1", &table), RC_OK);
	ck_assert_int_eq(registry_add_service(r, "sluice.test/1", &table), RC_EXISTS);
	ck_assert_int_eq(add(r, 1, &p), RC_OK);
	ck_assert_ptr_eq(registry_service(r, "sluice.test/1"), &table);
	ck_assert_ptr_eq(host_table()->service("sluice.test/1"), &table);
	ck_assert_ptr_null(host_table()->service("sluice.test/2"));
	ck_assert_ptr_null(host_table()->service(NULL));
	registry_free(r);
	ck_assert_ptr_null(host_table()->service("sluice.test/1"));
}
END_TEST

static void count_service(void *arg, const char *name)
{
	ck_assert_str_eq(name, "sluice.test/1");
	++*(int *)arg;
}

START_TEST(tells_its_services)
{
	struct registry *r = begin();
	int count = 0;
	ck_assert_int_eq(registry_add_service(r, "sluice.test/1", &count), RC_OK);
	registry_each_service(r, count_service, &count);
	ck_assert_int_eq(count, 1);
	registry_free(r);
}
END_TEST

START_TEST(a_load_that_fails_refuses_the_plugin)
{
	struct registry *r = begin();
	load_result = SLUICE_E_UNSUPPORTED;
	assert_refused(r, "load");
	ck_assert_int_eq(loads, 1);
	registry_free(r);
	ck_assert_int_eq(unloads, 0);
}
END_TEST

UNIT_SUITE(registry, keeps_a_plugin_under_its_digest, refuses_another_abi,
	refuses_names_and_counts_that_cannot_be,
	fields_beyond_the_given_size_count_as_absent, a_larger_descriptor_of_a_later_sdk_is_taken,
	a_required_service_must_be_there, tells_its_services, a_load_that_fails_refuses_the_plugin)
