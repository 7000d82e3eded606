/* SPDX-License-Identifier: Apache-2.0 */
/* The thread is a real one; tests wait for what it does by reading with a deadline, or end it. */
#include "unit.h"
#include "sinks/sinks.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RINGS 3

static char folder[32], path[64], moved[64];
static struct record_ring *rings[RINGS];
static int log_pipe[2];

static void setup(void)
{
	snprintf(folder, sizeof(folder), "%s/sluice-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/access.log", folder);
	snprintf(moved, sizeof(moved), "%s/access.log.1", folder);
	for (int i = 0; i < RINGS; i++)
		rings[i] = record_ring_new(1 << 18);
	ck_assert_int_eq(pipe(log_pipe), 0);
}

static void teardown(void)
{
	for (int i = 0; i < RINGS; i++)
		record_ring_free(rings[i]);
	unlink(path);
	unlink(moved);
	rmdir(folder);
	close(log_pipe[0]);
	close(log_pipe[1]);
}

static struct sinks *start(const char *access_log)
{
	struct sinks *s;
	struct sinks_options options = {
		.access_log = access_log,
		.rings = rings,
		.ring_count = access_log ? RINGS : 0,
		.log_fd = log_pipe[1],
	};
	const char *failed;
	ck_assert_int_eq(sinks_new(&options, &s, &failed), RC_OK);
	return s;
}

static bool put(struct record_ring *ring, const char *line)
{
	size_t n = strlen(line);
	char *to = record_ring_reserve(ring, n);
	if (!to)
		return false;
	memcpy(to, line, n);
	record_ring_commit(ring, n);
	return true;
}

static struct str content(const char *name)
{
	static char text[1 << 23];
	FILE *f = fopen(name, "rb");
	if (!f)
		return STR_EMPTY;
	size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return str_n(text, n);
}

static void wait_for(const char *name, const char *expected)
{
	int64_t deadline = clock_monotonic_ns() + 20000000000;
	while (!str_eq(content(name), str_of(expected))) {
		ck_assert_msg(clock_monotonic_ns() < deadline, "%s never had %s", name, expected);
		poll(NULL, 0, 1);
	}
}

/* Until the text has come. */
static void wait_for_log(const char *part)
{
	static char text[65536];
	size_t n = 0;
	while (str_find(str_n(text, n), str_of(part)) == n) {
		struct pollfd p = {.fd = log_pipe[0], .events = POLLIN};
		ck_assert_msg(poll(&p, 1, 20000) == 1, "never came: %s", part);
		ssize_t got = read(log_pipe[0], text + n, sizeof(text) - n);
		ck_assert_int_gt(got, 0);
		n += (size_t)got;
	}
}

START_TEST(writes_records_of_all_rings)
{
	struct sinks *s = start(path);
	put(rings[1], "one\n");
	wait_for(path, "one\n");
	put(rings[2], "two\n");
	wait_for(path, "one\ntwo\n");
	sinks_free(s);
}
END_TEST

START_TEST(writes_what_is_left_at_the_end)
{
	struct sinks *s = start(path);
	char expected[RINGS * 1000 * 8 + 1], *at = expected;
	for (int i = 0; i < RINGS; i++)
		for (int k = 0; k < 1000; k++)
			ck_assert(put(rings[i], "1234567\n"));
	log_write(LOG_ERROR, "last words");
	sinks_free(s);
	for (int i = 0; i < RINGS * 1000; i++, at += 8)
		memcpy(at, "1234567\n", 9);
	ck_assert(str_eq(content(path), str_of(expected)));
	wait_for_log("last words");
}
END_TEST

/* Without an access log nothing but the log itself wakes the thread. */
START_TEST(log_lines_appear_without_a_tick)
{
	struct sinks *s = start(_i ? path : NULL);
	log_write(LOG_WARN, "first");
	wait_for_log("\"first\"}\n");
	log_write(LOG_WARN, "second");
	wait_for_log("\"second\"}\n");
	sinks_free(s);
}
END_TEST

