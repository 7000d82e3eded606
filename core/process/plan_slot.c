/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of the plan store as files.
 *
 * fdatasync for the file and fsync for the folder: what a rename puts in place is on the disk before
 * the rename is. The temporary file is made anew each time (O_EXCL after unlink), so that nothing of
 * a save that was cut short is left in it. */
#include "process/plan_slot.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT       1
#define MAGIC        "SLUICEPL"
#define HEADER_BYTES 80
#define DIGEST_AT    48

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

/* Over the header's fields and the digest of the bytes, so that the bytes are hashed in place. */
static void digest_of(
	const uint8_t header[HEADER_BYTES], struct str bytes, uint8_t out[SHA256_BYTES])
{
	uint8_t both[DIGEST_AT + SHA256_BYTES];
	memcpy(both, header, DIGEST_AT);
	sha256(bytes, both + DIGEST_AT);
	sha256(str_n((const char *)both, sizeof(both)), out);
}

/* --- reading --------------------------------------------------------------------------------- */
static bool read_all(int fd, char *to, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, to, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		n -= (size_t)got;
	}
	return true;
}

static enum rc damaged(const char **message, const char *why)
{
	*message = why;
	return RC_INVALID;
}

static enum rc read_open(
	int fd, struct buffer *bytes, struct plan_store_info *info, const char **message)
{
	uint8_t header[HEADER_BYTES], digest[SHA256_BYTES];
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return damaged(message, "it is no regular file");
	if (!read_all(fd, (char *)header, sizeof(header)))
		return damaged(message, "it is shorter than its header");
	if (memcmp(header, MAGIC, 8) != 0)
		return damaged(message, "it is no saved plan");
	if (get(header + 8, 4) != FORMAT)
		return damaged(message, "another version wrote it");
	uint64_t length = get(header + 40, 8);
	if (length == 0 || length > LIMIT_PLAN_BYTES || (uint64_t)st.st_size != HEADER_BYTES + length)
		return damaged(message, "its length is wrong");
	char *room = buffer_reserve(bytes, length);
	if (!room)
		return damaged(message, "it is too large");
	if (!read_all(fd, room, length))
		return damaged(message, "it cannot be read to its end");
	digest_of(header, str_n(room, length), digest);
	if (memcmp(digest, header + DIGEST_AT, SHA256_BYTES) != 0)
		return damaged(message, "its digest is wrong");
	buffer_commit(bytes, length);
	*info = (struct plan_store_info){
		.sequence = get(header + 16, 8),
		.generation = get(header + 24, 8),
		.saved_wall_us = (int64_t)get(header + 32, 8),
	};
	return RC_OK;
}

enum rc plan_slot_read(const char *dir, unsigned slot, struct buffer *bytes,
	struct plan_store_info *info, const char **message)
{
	char *path = heap_printf("%s/%u", dir, slot);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int error = errno;
	free(path);
	if (fd < 0) {
		*message = strerror(error);
		errno = error;
		return error == ENOENT ? RC_NOT_FOUND : RC_IO;
	}
	enum rc rc = read_open(fd, bytes, info, message);
	close(fd);
	return rc;
}

/* --- writing --------------------------------------------------------------------------------- */
static bool write_file(const char *path, const uint8_t header[HEADER_BYTES], struct str bytes)
{
	if (unlink(path) != 0 && errno != ENOENT)
		return false;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool ok = file_write_all(fd, str_n((const char *)header, HEADER_BYTES)) &&
		  file_write_all(fd, bytes) && fdatasync(fd) == 0;
	int error = errno;
	ok &= close(fd) == 0;
	errno = error;
	return ok;
}

static bool replace(
	const char *dir, unsigned slot, const uint8_t header[HEADER_BYTES], struct str bytes)
{
	char *path = heap_printf("%s/%u", dir, slot);
	char *temporary = heap_printf("%s/new", dir);
	bool ok = write_file(temporary, header, bytes) && rename(temporary, path) == 0;
	int error = errno;
	if (!ok)
		unlink(temporary); /* a full disk gets its room back */
	errno = error;
	ok = ok && file_sync_folder(dir);
	free(temporary);
	free(path);
	return ok;
}

struct slots {
	uint64_t sequences[PLAN_SLOTS]; /* 0: not whole */
	int same;                       /* the slot that has the bytes; -1: none */
};

static struct slots look(const char *dir, struct str bytes)
{
	struct slots s = {.same = -1};
	const char *unused;
	struct buffer found;
	buffer_init(&found, LIMIT_PLAN_BYTES);
	for (unsigned i = 0; i < PLAN_SLOTS; i++) {
		struct plan_store_info info;
		buffer_reset(&found);
		if (plan_slot_read(dir, i, &found, &info, &unused) != RC_OK)
			continue;
		s.sequences[i] = info.sequence;
		if (str_eq(buffer_str(&found), bytes))
			s.same = (int)i;
	}
	buffer_deinit(&found);
	return s;
}

static enum rc write_alone(const char *dir, uint64_t generation, int64_t wall_us, struct str bytes)
{
	uint8_t header[HEADER_BYTES] = MAGIC;
	struct slots s = look(dir, bytes);
	unsigned newest = s.sequences[1] > s.sequences[0];
	if (s.sequences[newest] != 0 && s.same == (int)newest)
		return RC_OK;
	put(header + 8, FORMAT, 4);
	put(header + 16, s.sequences[newest] + 1, 8);
	put(header + 24, generation, 8);
	put(header + 32, (uint64_t)wall_us, 8);
	put(header + 40, bytes.n, 8);
	digest_of(header, bytes, header + DIGEST_AT);
	/* With nothing whole slot 1 is written first, which is as good as 0. */
	return replace(dir, 1 - newest, header, bytes) ? RC_OK : RC_IO;
}

/* One at a time: a standby and an upgrade's successor save to the same folder. */
enum rc plan_slot_write(const char *dir, uint64_t generation, int64_t wall_us, struct str bytes)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return RC_IO;
	int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_locked = lock >= 0 && flock(lock, LOCK_EX) == 0;
	enum rc rc = is_locked ? write_alone(dir, generation, wall_us, bytes) : RC_IO;
	int error = errno;
	if (lock >= 0)
		close(lock);
	errno = error;
	return rc;
}
