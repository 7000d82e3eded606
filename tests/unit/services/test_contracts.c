/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "plan_text.h"
#include "rig.h"

#include "base/memory.h"
#include "crypto/secret_digest.h"
#include "policy/contracts.h"
#include "services/services.h"

#include "sluice/contracts.h"

#include <stdio.h>
#include <stdlib.h>

static const struct sluice_contracts_service *service;
static int32_t found, matches;
static struct sluice_contract contract;
static char tier[16];

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	struct sluice_contract c = {.size = sizeof(c)};
	service = call->host->service(SLUICE_CONTRACTS_SERVICE);
	ck_assert_int_eq(
		service->find(NULL, SLUICE_STR("ann"), &c), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->secret_matches(NULL, SLUICE_STR("ann"), SLUICE_STR("s")),
		SLUICE_E_WRONG_CALLBACK);
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_contract tiny = {.size = 8};
	contract = (struct sluice_contract){.size = sizeof(contract)};
	ck_assert_int_eq(service->find(x, SLUICE_STR("ann"), NULL), SLUICE_E_INVALID);
	ck_assert_int_eq(service->find(x, SLUICE_STR("ann"), &tiny), SLUICE_E_INVALID);
	found = service->find(x, SLUICE_STR("ann"), &contract);
	matches = service->secret_matches(x, SLUICE_STR("ann"), SLUICE_STR("wonderland"));
	tier[0] = '\0';
	if (found == SLUICE_OK)
		snprintf(tier, sizeof(tier), "%.*s", (int)contract.tier_name.n,
			contract.tier_name.p);
	ck_assert_int_eq(service->secret_matches(x, SLUICE_STR("ann"), SLUICE_STR("x")), 0);
	ck_assert_int_eq(service->secret_matches(x, SLUICE_STR("bob"), SLUICE_STR("x")), 0);
	return SLUICE_CONTINUE;
}

/* What the gateway does when it takes a configuration into use. */
static struct contracts *use(const char *tier_name)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_BYTES * 2];
	struct contracts *made;
	const struct plan_node *at;
	secret_digest(STR("default/shop"), STR("ann"), STR("wonderland"), digest);
	sha256_hex(digest, hex);
	char *text = heap_printf("[{'api': 'default/shop', 'name': 'default/c', 'clientId': 'ann',"
				 "'secretDigest': '%.*s', 'tier': '%s', 'limits':"
				 "[{'maximumRequests': 5, 'timePeriodInMilliseconds': 1000}]},"
				 "{'api': 'default/other', 'clientId': 'bob'}]",
		(int)sizeof(hex), hex, tier_name);
	struct plan *plan = plan_text(text);
	ck_assert_int_eq(contracts_new(plan_root(plan), &made, &at), RC_OK);
	plan_free(plan);
	free(text);
	services_use_contracts(made);
	return made;
}

START_TEST(an_exchange_finds_those_of_its_api_as_they_are_now)
{
	static const struct sluice_policy policy = {.size = sizeof(policy),
		.name = "known",
		.version = "1.0.0",
		.configure = configure,
		.request_head = request_head};
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &policy), "known", "{}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(found, SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(matches, 0);
	struct contracts *first = use("gold");
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(found, SLUICE_OK);
	ck_assert_int_eq(matches, 1);
	ck_assert_str_eq(tier, "gold");
	ck_assert_uint_eq(contract.has_secret, 1);
	ck_assert_uint_eq(contract.limit_count, 1);
	ck_assert_int_eq(contract.limits[0].requests_max, 5);
	ck_assert_int_eq(contract.limits[0].period_ms, 1000);
	struct contracts *second = use("lead");
	contracts_free(first);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_str_eq(tier, "lead");
	visit_free(v);
	contracts_free(second);
	rig_free(r);
}
END_TEST

UNIT_SUITE(contracts, an_exchange_finds_those_of_its_api_as_they_are_now)
