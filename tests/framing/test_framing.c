/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy may do with frames, by the harness. */
#include <sluice/frames.h>
#include <sluice/testing.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT   SLUICE_FRAME_TEXT
#define CLIENT SLUICE_TEST_CLIENT
#define UP     SLUICE_TEST_UPSTREAM

static struct sluice_test *gateway(const char *config, const char *second)
{
	struct sluice_test *t = sluice_test_new(PLUGIN);
	sluice_test_bind(t, "framing", config);
	if (second)
		sluice_test_bind(t, "framing", second);
	return t;
}

static struct sluice_test_exchange *opened(struct sluice_test *t)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/chat");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	sluice_test_upgrade(x);
	return x;
}

static int say(struct sluice_test_exchange *x, enum sluice_test_peer from, const char *text)
{
	return sluice_test_frame_send(x, from, TEXT, 1, text, strlen(text));
}

/* Everything that has gone on to that peer: "1:text 2-:part ...". */
static const char *heard(struct sluice_test_exchange *x, enum sluice_test_peer to)
{
	static char all[4096];
	struct sluice_test_frame f = {.size = sizeof(f)};
	size_t n = 0;
	all[0] = '\0';
	while (sluice_test_frame_next(x, to, &f))
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%u%s:%s", n ? " " : "", f.opcode,
			f.is_final ? "" : "-", f.bytes.p);
	return all;
}

START_TEST(frames_pass_and_are_marked_in_the_order_of_their_direction)
{
	struct sluice_test *t = gateway("{mark: a}", "{mark: b}");
	struct sluice_test_exchange *x = opened(t);
	ck_assert(say(x, CLIENT, "x") && say(x, UP, "y"));
	ck_assert(sluice_test_frame_send(x, UP, SLUICE_FRAME_PING, 1, "p", 1));
	ck_assert_str_eq(heard(x, UP), "1:bax");
	ck_assert_str_eq(heard(x, CLIENT), "1:aby 9:p");
	sluice_test_free(t);
}
END_TEST

/* Whatever the pieces are: of what is not changed the fragments stay as they are. */
START_TEST(fragments_pass_piece_by_piece)
{
	for (size_t split = 0; split < 4; split++) {
		struct sluice_test *t = gateway(NULL, NULL);
		sluice_test_split(t, split);
		struct sluice_test_exchange *x = opened(t);
		sluice_test_frame_send(x, CLIENT, TEXT, 0, "hello ", 6);
		sluice_test_frame_send(x, CLIENT, SLUICE_FRAME_PING, 1, "ping", 4);
		sluice_test_frame_send(x, CLIENT, SLUICE_FRAME_CONTINUATION, 1, "world", 5);
		ck_assert_str_eq(heard(x, UP), "1-:hello  9:ping 0:world");
		sluice_test_free(t);
	}
}
END_TEST

START_TEST(a_message_that_is_collected_is_one_frame)
{
	struct sluice_test *t = gateway("{collect: 11, mark: \"> \"}", NULL);
	sluice_test_split(t, 2);
	struct sluice_test_exchange *x = opened(t);
	sluice_test_frame_send(x, CLIENT, TEXT, 0, "hello ", 6);
	sluice_test_frame_send(x, CLIENT, SLUICE_FRAME_PING, 1, "", 0);
	ck_assert(sluice_test_frame_send(x, CLIENT, SLUICE_FRAME_CONTINUATION, 1, "world", 5));
	ck_assert_str_eq(heard(x, UP), "9: 1:> hello world");
	ck_assert_uint_eq(sluice_test_counter(t, 0, "pieces"), 2);
	ck_assert(!say(x, CLIENT, "hello world!"));
	ck_assert_int_eq(sluice_test_close_status(x, CLIENT), 1009);
	sluice_test_free(t);
}
END_TEST

