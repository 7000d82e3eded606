/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "sinks/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[32], path[64], moved[64];
static struct output out;

static void setup(void)
{
	snprintf(folder, sizeof(folder), "%s/sluice-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/access.log", folder);
	snprintf(moved, sizeof(moved), "%s/access.log.1", folder);
}

static void teardown(void)
{
	output_close(&out);
	unlink(path);
	unlink(moved);
	rmdir(folder);
}

static void assert_content(const char *name, const char *expected)
{
	static char text[1 << 16];
	FILE *f = fopen(name, "rb");
	ck_assert_ptr_nonnull(f);
	size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	ck_assert_msg(str_eq(str_n(text, n), str_of(expected)), "got %.*s", (int)n, text);
}

START_TEST(appends_to_a_file_that_others_may_not_read)
{
	struct stat st;
	umask(0);
	ck_assert_int_eq(output_open(&out, path), RC_OK);
	output_write(&out, STR("a\n"));
	output_write(&out, STR(""));
	output_close(&out);
	ck_assert_int_eq(output_open(&out, path), RC_OK);
	output_write(&out, STR("b\nc\n"));
	assert_content(path, "a\nb\nc\n");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0640);
	ck_assert_uint_eq(out.lost, 0);
}
END_TEST

START_TEST(says_why_a_file_cannot_be_opened)
{
	ck_assert_int_eq(output_open(&out, folder), RC_IO);
	ck_assert_int_eq(errno, EISDIR);
}
END_TEST

START_TEST(follows_its_name_when_the_file_was_moved_away)
{
	ck_assert_int_eq(output_open(&out, path), RC_OK);
	output_write(&out, STR("1\n"));
	output_reopen(&out, false);
	output_write(&out, STR("2\n"));
	ck_assert_int_eq(rename(path, moved), 0);
	output_write(&out, STR("3\n"));
	output_reopen(&out, false);
	output_write(&out, STR("4\n"));
	assert_content(moved, "1\n2\n3\n");
	assert_content(path, "4\n");
	ck_assert_int_eq(unlink(path), 0);
	output_reopen(&out, false);
	output_write(&out, STR("5\n"));
	assert_content(path, "5\n");
}
END_TEST

START_TEST(keeps_the_old_file_while_there_can_be_no_new_one)
{
	ck_assert_int_eq(output_open(&out, path), RC_OK);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	output_reopen(&out, true);
	output_write(&out, STR("1\n"));
	assert_content(moved, "1\n");
	ck_assert_int_eq(rmdir(path), 0);
	output_reopen(&out, false);
	output_write(&out, STR("2\n"));
	assert_content(path, "2\n");
	ck_assert_uint_eq(out.lost, 0);
}
END_TEST

START_TEST(counts_what_a_full_disk_does_not_take)
{
	ck_assert_int_eq(output_open(&out, "/dev/full"), RC_OK);
	output_write(&out, STR("1\n2\n3\n"));
	ck_assert_uint_eq(out.lost, 3);
	output_write(&out, STR("4\n"));
	ck_assert_uint_eq(out.lost, 4);
}
END_TEST

static void limit_file(rlim_t bytes)
{
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit of the file's size stands for a disk that fills up and gets room again. */
START_TEST(ends_a_line_that_was_cut_before_the_next)
{
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(output_open(&out, path), RC_OK);
	limit_file(7);
	output_write(&out, STR("one\ntwo three\nfour\n"));
	ck_assert_uint_eq(out.lost, 2);
	output_write(&out, STR("five\n"));
	ck_assert_uint_eq(out.lost, 3);
	limit_file(RLIM_INFINITY);
	output_write(&out, STR("six\n"));
	assert_content(path, "one\ntwo\nsix\n");
	ck_assert_uint_eq(out.lost, 3);
}
END_TEST

START_TEST(gives_up_on_a_pipe_whose_reader_is_stuck_or_gone)
{
	int ends[2];
	char text[200000];
	memset(text, '\n', sizeof(text));
	ck_assert_int_eq(pipe(ends), 0); /* it blocks */
	output_borrow(&out, ends[1]);
	output_write(&out, str_n(text, sizeof(text)));
	ck_assert_uint_gt(out.lost, 0);
	ck_assert_uint_lt(out.lost, sizeof(text));
	uint64_t lost = out.lost;
	close(ends[0]);
	output_write(&out, STR("1\n"));
	ck_assert_uint_eq(out.lost, lost + 1);
	output_close(&out);
	ck_assert_int_ge(fcntl(ends[1], F_GETFD), 0); /* borrowed */
	close(ends[1]);
}
END_TEST

static Suite *make_output(void)
{
	Suite *suite = suite_create("output");
	TCase *tcase = tcase_create("output");
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, appends_to_a_file_that_others_may_not_read);
	tcase_add_test(tcase, says_why_a_file_cannot_be_opened);
	tcase_add_test(tcase, follows_its_name_when_the_file_was_moved_away);
	tcase_add_test(tcase, keeps_the_old_file_while_there_can_be_no_new_one);
	tcase_add_test(tcase, counts_what_a_full_disk_does_not_take);
	tcase_add_test(tcase, ends_a_line_that_was_cut_before_the_next);
	tcase_add_test(tcase, gives_up_on_a_pipe_whose_reader_is_stuck_or_gone);
	suite_add_tcase(suite, tcase);
	return suite;
}

__attribute__((constructor)) static void register_output(void)
{
	static struct unit_suite entry = {"output", make_output, NULL};
	unit_register(&entry);
}
