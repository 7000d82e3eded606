/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored is what was hashed: the file is read once, and written from that memory under a
 * name of its own, which becomes the final one when everything is on the disk. Whoever finds the
 * final name finds it whole, and its digest is looked at again all the same, since disks and people
 * make mistakes.
 *
 * The folders hold code that will be run: they belong to this user, and nobody else may write to
 * them.
 */
#include "package/package_priv.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc fail_errno(struct package_message m, const char *path)
{
	return package_fail(m, RC_IO, "%s: %s", path, strerror(errno));
}

/* --- folders --------------------------------------------------------------------------------- */
static enum rc make_folder(const char *path, struct package_message m)
{
	struct stat st;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail_errno(m, path);
	if (lstat(path, &st) != 0)
		return fail_errno(m, path);
	if (!S_ISDIR(st.st_mode))
		return package_fail(m, RC_REFUSED, "%s: expected a folder", path);
	if (st.st_uid != geteuid())
		return package_fail(m, RC_REFUSED, "%s: belongs to another user", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return package_fail(m, RC_REFUSED, "%s: others may write to it", path);
	return RC_OK;
}

/* --- files ----------------------------------------------------------------------------------- */
static bool write_file(const char *path, struct str bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool ok = file_write_all(fd, bytes) && fchmod(fd, 0500) == 0 && fsync(fd) == 0;
	int saved = errno;
	close(fd);
	errno = saved;
	return ok;
}

/* Whether the file is there, a plain file, and has that digest. */
static bool has_digest(const char *path, const uint8_t expected[SHA256_BYTES])
{
	char unread[160];
	uint8_t digest[SHA256_BYTES];
	struct buffer bytes;
	struct package_message m = {unread, sizeof(unread)};
	if (package_read_bytes(path, O_NOFOLLOW, &bytes, m) != RC_OK)
		return false;
	sha256(buffer_str(&bytes), digest);
	buffer_deinit(&bytes);
	return memcmp(digest, expected, sizeof(digest)) == 0;
}

static enum rc put_file(
	const char *folder, const char *path, struct str bytes, struct package_message m)
{
	uint64_t unique;
	if (random_bytes(&unique, sizeof(unique)) != RC_OK)
		return fail_errno(m, path);
	char *unfinished = heap_printf("%s/.%016llx", folder, (unsigned long long)unique);
	enum rc rc = RC_OK;
	if (!write_file(unfinished, bytes) || rename(unfinished, path) != 0 || !file_sync_folder(folder))
		rc = fail_errno(m, path);
	if (rc != RC_OK)
		unlink(unfinished);
	free(unfinished);
	return rc;
}

/* --- the store ------------------------------------------------------------------------------- */
static enum rc copy_in(const char *folder, const char *path, const char *from,
	const uint8_t expected[SHA256_BYTES], struct package_message m)
{
	uint8_t digest[SHA256_BYTES];
	struct buffer bytes;
	enum rc rc = package_read_bytes(from, 0, &bytes, m);
	if (rc != RC_OK)
		return rc;
	sha256(buffer_str(&bytes), digest);
	if (memcmp(digest, expected, sizeof(digest)) != 0)
		rc = package_fail(m, RC_INVALID,
			"%s: is not the file that was checked: another digest", from);
	else
		rc = put_file(folder, path, buffer_str(&bytes), m);
	buffer_deinit(&bytes);
	if (rc == RC_OK && !has_digest(path, expected))
		rc = package_fail(m, RC_IO, "%s: was damaged while it was written", path);
	return rc;
}

/* A file name and nothing more; no hidden one, which unfinished files are. */
static bool is_name(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n <= 200 && name[0] != '.' && !strchr(name, '/');
}

enum rc package_store(const char *store_dir, const char *path, const char *name,
	const uint8_t expected[SHA256_BYTES], char **stored, char *message, size_t message_size)
{
	struct package_message m = {message, message_size};
	char hex[SHA256_BYTES * 2];
	if (!is_name(name))
		return package_fail(m, RC_INVALID, "\"%s\" is no name of a plugin", name);
	sha256_hex(expected, hex);
	char *folder = heap_printf("%s/%.*s", store_dir, (int)sizeof(hex), hex);
	char *to = heap_printf("%s/%s.so", folder, name);
	enum rc rc = make_folder(store_dir, m);
	if (rc == RC_OK)
		rc = make_folder(folder, m);
	if (rc == RC_OK && !has_digest(to, expected))
		rc = copy_in(folder, to, path, expected, m);
	free(folder);
	if (rc == RC_OK)
		*stored = to;
	else
		free(to);
	return rc;
}
