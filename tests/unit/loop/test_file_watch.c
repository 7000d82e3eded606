/* SPDX-License-Identifier: Apache-2.0 */
/* Real folders and real inotify, a fake clock: what is quiet, and for how long, the test decides.
 */
#include "unit.h"

#include "loop/file_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_MS 100

static struct loop *loop;
static struct file_watch *watch;
static char root[64];
static int reports;

static void on_change(void *arg)
{
	reports++;
}

static const char *path_of(const char *name)
{
	static char paths[2][PATH_MAX];
	static int turn;
	turn = !turn;
	snprintf(paths[turn], PATH_MAX, "%s/%s", root, name);
	return paths[turn];
}

static void write_file(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void make_folder(const char *name)
{
	ck_assert_int_eq(mkdir(path_of(name), 0755), 0);
}

static void move(const char *from, const char *to)
{
	ck_assert_int_eq(rename(path_of(from), path_of(to)), 0);
}

static void make_link(const char *to, const char *name)
{
	ck_assert_int_eq(symlink(to, path_of(name)), 0);
}

static void open_folder(void)
{
	const char *top = getenv("TMPDIR");
	snprintf(root, sizeof(root), "%.40s/watch-XXXXXX", top ? top : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(root));
	loop = loop_new(&(struct loop_options){.fake_clock = true});
	reports = 0;
}

static void start_watching(void)
{
	watch = file_watch_new(loop, root, QUIET_MS, on_change, NULL);
	ck_assert_ptr_nonnull(watch);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static void close_folder(void)
{
	file_watch_free(watch);
	loop_free(loop);
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* inotify has spoken before the system call that it reports returns. */
static void look(void)
{
	loop_turn(loop, 0);
	loop_turn(loop, 0);
}

/* Lets the quiet time pass; the reports that came since the last call. */
static int settle(void)
{
	look();
	loop_fake_advance(loop, QUIET_MS);
	look();
	int n = reports;
	reports = 0;
	return n;
}

START_TEST(an_untouched_folder_is_never_reported)
{
	open_folder();
	write_file("a.yaml", "x");
	start_watching();
	ck_assert_int_eq(settle(), 0);
	loop_fake_advance(loop, 10 * FILE_WATCH_POLL_MS);
	ck_assert_int_eq(settle(), 0);
	close_folder();
}
END_TEST

START_TEST(each_kind_of_change_is_reported_once)
{
	open_folder();
	write_file("a.yaml", "1");
	make_folder("sub");
	start_watching();
	write_file("b.yaml", "new");
	ck_assert_int_eq(settle(), 1);
	write_file("b.yaml", "changed");
	ck_assert_int_eq(settle(), 1);
	move("b.yaml", "c.yaml");
	ck_assert_int_eq(settle(), 1);
	ck_assert_int_eq(chmod(path_of("c.yaml"), 0600), 0);
	ck_assert_int_eq(settle(), 1);
	unlink(path_of("c.yaml"));
	ck_assert_int_eq(settle(), 1);
	write_file("sub/d.yaml", "below");
	ck_assert_int_eq(settle(), 1);
	loop_fake_advance(loop, 3 * FILE_WATCH_POLL_MS); /* the poll knows it all already */
	ck_assert_int_eq(settle(), 0);
	close_folder();
}
END_TEST

START_TEST(reading_is_no_change)
{
	char c;
	open_folder();
	write_file("a.yaml", "1");
	start_watching();
	int fd = open(path_of("a.yaml"), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, &c, 1), 1);
	close(fd);
	ck_assert_int_eq(settle(), 0);
	close_folder();
}
END_TEST

START_TEST(waits_until_it_is_quiet)
{
	open_folder();
	start_watching();
	for (int i = 0; i < 5; i++) {
		write_file("a.yaml", i % 2 ? "odd" : "even");
		look();
		loop_fake_advance(loop, QUIET_MS - 1);
		ck_assert_int_eq(reports, 0);
	}
	loop_fake_advance(loop, 1);
	ck_assert_int_eq(reports, 1);
	close_folder();
}
END_TEST

START_TEST(reports_a_steady_stream_after_ten_quiet_times)
{
	int steps = 0;
	open_folder();
	start_watching();
	for (; reports == 0 && steps < 1000; steps++) {
		write_file("a.yaml", steps % 2 ? "odd" : "even");
		look();
		loop_fake_advance(loop, 10);
	}
	ck_assert_int_eq(steps, 10 * QUIET_MS / 10);
	close_folder();
}
END_TEST

START_TEST(follows_new_folders_at_once)
{
	open_folder();
	start_watching();
	make_folder("new");
	look();
	loop_fake_advance(loop, QUIET_MS - 1);
	write_file("new/a.yaml", "extends the quiet time");
	look();
	loop_fake_advance(loop, QUIET_MS - 1);
	ck_assert_int_eq(reports, 0);
	ck_assert_int_eq(settle(), 1);
	write_file("new/a.yaml", "2");
	ck_assert_int_eq(settle(), 1);
	make_folder("new/deeper");
	ck_assert_int_eq(settle(), 1);
	write_file("new/deeper/b.yaml", "3");
	ck_assert_int_eq(settle(), 1);
	close_folder();
}
END_TEST

START_TEST(forgets_folders_that_were_moved_away)
{
	char elsewhere[96];
	open_folder();
	make_folder("in");
	make_folder("in/gone");
	snprintf(elsewhere, sizeof(elsewhere), "%s-elsewhere", root);
	start_watching();
	ck_assert_int_eq(rename(path_of("in/gone"), elsewhere), 0);
	ck_assert_int_eq(settle(), 1);
	char file[128];
	snprintf(file, sizeof(file), "%s/a", elsewhere);
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	close(fd);
	ck_assert_int_eq(settle(), 0);
	nftw(elsewhere, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	close_folder();
}
END_TEST

/* How Kubernetes mounts a ConfigMap: files lead through ..data, which is swapped by a rename. */
START_TEST(understands_the_swap_of_a_config_map)
{
	open_folder();
	make_folder("..v1");
	write_file("..v1/a.yaml", "old");
	make_link("..v1", "..data");
	make_link("..data/a.yaml", "a.yaml");
	start_watching();
	make_folder("..v2");
	write_file("..v2/a.yaml", "new");
	make_link("..v2", "..data_tmp");
	move("..data_tmp", "..data");
	unlink(path_of("..v1/a.yaml"));
	rmdir(path_of("..v1"));
	ck_assert_int_eq(settle(), 1);
	ck_assert_int_eq(settle(), 0);
	make_folder("..v3");
	write_file("..v3/a.yaml", "newer");
	make_link("..v3", "..data_tmp");
	move("..data_tmp", "..data");
	ck_assert_int_eq(settle(), 1);
	close_folder();
}
END_TEST

/* A change that no watched directory tells of: the target of a link, outside. */
START_TEST(polls_what_inotify_cannot_see)
{
	char outside[96];
	open_folder();
	snprintf(outside, sizeof(outside), "%s-outside", root);
	int fd = open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	make_link(outside, "a.yaml");
	start_watching();
	ck_assert_int_eq(write(fd, "grown", 5), 5);
	look();
	ck_assert_int_eq(settle(), 0);
	loop_fake_advance(loop, FILE_WATCH_POLL_MS - QUIET_MS);
	ck_assert_int_eq(settle(), 1);
	/* Still being written when the quiet time is over: waits for another. */
	ck_assert_int_eq(write(fd, "more", 4), 4);
	while (!reports && loop_now_ms(loop) % FILE_WATCH_POLL_MS != 0)
		loop_fake_advance(loop, 50);
	ck_assert_int_eq(write(fd, "and more", 8), 8);
	loop_fake_advance(loop, QUIET_MS);
	ck_assert_int_eq(reports, 0);
	ck_assert_int_eq(settle(), 1);
	close(fd);
	unlink(outside);
	close_folder();
}
END_TEST

START_TEST(survives_links_that_go_in_circles)
{
	open_folder();
	make_folder("a");
	make_link("..", "a/up");
	make_link(".", "self");
	make_link("nowhere", "dangling");
	start_watching();
	write_file("a/x", "1");
	ck_assert_int_eq(settle(), 1);
	close_folder();
}
END_TEST

START_TEST(sees_the_folder_itself_go_and_come_back)
{
	open_folder();
	write_file("a.yaml", "1");
	start_watching();
	unlink(path_of("a.yaml"));
	rmdir(root);
	ck_assert_int_eq(settle(), 1);
	ck_assert_int_eq(mkdir(root, 0755), 0);
	write_file("a.yaml", "2");
	loop_fake_advance(loop, FILE_WATCH_POLL_MS);
	ck_assert_int_eq(settle(), 1);
	write_file("a.yaml", "3");
	ck_assert_int_eq(settle(), 1);
	close_folder();
}
END_TEST

START_TEST(a_folder_that_cannot_be_read_is_refused)
{
	open_folder();
	ck_assert_ptr_null(file_watch_new(loop, path_of("none"), QUIET_MS, on_change, NULL));
	ck_assert_int_eq(errno, ENOENT);
	write_file("file", "x");
	ck_assert_ptr_null(file_watch_new(loop, path_of("file"), QUIET_MS, on_change, NULL));
	ck_assert_int_eq(errno, ENOTDIR);
	watch = NULL;
	close_folder();
}
END_TEST

static void free_within(void *arg)
{
	reports++;
	file_watch_free(watch);
	watch = NULL;
}

START_TEST(may_be_freed_within_its_callback)
{
	open_folder();
	watch = file_watch_new(loop, root, QUIET_MS, free_within, NULL);
	write_file("a.yaml", "1");
	ck_assert_int_eq(settle(), 1);
	ck_assert_ptr_null(watch);
	close_folder();
}
END_TEST

UNIT_SUITE(file_watch, an_untouched_folder_is_never_reported, each_kind_of_change_is_reported_once,
	reading_is_no_change, waits_until_it_is_quiet,
	reports_a_steady_stream_after_ten_quiet_times, follows_new_folders_at_once,
	forgets_folders_that_were_moved_away, understands_the_swap_of_a_config_map,
	polls_what_inotify_cannot_see, survives_links_that_go_in_circles,
	sees_the_folder_itself_go_and_come_back, a_folder_that_cannot_be_read_is_refused,
	may_be_freed_within_its_callback)