START_TEST(reopens_by_itself_and_when_told)
{
	struct sinks *s = start(path);
	put(rings[0], "1\n");
	wait_for(path, "1\n");
	ck_assert_int_eq(rename(path, moved), 0);
	if (_i)
		sinks_reopen(s);
	int64_t deadline = clock_monotonic_ns() + 20000000000;
	while (access(path, F_OK) != 0) {
		ck_assert(clock_monotonic_ns() < deadline);
		poll(NULL, 0, 1);
	}
	put(rings[0], "2\n");
	wait_for(path, "2\n");
	sinks_free(s);
	ck_assert(str_eq(content(moved), STR("1\n")));
}
END_TEST

START_TEST(counts_lines_that_a_full_disk_does_not_take)
{
	struct sinks *s = start("/dev/full");
	for (int i = 0; i < 10; i++)
		put(rings[0], "x\n");
	int64_t deadline = clock_monotonic_ns() + 20000000000;
	while (sinks_lost(s) < 10) {
		ck_assert(clock_monotonic_ns() < deadline);
		poll(NULL, 0, 1);
	}
	ck_assert_uint_eq(sinks_lost(s), 10);
	sinks_free(s);
}
END_TEST

START_TEST(says_that_a_file_cannot_be_opened)
{
	struct sinks *s;
	const char *failed;
	struct sinks_options options = {.access_log = folder, .log_fd = log_pipe[1]};
	ck_assert_int_eq(sinks_new(&options, &s, &failed), RC_IO);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_str_eq(failed, folder);
	options = (struct sinks_options){.access_log = "-", .log_file = "/no/such/folder/log"};
	ck_assert_int_eq(sinks_new(&options, &s, &failed), RC_IO);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(failed, options.log_file);
}
END_TEST

#define RECORDS 20000

static void *write_many(void *arg)
{
	struct record_ring *ring = arg;
	for (int i = 0; i < RECORDS; i++) {
		char line[32];
		snprintf(line, sizeof(line), "%p %d\n", arg, i);
		put(ring, line);
	}
	return NULL;
}

/* Every record is written whole and in its ring's order, or counted. */
START_TEST(loses_no_record_uncounted)
{
	struct sinks *s = start(path);
	pthread_t threads[RINGS];
	for (int i = 0; i < RINGS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, rings[i]), 0);
	for (int i = 0; i < RINGS; i++)
		pthread_join(threads[i], NULL);
	uint64_t dropped = sinks_lost(s);
	sinks_free(s);
	struct str text = content(path);
	uint64_t lines = 0;
	int next[RINGS] = {0};
	for (; text.n > 0; lines++) {
		struct str line = str_cut(&text, '\n');
		char name[24];
		int k = 0;
		for (; k < RINGS; k++) {
			snprintf(name, sizeof(name), "%p", (void *)rings[k]);
			if (str_starts(line, str_of(name)))
				break;
		}
		uint64_t number;
		ck_assert_int_lt(k, RINGS);
		ck_assert_int_eq(
			str_to_u64(str_from(line, strlen(name) + 1), RECORDS, &number), RC_OK);
		ck_assert_int_ge((int)number, next[k]);
		next[k] = (int)number + 1;
	}
	ck_assert_uint_eq(lines + dropped, RINGS * RECORDS);
}
END_TEST

static Suite *make_sinks(void)
{
	Suite *suite = suite_create("sinks");
	TCase *tcase = tcase_create("sinks");
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, writes_records_of_all_rings);
	tcase_add_test(tcase, writes_what_is_left_at_the_end);
	tcase_add_loop_test(tcase, log_lines_appear_without_a_tick, 0, 2);
	tcase_add_loop_test(tcase, reopens_by_itself_and_when_told, 0, 2);
	tcase_add_test(tcase, counts_lines_that_a_full_disk_does_not_take);
	tcase_add_test(tcase, says_that_a_file_cannot_be_opened);
	tcase_add_test(tcase, loses_no_record_uncounted);
	suite_add_tcase(suite, tcase);
	return suite;
}

__attribute__((constructor)) static void register_sinks(void)
{
	static struct unit_suite entry = {"sinks", make_sinks, NULL};
	unit_register(&entry);
}
