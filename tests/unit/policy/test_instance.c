/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "config_tree.h"
#include "support.h"

#include "policy/run.h"
#include "policy/target.h"
#include "upstream/upstream.h"

/* --- a policy that tells what is done to it --------------------------------------------------- */
static struct {
	int configured, released, started, stopped, dropped;
	int32_t start_result;
	void *previous;
	const struct sluice_call *call;
	int32_t (*configure)(const struct sluice_call *call, const struct sluice_value *config);
} seen;

static int32_t on_configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	seen.configured++;
	seen.call = call;
	seen.previous = previous;
	*state = &seen;
	return seen.configure ? seen.configure(call, config) : SLUICE_OK;
}

static void on_release(const struct sluice_call *call)
{
	ck_assert_ptr_eq(call->state, &seen);
	seen.released++;
}

static int32_t on_worker_start(const struct sluice_call *call, void **data)
{
	seen.started++;
	*data = &seen.started;
	return seen.start_result;
}

static void on_worker_stop(const struct sluice_call *call, void *data)
{
	ck_assert_ptr_eq(data, &seen.started);
	seen.stopped++;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "watched",
	.version = "1.0.0",
	.configure = on_configure,
	.release = on_release,
	.worker_start = on_worker_start,
	.worker_stop = on_worker_stop,
};
static const struct sluice_policy other = {
	.size = sizeof(other),
	.name = "other",
	.version = "1.0.0",
	.configure = on_configure,
};

static struct registry *registry;
static struct plugin *plugin;
static struct diagnostics diagnostics;

