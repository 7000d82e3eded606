/* SPDX-License-Identifier: Apache-2.0 */
#include "state/keep.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/little_endian.h"
#include "base/memory.h"
#include "crypto/crypto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      "SLKEPT01"
#define DIGEST_AT  8
#define SAVED_AT   40
#define OWNER_AT   48
#define NAME_AT    50
#define TEXT_AT    52
#define HEAD_BYTES 56
#define TEMPORARY  "new-"
/* What a writer has left behind that did not come to its end. */
#define LEFTOVER_S 3600

/* Of writers: they look at the folder, and have one name for what is not whole. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- the bytes ------------------------------------------------------------------------------- */
enum rc keep_parse(
	struct str file, struct str owner, struct str name, struct str *text, int64_t *saved_us)
{
	uint8_t digest[SHA256_BYTES];
	if (file.n < HEAD_BYTES || memcmp(file.p, MAGIC, DIGEST_AT) != 0)
		return RC_INVALID;
	sha256(str_from(file, SAVED_AT), digest);
	size_t owner_n = le_get(file.p + OWNER_AT, 2), name_n = le_get(file.p + NAME_AT, 2);
	uint64_t text_n = le_get(file.p + TEXT_AT, 4);
	if (memcmp(digest, file.p + DIGEST_AT, SHA256_BYTES) != 0 ||
		file.n != HEAD_BYTES + owner_n + name_n + text_n)
		return RC_INVALID;
	if (!str_eq(str_slice(file, HEAD_BYTES, owner_n), owner) ||
		!str_eq(str_slice(file, HEAD_BYTES + owner_n, name_n), name))
		return RC_INVALID;
	*text = str_from(file, HEAD_BYTES + owner_n + name_n);
	*saved_us = (int64_t)le_get(file.p + SAVED_AT, 8);
	return RC_OK;
}

/* --- names ----------------------------------------------------------------------------------- */
static char *path_new(const char *dir, struct str owner, struct str name)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES];
	struct buffer both;
	buffer_init(&both, KEEP_FILE_BYTES);
	buffer_add(&both, owner);
	buffer_add_char(&both, '\0');
	buffer_add(&both, name);
	sha256(buffer_str(&both), digest);
	buffer_deinit(&both);
	sha256_hex(digest, hex);
	return heap_printf("%s/%.*s", dir, (int)sizeof(hex), hex);
}

/* --- reading --------------------------------------------------------------------------------- */
static enum rc read_file(const char *path, struct buffer *file)
{
	struct stat st;
	char block[16384];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
	bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	while (is_file && (n = read(fd, block, sizeof(block))) > 0)
		buffer_add(file, str_n(block, (size_t)n));
	int error = errno;
	close(fd);
	errno = error;
	if (n < 0)
		return RC_IO;
	return is_file && !file->failed ? RC_OK : RC_INVALID;
}

enum rc keep_read(
	const char *dir, struct str owner, struct str name, struct buffer *text, int64_t *saved_us)
{
	struct buffer file;
	struct str found;
	char *path = path_new(dir, owner, name);
	buffer_init(&file, KEEP_FILE_BYTES);
	enum rc rc = read_file(path, &file);
	if (rc == RC_OK)
		rc = keep_parse(buffer_str(&file), owner, name, &found, saved_us);
	if (rc == RC_OK)
		buffer_add(text, found);
	buffer_deinit(&file);
	free(path);
	return rc;
}

/* --- room ------------------------------------------------------------------------------------ */
struct folder {
	size_t count; /* of files other than the one to be written */
	time_t oldest;
	char oldest_name[2 * SHA256_BYTES + 1];
};

static void look_at(struct folder *f, int dir, const char *name, const char *own)
{
	struct stat st;
	if (name[0] == '.' || strcmp(name, own) == 0 ||
		fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	if (strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0) {
		if (st.st_mtime < time(NULL) - LEFTOVER_S)
			unlinkat(dir, name, 0);
		return;
	}
	size_t n = strlen(name);
	if (n >= sizeof(f->oldest_name))
		return;
	if (f->count++ == 0 || st.st_mtime < f->oldest) {
		f->oldest = st.st_mtime;
		memcpy(f->oldest_name, name, n + 1);
	}
}

/* False: it cannot be looked at. */
static bool make_room(const char *path, const char *own)
{
	struct folder f;
	do {
		DIR *dir = opendir(path);
		if (!dir)
			return false;
		f = (struct folder){0};
		for (struct dirent *e; (e = readdir(dir));)
			look_at(&f, dirfd(dir), e->d_name, own);
		bool is_gone =
			f.count < LIMIT_KEPT_FILES || unlinkat(dirfd(dir), f.oldest_name, 0) == 0;
		closedir(dir);
		if (!is_gone)
			return false;
	} while (f.count > LIMIT_KEPT_FILES);
	return true;
}

/* --- writing --------------------------------------------------------------------------------- */
static bool write_file(const char *path, const struct str *pieces, size_t count)
{
	if (unlink(path) != 0 && errno != ENOENT)
		return false;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool ok = file_write_pieces(fd, pieces, count) && fdatasync(fd) == 0;
	int error = errno;
	ok &= close(fd) == 0;
	errno = error;
	return ok;
}

static bool replace(const char *dir, const char *path, const struct str *pieces, size_t count)
{
	char *temporary = heap_printf("%s/" TEMPORARY "%ld", dir, (long)getpid());
	pthread_mutex_lock(&lock);
	bool ok = make_room(dir, path + strlen(dir) + 1) && write_file(temporary, pieces, count) &&
		  rename(temporary, path) == 0;
	int error = errno;
	if (!ok)
		unlink(temporary); /* a full disk gets its room back */
	pthread_mutex_unlock(&lock);
	free(temporary);
	errno = error;
	return ok;
}

enum rc keep_write(
	const char *dir, struct str owner, struct str name, struct str text, int64_t now_us)
{
	char sizes[HEAD_BYTES - SAVED_AT];
	uint8_t digest[SHA256_BYTES];
	struct buffer body;
	if (owner.n > UINT16_MAX || name.n > UINT16_MAX || text.n > LIMIT_KEPT_BYTES)
		return RC_FULL;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return RC_IO;
	le_put(sizes, (uint64_t)now_us, 8);
	le_put(sizes + OWNER_AT - SAVED_AT, owner.n, 2);
	le_put(sizes + NAME_AT - SAVED_AT, name.n, 2);
	le_put(sizes + TEXT_AT - SAVED_AT, text.n, 4);
	buffer_init(&body, KEEP_FILE_BYTES);
	buffer_add(&body, str_n(sizes, sizeof(sizes)));
	buffer_add(&body, owner);
	buffer_add(&body, name);
	buffer_add(&body, text);
	sha256(buffer_str(&body), digest);
	const struct str pieces[] = {
		STR(MAGIC), str_n((const char *)digest, sizeof(digest)), buffer_str(&body)};
	char *path = path_new(dir, owner, name);
	bool ok = replace(dir, path, pieces, 3);
	buffer_deinit(&body);
	free(path);
	return ok ? RC_OK : RC_IO;
}

enum rc keep_remove(const char *dir, struct str owner, struct str name)
{
	char *path = path_new(dir, owner, name);
	int rc = unlink(path);
	free(path);
	return rc == 0 ? RC_OK : errno == ENOENT ? RC_NOT_FOUND : RC_IO;
}
