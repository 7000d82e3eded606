/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "observe/log.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TIME_BYTES (sizeof("{\"time\":\"2026-01-31T09:30:00.123Z\",") - 1)

static int notified;

static void count_notification(void *arg)
{
	ck_assert_ptr_eq(arg, &notified);
	notified++;
}

static void assert_time(struct str line)
{
	const char *shape = "{\"time\":\"dddd-dd-ddTdd:dd:dd.dddZ\",";
	ck_assert_uint_ge(line.n, TIME_BYTES);
	for (size_t i = 0; i < TIME_BYTES; i++) {
		bool is_digit = line.p[i] >= '0' && line.p[i] <= '9';
		/* The "d" of no other word stands in the shape. */
		ck_assert(shape[i] == 'd' ? is_digit : shape[i] == line.p[i]);
	}
}

static void assert_takes(const char *without_time)
{
	struct buffer out;
	buffer_init(&out, 1u << 20);
	ck_assert_uint_eq(log_take(&out), 1);
	assert_time(buffer_str(&out));
	struct str rest = str_from(buffer_str(&out), TIME_BYTES);
	ck_assert_msg(str_eq(rest, str_of(without_time)), "got %.*s", STR_ARG(rest));
	buffer_deinit(&out);
}

START_TEST(a_line_is_one_json_object)
{
	log_start_queue(1u << 20, NULL, NULL);
	log_write(LOG_WARN, "%d of \"%s\"\n", 3, "four");
	assert_takes("\"level\":\"warn\",\"message\":\"3 of \\\"four\\\"\\n\"}\n");
	log_stop_queue();
}
END_TEST

START_TEST(fields_are_escaped_and_empty_ones_left_out)
{
	struct log_field fields[] = {
		{"api", STR("a\tb")}, {"policy", STR_EMPTY}, {"x", STR("\xff")}};
	log_start_queue(1u << 20, NULL, NULL);
	log_write_fields(LOG_ERROR, STR("m\x01"), fields, 3);
	assert_takes("\"level\":\"error\",\"message\":\"m\\u0001\",\"api\":\"a\\tb\","
		     "\"x\":\"\xef\xbf\xbd\"}\n");
	log_stop_queue();
}
END_TEST

START_TEST(levels_below_the_chosen_one_are_silent)
{
	enum log_level level;
	struct buffer out;
	buffer_init(&out, 1000);
	log_start_queue(1u << 20, NULL, NULL);
	log_write(LOG_DEBUG, "no");
	ck_assert_uint_eq(log_take(&out), 0);
	ck_assert_int_eq(log_level_parse(STR("debug"), &level), RC_OK);
	log_set_level(level);
	ck_assert(log_is_on(LOG_DEBUG));
	log_write(LOG_DEBUG, "yes");
	ck_assert_uint_eq(log_take(&out), 1);
	ck_assert_int_eq(log_level_parse(STR("error"), &level), RC_OK);
	log_set_level(level);
	ck_assert(!log_is_on(LOG_WARN));
	log_write_fields(LOG_WARN, STR("no"), NULL, 0);
	ck_assert_uint_eq(log_take(&out), 0);
	ck_assert_int_eq(log_level_parse(STR("warning"), &level), RC_INVALID);
	ck_assert_int_eq(log_level_parse(STR(""), &level), RC_INVALID);
	log_set_level(LOG_INFO);
	log_stop_queue();
	buffer_deinit(&out);
}
END_TEST

START_TEST(a_long_message_is_cut_between_characters)
{
	char text[5000];
	struct buffer out;
	buffer_init(&out, 1u << 20);
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	text[4998] = '\0';
	log_start_queue(1u << 20, NULL, NULL);
	log_write(LOG_INFO, "%s", text);
	log_write_fields(LOG_INFO, str_n(text, 4998), NULL, 0);
	ck_assert_uint_eq(log_take(&out), 2);
	struct str lines = buffer_str(&out);
	for (int i = 0; i < 2; i++) {
		struct str line = str_cut(&lines, '\n');
		ck_assert(str_ends(line, STR("\xe2\x82\xac\"}")));
		ck_assert_uint_eq(str_find(line, STR("\xef\xbf\xbd")), line.n);
		/* 1365 characters of 3 bytes are the most within 4096. */
		ck_assert_uint_eq(line.n - str_find(line, STR("\xe2\x82\xac")), 1365 * 3 + 2);
	}
	log_stop_queue();
	buffer_deinit(&out);
}
END_TEST

START_TEST(a_line_with_too_many_bytes_loses_its_fields)
{
	char text[4096];
	struct log_field fields[16];
	memset(text, '\x01', sizeof(text));
	for (size_t i = 0; i < 16; i++)
		fields[i] = (struct log_field){"f", str_n(text, sizeof(text))};
	log_start_queue(1u << 20, NULL, NULL);
	log_write_fields(LOG_INFO, STR("m"), fields, 16);
	assert_takes("\"level\":\"info\",\"message\":\"m\"}\n");
	log_stop_queue();
}
END_TEST

