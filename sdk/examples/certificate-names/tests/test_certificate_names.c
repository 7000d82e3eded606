/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of certificate-names: its own .so, in a gateway of memory. */
#include <sluice/testing.h>

#include <check.h>
#include <stdlib.h>

/* CN=till 7, with the names DNS:till-7.shop.example and URI:spiffe://shop.example/till/7. */
static const char till[] = "-----BEGIN CERTIFICATE-----\n"
			   "MIIBtzCCAV2gAwIBAgIURhHaO53ASPJZZPuFtf+Loo6yg+kwCgYIKoZIzj0EAwIw\n"
			   "ETEPMA0GA1UEAwwGdGlsbCA3MB4XDTI2MTEyOTEzNTEwNFoXDTM2MTEyNjEzNTEw\n"
			   "NFowETEPMA0GA1UEAwwGdGlsbCA3MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
			   "2j2bEn7/1+qT/npr2Y15pkDxS2Z8QprRV+FBRVC/x2Dj8OrkCUP1qBp6B8aUZjNR\n"
			   "XcHueEgcoQlchDIS+Tesa6OBkjCBjzAdBgNVHQ4EFgQUkABJ8sXE4LN0rw6vECrS\n"
			   "aDg1ix8wHwYDVR0jBBgwFoAUkABJ8sXE4LN0rw6vECrSaDg1ix8wDwYDVR0TAQH/\n"
			   "BAUwAwEB/zA8BgNVHREENTAzghN0aWxsLTcuc2hvcC5leGFtcGxlhhxzcGlmZmU6\n"
			   "Ly9zaG9wLmV4YW1wbGUvdGlsbC83MAoGCCqGSM49BAMCA0gAMEUCIECHggqrxkQ1\n"
			   "RADiHLb6oegD8r8lWcv9thDftoG9ql7jAiEA3Rxc8yfEgMc/m7v82IF5kiYbTiom\n"
			   "6dIYSW3Nf1gg4dA=\n"
			   "-----END CERTIFICATE-----\n";

static struct sluice_test *gateway(const char *config)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "certificate-names", config);
	return t;
}

static struct sluice_test_exchange *ask(struct sluice_test *t, const char *certificate)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	sluice_test_tls(x, certificate);
	sluice_test_send(x, NULL);
	return x;
}

static void assert_admits(const char *config, int admits)
{
	struct sluice_test *t = gateway(config);
	struct sluice_test_exchange *x = ask(t, till);
	if (admits) {
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PASSED);
	} else {
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_ANSWERED);
		ck_assert_int_eq(sluice_test_status(x), 403);
		ck_assert_str_eq(sluice_test_reason(x), "certificate_not_listed");
	}
	sluice_test_free(t);
}

START_TEST(listed_names_are_let_in)
{
	assert_admits("{names: [till-7.shop.example]}", 1);
	assert_admits("{names: [till-1.shop.example, \"till-*\"]}", 1);
	assert_admits("{kind: uri, names: [\"spiffe://shop.example/till/*\"]}", 1);
}
END_TEST

START_TEST(others_are_not)
{
	assert_admits("{names: [till-8.shop.example]}", 0);
	assert_admits("{names: [till-7.shop.example.org]}", 0);
	assert_admits("{names: [\"till-77*\"]}", 0);
	assert_admits("{names: [\"spiffe://shop.example/till/7\"]}", 0); /* of the other kind */
	assert_admits("{names: [\"till 7\"]}", 0); /* the common name is no name */
}
END_TEST

START_TEST(whoever_comes_without_a_certificate_is_refused)
{
	struct sluice_test *t = gateway("{names: [\"*\"]}");
	struct sluice_test_exchange *x = ask(t, NULL);
	ck_assert_int_eq(sluice_test_status(x), 403);
	ck_assert_str_eq(sluice_test_reason(x), "no_certificate");
	const char *name = "certificate_checks";
	ck_assert_int_eq(sluice_test_metric(t, 0, name, "outcome=\"no_certificate\""), 1);
	ck_assert_int_eq(sluice_test_metric(t, 0, name, "outcome=\"admitted\""), 0);
	ask(t, till);
	ck_assert_int_eq(sluice_test_metric(t, 0, name, "outcome=\"admitted\""), 1);
	ck_assert_int_eq(sluice_test_metric(t, 0, name, NULL), 2);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_mistake_is_named)
{
	struct sluice_test *t = gateway("{names: []}");
	ck_assert_str_eq(
		sluice_test_problems(t), "config.names: must have at least 1 item, found 0\n");
	sluice_test_free(t);
}
END_TEST

/* With each fault in turn: who is not listed does not get through. */
static void scenario(void *arg)
{
	struct sluice_test *t = gateway("{names: [till-8.shop.example]}");
	(void)arg;
	if (!sluice_test_problems(t)[0])
		ck_assert_int_ne(sluice_test_outcome(ask(t, till)), SLUICE_TEST_PASSED);
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
	Suite *suite = suite_create("certificate-names");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, listed_names_are_let_in);
	tcase_add_test(tests, others_are_not);
	tcase_add_test(tests, whoever_comes_without_a_certificate_is_refused);
	tcase_add_test(tests, a_mistake_is_named);
	tcase_add_test(tests, never_fails_open);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
