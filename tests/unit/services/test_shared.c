/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "sluice/shared.h"

static const struct sluice_shared_service *service;
static int made, freed;
static void *objects[4];
static int object_count;

static int32_t make(
	const struct sluice_call *call, struct sluice_str name, void *arg, void **object)
{
	if (name.n == 3 && memcmp(name.p, "bad", 3) == 0)
		return SLUICE_E_FULL;
	ck_assert_ptr_eq(arg, &made);
	*object = call->host->instance_alloc(call->instance, 1);
	call->host->instance_free(call->instance, *object);
	*object = &objects[made++];
	return SLUICE_OK;
}

static void free_object(void *object)
{
	freed++;
}

static const struct sluice_shared_type type = {
	.size = sizeof(type), .name = "keys", .make = make, .free = free_object};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	service = call->host->service(SLUICE_SHARED_SERVICE);
	struct sluice_str name = call->host->value_string(
		call->host->value_get(config, SLUICE_STR("name")), SLUICE_STR(""));
	int32_t rc = service->hold(call->instance, &type, name, &made, &objects[object_count % 4]);
	object_count++;
	if (rc != SLUICE_OK)
		call->host->config_error(call->instance, config, SLUICE_STR("not held"));
	return rc;
}

static int32_t misuse(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	static const char large[4097];
	void *object;
	struct sluice_shared_type wrong = type;
	service = call->host->service(SLUICE_SHARED_SERVICE);
	struct sluice_instance *i = call->instance;
	ck_assert_int_eq(service->hold(NULL, &type, SLUICE_STR("a"), NULL, &object),
		SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->hold(i, &type, SLUICE_STR(""), NULL, &object), SLUICE_E_INVALID);
	ck_assert_int_eq(
		service->hold(i, &type, (struct sluice_str){large, sizeof(large)}, NULL, &object),
		SLUICE_E_INVALID);
	ck_assert_int_eq(service->hold(i, NULL, SLUICE_STR("a"), NULL, &object), SLUICE_E_INVALID);
	ck_assert_int_eq(service->hold(i, &type, SLUICE_STR("a"), NULL, NULL), SLUICE_E_INVALID);
	wrong.free = NULL;
	ck_assert_int_eq(
		service->hold(i, &wrong, SLUICE_STR("a"), NULL, &object), SLUICE_E_INVALID);
	wrong = type;
	wrong.name = "";
	ck_assert_int_eq(
		service->hold(i, &wrong, SLUICE_STR("a"), NULL, &object), SLUICE_E_INVALID);
	wrong = type;
	wrong.size = 16;
	ck_assert_int_eq(
		service->hold(i, &wrong, SLUICE_STR("a"), NULL, &object), SLUICE_E_INVALID);
	return SLUICE_OK;
}

static int32_t hold_late(const struct sluice_call *call, struct sluice_exchange *x)
{
	void *object;
	ck_assert_int_eq(service->hold(call->instance, &type, SLUICE_STR("a"), &made, &object),
		SLUICE_E_WRONG_CALLBACK);
	return SLUICE_CONTINUE;
}

static struct sluice_policy policies[2];

static struct rig *begin(void)
{
	for (int i = 0; i < 2; i++)
		policies[i] = (struct sluice_policy){
			.size = sizeof(policies[i]),
			.name = "sharing",
			.version = "1.0.0",
			.configure = configure,
			.request_head = hold_late,
		};
	made = freed = object_count = 0;
	return rig_new(1);
}

START_TEST(one_object_for_all_that_name_it)
{
	struct rig *r = begin();
	struct plugin *plugin = rig_policy(r, &policies[0]);
	rig_bind(r, plugin, "sharing", "{\"name\": \"a\"}");
	rig_bind(r, plugin, "sharing", "{\"name\": \"a\"}");
	rig_bind(r, plugin, "sharing", "{\"name\": \"b\"}");
	ck_assert_int_eq(made, 2);
	ck_assert_ptr_eq(objects[0], objects[1]);
	ck_assert_ptr_ne(objects[0], objects[2]);
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	visit_free(v);
	ck_assert_int_eq(freed, 0);
	rig_free(r);
	ck_assert_int_eq(freed, 2);
}
END_TEST

START_TEST(it_goes_with_the_last_that_holds_it)
{
	struct rig *r = begin();
	struct plugin *plugin = rig_policy(r, &policies[0]);
	struct sluice_instance *first = rig_try_bind(r, plugin, "sharing", "{\"name\": \"a\"}");
	struct sluice_instance *second = rig_try_bind(r, plugin, "sharing", "{\"name\": \"a\"}");
	instance_unref(first);
	ck_assert_int_eq(freed, 0);
	instance_unref(second);
	ck_assert_int_eq(freed, 1);
	instance_unref(rig_try_bind(r, plugin, "sharing", "{\"name\": \"a\"}"));
	ck_assert_int_eq(made, 2);
	ck_assert_int_eq(freed, 2);
	rig_free(r);
}
END_TEST

START_TEST(plugins_do_not_meet)
{
	struct rig *r = begin();
	rig_bind(r, rig_policy(r, &policies[0]), "sharing", "{\"name\": \"a\"}");
	rig_bind(r, rig_policy(r, &policies[1]), "sharing", "{\"name\": \"a\"}");
	ck_assert_int_eq(made, 2);
	rig_free(r);
	ck_assert_int_eq(freed, 2);
}
END_TEST

START_TEST(what_cannot_be_made_is_not_held)
{
	struct rig *r = begin();
	struct plugin *plugin = rig_policy(r, &policies[0]);
	ck_assert_ptr_null(rig_try_bind(r, plugin, "sharing", "{\"name\": \"bad\"}"));
	ck_assert_int_eq(made, 0);
	rig_free(r);
	ck_assert_int_eq(freed, 0);
}
END_TEST

START_TEST(misuse_is_refused)
{
	struct rig *r = begin();
	policies[0].configure = misuse;
	rig_bind(r, rig_policy(r, &policies[0]), "sharing", "{}");
	rig_free(r);
	ck_assert_int_eq(made, 0);
}
END_TEST

UNIT_SUITE(shared, one_object_for_all_that_name_it, it_goes_with_the_last_that_holds_it,
	plugins_do_not_meet, what_cannot_be_made_is_not_held, misuse_is_refused)
