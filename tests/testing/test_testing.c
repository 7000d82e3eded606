/* SPDX-License-Identifier: Apache-2.0 */
/* The harness for policies: what it finds, and what it leaves alone. */
#include "sluice/testing.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first failure of a test; "": none. */
static char failure[1024];

static void note(void *arg, const char *message)
{
	(void)arg;
	if (!failure[0])
		snprintf(failure, sizeof(failure), "%s", message);
}

static struct sluice_test *that(const char *does)
{
	char config[100];
	snprintf(config, sizeof(config), "{does: %s}", does);
	struct sluice_test *t = sluice_test_new(PLUGIN);
	failure[0] = '\0';
	sluice_test_bind(t, "misuse", config);
	return t;
}

static enum sluice_test_outcome get(struct sluice_test *t)
{
	return sluice_test_send(sluice_test_request(t, "GET", "/"), NULL);
}

/* One request; what the harness says until the end. */
static void assert_found(const char *does, const char *expected)
{
	struct sluice_test *t = that(does);
	get(t);
	sluice_test_settle(t, 1000);
	sluice_test_free(t);
	ck_assert_str_eq(failure, expected);
}

START_TEST(what_is_right_is_left_alone)
{
	assert_found("nothing", "");
	assert_found("resume", "");
	assert_found("wait for a job", "");
	assert_found("allocate", "");
}
END_TEST

START_TEST(mistakes_fail_a_test_by_name)
{
#ifndef __SANITIZE_ADDRESS__ /* which finds it, too, and ends the test */
	assert_found("leak", "release left 116 bytes behind");
#endif
	assert_found("sleep",
		"usleep may block, and a callback must not (sluice.work/1 has threads "
		"for it)");
	assert_found("read",
		"open may block, and a callback must not (sluice.work/1 has threads for "
		"it)");
	assert_found("resume twice", "a token was resumed a second time");
	assert_found("invent a token", "a token was resumed that no pause gave");
	assert_found("set the status",
		"status_set is not legal in request_head for this handle; it is "
		"in: response_head response_body");
	assert_found("open late",
		"sluice.work/1 open is not legal in request_head for this handle; it is in: "
		"configure");
}
END_TEST

/* A name that is wrong would always count 0. */
START_TEST(what_nobody_has_defined_is_not_counted)
{
	struct sluice_test *t = that("nothing");
	ck_assert_uint_eq(sluice_test_counter(t, 0, "typo"), 0);
	ck_assert_str_eq(failure, "binding 0 has defined no metric typo");
	failure[0] = '\0';
	sluice_test_metric(t, 0, "typo", "a=\"b\"");
	ck_assert_str_eq(failure, "binding 0 has defined no metric typo{a=\"b\"}");
	sluice_test_free(t);
}
END_TEST

START_TEST(a_handle_of_an_exchange_that_is_over_is_found)
{
	struct sluice_test *t = that("use after done");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	sluice_test_send(x, NULL);
	ck_assert_str_eq(failure, "");
	sluice_test_end(x);
	get(t);
	ck_assert_msg(
		strncmp(failure, "field_get is not legal in request_head", 38) == 0, "%s", failure);
	sluice_test_free(t);
}
END_TEST

START_TEST(time_passes_when_it_is_told_to)
{
	struct sluice_test *t = that("wait in vain");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 4900);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 200);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_DENIED);
	ck_assert_int_eq(sluice_test_status(x), 503);
	ck_assert_str_eq(sluice_test_reason(x), "policy_timeout");
	sluice_test_free(t);
	ck_assert_str_eq(failure, "");
}
END_TEST

