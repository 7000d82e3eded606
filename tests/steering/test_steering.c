/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy may know and do of an exchange, by the harness. */
#include "sluice/testing.h"

#include <check.h>
#include <stdlib.h>

static void on_failure(void *arg, const char *message)
{
	(void)arg;
	ck_abort_msg("%s", message);
}

static struct sluice_test *steered(const char *config)
{
	sluice_test_on_failure(on_failure, NULL);
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "steering", config);
	return t;
}

START_TEST(it_is_told_whom_it_works_for)
{
	struct sluice_test *t = steered("{tells: true, method: PATCH}");
	sluice_test_label(t, "tier", "gold");
	sluice_test_label(t, "note", "a \"b\"");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	static const char *const expected[][2] = {{"x-api-name", "test"},
		{"x-api-namespace", "default"}, {"x-binding-name", "steering"},
		{"x-stage", "transform"}, {"x-policy", "steering"}, {"x-method-received", "GET"},
		{"x-api-label", "gold"}};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_str_eq(
			sluice_test_field(x, SLUICE_REQUEST, expected[i][0]), expected[i][1]);
	ck_assert_uint_eq(sluice_test_field_count(x, SLUICE_REQUEST, "x-api-label"), 2);
	ck_assert_ptr_null(sluice_test_field(x, SLUICE_REQUEST, "x-binding-label"));
	ck_assert_str_eq(sluice_test_method(x), "PATCH");
	sluice_test_free(t);
}
END_TEST

START_TEST(claims_violations_and_parameters_are_seen)
{
	struct sluice_test *t = steered("{claims: '{\"sub\": \"u1\", \"n\": [1, 2]}', violation: "
					"too_often, query: 'a b'}");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/x?steered=0&k=1");
	sluice_test_add_claim(x, "sub", "\"before\"");
	sluice_test_add_claim(x, "iss", "\"i\"");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_claim(x, "sub"), "\"u1\"");
	ck_assert_str_eq(sluice_test_claim(x, "n"), "[1,2]");
	ck_assert_str_eq(sluice_test_claim(x, "iss"), "\"i\"");
	ck_assert_ptr_null(sluice_test_claim(x, "aud"));
	ck_assert_str_eq(sluice_test_violation(x), "too_often");
	ck_assert_str_eq(sluice_test_query(x), "steered=a%20b&k=1");
	x = sluice_test_request(t, "GET", "/");
	ck_assert_ptr_null(sluice_test_violation(x));
	sluice_test_free(t);
}
END_TEST

START_TEST(a_way_is_told)
{
	struct sluice_test *t = steered("{path: /a/../b, host: Other.example:81}");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_way(x, SLUICE_TEST_WAY_PATH), "/b");
	ck_assert_str_eq(sluice_test_way(x, SLUICE_TEST_WAY_HOST), "other.example:81");
	sluice_test_free(t);
	t = steered("{host: other.example}");
	x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_ptr_null(sluice_test_way(x, SLUICE_TEST_WAY_TARGET));
	ck_assert_ptr_null(sluice_test_way(x, SLUICE_TEST_WAY_PATH));
	ck_assert_str_eq(sluice_test_way(x, SLUICE_TEST_WAY_HOST), "other.example");
	sluice_test_free(t);
}
END_TEST

START_TEST(a_way_that_is_none_denies)
{
	static const char *const rows[] = {"{path: 'x'}", "{path: '/../x'}", "{path: '/%zz'}",
		"{host: 'a b'}", "{host: 'u@h'}"};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sluice_test *t = steered(rows[i]);
		struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
		ck_assert_msg(sluice_test_send(x, NULL) == SLUICE_TEST_DENIED, "%s", rows[i]);
		sluice_test_free(t);
	}
}
END_TEST

START_TEST(a_method_that_cannot_be_denies)
{
	struct sluice_test *t = steered("{method: CONNECT}");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_DENIED);
	sluice_test_free(t);
}
END_TEST

START_TEST(trailers_are_given_and_seen)
{
	struct sluice_test *t = steered("{requestTrailer: up, responseTrailer: down}");
	struct sluice_test_exchange *x = sluice_test_request(t, "POST", "/");
	sluice_test_add(x, SLUICE_REQUEST_TRAILERS, "x-sum", "17");
	ck_assert_int_eq(sluice_test_send(x, "body"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST_TRAILERS, "x-sum"), "17");
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST_TRAILERS, "x-steered"), "up");
	ck_assert_ptr_null(sluice_test_field(x, SLUICE_REQUEST, "x-steered"));
	sluice_test_add(x, SLUICE_RESPONSE_TRAILERS, "x-steered", "upstream");
	ck_assert_int_eq(sluice_test_answer(x, 200, "made"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE_TRAILERS, "x-steered"), "down");
	ck_assert_uint_eq(sluice_test_field_count(x, SLUICE_RESPONSE_TRAILERS, "x-steered"), 1);
	sluice_test_free(t);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("steering");
	TCase *tcase = tcase_create("steering");
	tcase_add_test(tcase, it_is_told_whom_it_works_for);
	tcase_add_test(tcase, claims_violations_and_parameters_are_seen);
	tcase_add_test(tcase, a_method_that_cannot_be_denies);
	tcase_add_test(tcase, a_way_is_told);
	tcase_add_test(tcase, a_way_that_is_none_denies);
	tcase_add_test(tcase, trailers_are_given_and_seen);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