START_TEST(a_dropped_message_goes_nowhere_with_all_its_frames)
{
	struct sluice_test *t = gateway(NULL, "{mark: b}");
	struct sluice_test_exchange *x = opened(t);
	sluice_test_frame_send(x, CLIENT, TEXT, 0, "drop", 4);
	sluice_test_frame_send(x, CLIENT, SLUICE_FRAME_PING, 1, "p", 1);
	sluice_test_frame_send(x, CLIENT, SLUICE_FRAME_CONTINUATION, 0, "this", 4);
	sluice_test_frame_send(x, CLIENT, SLUICE_FRAME_CONTINUATION, 1, "!", 1);
	ck_assert(say(x, CLIENT, "x"));
	ck_assert_str_eq(heard(x, UP), "9:p 1:bx");
	sluice_test_free(t);
}
END_TEST

START_TEST(a_replaced_frame_is_held_until_its_end)
{
	struct sluice_test *t = gateway("{mark: MARK}", NULL);
	sluice_test_split(t, 3);
	struct sluice_test_exchange *x = opened(t);
	ck_assert(say(x, CLIENT, "r-the-rest"));
	ck_assert_str_eq(heard(x, UP), "1:MARKhe-rest");
	sluice_test_free(t);
}
END_TEST

/* A frame of the policy's own waits until the message that passes is whole. */
START_TEST(what_is_injected_stands_between_messages)
{
	struct sluice_test *t = gateway("{mark: own}", "{mark: b}");
	struct sluice_test_exchange *x = opened(t);
	sluice_test_frame_send(x, UP, TEXT, 0, "one ", 4);
	ck_assert(say(x, CLIENT, "inject"));
	ck_assert_str_eq(heard(x, UP), "1:inject 1:bown 1:b");
	ck_assert_str_eq(heard(x, CLIENT), "1-:ownbone ");
	sluice_test_frame_send(x, UP, SLUICE_FRAME_CONTINUATION, 1, "two", 3);
	ck_assert_str_eq(heard(x, CLIENT), "0:two 1:own 1:ownb");
	sluice_test_free(t);
}
END_TEST

START_TEST(a_policy_closes_and_nothing_passes_behind_it)
{
	struct sluice_test *t = gateway(NULL, NULL);
	struct sluice_test_exchange *x = opened(t);
	ck_assert(say(x, CLIENT, "x"));
	ck_assert(!say(x, CLIENT, "close"));
	ck_assert(!say(x, CLIENT, "y") && !say(x, UP, "z"));
	ck_assert_int_eq(sluice_test_close_status(x, CLIENT), 1008);
	ck_assert_int_eq(sluice_test_close_status(x, UP), 1008);
	ck_assert_str_eq(heard(x, UP), "1:x");
	sluice_test_free(t);
}
END_TEST

START_TEST(a_failure_closes_with_1011)
{
	struct sluice_test *t = gateway(NULL, NULL);
	struct sluice_test_exchange *x = opened(t);
	ck_assert(!say(x, CLIENT, "fail"));
	ck_assert_int_eq(sluice_test_close_status(x, CLIENT), 1011);
	ck_assert_str_eq(heard(x, UP), "");
	sluice_test_free(t);
}
END_TEST

START_TEST(what_no_frame_may_be_is_refused)
{
	struct sluice_test *t = gateway(NULL, NULL);
	struct sluice_test_exchange *x = opened(t);
	ck_assert(say(x, CLIENT, "strange calls"));
	ck_assert_str_eq(heard(x, UP), "1:strange calls");
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
	Suite *suite = suite_create("framing");
	TCase *tests = tcase_create("frames");
	tcase_add_test(tests, frames_pass_and_are_marked_in_the_order_of_their_direction);
	tcase_add_test(tests, fragments_pass_piece_by_piece);
	tcase_add_test(tests, a_message_that_is_collected_is_one_frame);
	tcase_add_test(tests, a_dropped_message_goes_nowhere_with_all_its_frames);
	tcase_add_test(tests, a_replaced_frame_is_held_until_its_end);
	tcase_add_test(tests, what_is_injected_stands_between_messages);
	tcase_add_test(tests, a_policy_closes_and_nothing_passes_behind_it);
	tcase_add_test(tests, a_failure_closes_with_1011);
	tcase_add_test(tests, what_no_frame_may_be_is_refused);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	sluice_test_on_failure(on_failure, NULL);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
