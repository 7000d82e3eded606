/* Tests of @name@: its own .so, in a gateway of memory. */
#include <sluice/testing.h>

#include <check.h>
#include <stdlib.h>

static struct sluice_test *gateway(const char *config)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "@name@", config);
	return t;
}

START_TEST(greets_in_the_response)
{
	struct sluice_test *t = gateway("{greeting: hello}");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/orders?page=2");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_int_eq(sluice_test_answer(x, 200, "ok"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE, "x-greeting"), "hello");
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "ok");
	sluice_test_free(t);
}
END_TEST

START_TEST(refuses_whoever_does_not_say_who_it_is)
{
	struct sluice_test *t = gateway("{greeting: hello, requiresFrom: true}");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(sluice_test_status(x), 400);
	ck_assert_str_eq(sluice_test_reason(x), "no_from");
	x = sluice_test_request(t, "GET", "/");
	sluice_test_add(x, SLUICE_REQUEST, "from", "ann@example.com");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_configuration_without_a_greeting_is_a_mistake)
{
	struct sluice_test *t = gateway("{requiresFrom: true}");
	ck_assert_str_eq(sluice_test_problems(t), "config: missing field \"greeting\"\n");
	sluice_test_free(t);
}
END_TEST

/* With each fault in turn: no request passes that should not. */
static void scenario(void *arg)
{
	struct sluice_test *t = gateway("{greeting: hello, requiresFrom: true}");
	(void)arg;
	if (!sluice_test_problems(t)[0]) {
		struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
		ck_assert_int_ne(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
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
	Suite *suite = suite_create("@name@");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, greets_in_the_response);
	tcase_add_test(tests, refuses_whoever_does_not_say_who_it_is);
	tcase_add_test(tests, a_configuration_without_a_greeting_is_a_mistake);
	tcase_add_test(tests, never_fails_open);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
