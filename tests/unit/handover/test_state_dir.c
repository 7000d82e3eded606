/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/memory.h"
#include "handover/state_dir.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;

static void make_folder(void)
{
	folder = heap_printf("%s/sluice-unit-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(const char *inner)
{
	char *path = heap_printf("%s/%s", folder, inner);
	rmdir(path);
	free(path);
	ck_assert_int_eq(rmdir(folder), 0);
	free(folder);
}

START_TEST(makes_a_private_folder_once)
{
	struct stat st;
	make_folder();
	char *path = heap_printf("%s/state", folder);
	ck_assert_int_eq(state_dir_make(path), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(state_dir_make(path), 0);
	free(path);
	remove_folder("state");
}
END_TEST

START_TEST(refuses_a_folder_that_others_can_write_to)
{
	make_folder();
	char *path = heap_printf("%s/state", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chmod(path, 0777), 0);
	ck_assert_int_eq(state_dir_make(path), -1);
	ck_assert_int_eq(errno, EPERM);
	free(path);
	remove_folder("state");
}
END_TEST

START_TEST(refuses_what_is_no_folder)
{
	ck_assert_int_eq(state_dir_make("/dev/null/state"), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_int_eq(state_dir_make("/dev/null"), -1);
	ck_assert_int_eq(errno, ENOTDIR);
}
END_TEST

START_TEST(takes_the_given_name)
{
	char *name = state_dir_name("here");
	ck_assert_str_eq(name, "here");
	free(name);
	name = state_dir_name(NULL);
	ck_assert_ptr_nonnull(strstr(name, "sluice"));
	free(name);
}
END_TEST

UNIT_SUITE(state_dir, makes_a_private_folder_once, refuses_a_folder_that_others_can_write_to,
	refuses_what_is_no_folder, takes_the_given_name)
