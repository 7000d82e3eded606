/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/output.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a pipe or terminal that takes nothing is waited for. */
#define STUCK_MS 1000

static bool open_file(struct output *o)
{
	struct stat st;
	int fd = open(o->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0) {
		o->device = st.st_dev;
		o->inode = st.st_ino;
	}
	if (o->fd >= 0)
		close(o->fd);
	o->fd = fd;
	return true;
}

enum rc output_open(struct output *o, const char *path)
{
	*o = (struct output){.fd = -1};
	if (strcmp(path, "-") == 0) {
		o->fd = STDOUT_FILENO;
		return RC_OK;
	}
	o->path = heap_strdup(path);
	if (open_file(o))
		return RC_OK;
	int error = errno;
	free(o->path);
	o->path = NULL;
	errno = error;
	return RC_IO;
}

void output_borrow(struct output *o, int fd)
{
	*o = (struct output){.fd = fd};
}

void output_close(struct output *o)
{
	if (!o->path)
		return;
	close(o->fd);
	free(o->path);
	o->path = NULL;
}

static uint64_t count_lines(struct str s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

/* Whether it is worth trying again. */
static bool is_passing(const struct output *o, int error)
{
	struct pollfd p = {.fd = o->fd, .events = POLLOUT};
	if (error == EINTR)
		return true;
	return error == EAGAIN && poll(&p, 1, STUCK_MS) > 0;
}

void output_write(struct output *o, struct str lines)
{
	while (lines.n > 0) {
		ssize_t n = write(o->fd, lines.p, lines.n);
		if (n > 0) {
			lines = str_from(lines, (size_t)n);
			continue;
		}
		if (n < 0 && is_passing(o, errno))
			continue;
		o->lost += count_lines(lines);
		return;
	}
}

static bool is_at_path(const struct output *o)
{
	struct stat st;
	return stat(o->path, &st) == 0 && st.st_dev == o->device && st.st_ino == o->inode;
}

void output_reopen(struct output *o, bool always)
{
	if (o->path && (always || !is_at_path(o)))
		open_file(o);
}
