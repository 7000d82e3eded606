/* SPDX-License-Identifier: Apache-2.0 */
#include "process/plan_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct plan_file {
	int fd;      /* -1: none */
	char *bytes; /* owned: without a file */
	size_t size;
};

static bool read_all(int fd, char *to, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = pread(fd, to + at, size - at, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* Not every file system knows files without names. */
static int open_nameless(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	char *path = heap_printf("%s/.plan-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

struct plan_file *plan_file_new(const char *state_dir, const struct plan_bytes *bytes)
{
	struct plan_file *f = heap_zalloc(sizeof(*f));
	f->size = bytes->n;
	f->fd = open_nameless(state_dir);
	if (f->fd >= 0 && plan_bytes_write(bytes, f->fd))
		return f;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->bytes = heap_strndup(plan_bytes_str(bytes));
	return f;
}

void plan_file_free(struct plan_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->bytes);
	free(f);
}

struct plan *plan_file_read(const struct plan_file *f, char *message, size_t message_size)
{
	struct plan *plan = NULL;
	char *read_back = f->bytes ? NULL : heap_alloc(f->size + 1);
	if (read_back && !read_all(f->fd, read_back, f->size)) {
		snprintf(message, message_size, "the plan's file cannot be read back");
		free(read_back);
		return NULL;
	}
	struct str bytes = str_n(read_back ? read_back : f->bytes, f->size);
	if (plan_decode(bytes, &plan, message, message_size) != RC_OK)
		plan = NULL;
	free(read_back);
	return plan;
}