START_TEST(bodies_come_in_pieces)
{
	static const struct {
		size_t split;
		const char *expected;
	} rows[] = {{0, "[abcde]"}, {2, "[ab][cd][e]"}, {1, "[a][b][c][d][e]"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sluice_test *t = that("bracket");
		sluice_test_split(t, rows[i].split);
		struct sluice_test_exchange *x = sluice_test_request(t, "POST", "/");
		ck_assert_int_eq(sluice_test_send(x, "abcde"), SLUICE_TEST_PASSED);
		ck_assert_str_eq(sluice_test_body(x, SLUICE_REQUEST), rows[i].expected);
		ck_assert_int_eq(sluice_test_answer(x, 201, "made"), SLUICE_TEST_PASSED);
		ck_assert_int_eq(sluice_test_status(x), 201);
		ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "made");
		sluice_test_free(t);
		ck_assert_str_eq(failure, "");
	}
}
END_TEST

START_TEST(mistakes_in_the_configuration_are_listed)
{
	struct sluice_test *t = that("[1]");
	ck_assert_str_eq(
		sluice_test_problems(t), "config.does: expected a string, found an array\n");
	sluice_test_free(t);
	t = that("nothing");
	sluice_test_bind(t, "misuse", "{dose: x}");
	ck_assert_msg(strstr(sluice_test_problems(t), "did you mean \"does\"?"), "%s",
		sluice_test_problems(t));
	get(t);
	ck_assert_msg(strncmp(failure, "the configuration has mistakes:", 31) == 0, "%s", failure);
	sluice_test_free(t);
}
END_TEST

static const char *generation_of_one_more(struct sluice_test *t, struct sluice_test_exchange **x)
{
	*x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(*x, NULL), SLUICE_TEST_PASSED);
	return sluice_test_property(*x, "generation");
}

/* Exchanges go on with what they began with, as in the gateway. */
static void assert_problems(const char *config, const char *said)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "misuse", "{does: nothing}");
	sluice_test_bind(t, "misuse", config);
	ck_assert_str_eq(sluice_test_problems(t), said);
	sluice_test_free(t);
}

/* Whatever it would do to the rest of the file that is composed. */
START_TEST(what_is_no_yaml_has_its_own_lines)
{
	assert_problems("does: nothing\nmore: [a",
		"config:3:1: did not find expected ',' or ']' while parsing a flow sequence (line 2)\n");
	assert_problems("does: nothing\ndoes: nothing\n",
		"config:2:1: \"does\" is written twice; first at line 1, column 1\n");
	assert_problems("does: nothing\n\tmore: 1\n", "config:2:1: a tab where YAML wants spaces\n");
	assert_problems("does: nothing\n---\ndoes: nothing\n",
		"config:3:1: a second document, where one is expected\n");
	assert_problems("--- # the only one\ndoes: nothing\n...\n", "");
	assert_problems("---\ndoes: [1]\n", "config.does: expected a string, found an array\n");
}
END_TEST

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_configuration_of_a_file_has_its_lines_in_problems)
{
	char folder[] = P_tmpdir "/sluice-test-XXXXXX", path[64], said[200];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/misuse.yaml", folder);
	write_text(path, "# one\n---\ndoes:\n  - nothing\n");
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "misuse", "{does: nothing}");
	sluice_test_bind_file(t, "misuse", path);
	snprintf(said, sizeof(said), "%s:4:3: config.does: expected a string, found an array\n", path);
	ck_assert_str_eq(sluice_test_problems(t), said);
	sluice_test_free(t);
	write_text(path, "does: {\n");
	t = sluice_test_new(PLUGIN);
	sluice_test_bind_file(t, "misuse", path);
	snprintf(said, sizeof(said),
		"%s:2:1: did not find expected node content while parsing a flow node (line 2)\n",
		path);
	ck_assert_str_eq(sluice_test_problems(t), said);
	sluice_test_free(t);
	unlink(path);
	rmdir(folder);
}
END_TEST

START_TEST(a_plugin_that_is_what_it_says_is_judged_so)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	ck_assert_str_eq(sluice_test_judge(t), "");
	sluice_test_free(t);
	t = sluice_test_new("/dev/null");
	ck_assert_str_eq(sluice_test_judge(t), "/dev/null: is not a file\n");
	sluice_test_free(t);
}
END_TEST

