/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "package/tar.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK 512u

static struct buffer tar_of(struct tar_file *files, size_t count)
{
	struct buffer out;
	char message[200] = "";
	buffer_init(&out, 1u << 20);
	enum rc rc = tar_write(files, count, &out, message, sizeof(message));
	ck_assert_msg(rc == RC_OK && !out.failed, "%s", message);
	return out;
}

static struct buffer two_files(void)
{
	struct tar_file files[] = {
		{STR("x86_64/a.so"), STR("code")}, {STR("README.md"), STR("# A\n")}};
	return tar_of(files, 2);
}

static void assert_refused(struct str tar, const char *expected)
{
	struct tar_file files[TAR_FILES_MAX];
	size_t count;
	char message[200] = "";
	ck_assert_int_eq(tar_read(tar, files, &count, message, sizeof(message)), RC_INVALID);
	ck_assert_str_eq(message, expected);
}

START_TEST(what_is_written_is_read_in_the_order_of_names)
{
	struct tar_file files[TAR_FILES_MAX];
	size_t count;
	char message[200];
	struct buffer tar = two_files();
	ck_assert_int_eq(
		tar_read(buffer_str(&tar), files, &count, message, sizeof(message)), RC_OK);
	ck_assert_uint_eq(count, 2);
	assert_str(files[0].name, "README.md");
	assert_str(files[0].bytes, "# A\n");
	assert_str(files[1].name, "x86_64/a.so");
	assert_str(files[1].bytes, "code");
	buffer_deinit(&tar);
}
END_TEST

START_TEST(the_same_files_are_the_same_bytes)
{
	struct tar_file other[] = {
		{STR("README.md"), STR("# A\n")}, {STR("x86_64/a.so"), STR("code")}};
	struct buffer a = two_files(), b = tar_of(other, 2);
	ck_assert(str_eq(buffer_str(&a), buffer_str(&b)));
	ck_assert_uint_eq(a.n % BLOCK, 0);
	buffer_deinit(&a);
	buffer_deinit(&b);
}
END_TEST

START_TEST(names_that_leave_the_folder_are_not_written)
{
	static const struct str names[] = {STR(""), STR("/a"), STR("a/"), STR("a//b"), STR("../a"),
		STR("a/../b"), STR("."), STR(".hidden"), STR("a\\b"), STR("a b"), STR("\xc3\xa4")};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct tar_file f = {names[i], STR_EMPTY};
		struct buffer out;
		char message[200], expected[200];
		buffer_init(&out, 1u << 20);
		ck_assert_int_eq(tar_write(&f, 1, &out, message, sizeof(message)), RC_INVALID);
		snprintf(expected, sizeof(expected), "\"%.*s\" is no name of a file in a pack",
			STR_ARG(names[i]));
		ck_assert_str_eq(message, expected);
		buffer_deinit(&out);
	}
	struct tar_file twice[] = {{STR("a"), STR_EMPTY}, {STR("a"), STR_EMPTY}};
	struct buffer out;
	char message[200];
	buffer_init(&out, 1u << 20);
	ck_assert_int_eq(tar_write(twice, 2, &out, message, sizeof(message)), RC_INVALID);
	ck_assert_str_eq(message, "a is there twice");
	buffer_deinit(&out);
}
END_TEST

/* A byte of the first header is another one, and the checksum right again. */
static void change(struct buffer *tar, size_t at, const char *bytes, size_t n)
{
	unsigned sum = 0;
	memcpy(tar->p + at, bytes, n);
	memset(tar->p + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)tar->p[i];
	snprintf(tar->p + 148, 7, "%06o", sum);
	tar->p[155] = ' ';
}

START_TEST(links_devices_owners_and_other_names_are_refused)
{
	static const struct {
		size_t at;
		struct str bytes;
		const char *expected;
	} rows[] = {
		{156, STR("2"), "is no pack: README.md is not a plain file as packs have them"},
		{156, STR("5"), "is no pack: README.md is not a plain file as packs have them"},
		{100, STR("0004755"),
			"is no pack: README.md is not a plain file as packs have them"},
		{157, STR("target"),
			"is no pack: README.md is not a plain file as packs have them"},
		{345, STR("prefix"),
			"is no pack: README.md is not a plain file as packs have them"},
		{0, STR("../../etc"), "has a file whose name it may not have"},
		{124, STR("00000009999"), "is cut short, or damaged: the size of README.md"},
		{124, STR("77777777777"), "is cut short, or damaged: the size of README.md"},
		{124, STR("\x80\0\0\0\0\0\0\0\0\0\0\4"),
			"is cut short, or damaged: the size of README.md"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer tar = two_files();
		change(&tar, rows[i].at, rows[i].bytes.p, rows[i].bytes.n);
		assert_refused(buffer_str(&tar), rows[i].expected);
		buffer_deinit(&tar);
	}
}
END_TEST

START_TEST(every_cut_and_every_other_byte_is_refused)
{
	struct buffer tar = two_files();
	struct tar_file files[TAR_FILES_MAX];
	size_t count, accepted = 0;
	char message[200];
	for (size_t n = 0; n < tar.n; n++)
		accepted +=
			tar_read(str_n(tar.p, n), files, &count, message, sizeof(message)) == RC_OK;
	ck_assert_uint_eq(accepted, 0);
	for (size_t i = 0; i < tar.n; i++) {
		bool is_content =
			(i >= BLOCK && i < BLOCK + 4) || (i >= 3 * BLOCK && i < 3 * BLOCK + 4);
		tar.p[i] ^= 1;
		bool is_taken = tar_read(buffer_str(&tar), files, &count, message,
					sizeof(message)) == RC_OK;
		ck_assert_msg(is_taken == is_content, "byte %zu", i);
		tar.p[i] ^= 1;
	}
	buffer_deinit(&tar);
}
END_TEST

START_TEST(files_out_of_order_and_too_many_are_refused)
{
	struct buffer tar = two_files(), turned;
	buffer_init(&turned, 1u << 20);
	buffer_add(&turned, str_n(tar.p + 2 * BLOCK, 2 * BLOCK));
	buffer_add(&turned, str_n(tar.p, 2 * BLOCK));
	buffer_add(&turned, str_n(tar.p + 4 * BLOCK, 2 * BLOCK));
	assert_refused(buffer_str(&turned), "has README.md twice, or out of order");
	struct tar_file many[TAR_FILES_MAX + 1];
	char names[TAR_FILES_MAX + 1][8], message[200];
	for (size_t i = 0; i <= TAR_FILES_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "f%02zu", i);
		many[i] = (struct tar_file){str_of(names[i]), STR_EMPTY};
	}
	ck_assert_int_eq(
		tar_write(many, TAR_FILES_MAX + 1, &turned, message, sizeof(message)), RC_INVALID);
	ck_assert_str_eq(message, "65 files; 64 are the most");
	buffer_deinit(&tar);
	tar = tar_of(many, TAR_FILES_MAX);
	buffer_reset(&turned);
	buffer_add(&turned, str_n(tar.p, tar.n - 2 * BLOCK));
	buffer_add(&turned, buffer_str(&tar));
	assert_refused(buffer_str(&turned), "has more than 64 files");
	buffer_deinit(&tar);
	buffer_deinit(&turned);
}
END_TEST

UNIT_SUITE(tar, what_is_written_is_read_in_the_order_of_names, the_same_files_are_the_same_bytes,
	names_that_leave_the_folder_are_not_written,
	links_devices_owners_and_other_names_are_refused, every_cut_and_every_other_byte_is_refused,
	files_out_of_order_and_too_many_are_refused)
