/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/memory.h"
#include "package/package.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *plugin_file(const char *folder, const char *name)
{
	struct fake_elf e;
	fake_elf_of(&e, STR("kind: PolicyDefinition\n"));
	char *path = file_new(folder, name, buffer_str(&e.bytes));
	fake_elf_deinit(&e);
	return path;
}

/* --- reading --------------------------------------------------------------------------------- */
START_TEST(a_plugin_is_read_with_its_name_and_digest)
{
	char *folder = folder_new();
	char *path = plugin_file(folder, "rate-limiting.so");
	struct package p;
	uint8_t digest[SHA256_BYTES];
	char message[300];
	ck_assert_int_eq(package_read(path, &p, message, sizeof(message)), RC_OK);
	ck_assert_str_eq(p.path, path);
	ck_assert_str_eq(p.name, "rate-limiting");
	ck_assert_str_eq(p.definition, "kind: PolicyDefinition\n");
	ck_assert_uint_eq(p.definition_bytes, strlen(p.definition));
	ck_assert_int_eq(sha256_file(path, digest), RC_OK);
	ck_assert_mem_eq(p.sha256, digest, sizeof(digest));
	package_deinit(&p);
	free(path);
	folder_free(folder);
}
END_TEST

static void assert_unreadable(const char *path, enum rc expected, const char *detail)
{
	struct package p;
	char message[300];
	ck_assert_int_eq(package_read(path, &p, message, sizeof(message)), expected);
	char *whole = heap_printf("%s: %s", path, detail);
	ck_assert_str_eq(message, whole);
	free(whole);
}

START_TEST(what_is_no_plugin_is_refused_by_name)
{
	char *folder = folder_new();
	char *text = file_new(folder, "text.so", STR("hello"));
	char *empty = file_new(folder, "empty.so", STR_EMPTY);
	char *none = heap_printf("%s/none.so", folder);
	char *below = heap_printf("%s/below", text);
	char *fifo = heap_printf("%s/fifo.so", folder);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	assert_unreadable(text, RC_INVALID, "is not an ELF file");
	assert_unreadable(empty, RC_INVALID, "is not an ELF file");
	assert_unreadable(none, RC_NOT_FOUND, "No such file or directory");
	assert_unreadable(below, RC_NOT_FOUND, "Not a directory");
	assert_unreadable(folder, RC_INVALID, "is not a file");
	assert_unreadable(fifo, RC_INVALID, "is not a file");
	free(text);
	free(empty);
	free(none);
	free(below);
	free(fifo);
	folder_free(folder);
}
END_TEST

START_TEST(a_file_that_is_too_large_is_not_read)
{
	char *folder = folder_new();
	char *path = plugin_file(folder, "large.so");
	ck_assert_int_eq(truncate(path, PACKAGE_FILE_BYTES_MAX + 1), 0);
	assert_unreadable(path, RC_INVALID, "has more than 67108864 bytes");
	free(path);
	folder_free(folder);
}
END_TEST

/* A shared object as compilers make them: this very program. */
START_TEST(a_program_without_the_note_is_no_plugin)
{
	assert_unreadable("/proc/self/exe", RC_INVALID,
		"holds no policy definition: no ELF note .note.sluice.policy");
}
END_TEST

/* --- storing --------------------------------------------------------------------------------- */
struct store {
	char *folder, *plugin, *dir, *expected;
	uint8_t digest[SHA256_BYTES];
	char message[400];
};

static void store_new(struct store *s)
{
	char hex[SHA256_BYTES * 2];
	s->folder = folder_new();
	s->plugin = plugin_file(s->folder, "jwt.so");
	s->dir = heap_printf("%s/plugins", s->folder);
	ck_assert_int_eq(sha256_file(s->plugin, s->digest), RC_OK);
	sha256_hex(s->digest, hex);
	s->expected = heap_printf("%s/%.64s/jwt.so", s->dir, hex);
	s->message[0] = '\0';
}

static void store_free(struct store *s)
{
	free(s->expected);
	free(s->dir);
	free(s->plugin);
	folder_free(s->folder);
}

static enum rc store_as(struct store *s, const char *name)
{
	char *stored = NULL;
	enum rc rc = package_store(
		s->dir, s->plugin, name, s->digest, &stored, s->message, sizeof(s->message));
	ck_assert((rc == RC_OK) == (stored != NULL));
	if (stored)
		ck_assert_str_eq(stored, s->expected);
	free(stored);
	return rc;
}

