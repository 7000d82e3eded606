/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/shared.h"

static int made, object_itself;

static int32_t make(
	const struct sluice_call *call, struct sluice_str name, void *arg, void **object)
{
	SEE(is(name, "vase") && arg == &made);
	made++;
	*object = &object_itself;
	return SLUICE_OK;
}

static void drop(void *object)
{
	if (object == &object_itself)
		made--;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	static const struct sluice_shared_type type = {
		.size = sizeof(type), .name = "exhibit", .make = make, .free = drop};
	const struct sluice_shared_service *s = call->host->service(SLUICE_SHARED_SERVICE);
	void *object = NULL, *again = NULL;
	(void)config;
	(void)previous;
	*state = NULL;
	SEE(SLUICE_HAS(s, hold));
	SEE(s->hold(call->instance, &type, SLUICE_STR("vase"), &made, &object) == SLUICE_OK);
	SEE(s->hold(call->instance, &type, SLUICE_STR("vase"), &made, &again) == SLUICE_OK);
	SEE(object == &object_itself && again == object && made == 1);
	SEE(s->hold(call->instance, &type, SLUICE_STR(""), &made, &again) == SLUICE_E_INVALID);
	return SLUICE_OK;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "shared",
	.version = "1.0.0",
	.configure = configure,
	.request_head = answer,
	.response_head = tell};
EXHIBIT("shared", SLUICE_SHARED_SERVICE, NULL)