START_TEST(tells_when_the_queue_stops_being_empty)
{
	struct buffer out;
	buffer_init(&out, 1000);
	log_start_queue(1000, count_notification, &notified);
	log_write(LOG_INFO, "one");
	log_write(LOG_INFO, "two");
	ck_assert_int_eq(notified, 1);
	ck_assert_uint_eq(log_take(&out), 2);
	log_write(LOG_INFO, "three");
	ck_assert_int_eq(notified, 2);
	buffer_reset(&out);
	ck_assert_uint_eq(log_take(&out), 1);
	log_stop_queue();
	buffer_deinit(&out);
}
END_TEST

START_TEST(a_full_queue_drops_and_counts)
{
	struct buffer out;
	buffer_init(&out, 1000);
	log_start_queue(150, NULL, NULL);
	log_write(LOG_INFO, "one");
	log_write(LOG_INFO, "two");
	log_write(LOG_INFO, "three");
	ck_assert_uint_eq(log_dropped(), 1);
	ck_assert_uint_eq(log_take(&out), 2);
	log_write(LOG_INFO, "four");
	ck_assert_uint_eq(log_dropped(), 1);
	ck_assert_uint_eq(log_take(&out), 1);
	log_stop_queue();
	buffer_deinit(&out);
}
END_TEST

START_TEST(takes_whole_lines_as_far_as_there_is_room)
{
	struct buffer out;
	buffer_init(&out, 150);
	log_start_queue(1000, NULL, NULL);
	log_write(LOG_INFO, "one");
	log_write(LOG_INFO, "two");
	log_write(LOG_INFO, "three");
	ck_assert_uint_eq(log_take(&out), 2);
	ck_assert(str_ends(buffer_str(&out), STR("\"two\"}\n")));
	ck_assert_uint_eq(log_take(&out), 0);
	buffer_reset(&out);
	ck_assert_uint_eq(log_take(&out), 1);
	ck_assert(str_ends(buffer_str(&out), STR("\"three\"}\n")));
	log_stop_queue();
	buffer_deinit(&out);
}
END_TEST

START_TEST(without_a_queue_and_after_it_lines_go_to_standard_error)
{
	char text[1000];
	int saved = dup(STDERR_FILENO);
	int file = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(file, 0);
	dup2(file, STDERR_FILENO);
	log_write(LOG_INFO, "before");
	log_start_queue(1000, NULL, NULL);
	log_write(LOG_INFO, "left");
	ck_assert_int_eq(lseek(file, 0, SEEK_CUR), (off_t)(TIME_BYTES + 35));
	log_stop_queue();
	log_write(LOG_INFO, "after");
	dup2(saved, STDERR_FILENO);
	ssize_t n = pread(file, text, sizeof(text), 0);
	struct str lines = str_n(text, n > 0 ? (size_t)n : 0);
	ck_assert(str_ends(str_cut(&lines, '\n'), STR("\"before\"}")));
	ck_assert(str_ends(str_cut(&lines, '\n'), STR("\"left\"}")));
	ck_assert(str_ends(str_cut(&lines, '\n'), STR("\"after\"}")));
	close(file);
	close(saved);
}
END_TEST

/* --- threads --------------------------------------------------------------------------------- */
#define THREADS      3
#define THREAD_LINES 2000

static void *write_lines(void *arg)
{
	for (int i = 0; i < THREAD_LINES; i++)
		log_write(LOG_INFO, "line %d of a thread", i);
	return NULL;
}

START_TEST(lines_of_many_threads_arrive_whole)
{
	pthread_t threads[THREADS];
	struct buffer out;
	size_t lines = 0, whole = 0;
	buffer_init(&out, 1u << 16);
	log_start_queue(16u << 20, NULL, NULL);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, NULL), 0);
	while (lines < THREADS * THREAD_LINES) {
		size_t taken = log_take(&out);
		struct str text = buffer_str(&out);
		for (size_t i = 0; i < taken; i++)
			whole += str_ends(str_cut(&text, '\n'), STR(" of a thread\"}"));
		lines += taken;
		buffer_reset(&out);
		if (taken == 0)
			sched_yield();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(whole, lines);
	ck_assert_uint_eq(log_dropped(), 0);
	log_stop_queue();
	buffer_deinit(&out);
}
END_TEST

UNIT_SUITE(log, a_line_is_one_json_object, fields_are_escaped_and_empty_ones_left_out,
	levels_below_the_chosen_one_are_silent, a_long_message_is_cut_between_characters,
	a_line_with_too_many_bytes_loses_its_fields, tells_when_the_queue_stops_being_empty,
	a_full_queue_drops_and_counts, takes_whole_lines_as_far_as_there_is_room,
	without_a_queue_and_after_it_lines_go_to_standard_error, lines_of_many_threads_arrive_whole)
