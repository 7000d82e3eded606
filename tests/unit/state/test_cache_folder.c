/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "state/cache_file.h"
#include "state/cache_folder.h"
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct cache_options options = {64 << 20, 64 << 20, 1000};
static char dir[64], path[200];
static struct cache *c;
static struct cache_folder *f;
static struct cache_change total;

static int64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

static void start(void)
{
	total = (struct cache_change){0};
	c = cache_new(&options);
	f = cache_folder_open(dir, STR("policy a:b"), c);
}

/* Behind it all that was to be done on disk has been done. */
static void stop(bool stays)
{
	cache_folder_close(f, stays);
	cache_free(c);
}

static void begin(void)
{
	char name[CACHE_FILE_NAME_BYTES];
	snprintf(dir, sizeof(dir), "%s/sluice-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	cache_file_name(STR("policy a:b"), name);
	snprintf(path, sizeof(path), "%s/caches/%s", dir, name);
	start();
}

static void end(void)
{
	char caches[80];
	stop(false);
	ck_assert_int_ne(access(path, F_OK), 0);
	snprintf(caches, sizeof(caches), "%s/caches", dir);
	ck_assert_int_eq(rmdir(caches), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void restart(void)
{
	stop(true);
	start();
}

static void put_for(const char *key, struct str text, int64_t for_ms)
{
	struct cache_body *b = cache_body_new();
	ck_assert_int_eq(cache_body_add(b, text, UINT64_MAX), RC_OK);
	ck_assert_int_eq(cache_put(c, now_ms(), str_of(key), STR("group"), STR("meta"), b,
				 now_ms() + for_ms, &total),
		RC_OK);
	cache_body_unref(b);
}

static void put(const char *key, const char *text)
{
	put_for(key, str_of(text), 3600000);
}

static struct cache_entry *find(const char *key)
{
	return cache_find(c, now_ms(), str_of(key), &total);
}

static bool has(const char *key)
{
	struct cache_entry *e = find(key);
	cache_entry_unref(e);
	return e != NULL;
}

/* What is restored last comes from a thread of its own. */
static void wait_for_entries(uint64_t n)
{
	while (cache_usage(c).entries < n)
		sched_yield();
}

static int files(void)
{
	int n = 0;
	DIR *d = opendir(path);
	if (!d)
		return -1;
	for (const struct dirent *each; (each = readdir(d));)
		n += each->d_name[0] != '.';
	closedir(d);
	return n;
}

static const char *file_of(const char *key)
{
	static char file[300];
	char name[CACHE_FILE_NAME_BYTES];
	cache_file_name(str_of(key), name);
	snprintf(file, sizeof(file), "%s/%s", path, name);
	return file;
}

START_TEST(what_stood_there_comes_back)
{
	size_t n = 300000;
	char *text = malloc(n);
	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(i * 7 + i / 251);
	begin();
	put_for("long", str_n(text, n), 3600000);
	put("a", "first");
	put("a", "alpha");
	put("b", "beta");
	ck_assert(cache_remove(c, STR("b"), &total));
	int64_t stored_ms = now_ms(), ends_ms = stored_ms + 3600000;
	restart();
	wait_for_entries(2);
	struct cache_entry *e = find("a");
	ck_assert_ptr_nonnull(e);
	assert_str(cache_entry_meta(e), "meta");
	assert_str(cache_entry_group(e), "group");
	assert_str(str_n(cache_body_pieces(e->body)->data, 5), "alpha");
	ck_assert_int_le(llabs(e->stored_ms - stored_ms), 60000);
	ck_assert_int_le(llabs(e->ends_ms - ends_ms), 60000);
	cache_entry_unref(e);
	e = find("long");
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(cache_body_bytes(e->body), n);
	size_t at = 0;
	for (const struct cache_piece *p = cache_body_pieces(e->body); p; p = p->next) {
		ck_assert_mem_eq(p->data, text + at, p->n);
		at += p->n;
	}
	cache_entry_unref(e);
	ck_assert_uint_eq(total.restored, 2);
	ck_assert_int_eq(files(), 2);
	free(text);
	end();
}
END_TEST

START_TEST(what_goes_from_memory_goes_from_the_disk)
{
	begin();
	put("a", "x");
	put("b", "x");
	put("c", "x");
	put_for("d", STR("x"), 1);
	while (has("d"))
		sched_yield();
	ck_assert_uint_eq(cache_remove_prefix(c, STR("a"), &total), 1);
	stop(true);
	ck_assert_int_eq(files(), 2);
	start();
	wait_for_entries(2);
	ck_assert_uint_eq(cache_remove_group(c, STR("group"), &total), 2);
	stop(true);
	ck_assert_int_eq(files(), 0);
	start();
	end();
}
END_TEST

/* The clock was set back: how old it is cannot be told. */
START_TEST(what_is_of_a_time_to_come_is_dropped)
{
	begin();
	struct cache_body *b = cache_body_new();
	int64_t later_ms = now_ms() + 3600000;
	ck_assert_int_eq(cache_put(c, later_ms, STR("a"), STR_EMPTY, STR("m"), b,
				 later_ms + 3600000, &total),
		RC_OK);
	cache_body_unref(b);
	put("b", "x");
	restart();
	wait_for_entries(1);
	ck_assert(has("b") && !has("a"));
	restart();
	wait_for_entries(1);
	ck_assert_int_eq(files(), 1);
	end();
}
END_TEST

static void damage_end(int fd, off_t size)
{
	ck_assert_int_eq(ftruncate(fd, size - 1), 0);
}

static void damage_nothing_left(int fd, off_t size)
{
	ck_assert_int_eq(ftruncate(fd, 0), 0);
}

static void damage_more(int fd, off_t size)
{
	ck_assert_int_eq(pwrite(fd, "x", 1, size), 1);
}

static void flip(int fd, off_t at)
{
	char byte;
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
}

static void damage_magic(int fd, off_t size)
{
	flip(fd, 0);
}

static void damage_length(int fd, off_t size)
{
	flip(fd, 8);
}

static void damage_time(int fd, off_t size)
{
	flip(fd, 40);
}

static void damage_body(int fd, off_t size)
{
	flip(fd, size - 1);
}

START_TEST(what_is_not_whole_is_dropped)
{
	static void (*const rows[])(int fd, off_t size) = {damage_end, damage_nothing_left,
		damage_more, damage_magic, damage_length, damage_time, damage_body};
	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stat st;
		put("good", "x");
		put("bad", "some text");
		stop(true);
		int fd = open(file_of("bad"), O_RDWR);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fstat(fd, &st), 0);
		rows[i](fd, st.st_size);
		close(fd);
		start();
		wait_for_entries(1);
		restart();
		wait_for_entries(1);
		ck_assert_msg(has("good") && !has("bad"), "row %zu", i);
		ck_assert_int_eq(files(), 1);
	}
	end();
}
END_TEST

START_TEST(what_stands_under_another_name_or_is_nobodys_is_deleted)
{
	char other[400];
	begin();
	put("a", "x");
	stop(true);
	snprintf(other, sizeof(other), "%s", file_of("b"));
	ck_assert_int_eq(rename(file_of("a"), other), 0);
	snprintf(other, sizeof(other), "%s/.new-1", path);
	int fd = open(other, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	start();
	put("c", "x");
	stop(true);
	ck_assert_int_eq(files(), 1);
	ck_assert_int_eq(access(other, F_OK), 0); /* its process may be there still */
	const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	ck_assert_int_eq(utimensat(AT_FDCWD, other, long_ago, 0), 0);
	start();
	stop(true);
	ck_assert_int_ne(access(other, F_OK), 0);
	start();
	wait_for_entries(1);
	ck_assert(has("c") && !has("a") && !has("b"));
	end();
}
END_TEST

START_TEST(what_cannot_be_written_is_counted_and_its_elder_goes)
{
	char caches[80];
	begin();
	stop(false);
	snprintf(caches, sizeof(caches), "%s/caches", dir);
	ck_assert_int_eq(rmdir(caches), 0);
	int fd = open(caches, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	start();
	put("a", "x");
	while (total.unkept == 0)
		ck_assert(has("a"));
	ck_assert_int_eq(unlink(caches), 0);
	put("a", "y");
	restart();
	wait_for_entries(1);
	ck_assert_int_eq(mkdir(file_of("b"), 0700), 0); /* where a file should go */
	put("b", "x");
	while (total.unkept < 1)
		ck_assert(has("b"));
	ck_assert_int_eq(rmdir(file_of("b")), 0);
	end();
}
END_TEST

START_TEST(what_is_more_than_may_wait_is_not_kept)
{
	size_t n = CACHE_FOLDER_PENDING_BYTES + 1;
	char *text = calloc(1, n);
	ck_assert_ptr_nonnull(text);
	begin();
	put("a", "x");
	put_for("a", str_n(text, n), 3600000);
	put("b", "x");
	restart();
	wait_for_entries(1);
	ck_assert(!has("a") && has("b"));
	ck_assert_int_eq(files(), 1);
	free(text);
	end();
}
END_TEST

START_TEST(what_a_store_has_already_is_written_when_it_gets_its_copy)
{
	begin();
	stop(false);
	c = cache_new(&options);
	put("a", "x");
	f = cache_folder_open(dir, STR("policy a:b"), c);
	restart();
	wait_for_entries(1);
	ck_assert(has("a"));
	end();
}
END_TEST

/* --- what comes back, and what must not ------------------------------------------------------- */
static int stood, gone;

static void on_stands(struct cache_mirror *m, struct cache_entry *e)
{
	stood++;
}

static void on_is_gone(struct cache_mirror *m, const struct cache_entry *e)
{
	gone++;
}

static enum rc restore(const char *key, int64_t ends_ms)
{
	struct cache_body *b = cache_body_new();
	struct cache_entry *e = cache_entry_new(str_of(key), STR_EMPTY, STR("old"), b);
	e->ends_ms = ends_ms;
	enum rc rc = cache_restore(c, 1000, e);
	cache_entry_unref(e);
	cache_body_unref(b);
	return rc;
}

static void begin_restoring(void)
{
	static struct cache_mirror m = {.stands = on_stands, .is_gone = on_is_gone};
	stood = gone = 0;
	total = (struct cache_change){0};
	c = cache_new(&options);
	cache_set_mirror(c, &m);
}

START_TEST(what_is_removed_meanwhile_does_not_come_back)
{
	begin_restoring();
	ck_assert(!cache_remove(c, STR("a"), &total));
	put("b", "new");
	ck_assert_int_eq(restore("a", 2000), RC_REFUSED);
	ck_assert_int_eq(restore("b", 2000), RC_EXISTS);
	ck_assert_int_eq(restore("c", 2000), RC_OK);
	ck_assert_int_eq(restore("d", 1000), RC_REFUSED);
	ck_assert_int_eq(stood, 1);
	struct cache_change change = {0};
	ck_assert_uint_eq(cache_remove_group(c, STR("other"), &change), 0);
	ck_assert_int_eq(change.entries, 1); /* "c" is told now */
	ck_assert_uint_eq(change.restored, 1);
	ck_assert_int_eq(restore("e", 2000), RC_REFUSED);
	cache_is_restored(c);
	ck_assert(!cache_remove(c, STR("a"), &total));
	ck_assert_uint_eq(cache_remove_prefix(c, STR_EMPTY, &total), 2);
	ck_assert_int_eq(gone, 2);
	cache_free(c);
}
END_TEST

START_TEST(of_too_many_that_were_removed_nothing_comes_back)
{
	begin_restoring();
	for (int i = 0; i < 5000; i++) {
		char key[16];
		snprintf(key, sizeof(key), "%d", i);
		cache_remove(c, str_of(key), &total);
	}
	ck_assert_int_eq(restore("a", 2000), RC_REFUSED);
	cache_free(c);
}
END_TEST

/* A folder of entries that another process had, and something that no cache has made. */
static void leave_behind(const char *name, char *left, size_t n)
{
	char own[CACHE_FILE_NAME_BYTES];
	struct cache *other = cache_new(&options);
	struct cache_folder *folder = cache_folder_open(dir, str_of(name), other);
	struct cache *mine = c;
	c = other;
	put("x", "left");
	c = mine;
	cache_folder_close(folder, true);
	cache_free(other);
	cache_file_name(str_of(name), own);
	snprintf(left, n, "%s/caches/%s", dir, own);
}

START_TEST(what_nobody_has_opened_is_swept_away)
{
	char left[200], another[200], foreign[100];
	begin();
	put("a", "alpha");
	stop(true);
	leave_behind("policy gone", left, sizeof(left));
	leave_behind("policy gone too", another, sizeof(another));
	snprintf(foreign, sizeof(foreign), "%s/caches/notes", dir);
	ck_assert_int_eq(mkdir(foreign, 0700), 0);
	ck_assert_int_eq(access(left, F_OK), 0);
	start();
	cache_folders_sweep(dir);
	restart();
	wait_for_entries(1);
	ck_assert(has("a"));
	ck_assert_int_ne(access(left, F_OK), 0);
	ck_assert_int_ne(access(another, F_OK), 0);
	ck_assert_int_eq(rmdir(foreign), 0);
	end();
}
END_TEST

START_TEST(a_sweep_needs_no_folder_that_is_open)
{
	char left[200];
	begin();
	stop(true);
	leave_behind("policy gone", left, sizeof(left));
	ck_assert_int_eq(access(left, F_OK), 0);
	cache_folders_sweep("/nowhere");
	cache_folders_sweep(dir);
	ck_assert_int_ne(access(left, F_OK), 0);
	ck_assert_int_eq(files(), -1);
	start();
	end();
}
END_TEST

UNIT_SUITE(cache_folder, what_nobody_has_opened_is_swept_away, a_sweep_needs_no_folder_that_is_open,
	what_stood_there_comes_back, what_goes_from_memory_goes_from_the_disk,
	what_is_of_a_time_to_come_is_dropped, what_is_not_whole_is_dropped,
	what_stands_under_another_name_or_is_nobodys_is_deleted,
	what_cannot_be_written_is_counted_and_its_elder_goes,
	what_is_more_than_may_wait_is_not_kept,
	what_a_store_has_already_is_written_when_it_gets_its_copy,
	what_is_removed_meanwhile_does_not_come_back,
	of_too_many_that_were_removed_nothing_comes_back)