START_TEST(a_configuration_takes_the_place_of_another)
{
	struct sluice_test *t = that("tell");
	struct sluice_test_exchange *old, *x;
	ck_assert_str_eq(generation_of_one_more(t, &old), "1");
	ck_assert_str_eq(sluice_test_rebind(t, 0, "{does: [1]}"),
		"config.does: expected a string, found an array\n");
	ck_assert_str_eq(generation_of_one_more(t, &x), "1");
	ck_assert_str_eq(sluice_test_rebind(t, 0, "{does: fail to start}"),
		"worker_start of binding 0 failed\n");
	ck_assert_str_eq(generation_of_one_more(t, &x), "1");
	ck_assert_str_eq(sluice_test_rebind(t, 0, "{does: tell, again: true}"), "");
	ck_assert_str_eq(sluice_test_rebind(t, 0, "{does: tell}"), "");
	ck_assert_str_eq(generation_of_one_more(t, &x), "3");
	ck_assert_int_eq(sluice_test_answer(old, 200, "ok"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_property(old, "generation"), "1");
	sluice_test_end(old);
	sluice_test_free(t);
	ck_assert_str_eq(failure, "");
}
END_TEST

START_TEST(each_request_that_is_measured_is_a_new_one)
{
	struct sluice_test_cost cost = {.size = sizeof(cost)};
	struct sluice_test *t = that("look at the client");
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	sluice_test_tls(x, NULL);
	sluice_test_add_claim(x, "given", "true");
	ck_assert_int_eq(sluice_test_measure(x, NULL, 40, NULL, &cost), 0);
	ck_assert_uint_eq(cost.passed, 40);
	sluice_test_free(t);
	ck_assert_str_eq(failure, "");
}
END_TEST

static unsigned passed, runs;

static void scenario(void *arg)
{
	struct sluice_test *t = that(arg);
	runs++;
	if (!sluice_test_problems(t)[0])
		passed += get(t) == SLUICE_TEST_PASSED;
	sluice_test_free(t);
}

/* One allocation in configure, two in the request; two faults at the one pause. */
START_TEST(each_thing_goes_wrong_once)
{
	char allocates[] = "allocate", waits[] = "wait in vain";
	passed = runs = 0;
	ck_assert_uint_eq(sluice_test_faults(scenario, allocates), 4);
	ck_assert_uint_eq(runs, 4);
	ck_assert_uint_eq(passed, 1);
	passed = runs = 0;
	ck_assert_uint_eq(sluice_test_faults(scenario, waits), 4);
	ck_assert_uint_eq(passed, 0);
	ck_assert_str_eq(failure, "");
}
END_TEST

/* --- stores ----------------------------------------------------------------------------------- */
START_TEST(stores_answer_as_they_are_told)
{
	static const struct {
		enum sluice_test_store how;
		enum sluice_test_outcome sent, later;
	} rows[] = {
		{SLUICE_TEST_STORE_AT_ONCE, SLUICE_TEST_PASSED, SLUICE_TEST_PASSED},
		{SLUICE_TEST_STORE_LATE, SLUICE_TEST_PAUSED, SLUICE_TEST_PASSED},
		{SLUICE_TEST_STORE_GONE, SLUICE_TEST_DENIED, SLUICE_TEST_DENIED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct sluice_test *t = that("count");
		struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
		sluice_test_store(t, rows[i].how);
		ck_assert_int_eq(sluice_test_send(x, NULL), rows[i].sent);
		sluice_test_advance(t, 0);
		ck_assert_int_eq(sluice_test_outcome(x), rows[i].later);
		sluice_test_free(t);
		ck_assert_str_eq(failure, "");
	}
}
END_TEST

START_TEST(each_question_goes_wrong_once)
{
	char counts[] = "count";
	passed = runs = 0;
	/* Without a fault, the two allocations of configure, and the question gone and late. */
	unsigned count = sluice_test_faults(scenario, counts);
	ck_assert_uint_eq(runs, count);
	ck_assert_uint_ge(count, 4);
	ck_assert_uint_eq(passed, 1);
	ck_assert_str_eq(failure, "");
}
END_TEST

/* --- services that a policy calls --------------------------------------------------------------
 */
static struct sluice_test *that_calls(const char *config)
{
	struct sluice_test *t = sluice_test_new(CALLOUT);
	failure[0] = '\0';
	sluice_test_bind(t, "callout", config);
	return t;
}

START_TEST(services_are_scripted)
{
	struct sluice_test *t =
		that_calls("{services: [auth, \"http://audit.example/in\"], method: "
			   "POST, path: \"/check?full\", body: hello}");
	struct sluice_test_reply *r = sluice_test_upstream(t, "auth", NULL, "/check", 201, "yes");
	sluice_test_upstream_field(r, "x-kind", "quick");
	struct sluice_test_reply *slow = sluice_test_upstream(
		t, "http://audit.example:80", "POST", "/in/check", 200, "noted");
	sluice_test_upstream_delay(slow, 1000);
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 500);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 600);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-called"), "201 quick yes");
	ck_assert_uint_eq(sluice_test_field_count(x, SLUICE_REQUEST, "x-called"), 2);
	ck_assert_uint_eq(sluice_test_asked(t), 2);
	ck_assert_str_eq(sluice_test_asked_of(t, 0, SLUICE_TEST_ASKED_SERVICE), "default/auth");
	ck_assert_str_eq(sluice_test_asked_of(t, 0, SLUICE_TEST_ASKED_METHOD), "POST");
	ck_assert_str_eq(sluice_test_asked_of(t, 1, SLUICE_TEST_ASKED_PATH), "/in/check?full");
	ck_assert_str_eq(sluice_test_asked_of(t, 1, SLUICE_TEST_ASKED_BODY), "hello");
	ck_assert_ptr_nonnull(sluice_test_asked_field(t, 1, "X-Request-Id"));
	ck_assert_ptr_null(sluice_test_asked_of(t, 2, SLUICE_TEST_ASKED_PATH));
	sluice_test_free(t);
	ck_assert_str_eq(failure, "");
}
END_TEST