static mode_t mode_of(const char *path)
{
	struct stat st;
	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void assert_stored(struct store *s)
{
	uint8_t digest[SHA256_BYTES];
	ck_assert_int_eq(sha256_file(s->expected, digest), RC_OK);
	ck_assert_mem_eq(digest, s->digest, sizeof(digest));
	ck_assert_uint_eq(mode_of(s->expected), 0500);
}

static size_t count_entries(const char *folder)
{
	size_t count = 0;
	DIR *dir = opendir(folder);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static char *folder_of(const struct store *s)
{
	return heap_strndup(str_n(s->expected, strlen(s->expected) - strlen("/jwt.so")));
}

START_TEST(a_plugin_is_stored_under_its_digest)
{
	struct store s;
	store_new(&s);
	char *folder = folder_of(&s);
	ck_assert_msg(store_as(&s, "jwt") == RC_OK, "%s", s.message);
	assert_stored(&s);
	ck_assert_uint_eq(mode_of(s.dir), 0700);
	ck_assert_uint_eq(mode_of(folder), 0700);
	ck_assert_uint_eq(count_entries(folder), 1);
	free(folder);
	store_free(&s);
}
END_TEST

START_TEST(what_is_stored_already_stays_as_it_is)
{
	struct store s;
	struct stat before, after;
	store_new(&s);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_OK);
	ck_assert_int_eq(stat(s.expected, &before), 0);
	/* The file itself is not needed any more. */
	ck_assert_int_eq(unlink(s.plugin), 0);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_OK);
	ck_assert_int_eq(stat(s.expected, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	store_free(&s);
}
END_TEST

START_TEST(a_damaged_file_in_the_store_is_replaced)
{
	struct store s;
	store_new(&s);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_OK);
	ck_assert_int_eq(chmod(s.expected, 0700), 0);
	ck_assert_int_eq(truncate(s.expected, 10), 0);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_OK);
	assert_stored(&s);
	store_free(&s);
}
END_TEST

START_TEST(a_link_in_the_store_is_replaced_and_not_followed)
{
	struct store s;
	struct stat st;
	store_new(&s);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_OK);
	ck_assert_int_eq(unlink(s.expected), 0);
	ck_assert_int_eq(symlink(s.plugin, s.expected), 0);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_OK);
	ck_assert_int_eq(lstat(s.expected, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	assert_stored(&s);
	store_free(&s);
}
END_TEST

START_TEST(other_bytes_than_those_that_were_checked_are_refused)
{
	struct store s;
	store_new(&s);
	char *folder = folder_of(&s);
	int fd = open(s.plugin, O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_INVALID);
	ck_assert(str_ends(str_of(s.message),
		STR("/jwt.so: is not the file that was checked: another digest")));
	ck_assert_uint_eq(count_entries(folder), 0);
	ck_assert_int_eq(unlink(s.plugin), 0);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_NOT_FOUND);
	free(folder);
	store_free(&s);
}
END_TEST

START_TEST(a_folder_that_others_may_write_to_is_refused)
{
	struct store s;
	store_new(&s);
	ck_assert_int_eq(mkdir(s.dir, 0700), 0);
	ck_assert_int_eq(chmod(s.dir, 0770), 0);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_REFUSED);
	ck_assert(str_ends(str_of(s.message), STR("/plugins: others may write to it")));
	ck_assert_int_eq(rmdir(s.dir), 0);
	ck_assert_int_eq(symlink(s.folder, s.dir), 0);
	ck_assert_int_eq(store_as(&s, "jwt"), RC_REFUSED);
	ck_assert(str_ends(str_of(s.message), STR("/plugins: expected a folder")));
	store_free(&s);
}
END_TEST

START_TEST(a_store_without_a_parent_is_an_io_error)
{
	struct store s;
	char *stored;
	store_new(&s);
	char *dir = heap_printf("%s/none/plugins", s.folder);
	ck_assert_int_eq(package_store(dir, s.plugin, "jwt", s.digest, &stored, s.message,
				 sizeof(s.message)),
		RC_IO);
	ck_assert(str_ends(str_of(s.message), STR("/none/plugins: No such file or directory")));
	free(dir);
	store_free(&s);
}
END_TEST

START_TEST(names_that_leave_the_folder_are_refused)
{
	struct store s;
	store_new(&s);
	ck_assert_int_eq(store_as(&s, "../jwt"), RC_INVALID);
	ck_assert_str_eq(s.message, "\"../jwt\" is no name of a plugin");
	ck_assert_int_eq(store_as(&s, ""), RC_INVALID);
	ck_assert_int_eq(store_as(&s, ".jwt"), RC_INVALID);
	ck_assert_int_eq(access(s.dir, F_OK), -1);
	store_free(&s);
}
END_TEST

UNIT_SUITE(store, a_plugin_is_read_with_its_name_and_digest, what_is_no_plugin_is_refused_by_name,
	a_file_that_is_too_large_is_not_read, a_program_without_the_note_is_no_plugin,
	a_plugin_is_stored_under_its_digest, what_is_stored_already_stays_as_it_is,
	a_damaged_file_in_the_store_is_replaced, a_link_in_the_store_is_replaced_and_not_followed,
	other_bytes_than_those_that_were_checked_are_refused,
	a_folder_that_others_may_write_to_is_refused, a_store_without_a_parent_is_an_io_error,
	names_that_leave_the_folder_are_refused)
