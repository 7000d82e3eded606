/* SPDX-License-Identifier: Apache-2.0 */
#include "process/plugin_watch.h"

#include "base/memory.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define QUIET_MS 500

struct plugin_watch {
	struct file_watch *watch;
	const char *folder;
	uint64_t seen;
	file_watch_fn *fn;
	void *arg;
};

static uint64_t mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t sum_of_file(const char *name, const struct stat *st)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	for (const char *c = name; *c; c++)
		sum = mix(sum, (unsigned char)*c);
	sum = mix(sum, st->st_ino);
	sum = mix(sum, (uint64_t)st->st_size);
	sum = mix(sum, (uint64_t)st->st_mtim.tv_sec);
	return mix(sum, (uint64_t)st->st_mtim.tv_nsec);
}

/* Of all plugins that are there now, in whatever order the folder lists them. */
static uint64_t sum_of(const char *folder)
{
	DIR *dir = opendir(folder);
	if (!dir)
		return 0;
	uint64_t sum = 1;
	struct stat st;
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.' && str_ends(str_of(e->d_name), STR(".so")) &&
			fstatat(dirfd(dir), e->d_name, &st, 0) == 0)
			sum += sum_of_file(e->d_name, &st);
	closedir(dir);
	return sum;
}

static void on_change(void *arg)
{
	struct plugin_watch *w = arg;
	uint64_t sum = sum_of(w->folder);
	if (sum == w->seen)
		return;
	w->seen = sum;
	w->fn(w->arg);
}

struct plugin_watch *plugin_watch_new(
	struct loop *loop, const char *folder, file_watch_fn *fn, void *arg)
{
	struct plugin_watch *w = heap_zalloc(sizeof(*w));
	*w = (struct plugin_watch){.folder = folder, .fn = fn, .arg = arg};
	w->watch = file_watch_new(loop, folder, QUIET_MS, on_change, w);
	if (!w->watch) {
		int error = errno;
		free(w);
		errno = error;
		return NULL;
	}
	w->seen = sum_of(folder);
	return w;
}

void plugin_watch_free(struct plugin_watch *w)
{
	if (!w)
		return;
	file_watch_free(w->watch);
	free(w);
}
