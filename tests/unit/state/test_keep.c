/* SPDX-License-Identifier: Apache-2.0 */
#include "state/keep.h"

#include "unit.h"

#include "base/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER STR("jwt-validation")
#define NAME  STR("set http://keys.example/")

static char folder[64], dir[80];

static void open_folder(void)
{
	snprintf(folder, sizeof(folder), "sluice-keep-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(dir, sizeof(dir), "%s/kept", folder);
}

/* How many there are; the last one's path. */
static size_t look(char path[400])
{
	size_t count = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, 400, "%s/%s", dir, e->d_name);
		count++;
	}
	if (d)
		closedir(d);
	return count;
}

static void close_folder(void)
{
	char path[400];
	while (look(path))
		ck_assert_int_eq(unlink(path), 0);
	rmdir(dir);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void assert_kept(struct str name, enum rc expected, const char *text, int64_t saved_us)
{
	struct buffer b;
	int64_t at = 0;
	buffer_init(&b, LIMIT_KEPT_BYTES);
	ck_assert_int_eq(keep_read(dir, OWNER, name, &b, &at), expected);
	ck_assert(str_eq(buffer_str(&b), str_of(text)));
	ck_assert_int_eq(at, saved_us);
	buffer_deinit(&b);
}

START_TEST(keeps_what_was_written_last)
{
	char path[400];
	struct stat st;
	open_folder();
	assert_kept(NAME, RC_NOT_FOUND, "", 0);
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, STR("one"), 7000), RC_OK);
	assert_kept(NAME, RC_OK, "one", 7000);
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, STR("another"), 8000), RC_OK);
	assert_kept(NAME, RC_OK, "another", 8000);
	assert_kept(STR("set"), RC_NOT_FOUND, "", 0);
	ck_assert_uint_eq(look(path), 1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(keep_write(dir, STR("other"), NAME, STR("x"), 1), RC_OK);
	ck_assert_uint_eq(look(path), 2);
	assert_kept(NAME, RC_OK, "another", 8000);
	ck_assert_int_eq(keep_remove(dir, OWNER, NAME), RC_OK);
	ck_assert_int_eq(keep_remove(dir, OWNER, NAME), RC_NOT_FOUND);
	assert_kept(NAME, RC_NOT_FOUND, "", 0);
	close_folder();
}
END_TEST

/* Each byte, and each length. */
START_TEST(what_is_damaged_is_not_used)
{
	char path[400], bytes[400];
	struct str text;
	int64_t at;
	open_folder();
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, STR("keys"), 7000), RC_OK);
	ck_assert_uint_eq(look(path), 1);
	FILE *f = fopen(path, "rb");
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert_int_eq(keep_parse(str_n(bytes, n), OWNER, NAME, &text, &at), RC_OK);
	ck_assert(str_eq(text, STR("keys")));
	ck_assert_int_eq(keep_parse(str_n(bytes, n), OWNER, STR("set"), &text, &at), RC_INVALID);
	ck_assert_int_eq(keep_parse(str_n(bytes, n), NAME, OWNER, &text, &at), RC_INVALID);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(keep_parse(str_n(bytes, i), OWNER, NAME, &text, &at), RC_INVALID);
		bytes[i] ^= 1;
		ck_assert_int_eq(keep_parse(str_n(bytes, n), OWNER, NAME, &text, &at), RC_INVALID);
		bytes[i] ^= 1;
	}
	ck_assert_int_eq(truncate(path, (off_t)n - 1), 0);
	assert_kept(NAME, RC_INVALID, "", 0);
	close_folder();
}
END_TEST

START_TEST(a_bounded_number_is_kept_and_the_oldest_goes)
{
	char path[400];
	open_folder();
	for (int i = 0; i < LIMIT_KEPT_FILES + 3; i++) {
		char *name = heap_printf("%d", i);
		ck_assert_int_eq(keep_write(dir, OWNER, str_of(name), STR("x"), 1), RC_OK);
		struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
		if (i == 0) {
			look(path);
			ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
		}
		free(name);
	}
	ck_assert_uint_eq(look(path), LIMIT_KEPT_FILES);
	assert_kept(STR("0"), RC_NOT_FOUND, "", 0);
	assert_kept(STR("258"), RC_OK, "x", 1);
	ck_assert_int_eq(keep_write(dir, OWNER, STR("258"), STR("y"), 2), RC_OK);
	ck_assert_uint_eq(look(path), LIMIT_KEPT_FILES);
	close_folder();
}
END_TEST

START_TEST(what_a_writer_left_behind_goes)
{
	char path[400];
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	open_folder();
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, STR("x"), 1), RC_OK);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/new-%d", dir, i);
		FILE *f = fopen(path, "wb");
		fclose(f);
		if (i == 0)
			ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	}
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, STR("y"), 1), RC_OK);
	ck_assert_uint_eq(look(path), 2); /* another writer's stays */
	close_folder();
}
END_TEST

START_TEST(what_cannot_be_written_leaves_what_is_there)
{
	static char large[LIMIT_KEPT_BYTES + 1];
	char path[400];
	open_folder();
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, STR("x"), 1), RC_OK);
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, str_n(large, sizeof(large)), 1), RC_FULL);
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, str_n(large, sizeof(large) - 1), 1), RC_OK);
	ck_assert_uint_eq(look(path), 1);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0); /* in the way */
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, STR("x"), 1), RC_IO);
	assert_kept(NAME, RC_INVALID, "", 0);
	ck_assert_uint_eq(look(path), 1);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
	FILE *f = fopen(dir, "wb");
	fclose(f);
	ck_assert_int_eq(keep_write(dir, OWNER, NAME, STR("x"), 1), RC_IO);
	ck_assert_int_eq(unlink(dir), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

UNIT_SUITE(keep, keeps_what_was_written_last, what_is_damaged_is_not_used,
	a_bounded_number_is_kept_and_the_oldest_goes, what_a_writer_left_behind_goes,
	what_cannot_be_written_leaves_what_is_there)
