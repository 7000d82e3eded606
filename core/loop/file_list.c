/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/file_list.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What tells a file's state from another; all 0: it is not there. */
struct state {
	uint64_t device, inode, size;
	int64_t modified_ns, changed_ns;
};

struct file {
	char *path; /* owned */
	struct state seen;
};

struct file_list {
	struct loop *loop;
	file_list_fn *fn;
	void *arg;
	struct timer timer;
	struct file *files; /* owned */
	size_t count, capacity;
	int64_t read_ns;
	bool has_changed; /* since the last look but one */
};

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static struct state state_of(const char *path)
{
	struct stat st;
	struct state s;
	memset(&s, 0, sizeof(s)); /* it is compared as bytes */
	if (stat(path, &st) != 0)
		return s;
	s.device = st.st_dev;
	s.inode = st.st_ino;
	s.size = (uint64_t)st.st_size;
	s.modified_ns = ns_of(&st.st_mtim);
	s.changed_ns = ns_of(&st.st_ctim);
	return s;
}

/* Whether any differs from what was seen last. */
static bool look(struct file_list *f)
{
	bool differs = false;
	for (size_t i = 0; i < f->count; i++) {
		struct state now = state_of(f->files[i].path);
		differs |= memcmp(&now, &f->files[i].seen, sizeof(now)) != 0;
		f->files[i].seen = now;
	}
	return differs;
}

static void on_timer(struct timer *t)
{
	struct file_list *f = CONTAINER_OF(t, struct file_list, timer);
	bool differs = look(f), is_due = f->has_changed && !differs;
	f->has_changed = differs;
	timer_start(f->loop, &f->timer, FILE_LIST_POLL_MS);
	if (is_due)
		f->fn(f->arg);
}

struct file_list *file_list_new(struct loop *loop, file_list_fn *fn, void *arg)
{
	struct file_list *f = heap_zalloc(sizeof(*f));
	f->loop = loop;
	f->fn = fn;
	f->arg = arg;
	timer_init(&f->timer, on_timer);
	return f;
}

void file_list_begin(struct file_list *f, int64_t read_wall_us)
{
	while (f->count > 0)
		free(f->files[--f->count].path);
	timer_stop(&f->timer);
	f->has_changed = false;
	f->read_ns = read_wall_us * 1000;
}

void file_list_free(struct file_list *f)
{
	if (!f)
		return;
	file_list_begin(f, 0);
	free(f->files);
	free(f);
}

void file_list_add(struct file_list *f, struct str path)
{
	if (f->count == FILE_LIST_MAX)
		return;
	if (f->count == f->capacity) {
		f->capacity = f->capacity ? 2 * f->capacity : 8;
		f->files = heap_realloc(f->files, f->capacity * sizeof(struct file));
	}
	struct file *file = &f->files[f->count++];
	file->path = heap_strndup(path);
	file->seen = state_of(file->path);
	f->has_changed |= file->seen.changed_ns >= f->read_ns;
	if (!timer_is_running(&f->timer))
		timer_start(f->loop, &f->timer, FILE_LIST_POLL_MS);
}
