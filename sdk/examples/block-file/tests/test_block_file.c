/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of block-file: its own .so, in a gateway of memory. */
#define _POSIX_C_SOURCE 200809L
#include <sluice/testing.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the folder that the tests run in. */
static char file[] = "block-file-XXXXXX";

/* Another file each time, so that its time of change need not be another one. */
static void write_list(const char *text)
{
	char next[64];
	snprintf(next, sizeof(next), "%s.new", file);
	FILE *f = fopen(next, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(rename(next, file), 0);
}

static struct sluice_test *gateway(void)
{
	char config[128];
	struct sluice_test *t = sluice_test_new(PLUGIN);
	snprintf(config, sizeof(config), "{file: %s, everySeconds: 10}", file);
	sluice_test_bind(t, "block-file", config);
	return t;
}

static enum sluice_test_outcome ask(struct sluice_test *t, const char *address)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	sluice_test_client(x, address);
	if (sluice_test_send(x, NULL) == SLUICE_TEST_PAUSED)
		sluice_test_settle(t, 5000);
	enum sluice_test_outcome outcome = sluice_test_outcome(x);
	sluice_test_end(x);
	return outcome;
}

/* Time for the next look at the file, and for what comes of it. */
static void look_again(struct sluice_test *t)
{
	sluice_test_advance(t, 10000);
	sluice_test_settle(t, 100);
}

START_TEST(listed_addresses_are_refused)
{
	write_list("192.0.2.7\n198.51.100.1\n2001:db8::1");
	struct sluice_test *t = gateway();
	ck_assert_int_eq(ask(t, "192.0.2.7"), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(ask(t, "198.51.100.1"), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(ask(t, "2001:db8::1"), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(ask(t, "192.0.2.70"), SLUICE_TEST_PASSED);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_list_that_has_changed_counts)
{
	write_list("192.0.2.7\n");
	struct sluice_test *t = gateway();
	ck_assert_int_eq(ask(t, "192.0.2.7"), SLUICE_TEST_ANSWERED);
	write_list("192.0.2.8\n");
	for (int i = 0; i < 50 && ask(t, "192.0.2.8") == SLUICE_TEST_PASSED; i++)
		look_again(t);
	ck_assert_int_eq(ask(t, "192.0.2.8"), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(ask(t, "192.0.2.7"), SLUICE_TEST_PASSED);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_list_that_is_gone_stays_in_force)
{
	write_list("192.0.2.7\n");
	struct sluice_test *t = gateway();
	ck_assert_int_eq(ask(t, "192.0.2.7"), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(unlink(file), 0);
	const char *said = "";
	for (int i = 0; i < 50 && !said[0]; i++) {
		look_again(t);
		said = sluice_test_log(t);
	}
	ck_assert_str_eq(said, "warn: the list cannot be read: No such file or directory\n");
	ck_assert_int_eq(ask(t, "192.0.2.7"), SLUICE_TEST_ANSWERED);
	look_again(t);
	ck_assert_str_eq(sluice_test_log(t), "");
	sluice_test_free(t);
}
END_TEST

START_TEST(half_a_list_is_none)
{
	FILE *f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite("192.0.2.8\n\0\n192.0.2.7\n", 1, 22, f), 22);
	ck_assert_int_eq(fclose(f), 0);
	struct sluice_test *t = gateway();
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	sluice_test_client(x, "192.0.2.7");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PAUSED);
	const char *said = "";
	for (int i = 0; i < 50 && !said[0] && !sluice_test_settle(t, 100); i++)
		said = sluice_test_log(t);
	ck_assert_msg(strstr(said, "the list cannot be read"), "%s", said);
	sluice_test_advance(t, 2000);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_DENIED);
	sluice_test_free(t);
}
END_TEST

START_TEST(without_a_list_nobody_gets_through)
{
	unlink(file);
	struct sluice_test *t = gateway();
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 2000);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_DENIED);
	sluice_test_free(t);
}
END_TEST

/* With each fault in turn: who is listed does not get through. */
static void scenario(void *arg)
{
	(void)arg;
	struct sluice_test *t = gateway();
	if (!sluice_test_problems(t)[0])
		ck_assert_int_ne(ask(t, "192.0.2.7"), SLUICE_TEST_PASSED);
	sluice_test_free(t);
}

START_TEST(never_fails_open)
{
	write_list("192.0.2.7\n");
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
	int fd = mkstemp(file);
	if (fd < 0)
		return EXIT_FAILURE;
	close(fd);
	Suite *suite = suite_create("block-file");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, listed_addresses_are_refused);
	tcase_add_test(tests, a_list_that_has_changed_counts);
	tcase_add_test(tests, a_list_that_is_gone_stays_in_force);
	tcase_add_test(tests, half_a_list_is_none);
	tcase_add_test(tests, without_a_list_nobody_gets_through);
	tcase_add_test(tests, never_fails_open);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	unlink(file);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
