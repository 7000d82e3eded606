/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/* As many as the kernel takes in one call (IOV_MAX). */
#define PIECES_AT_ONCE 1024

bool file_write_all(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n == 0)
			errno = EIO; /* no file does that; none may hold us up */
		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		if (n > 0)
			bytes = str_from(bytes, (size_t)n);
	}
	return true;
}

/* How many pieces `n` bytes are behind the first *begun ones, which have been written already; sets it
 * to those of the next piece. */
static size_t pass(const struct str *pieces, size_t count, size_t *begun, size_t n)
{
	size_t passed = 0;
	n += *begun;
	while (passed < count && n >= pieces[passed].n)
		n -= pieces[passed++].n;
	*begun = n;
	return passed;
}

static ssize_t write_some(int fd, const struct str *pieces, size_t count, size_t begun)
{
	struct iovec vector[PIECES_AT_ONCE];
	int n = count < PIECES_AT_ONCE ? (int)count : PIECES_AT_ONCE;
	for (int i = 0; i < n; i++) {
		struct str rest = str_from(pieces[i], i == 0 ? begun : 0);
		vector[i] = (struct iovec){(void *)rest.p, rest.n};
	}
	return writev(fd, vector, n);
}

bool file_write_pieces(int fd, const struct str *pieces, size_t count)
{
	size_t begun = 0;
	size_t at = pass(pieces, count, &begun, 0); /* without bytes */
	while (at < count) {
		ssize_t n = write_some(fd, pieces + at, count - at, begun);
		if (n == 0)
			errno = EIO;
		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		if (n > 0)
			at += pass(pieces + at, count - at, &begun, (size_t)n);
	}
	return true;
}

bool file_sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = fsync(fd) == 0;
	int error = errno;
	close(fd);
	errno = error;
	return ok;
}
