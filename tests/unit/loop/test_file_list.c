/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/clock.h"
#include "loop/file_list.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop *loop;
static struct file_list *list;
static int told;
static char dir[64], a[80], b[80];

static void on_change(void *arg)
{
	told++;
}

/* Times that no file system rounds to the same: each one later. */
static void write_text(const char *path, const char *text)
{
	static time_t at = 1000;
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	struct timespec times[2] = {{.tv_sec = at}, {.tv_sec = at++}};
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void begin(void)
{
	const char *top = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%.40s/list-XXXXXX", top ? top : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	loop = loop_new(&(struct loop_options){.fake_clock = true});
	list = file_list_new(loop, on_change, NULL);
	told = 0;
}

static void end(void)
{
	file_list_free(list);
	loop_free(loop);
	unlink(a);
	unlink(b);
	rmdir(dir);
}

static void watch_both(int64_t since_us)
{
	file_list_begin(list, since_us);
	file_list_add(list, str_of(a));
	file_list_add(list, str_of(b));
}

static void poll_once(void)
{
	loop_fake_advance(loop, FILE_LIST_POLL_MS);
	loop_turn(loop, 0);
}

START_TEST(a_change_is_told_once_it_has_stood_for_a_look)
{
	begin();
	write_text(a, "1");
	watch_both(clock_wall_us() + 1000000);
	poll_once();
	poll_once();
	ck_assert_int_eq(told, 0);
	write_text(a, "2");
	poll_once();
	write_text(b, "its key"); /* one that was not there */
	poll_once();
	ck_assert_int_eq(told, 0);
	poll_once();
	ck_assert_int_eq(told, 1);
	poll_once();
	ck_assert_int_eq(told, 1);
	end();
}
END_TEST

START_TEST(replaced_and_removed_files_and_turned_links_are_changes)
{
	begin();
	char other[80];
	snprintf(other, sizeof(other), "%s/other", dir);
	write_text(a, "same");
	ck_assert_int_eq(symlink(a, b), 0);
	watch_both(clock_wall_us() + 1000000);
	write_text(other, "same");
	ck_assert_int_eq(rename(other, a), 0);
	for (int i = 0; i < 2; i++)
		poll_once();
	ck_assert_int_eq(told, 1);
	write_text(other, "same");
	unlink(b);
	ck_assert_int_eq(symlink(other, b), 0);
	for (int i = 0; i < 2; i++)
		poll_once();
	ck_assert_int_eq(told, 2);
	unlink(a);
	for (int i = 0; i < 2; i++)
		poll_once();
	ck_assert_int_eq(told, 3);
	unlink(other);
	end();
}
END_TEST

START_TEST(what_changed_while_it_was_read_counts)
{
	begin();
	write_text(a, "1");
	watch_both(clock_wall_us() - 60000000);
	poll_once();
	ck_assert_int_eq(told, 1);
	watch_both(clock_wall_us() + 1000000);
	poll_once();
	poll_once();
	ck_assert_int_eq(told, 1);
	file_list_begin(list, 0); /* none any more */
	write_text(a, "2");
	poll_once();
	poll_once();
	ck_assert_int_eq(told, 1);
	end();
}
END_TEST

UNIT_SUITE(file_list, a_change_is_told_once_it_has_stood_for_a_look,
	replaced_and_removed_files_and_turned_links_are_changes,
	what_changed_while_it_was_read_counts)
