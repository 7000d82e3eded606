/* SPDX-License-Identifier: Apache-2.0 */
#include "process/memory_limit.h"

#include "base/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* "max" in version 2, a number near 2^63 in version 1: no limit. */
#define NO_LIMIT (1ull << 60)

static uint64_t read_limit(const char *path)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NO_LIMIT;
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	struct str digits = str_n(text, n > 0 ? (size_t)n : 0);
	uint64_t value;
	if (digits.n > 0 && digits.p[digits.n - 1] == '\n')
		digits.n--;
	return str_to_u64(digits, NO_LIMIT, &value) == RC_OK ? value : NO_LIMIT;
}

/* From the group itself up to the mount: each of them bounds it. In a container the path may be the
 * host's, and then only the mount itself is there. */
static uint64_t least_above(const char *mount, const char *group, const char *file)
{
	char *path = heap_printf("%s%s", mount, group);
	uint64_t least = NO_LIMIT;
	for (size_t n = strlen(path), root = strlen(mount); n >= root; n--) {
		if (n > root && path[n] != '/' && path[n] != '\0')
			continue;
		path[n] = '\0';
		char *limit = heap_printf("%s/%s", path, file);
		uint64_t value = read_limit(limit);
		least = value < least ? value : least;
		free(limit);
	}
	free(path);
	return least;
}

/* "0::/group" of version 2, "9:memory:/group" of version 1. */
static uint64_t limit_of_line(char *line, const char *mount)
{
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!group)
		return NO_LIMIT;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (controllers[1] == '\0')
		return least_above(mount, group, "memory.max");
	if (strcmp(controllers + 1, "memory") != 0)
		return NO_LIMIT;
	char *below = heap_printf("%s/memory", mount);
	uint64_t least = least_above(below, group, "memory.limit_in_bytes");
	free(below);
	return least;
}

uint64_t memory_limit_of_cgroup(const char *self, const char *mount)
{
	char line[4096];
	uint64_t least = NO_LIMIT;
	FILE *f = fopen(self, "re");
	while (f && fgets(line, sizeof(line), f)) {
		uint64_t value = limit_of_line(line, mount);
		least = value < least ? value : least;
	}
	if (f)
		fclose(f);
	return least == NO_LIMIT ? 0 : least;
}

uint64_t memory_of_machine(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

uint64_t memory_resident(int statm_fd)
{
	char text[128];
	uint64_t pages;
	ssize_t n = pread(statm_fd, text, sizeof(text), 0);
	struct str rest = str_n(text, n > 0 ? (size_t)n : 0);
	str_cut(&rest, ' '); /* the size */
	if (str_to_u64(str_cut(&rest, ' '), UINT64_MAX >> 16, &pages) != RC_OK)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