static const char *called(struct sluice_test *t)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 0);
	return sluice_test_field(x, SLUICE_REQUEST, "x-called");
}

/* In a list, as a name; as an address, judged by an alternative; and behind a change. */
START_TEST(a_service_that_the_schema_has_as_a_default_is_called)
{
	struct sluice_test *t = that_calls(NULL);
	sluice_test_upstream(t, "auth", NULL, NULL, 200, "yes");
	sluice_test_upstream(t, "http://127.0.0.1:9", NULL, NULL, 200, "fallback");
	ck_assert_str_eq(sluice_test_problems(t), "");
	ck_assert_str_eq(called(t), "200  yes");
	ck_assert_str_eq(sluice_test_rebind(t, 0, "{services: []}"), "");
	ck_assert_str_eq(called(t), "200  fallback");
	ck_assert_str_eq(sluice_test_rebind(t, 0, NULL), "");
	ck_assert_str_eq(called(t), "200  yes");
	sluice_test_free(t);
	ck_assert_str_eq(failure, "");
}
END_TEST

START_TEST(a_default_that_names_no_service_is_the_mistake_that_it_would_be_as_a_value)
{
	static const char *const configs[] = {NULL, "{services: [auth]}"};
	for (size_t i = 0; i < 2; i++) {
		struct sluice_test *t = that_calls(configs[i]);
		ck_assert_str_eq(sluice_test_problems(t),
			"config.services[0]: no Service \"auth\" in namespace \"default\", and no "
			"service of API \"default/test\"\n");
		sluice_test_free(t);
	}
}
END_TEST

static void assert_called(enum sluice_test_failure how, int64_t delay_ms, const char *expected)
{
	struct sluice_test *t = that_calls("{services: [auth], timeout: 2s}");
	struct sluice_test_reply *r = sluice_test_upstream(t, "auth", NULL, NULL, 200, "yes");
	sluice_test_upstream_fails(r, how);
	sluice_test_upstream_delay(r, delay_ms);
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 2100);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-called"), expected);
	sluice_test_free(t);
	ck_assert_str_eq(failure, "");
}

