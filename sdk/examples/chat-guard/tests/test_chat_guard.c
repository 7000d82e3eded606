/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of chat-guard: its own .so, in a gateway of memory. */
#include <sluice/frames.h>
#include <sluice/testing.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sluice_test *gateway(const char *config)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "chat-guard", config);
	return t;
}

static struct sluice_test_exchange *opened(struct sluice_test *t)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/room");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	sluice_test_upgrade(x);
	return x;
}

static int say(struct sluice_test_exchange *x, enum sluice_test_peer from, const char *text)
{
	return sluice_test_frame_send(x, from, SLUICE_FRAME_TEXT, 1, text, strlen(text));
}

static void assert_hears(struct sluice_test_exchange *x, enum sluice_test_peer to, const char *text)
{
	struct sluice_test_frame f = {.size = sizeof(f)};
	ck_assert(sluice_test_frame_next(x, to, &f));
	ck_assert_str_eq(f.bytes.p, text);
}

START_TEST(words_are_masked_whoever_sends_them)
{
	struct sluice_test *t = gateway("{words: [darn]}");
	struct sluice_test_exchange *x = opened(t);
	ck_assert(say(x, SLUICE_TEST_UPSTREAM, "Darn, darned darn!"));
	assert_hears(x, SLUICE_TEST_CLIENT, "****, darned ****!");
	ck_assert(say(x, SLUICE_TEST_CLIENT, "fine"));
	assert_hears(x, SLUICE_TEST_UPSTREAM, "fine");
	ck_assert_uint_eq(sluice_test_counter(t, 0, "masked_words"), 2);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_word_across_fragments_is_seen)
{
	struct sluice_test *t = gateway("{words: [darn]}");
	struct sluice_test_exchange *x = opened(t);
	sluice_test_frame_send(x, SLUICE_TEST_CLIENT, SLUICE_FRAME_TEXT, 0, "da", 2);
	sluice_test_frame_send(x, SLUICE_TEST_CLIENT, SLUICE_FRAME_CONTINUATION, 1, "rn it", 5);
	assert_hears(x, SLUICE_TEST_UPSTREAM, "**** it");
	sluice_test_free(t);
}
END_TEST

START_TEST(who_goes_on_is_warned_and_closed)
{
	struct sluice_test *t = gateway("{words: [darn], warnings: 1}");
	struct sluice_test_exchange *x = opened(t);
	ck_assert(say(x, SLUICE_TEST_CLIENT, "darn"));
	assert_hears(x, SLUICE_TEST_CLIENT, "mind your language");
	ck_assert(!say(x, SLUICE_TEST_CLIENT, "darn"));
	ck_assert_int_eq(sluice_test_close_status(x, SLUICE_TEST_CLIENT), 1008);
	sluice_test_free(t);
}
END_TEST

START_TEST(binary_messages_go_nowhere_where_text_is_wanted)
{
	struct sluice_test *t = gateway("{words: [darn], text: true}");
	struct sluice_test_exchange *x = opened(t);
	struct sluice_test_frame f = {.size = sizeof(f)};
	sluice_test_frame_send(x, SLUICE_TEST_CLIENT, SLUICE_FRAME_BINARY, 1, "\1", 1);
	ck_assert(!sluice_test_frame_next(x, SLUICE_TEST_UPSTREAM, &f));
	sluice_test_frame_send(x, SLUICE_TEST_UPSTREAM, SLUICE_FRAME_BINARY, 1, "\1", 1);
	ck_assert(sluice_test_frame_next(x, SLUICE_TEST_CLIENT, &f));
	sluice_test_free(t);
}
END_TEST

START_TEST(too_much_closes)
{
	static char text[65537];
	struct sluice_test *t = gateway("{words: [darn]}");
	struct sluice_test_exchange *x = opened(t);
	memset(text, 'x', sizeof(text));
	ck_assert(!sluice_test_frame_send(
		x, SLUICE_TEST_CLIENT, SLUICE_FRAME_TEXT, 1, text, sizeof(text)));
	ck_assert_int_eq(sluice_test_close_status(x, SLUICE_TEST_UPSTREAM), 1009);
	sluice_test_free(t);
}
END_TEST

static void on_failure(void *arg, const char *message)
{
	(void)arg;
	ck_abort_msg("%s", message);
}

int main(void)
{
	Suite *suite = suite_create("chat-guard");
	TCase *tests = tcase_create("policy");
	tcase_add_test(tests, words_are_masked_whoever_sends_them);
	tcase_add_test(tests, a_word_across_fragments_is_seen);
	tcase_add_test(tests, who_goes_on_is_warned_and_closed);
	tcase_add_test(tests, binary_messages_go_nowhere_where_text_is_wanted);
	tcase_add_test(tests, too_much_closes);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
