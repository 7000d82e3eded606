/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/contracts.h"
#include "plan_text.h"
#include "unit.h"

#include "base/buffer.h"
#include "crypto/secret_digest.h"
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>

static char *digest_of(const char *api, const char *client, const char *secret)
{
	static char hex[SHA256_BYTES * 2 + 1];
	uint8_t digest[SHA256_BYTES];
	secret_digest(str_of(api), str_of(client), str_of(secret), digest);
	sha256_hex(digest, hex);
	return hex;
}

static enum rc make(const char *text, struct contracts **out)
{
	const struct plan_node *at = NULL;
	struct plan *plan = plan_text(text);
	enum rc rc = contracts_new(plan_root(plan), out, &at);
	if (rc != RC_OK)
		ck_assert_ptr_nonnull(at);
	plan_free(plan);
	return rc;
}

static struct contracts *made(const char *text)
{
	struct contracts *c;
	ck_assert_int_eq(make(text, &c), RC_OK);
	return c;
}

START_TEST(a_client_is_found_by_api_and_id)
{
	struct contracts *c = made(
		"[{'api': 'default/a', 'name': 'default/one', 'clientId': 'x', 'clientName': 'Ann',"
		" 'tierId': 'g1', 'tier': 'gold', 'limits': [{'maximumRequests': 10,"
		" 'timePeriodInMilliseconds': 1000}, {'maximumRequests': 100,"
		" 'timePeriodInMilliseconds': 60000}]},"
		" {'api': 'default/b', 'clientId': 'x'}, {'api': 'default/b', 'clientId': 'y'}]");
	ck_assert_uint_eq(contracts_count(c), 3);
	const struct contract *one = contracts_find(c, STR("default/a"), STR("x"));
	ck_assert_ptr_nonnull(one);
	assert_str(one->name, "default/one");
	assert_str(one->client_name, "Ann");
	assert_str(one->tier_id, "g1");
	assert_str(one->tier_name, "gold");
	ck_assert_uint_eq(one->limit_count, 2);
	ck_assert_int_eq(one->limits[1].requests_max, 100);
	ck_assert_int_eq(one->limits[1].period_ms, 60000);
	const struct contract *other = contracts_find(c, STR("default/b"), STR("x"));
	ck_assert(other && other != one);
	ck_assert_uint_eq(other->limit_count, 0);
	assert_str(other->tier_name, "");
	ck_assert_ptr_null(contracts_find(c, STR("default/a"), STR("y")));
	ck_assert_ptr_null(contracts_find(c, STR("default/a"), STR("X")));
	ck_assert_ptr_null(contracts_find(c, STR("default/"), STR("ax")));
	ck_assert_ptr_null(contracts_find(c, STR("default/a"), STR("")));
	contracts_free(c);
}
END_TEST

START_TEST(none_are_none)
{
	struct contracts *c;
	const struct plan_node *at;
	ck_assert_int_eq(contracts_new(NULL, &c, &at), RC_OK);
	ck_assert_ptr_null(contracts_find(c, STR("default/a"), STR("x")));
	ck_assert_ptr_null(contracts_find(NULL, STR("default/a"), STR("x")));
	ck_assert_uint_eq(contracts_count(NULL), 0);
	contracts_free(c);
	contracts_free(NULL);
}
END_TEST

START_TEST(a_secret_is_recognised_and_nothing_else)
{
	struct buffer text;
	buffer_init(&text, 4096);
	buffer_addf(&text, "[{'api': 'default/a', 'clientId': 'x', 'secretDigest': '%s'},",
		digest_of("default/a", "x", "wonderland"));
	buffer_addf(&text, "{'api': 'default/a', 'clientId': 'y'}]%c", 0);
	struct contracts *c = made(text.p);
	struct str api = STR("default/a");
	const struct contract *x = contracts_find(c, api, STR("x"));
	const struct contract *y = contracts_find(c, api, STR("y"));
	ck_assert(x->has_secret && !y->has_secret);
	ck_assert(contract_secret_matches(x, api, STR("x"), STR("wonderland")));
	ck_assert(!contract_secret_matches(x, api, STR("x"), STR("wonderlane")));
	ck_assert(!contract_secret_matches(x, api, STR("x"), STR("")));
	ck_assert(!contract_secret_matches(x, api, STR("y"), STR("wonderland")));
	ck_assert(!contract_secret_matches(x, STR("default/b"), STR("x"), STR("wonderland")));
	ck_assert(!contract_secret_matches(y, api, STR("y"), STR("")));
	ck_assert(!contract_secret_matches(NULL, api, STR("x"), STR("wonderland")));
	contracts_free(c);
	buffer_deinit(&text);
}
END_TEST

START_TEST(a_plan_that_is_damaged_is_refused)
{
	static const char *const texts[] = {
		"[{'clientId': 'x'}]",
		"[{'api': 'default/a'}]",
		"[{'api': 'default/a', 'clientId': 'x', 'secretDigest': 'short'}]",
		"[{'api': 'a', 'clientId': 'x', 'limits': [{'maximumRequests': 0,"
		" 'timePeriodInMilliseconds': 1}]}]",
		"[{'api': 'a', 'clientId': 'x', 'limits': [7]}]",
		"[{'api': 'a', 'clientId': 'x'}, {'api': 'a', 'clientId': 'x'}]",
		"[7]",
	};
	struct contracts *c;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(make(texts[i], &c), RC_INVALID);
}
END_TEST

/* None is lost in the table, and none is another's. */
START_TEST(many_are_found)
{
	struct buffer text;
	char id[32];
	buffer_init(&text, 1 << 20);
	for (int i = 0; i < 2000; i++)
		buffer_addf(&text, "%s{'api': 'default/%d', 'clientId': 'c%d', 'tier': 't%d'}",
			i ? "," : "[", i % 3, i, i);
	buffer_addf(&text, "]%c", 0);
	struct contracts *c = made(text.p);
	for (int i = 0; i < 2000; i++) {
		char api[32], tier[32];
		snprintf(id, sizeof(id), "c%d", i);
		snprintf(api, sizeof(api), "default/%d", i % 3);
		snprintf(tier, sizeof(tier), "t%d", i);
		const struct contract *found = contracts_find(c, str_of(api), str_of(id));
		ck_assert_ptr_nonnull(found);
		ck_assert(str_eq(found->tier_name, str_of(tier)));
		snprintf(api, sizeof(api), "default/%d", (i + 1) % 3);
		ck_assert_ptr_null(contracts_find(c, str_of(api), str_of(id)));
	}
	contracts_free(c);
	buffer_deinit(&text);
}
END_TEST

UNIT_SUITE(contracts, a_client_is_found_by_api_and_id, none_are_none,
	a_secret_is_recognised_and_nothing_else, a_plan_that_is_damaged_is_refused, many_are_found)
