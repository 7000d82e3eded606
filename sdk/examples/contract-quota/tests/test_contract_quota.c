/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of contract-quota: its own .so, in a gateway of memory. */
#include <sluice/testing.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TWO_A_MINUTE                                                                               \
	"{name: gold, limits: [{maximumRequests: 2, timePeriodInMilliseconds: 60000},"             \
	" {maximumRequests: 3, timePeriodInMilliseconds: 3600000}]}"

static struct sluice_test *gateway(void)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "contract-quota", NULL);
	sluice_test_contract(t, "{id: ann, name: Ann, secret: right-secret}", TWO_A_MINUTE);
	sluice_test_contract(t, "{id: ben, secret: other-secret}", NULL);
	return t;
}

static struct sluice_test_exchange *ask(struct sluice_test *t, const char *id, const char *secret)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	if (id)
		sluice_test_add(x, SLUICE_REQUEST, "client_id", id);
	if (secret)
		sluice_test_add(x, SLUICE_REQUEST, "client_secret", secret);
	sluice_test_send(x, NULL);
	return x;
}

static void assert_refused(struct sluice_test_exchange *x, int status, const char *reason)
{
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(sluice_test_status(x), status);
	ck_assert_str_eq(sluice_test_reason(x), reason);
}

static void assert_passes(struct sluice_test_exchange *x)
{
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PASSED);
}

START_TEST(whoever_has_no_contract_is_refused)
{
	struct sluice_test *t = gateway();
	assert_refused(ask(t, "eve", "right-secret"), 401, "unknown_client");
	assert_refused(ask(t, "ann", "other-secret"), 401, "unknown_client");
	assert_refused(ask(t, "ann", NULL), 401, "unknown_client");
	assert_refused(ask(t, NULL, "right-secret"), 401, "unknown_client");
	assert_passes(ask(t, "ann", "right-secret"));
	sluice_test_free(t);
}
END_TEST

START_TEST(each_window_of_a_tier_counts)
{
	struct sluice_test *t = gateway();
	assert_passes(ask(t, "ann", "right-secret"));
	assert_passes(ask(t, "ann", "right-secret"));
	assert_refused(ask(t, "ann", "right-secret"), 429, "contract_limit");
	sluice_test_advance(t, 60000);
	assert_refused(ask(t, "ann", "right-secret"), 429, "contract_limit"); /* the hour's */
	sluice_test_advance(t, 3600000);
	assert_passes(ask(t, "ann", "right-secret"));
	sluice_test_free(t);
}
END_TEST

START_TEST(a_store_elsewhere_is_waited_for_and_one_that_is_gone_denies)
{
	struct sluice_test *t = gateway();
	sluice_test_store(t, SLUICE_TEST_STORE_LATE);
	for (int i = 0; i < 3; i++) {
		struct sluice_test_exchange *x = ask(t, "ann", "right-secret");
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
		sluice_test_advance(t, 0);
		ck_assert_int_eq(
			sluice_test_outcome(x), i < 2 ? SLUICE_TEST_PASSED : SLUICE_TEST_ANSWERED);
	}
	sluice_test_store(t, SLUICE_TEST_STORE_GONE);
	ck_assert_int_eq(sluice_test_outcome(ask(t, "ann", "right-secret")), SLUICE_TEST_DENIED);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_contract_without_limits_has_none)
{
	struct sluice_test *t = gateway();
	for (int i = 0; i < 10; i++)
		assert_passes(ask(t, "ben", "other-secret"));
	sluice_test_free(t);
}
END_TEST

/* Of 2,000 bytes, so longer than a key of a store may be. */
static void long_id(char id[2001], char last)
{
	memset(id, 'a', 1999);
	id[1999] = last;
	id[2000] = '\0';
}

START_TEST(clients_whose_ids_differ_at_their_ends_alone_share_no_counter)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	char ids[2][2001], client[2100];
	sluice_test_bind(t, "contract-quota", NULL);
	for (int i = 0; i < 2; i++) {
		long_id(ids[i], (char)('x' + i));
		snprintf(client, sizeof(client), "{id: %s, secret: right-secret}", ids[i]);
		sluice_test_contract(t, client, TWO_A_MINUTE);
	}
	assert_passes(ask(t, ids[0], "right-secret"));
	assert_passes(ask(t, ids[0], "right-secret"));
	assert_refused(ask(t, ids[0], "right-secret"), 429, "contract_limit");
	assert_passes(ask(t, ids[1], "right-secret"));
	sluice_test_free(t);
}
END_TEST

/* With each fault in turn: nobody gets in without a contract. */
static void scenario(void *arg)
{
	struct sluice_test *t = gateway();
	(void)arg;
	if (!sluice_test_problems(t)[0]) {
		struct sluice_test_exchange *x = ask(t, "eve", "right-secret");
		ck_assert_int_ne(sluice_test_outcome(x), SLUICE_TEST_PASSED);
		x = ask(t, "ann", "right-secret");
		if (sluice_test_outcome(x) == SLUICE_TEST_PASSED)
			ask(t, "ann", "right-secret");
	}
	sluice_test_free(t);
}

START_TEST(never_fails_open)
{
	ck_assert_uint_gt(sluice_test_faults(scenario, NULL), 1);
}
END_TEST

static void on_failure(void *arg, const char *message)
{
	(void)arg;
	ck_abort_msg("%s", message);
}

int main(void)
{
	Suite *suite = suite_create("contract-quota");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, whoever_has_no_contract_is_refused);
	tcase_add_test(tests, each_window_of_a_tier_counts);
	tcase_add_test(tests, a_store_elsewhere_is_waited_for_and_one_that_is_gone_denies);
	tcase_add_test(tests, a_contract_without_limits_has_none);
	tcase_add_test(tests, clients_whose_ids_differ_at_their_ends_alone_share_no_counter);
	tcase_add_test(tests, never_fails_open);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
