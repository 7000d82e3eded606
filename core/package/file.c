/* SPDX-License-Identifier: Apache-2.0 */
#include "package/package_priv.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum rc package_fail(struct package_message m, enum rc rc, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(m.text, m.size, format, args);
	va_end(args);
	return rc;
}

static enum rc fail_open(struct package_message m, const char *path)
{
	bool is_absent = errno == ENOENT || errno == ENOTDIR;
	return package_fail(m, is_absent ? RC_NOT_FOUND : RC_IO, "%s: %s", path, strerror(errno));
}

static enum rc read_fd(int fd, const char *path, struct buffer *out, struct package_message m)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return package_fail(m, RC_IO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return package_fail(m, RC_INVALID, "%s: is not a file", path);
	if (st.st_mode & S_IWOTH)
		return package_fail(
			m, RC_REFUSED, "%s: everybody could write to it (chmod o-w)", path);
	if (st.st_size > PACKAGE_FILE_BYTES_MAX)
		return package_fail(
			m, RC_INVALID, "%s: has more than %u bytes", path, PACKAGE_FILE_BYTES_MAX);
	/* One more than it has: a file that grows meanwhile is read on. */
	size_t want = (size_t)st.st_size + 1;
	for (;;) {
		char *to = out->n > PACKAGE_FILE_BYTES_MAX ? NULL : buffer_reserve(out, want);
		if (!to)
			return package_fail(m, RC_INVALID, "%s: has more than %u bytes", path,
				PACKAGE_FILE_BYTES_MAX);
		ssize_t n = read(fd, to, want);
		if (n < 0 && errno != EINTR)
			return package_fail(m, RC_IO, "%s: %s", path, strerror(errno));
		if (n == 0)
			return RC_OK;
		if (n > 0) {
			buffer_commit(out, (size_t)n);
			want = (size_t)n < want ? want - (size_t)n : 65536;
		}
	}
}

enum rc package_read_bytes(
	const char *path, int flags, struct buffer *out, struct package_message m)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
	if (fd < 0)
		return fail_open(m, path);
	buffer_init(out, (size_t)PACKAGE_FILE_BYTES_MAX + 1);
	enum rc rc = read_fd(fd, path, out, m);
	close(fd);
	if (rc != RC_OK)
		buffer_deinit(out);
	return rc;
}

enum rc package_read(const char *path, struct package *out, char *message, size_t message_size)
{
	struct package_message m = {message, message_size};
	char detail[160];
	struct buffer bytes;
	struct package_facts facts;
	enum rc rc = package_read_bytes(path, 0, &bytes, m);
	if (rc != RC_OK)
		return rc;
	rc = package_inspect(
		buffer_str(&bytes), PACKAGE_THIS_MACHINE, &facts, detail, sizeof(detail));
	if (rc == RC_OK) {
		*out = (struct package){.path = heap_strdup(path),
			.name = heap_strndup(str_file_stem(path, STR(".so"))),
			.definition = heap_strndup(facts.definition),
			.definition_bytes = facts.definition.n,
			.abi = facts.abi};
		sha256(buffer_str(&bytes), out->sha256);
	} else {
		package_fail(m, rc, "%s: %s", path, detail);
	}
	buffer_deinit(&bytes);
	return rc;
}

void package_deinit(struct package *p)
{
	free(p->path);
	free(p->name);
	free(p->definition);
	*p = (struct package){0};
}
