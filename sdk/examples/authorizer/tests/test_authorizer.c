/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of authorizer: its own .so, in a gateway of memory, with services that answer by a script.
 */
#include <sluice/testing.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Two services, the first of which answers `status`. */
static struct sluice_test_reply *script(struct sluice_test *t, int status)
{
	struct sluice_test_reply *r =
		sluice_test_upstream(t, "permissions", "GET", "/", status, "");
	sluice_test_upstream(t, "fraud", "GET", "/", 204, "");
	return r;
}

static struct sluice_test *gateway(void)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "authorizer", "{services: [permissions, fraud]}");
	return t;
}

static struct sluice_test_exchange *ask(struct sluice_test *t, const char *credential)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/orders");
	sluice_test_add(x, SLUICE_REQUEST, "authorization", credential);
	if (sluice_test_send(x, NULL) == SLUICE_TEST_PAUSED)
		sluice_test_advance(t, 0);
	return x;
}

START_TEST(all_services_are_asked_and_what_they_allow_goes_on)
{
	struct sluice_test *t = gateway();
	script(t, 200);
	ck_assert_int_eq(sluice_test_outcome(ask(t, "Bearer ann")), SLUICE_TEST_PASSED);
	ck_assert_uint_eq(sluice_test_asked(t), 2);
	ck_assert_str_eq(sluice_test_asked_field(t, 0, "authorization"), "Bearer ann");
	ck_assert_str_eq(sluice_test_asked_field(t, 1, "x-original-path"), "/orders");
	sluice_test_free(t);
}
END_TEST

START_TEST(what_was_allowed_is_remembered_for_a_while)
{
	struct sluice_test *t = gateway();
	script(t, 200);
	ask(t, "Bearer ann");
	ck_assert_int_eq(sluice_test_outcome(ask(t, "Bearer ann")), SLUICE_TEST_PASSED);
	ck_assert_uint_eq(sluice_test_asked(t), 2);
	ask(t, "Bearer ben");
	ck_assert_uint_eq(sluice_test_asked(t), 4);
	sluice_test_advance(t, 10000);
	ask(t, "Bearer ann");
	ck_assert_uint_eq(sluice_test_asked(t), 6);
	sluice_test_free(t);
}
END_TEST

START_TEST(what_one_refuses_is_refused)
{
	struct sluice_test *t = gateway();
	sluice_test_upstream_field(script(t, 401), "www-authenticate", "Bearer realm=\"shop\"");
	for (size_t asked = 2; asked <= 4; asked += 2) { /* and not remembered */
		struct sluice_test_exchange *x = ask(t, "Bearer eve");
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_ANSWERED);
		ck_assert_int_eq(sluice_test_status(x), 401);
		ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE, "www-authenticate"),
			"Bearer realm=\"shop\"");
		ck_assert_uint_eq(sluice_test_asked(t), asked);
	}
	sluice_test_free(t);
}
END_TEST

START_TEST(without_a_verdict_nobody_goes_on)
{
	static const int statuses[] = {500, 302, 404};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		struct sluice_test *t = gateway();
		script(t, statuses[i]);
		ck_assert_int_eq(sluice_test_outcome(ask(t, "Bearer ann")), SLUICE_TEST_DENIED);
		sluice_test_free(t);
	}
	static const enum sluice_test_failure failures[] = {
		SLUICE_TEST_REFUSED, SLUICE_TEST_CUT_OFF, SLUICE_TEST_SILENT};
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		struct sluice_test *t = gateway();
		sluice_test_upstream_fails(script(t, 200), failures[i]);
		struct sluice_test_exchange *x = ask(t, "Bearer ann");
		sluice_test_advance(t, 1000);
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_DENIED);
		sluice_test_free(t);
	}
}
END_TEST

START_TEST(a_client_that_leaves_leaves_nothing_behind)
{
	struct sluice_test *t = gateway();
	sluice_test_upstream_delay(script(t, 200), 500);
	struct sluice_test_exchange *x = ask(t, "Bearer ann");
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
	sluice_test_cancel(x);
	sluice_test_end(x);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_service_that_is_not_there_is_a_mistake)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "authorizer", "{services: [permisions]}");
	sluice_test_upstream(t, "permissions", "GET", "/", 200, "");
	ck_assert_ptr_nonnull(strstr(sluice_test_problems(t), "config.services[0]: no Service"));
	sluice_test_free(t);
}
END_TEST

/* With each fault in turn: who is refused does not get through. */
static void scenario(void *arg)
{
	struct sluice_test *t = gateway();
	(void)arg;
	script(t, 403);
	if (!sluice_test_problems(t)[0]) {
		struct sluice_test_exchange *x = ask(t, "Bearer eve");
		ck_assert_int_ne(sluice_test_outcome(x), SLUICE_TEST_PASSED);
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
	Suite *suite = suite_create("authorizer");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, all_services_are_asked_and_what_they_allow_goes_on);
	tcase_add_test(tests, what_was_allowed_is_remembered_for_a_while);
	tcase_add_test(tests, what_one_refuses_is_refused);
	tcase_add_test(tests, without_a_verdict_nobody_goes_on);
	tcase_add_test(tests, a_client_that_leaves_leaves_nothing_behind);
	tcase_add_test(tests, a_service_that_is_not_there_is_a_mistake);
	tcase_add_test(tests, never_fails_open);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
