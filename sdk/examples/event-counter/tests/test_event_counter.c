/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of event-counter: its own .so, in a gateway of memory. */
#include <sluice/testing.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sluice_test *gateway(void)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "event-counter", "{intervalMilliseconds: 100}");
	return t;
}

static void count(struct sluice_test *t, int times)
{
	while (times-- > 0) {
		struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/items");
		ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
		sluice_test_end(x);
	}
}

static struct sluice_test_exchange *read_events(struct sluice_test *t)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/events");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_ANSWERED);
	ck_assert(sluice_test_is_streaming(x));
	return x;
}

#define EVENT(n) "id: " #n "\nevent: count\ndata: {\"count\":" #n "}\n\n"

START_TEST(tells_the_count_and_how_it_changes)
{
	struct sluice_test *t = gateway();
	count(t, 2);
	struct sluice_test_exchange *x = read_events(t);
	ck_assert_int_eq(sluice_test_status(x), 200);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE, "content-type"), "text/event-stream");
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "retry: 100\n" EVENT(2));
	count(t, 3);
	sluice_test_advance(t, 500);
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "retry: 100\n" EVENT(2) EVENT(5));
	sluice_test_free(t);
}
END_TEST

START_TEST(a_reader_that_hears_nothing_new_gets_a_comment)
{
	struct sluice_test *t = gateway();
	struct sluice_test_exchange *x = read_events(t);
	sluice_test_advance(t, 16000);
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "retry: 100\n" EVENT(0) ": \n\n");
	sluice_test_free(t);
}
END_TEST

START_TEST(readers_come_and_go)
{
	struct sluice_test *t = gateway();
	struct sluice_test_exchange *a = read_events(t), *b = read_events(t), *c = read_events(t);
	sluice_test_cancel(b);
	count(t, 1);
	sluice_test_advance(t, 200);
	ck_assert_str_eq(sluice_test_body(a, SLUICE_RESPONSE), "retry: 100\n" EVENT(0) EVENT(1));
	ck_assert_str_eq(sluice_test_body(c, SLUICE_RESPONSE), "retry: 100\n" EVENT(0) EVENT(1));
	sluice_test_cancel(a);
	sluice_test_cancel(c);
	sluice_test_advance(t, 200);
	struct sluice_test_exchange *d = read_events(t);
	count(t, 1);
	sluice_test_advance(t, 200);
	ck_assert_str_eq(sluice_test_body(d, SLUICE_RESPONSE), "retry: 100\n" EVENT(1) EVENT(2));
	sluice_test_free(t);
}
END_TEST

/* 64 KiB of events wait; then none is written until there is room, and the next is the newest. */
START_TEST(a_slow_reader_gets_the_newest_count)
{
	struct sluice_test *t = gateway();
	struct sluice_test_exchange *x = read_events(t);
	sluice_test_stall(x, 1);
	for (int i = 0; i < 2000; i++) {
		count(t, 1);
		sluice_test_advance(t, 100);
	}
	sluice_test_stall(x, 0);
	sluice_test_advance(t, 0);
	const char *body = sluice_test_body(x, SLUICE_RESPONSE);
	const char *last = strstr(body, EVENT(2000));
	ck_assert_msg(last && strlen(last) == strlen(EVENT(2000)), "the last event is another");
	ck_assert_uint_lt(strlen(body), 66000);
	ck_assert_ptr_null(strstr(body, "\"count\":1999}"));
	sluice_test_free(t);
}
END_TEST

START_TEST(a_head_request_gets_the_head)
{
	struct sluice_test *t = gateway();
	struct sluice_test_exchange *x = sluice_test_request(t, "HEAD", "/events");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_ANSWERED);
	ck_assert(!sluice_test_is_streaming(x));
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "");
	sluice_test_free(t);
}
END_TEST

START_TEST(other_methods_are_requests_as_any)
{
	struct sluice_test *t = gateway();
	struct sluice_test_exchange *x = sluice_test_request(t, "POST", "/events");
	ck_assert_int_eq(sluice_test_send(x, "{}"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(
		sluice_test_body(read_events(t), SLUICE_RESPONSE), "retry: 100\n" EVENT(1));
	sluice_test_free(t);
}
END_TEST

START_TEST(mistakes_of_the_configuration_are_named)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "event-counter", "{intervalMilliseconds: 7}");
	ck_assert_str_eq(sluice_test_problems(t),
		"config.intervalMilliseconds: must be at least 50, found 7\n");
	sluice_test_free(t);
}
END_TEST

static void scenario(void *arg)
{
	struct sluice_test *t = gateway();
	(void)arg;
	if (!sluice_test_problems(t)[0]) {
		struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/events");
		ck_assert_int_ne(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	}
	sluice_test_free(t);
}

START_TEST(leaves_nothing_behind_whatever_fails)
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
	Suite *suite = suite_create("event-counter");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, tells_the_count_and_how_it_changes);
	tcase_add_test(tests, a_reader_that_hears_nothing_new_gets_a_comment);
	tcase_add_test(tests, readers_come_and_go);
	tcase_add_test(tests, a_slow_reader_gets_the_newest_count);
	tcase_add_test(tests, a_head_request_gets_the_head);
	tcase_add_test(tests, other_methods_are_requests_as_any);
	tcase_add_test(tests, mistakes_of_the_configuration_are_named);
	tcase_add_test(tests, leaves_nothing_behind_whatever_fails);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
