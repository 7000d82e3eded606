/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of mask-numbers: its own .so, in a gateway of memory. */
#include <sluice/testing.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define CARD "4111111111111111"

static struct sluice_test *gateway(const char *config)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "mask-numbers", config);
	return t;
}

static struct sluice_test_exchange *asked(struct sluice_test *t, const char *media)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/accounts/7");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	sluice_test_add(x, SLUICE_RESPONSE, "content-type", media);
	return x;
}

/* Whatever the pieces are that the body comes in. */
static void assert_becomes(const char *config, const char *body, const char *expected)
{
	static const size_t pieces[] = {0, 1, 2, 3, 7, 16, 17};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct sluice_test *t = gateway(config);
		sluice_test_split(t, pieces[i]);
		struct sluice_test_exchange *x = asked(t, "application/json");
		ck_assert_int_eq(sluice_test_answer(x, 200, body), SLUICE_TEST_PASSED);
		ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), expected);
		sluice_test_free(t);
	}
}

START_TEST(numbers_are_masked_wherever_they_stand)
{
	assert_becomes(NULL, "{\"card\":\"" CARD "\"}", "{\"card\":\"************1111\"}");
	assert_becomes(NULL, CARD, "************1111");
	assert_becomes(NULL, "a " CARD " b 5500-0000-0000-0004.",
		"a ************1111 b ****-****-****-0004.");
	assert_becomes(NULL, "4111 1111 1111 1111 ", "**** **** **** 1111 ");
	assert_becomes(
		NULL, CARD " " CARD "," CARD, "************1111 ************1111,************1111");
	assert_becomes(NULL, "12 " CARD " 345", "12 ************1111 345");
	assert_becomes(NULL, "1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-" CARD,
		"1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-************1111");
	assert_becomes("{keep: 0, mask: x}", CARD, "xxxxxxxxxxxxxxxx");
}
END_TEST

START_TEST(what_is_no_card_number_stays)
{
	assert_becomes(NULL, "4111111111111112", "4111111111111112");         /* the checksum */
	assert_becomes(NULL, "411111111111", "411111111111");                 /* too short */
	assert_becomes(NULL, CARD CARD, CARD CARD);                           /* too long */
	assert_becomes(NULL, "4111  1111 1111 1111", "4111  1111 1111 1111"); /* two numbers */
	assert_becomes(NULL, "", "");
	assert_becomes(NULL, "no digit at all", "no digit at all");
}
END_TEST

START_TEST(the_number_behind_one_that_is_none_is_seen)
{
	assert_becomes(NULL, CARD CARD "x" CARD, CARD CARD "x************1111");
}
END_TEST

START_TEST(other_media_pass_unseen)
{
	struct sluice_test *t = gateway(NULL);
	struct sluice_test_exchange *x = asked(t, "image/png");
	ck_assert_int_eq(sluice_test_answer(x, 200, CARD), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), CARD);
	ck_assert_uint_eq(sluice_test_counter(t, 0, "masked_numbers"), 0);
	sluice_test_free(t);
}
END_TEST

START_TEST(what_cannot_be_looked_into_is_not_passed_on)
{
	struct sluice_test *t = gateway(NULL);
	struct sluice_test_exchange *x = asked(t, "text/plain");
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "accept-encoding"), "identity");
	sluice_test_add(x, SLUICE_RESPONSE, "content-encoding", "gzip");
	ck_assert_int_eq(sluice_test_answer(x, 200, "\x1f\x8b"), SLUICE_TEST_DENIED);
	sluice_test_free(t);
}
END_TEST

START_TEST(nothing_vouches_for_other_bytes)
{
	static const char *names[] = {"etag", "repr-digest", "content-digest"};
	struct sluice_test *t = gateway(NULL);
	struct sluice_test_exchange *x = asked(t, "text/plain");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		sluice_test_add(x, SLUICE_RESPONSE, names[i], "x");
	ck_assert_int_eq(sluice_test_answer(x, 200, CARD), SLUICE_TEST_PASSED);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ck_assert_ptr_null(sluice_test_field(x, SLUICE_RESPONSE, names[i]));
	sluice_test_free(t);
}
END_TEST

START_TEST(they_are_counted)
{
	struct sluice_test *t = gateway(NULL);
	sluice_test_answer(asked(t, "text/plain"), 200, CARD " " CARD "," CARD);
	ck_assert_uint_eq(sluice_test_counter(t, 0, "masked_numbers"), 3);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_mistake_is_named)
{
	struct sluice_test *t = gateway("{keep: 7}");
	ck_assert_str_eq(sluice_test_problems(t), "config.keep: must be at most 6, found 7\n");
	sluice_test_free(t);
}
END_TEST

/* With each fault in turn: no number passes as it is. */
static void scenario(void *arg)
{
	struct sluice_test *t = gateway(NULL);
	(void)arg;
	if (!sluice_test_problems(t)[0]) {
		struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
		if (sluice_test_send(x, NULL) == SLUICE_TEST_PASSED) {
			sluice_test_add(x, SLUICE_RESPONSE, "content-type", "text/plain");
			sluice_test_answer(x, 200, CARD);
			ck_assert_ptr_null(strstr(sluice_test_body(x, SLUICE_RESPONSE), CARD));
		}
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
	Suite *suite = suite_create("mask-numbers");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, numbers_are_masked_wherever_they_stand);
	tcase_add_test(tests, what_is_no_card_number_stays);
	tcase_add_test(tests, the_number_behind_one_that_is_none_is_seen);
	tcase_add_test(tests, other_media_pass_unseen);
	tcase_add_test(tests, what_cannot_be_looked_into_is_not_passed_on);
	tcase_add_test(tests, nothing_vouches_for_other_bytes);
	tcase_add_test(tests, they_are_counted);
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
