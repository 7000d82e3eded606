/* SPDX-License-Identifier: Apache-2.0 */
/* Which files make up a configuration. */
#include "config/sources.h"

#include "config/document.h"

#include "base/memory.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct sources sources;
static struct diagnostics diagnostics;

static char *path_of(const char *name)
{
	return heap_printf("%s/%s", folder, name);
}

static void write_file(const char *name, const char *text)
{
	char *path = path_of(name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

static void make_folder(const char *name)
{
	char *path = path_of(name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	free(path);
}

static void make_link(const char *target, const char *name)
{
	char *path = path_of(name);
	ck_assert_int_eq(symlink(target, path), 0);
	free(path);
}

static void begin(void)
{
	const char *top = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%s/sluice-XXXXXX", top ? top : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static enum rc read_folder(void)
{
	const char *paths[] = {folder};
	diagnostics_init(&diagnostics);
	return sources_read(&sources, paths, 1, NULL, 0, &diagnostics);
}

static void end(void)
{
	char *command = heap_printf("rm -r %s", folder);
	sources_deinit(&sources);
	diagnostics_deinit(&diagnostics);
	ck_assert_int_eq(system(command), 0);
	free(command);
}

static void assert_names(const char *expected)
{
	struct buffer b;
	buffer_init(&b, 4096);
	for (size_t i = 0; i < sources.count; i++)
		buffer_addf(&b, "%s ", sources.items[i].name);
	ck_assert_msg(
		str_eq(buffer_str(&b), str_of(expected)), "got %.*s", STR_ARG(buffer_str(&b)));
	buffer_deinit(&b);
}

START_TEST(reads_folders_in_the_order_of_bytes)
{
	begin();
	make_folder("a");
	make_folder("B");
	write_file("b.yaml", "");
	write_file("a/z.yml", "");
	write_file("a-b.yaml", "");
	write_file("B/c.json", "");
	write_file("notes.txt", "");
	ck_assert_int_eq(read_folder(), RC_OK);
	assert_names("B/c.json a-b.yaml a/z.yml b.yaml ");
	ck_assert(!sources.incomplete);
	end();
}
END_TEST

START_TEST(passes_over_what_editors_leave)
{
	begin();
	make_folder(".git");
	write_file(".git/x.yaml", "");
	write_file(".a.yaml", "");
	write_file("a.yaml~", "");
	write_file("#a.yaml#", "");
	write_file("a.yaml.swp", "");
	write_file("a.yaml.tmp", "");
	write_file("a.yaml", "");
	ck_assert_int_eq(read_folder(), RC_OK);
	assert_names("a.yaml ");
	end();
}
END_TEST

START_TEST(understands_the_links_of_kubernetes)
{
	begin();
	make_folder("..2026_01");
	write_file("..2026_01/a.yaml", "one");
	make_link("..2026_01", "..data");
	make_link("..data/a.yaml", "a.yaml");
	ck_assert_int_eq(read_folder(), RC_OK);
	assert_names("a.yaml ");
	ck_assert_str_eq(sources.items[0].bytes, "one");
	end();
}
END_TEST

START_TEST(ends_in_loops_of_links)
{
	begin();
	make_folder("a");
	make_link("..", "a/up");
	make_link("self.yaml", "self.yaml");
	write_file("a/x.yaml", "");
	ck_assert_int_eq(read_folder(), RC_OK);
	assert_names("a/x.yaml ");
	ck_assert_uint_eq(diagnostics.errors, 2);
	ck_assert(sources.incomplete);
	end();
}
END_TEST

START_TEST(goes_on_without_a_file_that_cannot_be_read)
{
	begin();
	write_file("a.yaml", "x");
	make_link("nowhere", "gone.yaml");
	char *pipe = path_of("pipe.yaml");
	ck_assert_int_eq(mkfifo(pipe, 0600), 0);
	free(pipe);
	ck_assert_int_eq(read_folder(), RC_OK);
	assert_names("a.yaml ");
	ck_assert_uint_eq(diagnostics.errors, 2);
	ck_assert(sources.incomplete);
	end();
}
END_TEST

START_TEST(refuses_files_above_the_limit)
{
	begin();
	write_file("a.yaml", "");
	char *path = path_of("a.yaml");
	ck_assert_int_eq(truncate(path, DOCUMENT_FILE_BYTES_MAX + 1), 0);
	ck_assert_int_eq(read_folder(), RC_OK);
	ck_assert_uint_eq(sources.count, 0);
	ck_assert_ptr_nonnull(strstr(diagnostics.items[0].message, "larger than 4096 KiB"));
	sources_deinit(&sources);
	diagnostics_deinit(&diagnostics);
	ck_assert_int_eq(truncate(path, DOCUMENT_FILE_BYTES_MAX), 0);
	ck_assert_int_eq(read_folder(), RC_OK);
	ck_assert_uint_eq(sources.count, 1);
	free(path);
	end();
}
END_TEST

START_TEST(tells_scripts_from_documents)
{
	begin();
	write_file("house.lua", "");
	write_file("a.yaml", "");
	ck_assert_int_eq(read_folder(), RC_OK);
	ck_assert_uint_eq(sources.count, 2);
	ck_assert(!sources.items[0].is_script && sources.items[1].is_script);
	ck_assert_str_eq(sources.items[1].name, "house.lua");
	end();
}
END_TEST

START_TEST(says_when_a_path_does_not_exist)
{
	const char *paths[] = {"/nonexistent/sluice"};
	diagnostics_init(&diagnostics);
	ck_assert_int_eq(sources_read(&sources, paths, 1, NULL, 0, &diagnostics), RC_NOT_FOUND);
	ck_assert_str_eq(diagnostics.items[0].position.file, "/nonexistent/sluice");
	sources_deinit(&sources);
	diagnostics_deinit(&diagnostics);
}
END_TEST

UNIT_SUITE(sources, reads_folders_in_the_order_of_bytes, passes_over_what_editors_leave,
	understands_the_links_of_kubernetes, ends_in_loops_of_links,
	goes_on_without_a_file_that_cannot_be_read, refuses_files_above_the_limit,
	tells_scripts_from_documents, says_when_a_path_does_not_exist)
