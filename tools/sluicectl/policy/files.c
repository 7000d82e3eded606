/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/policy/files.h"

#include "base/file.h"
#include "base/memory.h"
#include "sluicectl/policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES 65536

static bool fail(const char *path)
{
	policy_fail("%s: %s", path, strerror(errno));
	return false;
}

bool whole_file_read(const char *path, size_t bytes_max, struct buffer *out)
{
	ssize_t n = 1;
	buffer_init(out, bytes_max);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(path);
	while (n > 0) {
		char block[READ_BYTES];
		n = read(fd, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			buffer_add(out, str_n(block, (size_t)n));
	}
	int error = errno;
	close(fd);
	errno = error;
	if (n < 0)
		return fail(path);
	if (out->failed)
		policy_fail("%s: has more than %zu bytes", path, bytes_max);
	return !out->failed;
}

static void fail_to_write(const char *path)
{
	if (errno == EEXIST)
		policy_fail("%s: is there already; --force writes over it", path);
	else
		fail(path);
}

static bool write_new(const char *path, struct str bytes, unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return false;
	bool is_written = file_write_all(fd, bytes) && fsync(fd) == 0;
	return (close(fd) == 0) && is_written;
}

bool whole_file_write(const char *path, struct str bytes, unsigned mode, bool force)
{
	char *unfinished = heap_printf("%s.%ld", path, (long)getpid());
	bool is_done = false;
	if (!write_new(unfinished, bytes, mode) ||
		(force ? rename(unfinished, path) != 0 : link(unfinished, path) != 0))
		fail_to_write(path);
	else
		is_done = true;
	unlink(unfinished);
	free(unfinished);
	return is_done;
}