START_TEST(services_fail_as_they_are_told)
{
	assert_called(SLUICE_TEST_ANSWERS, 0, "200  yes");
	assert_called(SLUICE_TEST_REFUSED, 0, "-9 service default/auth: connection refused");
	assert_called(SLUICE_TEST_CUT_OFF, 50,
		"-9 service default/auth: the service closed the connection");
	assert_called(SLUICE_TEST_SILENT, 0,
		"-10 service default/auth: the service did not answer in time");
	assert_called(SLUICE_TEST_ANSWERS, 3000,
		"-10 service default/auth: the service did not answer in time");
}
END_TEST

START_TEST(a_request_that_nobody_answers_fails_the_test)
{
	struct sluice_test *t = that_calls("{services: [auth]}");
	sluice_test_upstream(t, "auth", "PUT", NULL, 200, "yes");
	sluice_test_cancel(sluice_test_request(t, "GET", "/"));
	get(t);
	sluice_test_free(t);
	ck_assert_str_eq(
		failure, "nobody answers GET / of service default/auth: sluice_test_upstream");
}
END_TEST

static unsigned answered, unanswered;

static void call_scenario(void *arg)
{
	struct sluice_test *t = that_calls("{services: [auth]}");
	(void)arg;
	sluice_test_upstream(t, "auth", NULL, NULL, 200, "yes");
	if (!sluice_test_problems(t)[0]) {
		struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
		sluice_test_send(x, NULL);
		sluice_test_advance(t, 0);
		const char *told = sluice_test_field(x, SLUICE_REQUEST, "x-called");
		answered += told && told[0] != '-';
		unanswered += told && told[0] == '-';
	}
	sluice_test_free(t);
}

/* The allocation of its state; the call, refused and late; at the pause the client, and the time.
 */
START_TEST(each_call_goes_wrong_once)
{
	answered = unanswered = 0;
	ck_assert_uint_eq(sluice_test_faults(call_scenario, NULL), 6);
	ck_assert_uint_eq(unanswered, 2);
	ck_assert_uint_ge(answered, 1);
	ck_assert_str_eq(failure, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("testing");
	TCase *tests = tcase_create("testing");
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, what_is_right_is_left_alone);
	tcase_add_test(tests, mistakes_fail_a_test_by_name);
	tcase_add_test(tests, what_nobody_has_defined_is_not_counted);
	tcase_add_test(tests, a_handle_of_an_exchange_that_is_over_is_found);
	tcase_add_test(tests, time_passes_when_it_is_told_to);
	tcase_add_test(tests, bodies_come_in_pieces);
	tcase_add_test(tests, mistakes_in_the_configuration_are_listed);
	tcase_add_test(tests, what_is_no_yaml_has_its_own_lines);
	tcase_add_test(tests, a_configuration_of_a_file_has_its_lines_in_problems);
	tcase_add_test(tests, a_plugin_that_is_what_it_says_is_judged_so);
	tcase_add_test(tests, a_configuration_takes_the_place_of_another);
	tcase_add_test(tests, each_request_that_is_measured_is_a_new_one);
	tcase_add_test(tests, each_thing_goes_wrong_once);
	tcase_add_test(tests, stores_answer_as_they_are_told);
	tcase_add_test(tests, each_question_goes_wrong_once);
	tcase_add_test(tests, services_are_scripted);
	tcase_add_test(tests, a_service_that_the_schema_has_as_a_default_is_called);
	tcase_add_test(
		tests, a_default_that_names_no_service_is_the_mistake_that_it_would_be_as_a_value);
	tcase_add_test(tests, services_fail_as_they_are_told);
	tcase_add_test(tests, a_request_that_nobody_answers_fails_the_test);
	tcase_add_test(tests, each_call_goes_wrong_once);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(note, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner), ran = srunner_ntests_run(runner);
	srunner_free(runner);
	return failed || !ran ? EXIT_FAILURE : EXIT_SUCCESS;
}
