/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/memory.h"
#include "process/memory_limit.h"
#include "process/overload.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(each_step_has_its_share)
{
	ck_assert_int_eq(pressure_step(PRESSURE_NONE, 799, 1000), PRESSURE_NONE);
	ck_assert_int_eq(pressure_step(PRESSURE_NONE, 800, 1000), PRESSURE_TRIM);
	ck_assert_int_eq(pressure_step(PRESSURE_NONE, 900, 1000), PRESSURE_CLOSE);
	ck_assert_int_eq(pressure_step(PRESSURE_NONE, 950, 1000), PRESSURE_REFUSE);
	ck_assert_int_eq(pressure_step(PRESSURE_NONE, 980, 1000), PRESSURE_RESET);
	ck_assert_int_eq(pressure_step(PRESSURE_NONE, 5000, 1000), PRESSURE_RESET);
	ck_assert_int_eq(pressure_step(PRESSURE_RESET, 5000, 0), PRESSURE_NONE);
}
END_TEST

START_TEST(a_step_is_left_below_where_it_began)
{
	ck_assert_int_eq(pressure_step(PRESSURE_TRIM, 790, 1000), PRESSURE_TRIM);
	ck_assert_int_eq(pressure_step(PRESSURE_TRIM, 769, 1000), PRESSURE_NONE);
	ck_assert_int_eq(pressure_step(PRESSURE_RESET, 951, 1000), PRESSURE_RESET);
	ck_assert_int_eq(pressure_step(PRESSURE_RESET, 949, 1000), PRESSURE_REFUSE);
	ck_assert_int_eq(pressure_step(PRESSURE_RESET, 100, 1000), PRESSURE_NONE);
	/* A step that was not reached has no such margin. */
	ck_assert_int_eq(pressure_step(PRESSURE_TRIM, 890, 1000), PRESSURE_TRIM);
}
END_TEST

START_TEST(large_figures_do_not_overflow)
{
	uint64_t most = 1ull << 50;
	ck_assert_int_eq(pressure_step(PRESSURE_NONE, most / 2, most), PRESSURE_NONE);
	ck_assert_int_eq(pressure_step(PRESSURE_NONE, most, most), PRESSURE_RESET);
}
END_TEST

/* --- control groups -------------------------------------------------------------------------- */
static char *folder;

static void put(const char *name, const char *text)
{
	char *path = heap_printf("%s/%s", folder, name);
	for (char *p = path + strlen(folder) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

static uint64_t limit_of(const char *self)
{
	put("self", self);
	char *path = heap_printf("%s/self", folder), *mount = heap_printf("%s/mount", folder);
	uint64_t limit = memory_limit_of_cgroup(path, mount);
	free(mount);
	free(path);
	return limit;
}

static void begin(void)
{
	folder = heap_printf("%s/sluice-unit-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void end(void)
{
	char *command = heap_printf("rm -r '%s'", folder);
	ck_assert_int_eq(system(command), 0);
	free(command);
	free(folder);
}

START_TEST(the_least_limit_above_counts)
{
	begin();
	put("mount/a/b/memory.max", "max\n");
	put("mount/a/memory.max", "5000000\n");
	put("mount/memory.max", "9000000\n");
	ck_assert_uint_eq(limit_of("0::/a/b\n"), 5000000);
	ck_assert_uint_eq(limit_of("0::/\n"), 9000000);
	ck_assert_uint_eq(limit_of("0::/not/seen/here\n"), 9000000);
	end();
}
END_TEST

START_TEST(version_1_is_understood)
{
	begin();
	put("mount/memory/a/memory.limit_in_bytes", "7000000\n");
	put("mount/memory/memory.limit_in_bytes", "9223372036854771712\n");
	ck_assert_uint_eq(limit_of("5:cpu,cpuacct:/a\n9:memory:/a\n1:name=x:/a\n"), 7000000);
	ck_assert_uint_eq(limit_of("9:memory:/\n"), 0);
	end();
}
END_TEST

START_TEST(without_groups_there_is_no_limit)
{
	begin();
	ck_assert_uint_eq(limit_of(""), 0);
	ck_assert_uint_eq(limit_of("nonsense\n0::\n"), 0);
	ck_assert_uint_eq(memory_limit_of_cgroup("/nowhere", "/nowhere"), 0);
	put("mount/memory.max", "12 monkeys\n");
	ck_assert_uint_eq(limit_of("0::/\n"), 0);
	end();
}
END_TEST

START_TEST(the_resident_memory_is_that_of_the_process)
{
	int fd = open("/proc/self/statm", O_RDONLY);
	uint64_t before = memory_resident(fd);
	size_t n = 64u << 20;
	volatile char *p = malloc(n);
	for (size_t i = 0; i < n; i += 1024)
		p[i] = 1;
	uint64_t after = memory_resident(fd);
	ck_assert_uint_gt(before, 100000);
	ck_assert_uint_gt(after, before + n / 2);
	free((void *)p);
	close(fd);
	ck_assert_uint_eq(memory_resident(-1), 0);
}
END_TEST

static unsigned long long kilobytes_of_machine(void)
{
	char line[200];
	FILE *f = fopen("/proc/meminfo", "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	fclose(f);
	ck_assert_int_eq(strncmp(line, "MemTotal:", 9), 0);
	return strtoull(line + 9, NULL, 10);
}

START_TEST(the_machine_s_memory_is_what_the_kernel_has)
{
	ck_assert_uint_eq(memory_of_machine(), kilobytes_of_machine() * 1024);
}
END_TEST

UNIT_SUITE(overload, each_step_has_its_share, a_step_is_left_below_where_it_began,
	large_figures_do_not_overflow, the_least_limit_above_counts, version_1_is_understood,
	without_groups_there_is_no_limit, the_resident_memory_is_that_of_the_process,
	the_machine_s_memory_is_what_the_kernel_has)
