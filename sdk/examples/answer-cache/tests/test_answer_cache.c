/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of answer-cache: its own .so, in a gateway of memory. */
#include <sluice/testing.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sluice_test *gateway(void)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "answer-cache", "{seconds: 30}");
	return t;
}

/* Whether the upstream is asked; it then answers `body`, with one more field. */
static int asks_upstream(struct sluice_test *t, const char *target, const char *field[2],
	const char *response_field[2], const char *body)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", target);
	if (field)
		sluice_test_add(x, SLUICE_REQUEST, field[0], field[1]);
	if (sluice_test_send(x, NULL) == SLUICE_TEST_PAUSED)
		sluice_test_advance(t, 0); /* the store answers */
	int asked = sluice_test_outcome(x) == SLUICE_TEST_PASSED;
	if (asked) {
		sluice_test_add(x, SLUICE_RESPONSE, "content-type", "text/plain");
		if (response_field)
			sluice_test_add(x, SLUICE_RESPONSE, response_field[0], response_field[1]);
		ck_assert_int_eq(sluice_test_answer(x, 200, body), SLUICE_TEST_PASSED);
	} else {
		ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_ANSWERED);
		ck_assert_str_eq(sluice_test_reason(x), "cached");
		ck_assert_str_eq(
			sluice_test_field(x, SLUICE_RESPONSE, "content-type"), "text/plain");
	}
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), body);
	sluice_test_end(x);
	return asked;
}

START_TEST(an_answer_counts_for_its_seconds)
{
	struct sluice_test *t = gateway();
	sluice_test_split(t, 2);
	ck_assert(asks_upstream(t, "/a?b=c", NULL, NULL, "first"));
	ck_assert(!asks_upstream(t, "/a?b=c", NULL, NULL, "first"));
	ck_assert(asks_upstream(t, "/a?b=d", NULL, NULL, "another"));
	sluice_test_advance(t, 29000);
	ck_assert(!asks_upstream(t, "/a?b=c", NULL, NULL, "first"));
	sluice_test_advance(t, 1000);
	ck_assert(asks_upstream(t, "/a?b=c", NULL, NULL, "second"));
	ck_assert_uint_eq(sluice_test_counter(t, 0, "cached_answers"), 2);
	sluice_test_free(t);
}
END_TEST

START_TEST(what_is_somebodys_is_neither_stored_nor_given)
{
	static const char *personal[][2] = {
		{"authorization", "Bearer x"}, {"cookie", "a=b"}, {"range", "bytes=0-1"}};
	static const char *particular[][2] = {{"set-cookie", "a=b"}, {"vary", "accept"},
		{"cache-control", "private"}, {"expires", "0"}, {"pragma", "no-cache"},
		{"content-encoding", "gzip"}};
	struct sluice_test *t = gateway();
	for (size_t i = 0; i < sizeof(personal) / sizeof(*personal); i++)
		ck_assert(asks_upstream(t, "/a", personal[i], NULL, "mine"));
	for (size_t i = 0; i < sizeof(particular) / sizeof(*particular); i++)
		ck_assert(asks_upstream(t, "/a", NULL, particular[i], "mine"));
	ck_assert(asks_upstream(t, "/a", NULL, NULL, "everybody's"));
	ck_assert(asks_upstream(t, "/a", personal[0], NULL, "mine again"));
	sluice_test_free(t);
}
END_TEST

START_TEST(what_is_too_large_passes)
{
	static char large[70001];
	memset(large, 'x', sizeof(large) - 1);
	struct sluice_test *t = gateway();
	ck_assert(asks_upstream(t, "/a", NULL, NULL, large));
	ck_assert(asks_upstream(t, "/a", NULL, NULL, "small"));
	sluice_test_free(t);
}
END_TEST

START_TEST(what_breaks_off_is_forgotten)
{
	struct sluice_test *t = gateway();
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/a");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	sluice_test_cancel(x);
	sluice_test_end(x);
	ck_assert(asks_upstream(t, "/a", NULL, NULL, "whole"));
	sluice_test_free(t);
}
END_TEST

/* With each fault in turn: nobody is given what is another's. */
static void scenario(void *arg)
{
	static const char *credentials[2] = {"authorization", "Bearer x"};
	struct sluice_test *t = gateway();
	(void)arg;
	if (!sluice_test_problems(t)[0]) {
		ck_assert(asks_upstream(t, "/a", credentials, NULL, "mine"));
		asks_upstream(t, "/a", NULL, NULL, "everybody's");
		asks_upstream(t, "/a", NULL, NULL, "everybody's");
	}
	sluice_test_free(t);
}

START_TEST(mixes_up_nothing_when_memory_is_short)
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
	Suite *suite = suite_create("answer-cache");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, an_answer_counts_for_its_seconds);
	tcase_add_test(tests, what_is_somebodys_is_neither_stored_nor_given);
	tcase_add_test(tests, what_is_too_large_passes);
	tcase_add_test(tests, what_breaks_off_is_forgotten);
	tcase_add_test(tests, mixes_up_nothing_when_memory_is_short);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
