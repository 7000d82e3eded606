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
/* As much as a pipe takes without blocking once it is writable, even when its descriptor blocks: it
 * is inherited, and its flags are shared with others. */
#define PIPE_BYTES 4096

static void look_at(struct output *o)
{
	struct stat st;
	if (fstat(o->fd, &st) != 0)
		return;
	o->is_regular = S_ISREG(st.st_mode);
	o->device = st.st_dev;
	o->inode = st.st_ino;
}

static bool open_file(struct output *o)
{
	int fd = open(o->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0)
		return false;
	if (o->fd >= 0)
		close(o->fd);
	o->fd = fd;
	o->is_cut = false;
	look_at(o);
	return true;
}

enum rc output_open(struct output *o, const char *path)
{
	*o = (struct output){.fd = -1};
	if (strcmp(path, "-") == 0) {
		output_borrow(o, STDOUT_FILENO);
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

void output_await(struct output *o, const char *path)
{
	*o = (struct output){.path = heap_strdup(path), .fd = -1, .is_regular = true};
}

void output_borrow(struct output *o, int fd)
{
	*o = (struct output){.fd = fd};
	look_at(o);
}

void output_close(struct output *o)
{
	if (!o->path)
		return;
	if (o->fd >= 0)
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

static bool is_writable(const struct output *o)
{
	struct pollfd p = {.fd = o->fd, .events = POLLOUT};
	return o->is_regular || poll(&p, 1, STUCK_MS) > 0;
}

/* How much of `s` was written: less than all when the disk is full, or the reader gone or stuck. */
static size_t write_some(const struct output *o, struct str s)
{
	size_t done = 0;
	while (done < s.n && is_writable(o)) {
		size_t n = s.n - done;
		if (!o->is_regular && n > PIPE_BYTES)
			n = PIPE_BYTES;
		ssize_t written = write(o->fd, s.p + done, n);
		if (written > 0)
			done += (size_t)written;
		else if (written == 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	return done;
}

void output_write(struct output *o, struct str lines)
{
	if (lines.n == 0)
		return;
	if (o->is_cut && write_some(o, STR("\n")) == 1)
		o->is_cut = false;
	size_t done = o->is_cut ? 0 : write_some(o, lines);
	if (done > 0)
		o->is_cut = lines.p[done - 1] != '\n';
	/* The line feed of a line that was cut is among what is left. */
	o->lost += count_lines(str_from(lines, done));
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