static void begin(void)
{
	static const struct sluice_policy *const policies[] = {&policy, &other};
	static const struct sluice_plugin descriptor = {
		.size = sizeof(descriptor),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 2,
		.name = "watched",
		.version = "1.0.0",
		.policies = policies,
	};
	const uint8_t sha256[32] = {7};
	char message[200];
	memset(&seen, 0, sizeof(seen));
	registry = registry_new();
	diagnostics_init(&diagnostics);
	enum rc rc = registry_add_plugin(
		registry, &descriptor, sha256, &plugin, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
}

static void end(void)
{
	registry_free(registry);
	diagnostics_deinit(&diagnostics);
}

static struct instance_options options_of(const char *name, const struct plan *config)
{
	return (struct instance_options){
		.plugin = plugin,
		.policy = str_of(name),
		.binding = STR("default/b"),
		.config = config ? plan_root(config) : NULL,
		.config_path = STR("spec.config"),
		.subject = STR("default/shop"),
		.breadcrumb = 3,
		.workers = 2,
	};
}

static struct sluice_instance *make(const struct plan *config, struct sluice_instance *previous)
{
	struct instance_options options = options_of("watched", config);
	struct sluice_instance *i;
	enum rc rc = instance_new(&options, previous, &diagnostics, &i);
	ck_assert_int_eq(rc, RC_OK);
	return i;
}

/* --- tests ----------------------------------------------------------------------------------- */
START_TEST(lives_from_configure_to_the_last_reference)
{
	begin();
	struct sluice_instance *i = make(NULL, NULL);
	ck_assert_int_eq(seen.configured, 1);
	ck_assert_ptr_null(seen.previous);
	assert_str(instance_binding(i), "default/b");
	assert_str(instance_policy(i), "watched");
	ck_assert_uint_eq(instance_ref_count(i), 1);
	instance_ref(i);
	ck_assert_uint_eq(instance_ref_count(i), 2);
	instance_unref(i);
	ck_assert_int_eq(seen.released, 0);
	instance_unref(i);
	ck_assert_int_eq(seen.released, 1);
	end();
}
END_TEST

START_TEST(a_changed_configuration_gets_the_former_state)
{
	begin();
	struct plan *one = config_tree("{\"a\": 1}"), *two = config_tree("{\"a\": 2}");
	struct sluice_instance *first = make(one, NULL);
	struct sluice_instance *second = make(two, first);
	ck_assert_ptr_eq(seen.previous, &seen);
	ck_assert(!instance_key_equal(instance_key(first), instance_key(second)));
	struct instance_options options = options_of("other", one);
	struct sluice_instance *third;
	ck_assert_int_eq(instance_new(&options, first, &diagnostics, &third), RC_OK);
	ck_assert_ptr_null(seen.previous); /* another policy's state means nothing to it */
	instance_unref(first);
	instance_unref(second);
	instance_unref(third);
	plan_free(one);
	plan_free(two);
	end();
}
END_TEST

static struct service *service_at(uint16_t port)
{
	struct service_options options = {
		.name = STR("default/up"), .scheme = STR("http"), .host = STR("127.0.0.1"), .port = port};
	return service_new(&options);
}

static int32_t see_targets(const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *h = call->host;
	const struct sluice_target *a =
		h->target(call->instance, h->value_get(config, SLUICE_STR("a")));
	const struct sluice_target *b =
		h->target(call->instance, h->value_get(config, SLUICE_STR("b")));
	ck_assert_uint_eq(service_options(a->service)->port, 1);
	assert_str(a->path, "");
	ck_assert(!a->rewrites_host);
	ck_assert_uint_eq(service_options(b->service)->port, 2);
	assert_str(b->path, "/x");
	ck_assert(b->rewrites_host);
	/* "c" is not there at all: an error of the configuration, whatever configure says. */
	ck_assert_ptr_null(h->target(call->instance, h->value_get(config, SLUICE_STR("c"))));
	return SLUICE_OK;
}

START_TEST(targets_are_found_by_what_the_configuration_says)
{
	begin();
	struct plan *config = config_tree("{\"a\": \"up\", \"b\": \"http://127.0.0.1:2/x\"}");
	struct service *up = service_at(1), *elsewhere = service_at(2);
	const uint8_t digests[2][32] = {{1}, {2}};
	const struct target_options targets[] = {
		{.text = STR("http://127.0.0.1:2/x"), .path = STR("/x"), .service = elsewhere,
			.rewrites_host = true, .sha256 = digests[1]},
		{.text = STR("up"), .service = up, .sha256 = digests[0]}};
	struct instance_options options = options_of("watched", config);
	options.targets = targets;
	options.target_count = 2;
	seen.configure = see_targets;
	struct sluice_instance *i;
	ck_assert_int_eq(instance_new(&options, NULL, &diagnostics, &i), RC_INVALID);
	ck_assert_uint_eq(diagnostics.errors, 1);
	ck_assert_ptr_nonnull(strstr(diagnostics.items[0].message, "names no service"));
	service_unref(up);
	service_unref(elsewhere);
	plan_free(config);
	end();
}
END_TEST

START_TEST(another_service_makes_another_instance)
{
	begin();
	struct plan *config = config_tree("{\"a\": \"up\"}");
	struct service *up = service_at(1), *moved = service_at(2);
	const uint8_t digests[2][32] = {{1}, {2}};
	struct target_options target = {.text = STR("up"), .service = up, .sha256 = digests[0]};
	struct instance_options options = options_of("watched", config);
	struct instance_key none = instance_key_of(&options);
	options.targets = &target;
	options.target_count = 1;
	struct instance_key first = instance_key_of(&options);
	ck_assert(!instance_key_equal(&none, &first));
	struct sluice_instance *i;
	ck_assert_int_eq(instance_new(&options, NULL, &diagnostics, &i), RC_OK);
	service_unref(up); /* the instance has its own reference */
	ck_assert(instance_leads_to(i, &target, 1));
	ck_assert(!instance_leads_to(i, NULL, 0));
	target.service = moved;
	ck_assert(!instance_leads_to(i, &target, 1));
	struct instance_key alike = instance_key_of(&options);
	ck_assert(instance_key_equal(&first, &alike));
	target.sha256 = digests[1];
	struct instance_key second = instance_key_of(&options);
	ck_assert(!instance_key_equal(&first, &second));
	instance_unref(i);
	service_unref(moved);
	plan_free(config);
	end();
}
END_TEST

START_TEST(keys_tell_plugin_binding_policy_and_configuration_apart)
{
	begin();
	struct plan *one = config_tree("{\"a\": 1}"), *same = config_tree("{ \"a\":1 }");
	struct plan *two = config_tree("{\"a\": 2}");
	struct instance_options options = options_of("watched", one);
	struct instance_key base = instance_key_of(&options), key;
	options.config = plan_root(same);
	key = instance_key_of(&options);
	ck_assert(instance_key_equal(&base, &key));
	options.config = plan_root(two);
	key = instance_key_of(&options);
	ck_assert(!instance_key_equal(&base, &key));
	options = options_of("watched", one);
	options.binding = STR("default/c");
	key = instance_key_of(&options);
	ck_assert(!instance_key_equal(&base, &key));
	options = options_of("other", one);
	key = instance_key_of(&options);
	ck_assert(!instance_key_equal(&base, &key));
	plan_free(one);
	plan_free(same);
	plan_free(two);
	end();
}
END_TEST

static int32_t read_config(const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *h = call->host;
	ck_assert_int_eq(h->value_type(config), SLUICE_OBJECT);
	ck_assert_uint_eq(h->value_count(config), 6);
	ck_assert_int_eq(h->value_integer(h->value_get(config, SLUICE_STR("i")), 0), 42);
	ck_assert_int_eq(h->value_integer(h->value_get(config, SLUICE_STR("r")), 0), 1000);
	ck_assert_int_eq(h->value_integer(h->value_get(config, SLUICE_STR("half")), 7), 7);
	ck_assert_double_eq(h->value_real(h->value_get(config, SLUICE_STR("half")), 0), 0.5);
	ck_assert_int_eq(h->value_bool(h->value_get(config, SLUICE_STR("b")), 0), 1);
	struct sluice_str s =
		h->value_string(h->value_get(config, SLUICE_STR("s")), SLUICE_STR(""));
	ck_assert_uint_eq(s.n, 3);
	const struct sluice_value *list = h->value_get(config, SLUICE_STR("l"));
	ck_assert_uint_eq(h->value_count(list), 2);
	ck_assert_int_eq(h->value_integer(h->value_at(list, 1, NULL), 0), 2);
	ck_assert_ptr_null(h->value_at(list, 2, NULL));
	struct sluice_str key;
	ck_assert_ptr_nonnull(h->value_at(config, 0, &key));
	ck_assert(key.n == 1 && *key.p == 'i');
	/* What is not there is null, and has no members. */
	const struct sluice_value *none = h->value_get(config, SLUICE_STR("none"));
	ck_assert_ptr_null(none);
	ck_assert_ptr_null(h->value_get(none, SLUICE_STR("x")));
	ck_assert_uint_eq(h->value_count(none), 0);
	ck_assert_int_eq(h->value_type(none), SLUICE_NULL);
	ck_assert_int_eq(h->value_integer(none, 9), 9);
	return SLUICE_OK;
}

START_TEST(configure_reads_a_tree_that_outlives_the_plan)
{
	begin();
	seen.configure = read_config;
	struct plan *plan = config_tree(
		"{\"i\":42,\"r\":1e3,\"half\":0.5,\"b\":true,\"s\":\"abc\",\"l\":[1,2]}");
	struct sluice_instance *i = make(plan, NULL);
	plan_free(plan);
	instance_unref(i);
	end();
}
END_TEST

static int32_t wipe(const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *h = call->host;
	const struct sluice_value *text = h->value_get(config, SLUICE_STR("s"));
	ck_assert_int_eq(h->value_wipe(call->instance, text), SLUICE_OK);
	struct sluice_str left = h->value_string(text, SLUICE_STR(""));
	ck_assert_uint_eq(left.n, 6);
	ck_assert_int_eq(memcmp(left.p, "\0\0\0\0\0\0", 6), 0);
	ck_assert_int_eq(h->value_wipe(call->instance, config), SLUICE_E_INVALID);
	ck_assert_int_eq(h->value_wipe(call->instance, NULL), SLUICE_E_INVALID);
	return SLUICE_OK;
}

START_TEST(a_secret_that_was_used_up_can_be_wiped)
{
	begin();
	seen.configure = wipe;
	struct plan *plan = config_tree("{\"s\":\"secret\"}");
	struct sluice_instance *i = make(plan, NULL);
	assert_str(plan_string(plan_root(plan), "s", STR_EMPTY), "secret");
	plan_free(plan);
	instance_unref(i);
	end();
}
END_TEST

static int32_t complain(const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *h = call->host;
	const struct sluice_value *list = h->value_get(config, SLUICE_STR("l"));
	h->config_error(call->instance, h->value_get(h->value_at(list, 1, NULL), SLUICE_STR("x")),
		SLUICE_STR("too odd"));
	h->config_error(call->instance, NULL, SLUICE_STR("bad as a whole"));
	return SLUICE_OK; /* errors count whatever it returns */
}

START_TEST(errors_name_their_place)
{
	begin();
	seen.configure = complain;
	struct plan *plan = config_tree("{\"l\":[{\"x\":1},{\"x\":2}]}");
	struct instance_options options = options_of("watched", plan);
	struct sluice_instance *i;
	ck_assert_int_eq(instance_new(&options, NULL, &diagnostics, &i), RC_INVALID);
	ck_assert_int_eq(seen.released, 1); /* it had given a state */
	ck_assert_uint_eq(diagnostics.errors, 2);
	ck_assert_str_eq(diagnostics.items[0].path, "spec.config.l[1].x");
	ck_assert_str_eq(diagnostics.items[0].message, "too odd");
	ck_assert_str_eq(diagnostics.items[0].subject, "default/shop");
	ck_assert_str_eq(diagnostics.items[0].position.file, "t.yaml");
	ck_assert_uint_eq(diagnostics.items[0].position.line, 7);
	ck_assert_str_eq(diagnostics.items[1].path, "spec.config");
	plan_free(plan);
	end();
}
END_TEST

static int32_t refuse(const struct sluice_call *call, const struct sluice_value *config)
{
	return SLUICE_E_INVALID;
}

START_TEST(a_refusal_without_a_word_is_still_told)
{
	begin();
	seen.configure = refuse;
	struct instance_options options = options_of("watched", NULL);
	struct sluice_instance *i;
	ck_assert_int_eq(instance_new(&options, NULL, &diagnostics, &i), RC_INVALID);
	ck_assert_uint_eq(diagnostics.errors, 1);
	options = options_of("absent", NULL);
	ck_assert_int_eq(instance_new(&options, NULL, &diagnostics, &i), RC_INVALID);
	ck_assert_uint_eq(diagnostics.errors, 2);
	end();
}
END_TEST

START_TEST(starts_and_stops_on_each_worker)
{
	begin();
	struct sluice_instance *i = make(NULL, NULL);
	ck_assert_int_eq(instance_worker_start(i, 0), RC_OK);
	ck_assert_int_eq(instance_worker_start(i, 1), RC_OK);
	ck_assert_int_eq(seen.started, 2);
	instance_worker_stop(i, 1);
	instance_worker_stop(i, 1);
	ck_assert_int_eq(seen.stopped, 1);
	seen.start_result = SLUICE_E_FULL;
	ck_assert_int_eq(instance_worker_start(i, 1), RC_REFUSED);
	instance_worker_stop(i, 1);
	ck_assert_int_eq(seen.stopped, 1); /* what did not start does not stop */
	instance_worker_stop(i, 0);
	instance_unref(i);
	end();
}
END_TEST

static void on_drop(struct policy_attachment *a)
{
	ck_assert(list_is_empty(&a->link));
	seen.dropped++;
}

START_TEST(what_is_attached_goes_with_its_worker)
{
	begin();
	struct sluice_instance *i = make(NULL, NULL);
	struct policy_attachment here[2] = {{.drop = on_drop}, {.drop = on_drop}};
	struct policy_attachment there = {.drop = on_drop};
	ck_assert_int_eq(instance_worker_start(i, 0), RC_OK);
	ck_assert_int_eq(instance_worker_start(i, 1), RC_OK);
	policy_attach(i, 0, &here[0]);
	policy_attach(i, 0, &here[1]);
	policy_attach(i, 1, &there);
	list_remove(&here[0].link);
	instance_worker_stop(i, 0);
	ck_assert_int_eq(seen.dropped, 1);
	instance_worker_stop(i, 1);
	ck_assert_int_eq(seen.dropped, 2);
	instance_unref(i);
	end();
}
END_TEST

START_TEST(memory_is_accounted_and_bounded)
{
	begin();
	struct instance_options options = options_of("watched", NULL);
	options.bytes_max = 4096;
	struct sluice_instance *i;
	ck_assert_int_eq(instance_new(&options, NULL, &diagnostics, &i), RC_OK);
	const struct sluice_host *h = seen.call->host;
	char *p = h->instance_alloc(i, 1000);
	ck_assert_uint_eq((uintptr_t)p % 16, 0);
	memset(p, 1, 1000);
	ck_assert_uint_ge(instance_bytes_used(i), 1000);
	ck_assert_ptr_null(h->instance_alloc(i, 4000));
	ck_assert_ptr_null(h->instance_alloc(i, SIZE_MAX));
	h->instance_free(i, p);
	h->instance_free(i, NULL);
	ck_assert_uint_eq(instance_bytes_used(i), 0);
	p = h->instance_alloc(i, 4000);
	ck_assert_ptr_nonnull(p);
	h->instance_free(i, p);
	instance_unref(i);
	end();
}
END_TEST

UNIT_SUITE(instance, lives_from_configure_to_the_last_reference,
	a_changed_configuration_gets_the_former_state,
	targets_are_found_by_what_the_configuration_says, another_service_makes_another_instance,
	keys_tell_plugin_binding_policy_and_configuration_apart,
	configure_reads_a_tree_that_outlives_the_plan, a_secret_that_was_used_up_can_be_wiped,
	errors_name_their_place, a_refusal_without_a_word_is_still_told,
	starts_and_stops_on_each_worker, what_is_attached_goes_with_its_worker,
	memory_is_accounted_and_bounded)
