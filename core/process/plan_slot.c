/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of the plan store as files.
 *
 * fdatasync for the file and fsync for the folder: what a rename puts in place is on the disk
 * before the rename is. The temporary file is made anew each time (O_EXCL after unlink), so that
 * nothing of a save that was cut short is left in it. */
#include "process/plan_slot.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/little_endian.h"
#include "base/memory.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT       2
#define MAGIC        "SLUICEPL"
#define HEADER_BYTES 112
#define CONTENT_AT   48
#define DIGEST_AT    80
/* The file that names the slot that has proved itself: its magic, and the digest of that plan's
 * bytes. */
#define PROVEN       "proven"
#define PROVEN_MAGIC "SLUICEPR"
#define PROVEN_BYTES (8 + SHA256_BYTES)

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

static enum rc read_header(int fd, uint8_t header[HEADER_BYTES], const char **message)
{
	uint8_t digest[SHA256_BYTES];
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return damaged(message, "it is no regular file");
	if (!read_all(fd, (char *)header, HEADER_BYTES))
		return damaged(message, "it is shorter than its header");
	if (memcmp(header, MAGIC, 8) != 0)
		return damaged(message, "it is no saved plan");
	if (le_get(header + 8, 4) != FORMAT)
		return damaged(message, "another version wrote it");
	uint64_t length = le_get(header + 40, 8);
	if (length == 0 || length > LIMIT_PLAN_BYTES ||
		(uint64_t)st.st_size != HEADER_BYTES + length)
		return damaged(message, "its length is wrong");
	sha256(str_n((const char *)header, DIGEST_AT), digest);
	if (memcmp(digest, header + DIGEST_AT, SHA256_BYTES) != 0)
		return damaged(message, "its digest is wrong");
	return RC_OK;
}

static enum rc read_content(
	int fd, const uint8_t header[HEADER_BYTES], struct buffer *bytes, const char **message)
{
	uint8_t digest[SHA256_BYTES];
	uint64_t length = le_get(header + 40, 8);
	char *room = buffer_reserve(bytes, length);
	if (!room)
		return damaged(message, "it is too large");
	if (!read_all(fd, room, length))
		return damaged(message, "it cannot be read to its end");
	sha256(str_n(room, length), digest);
	if (memcmp(digest, header + CONTENT_AT, SHA256_BYTES) != 0)
		return damaged(message, "its digest is wrong");
	buffer_commit(bytes, length);
	return RC_OK;
}

static int open_in(const char *dir, const char *name)
{
	char *path = heap_printf("%s/%s", dir, name);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int error = errno;
	free(path);
	errno = error;
	return fd;
}

/* All zero, which no plan has, when none has proved itself. */
static void read_proven(const char *dir, uint8_t content[SHA256_BYTES])
{
	uint8_t bytes[PROVEN_BYTES];
	int fd = open_in(dir, PROVEN);
	bool is_whole = fd >= 0 && read_all(fd, (char *)bytes, sizeof(bytes)) &&
			memcmp(bytes, PROVEN_MAGIC, 8) == 0;
	if (fd >= 0)
		close(fd);
	memset(content, 0, SHA256_BYTES);
	if (is_whole)
		memcpy(content, bytes + 8, SHA256_BYTES);
}

static enum rc read_open(int fd, const char *dir, struct buffer *bytes,
	struct plan_store_info *info, const char **message)
{
	uint8_t header[HEADER_BYTES], proven[SHA256_BYTES];
	enum rc rc = read_header(fd, header, message);
	if (rc == RC_OK && bytes)
		rc = read_content(fd, header, bytes, message);
	if (rc != RC_OK)
		return rc;
	read_proven(dir, proven);
	*info = (struct plan_store_info){
		.sequence = le_get(header + 16, 8),
		.generation = le_get(header + 24, 8),
		.saved_wall_us = (int64_t)le_get(header + 32, 8),
		.has_proved = memcmp(proven, header + CONTENT_AT, SHA256_BYTES) == 0,
	};
	memcpy(info->content, header + CONTENT_AT, SHA256_BYTES);
	return RC_OK;
}

enum rc plan_slot_read(const char *dir, unsigned slot, struct buffer *bytes,
	struct plan_store_info *info, const char **message)
{
	char name[12];
	snprintf(name, sizeof(name), "%u", slot);
	int fd = open_in(dir, name);
	if (fd < 0) {
		*message = strerror(errno);
		return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
	}
	enum rc rc = read_open(fd, dir, bytes, info, message);
	close(fd);
	return rc;
}

/* --- writing --------------------------------------------------------------------------------- */
static bool write_file(const char *path, struct str head, const struct plan_bytes *bytes)
{
	if (unlink(path) != 0 && errno != ENOENT)
		return false;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool ok = file_write_all(fd, head) && plan_bytes_write(bytes, fd) && fdatasync(fd) == 0;
	int error = errno;
	ok &= close(fd) == 0;
	errno = error;
	return ok;
}

static bool replace(
	const char *dir, const char *name, struct str head, const struct plan_bytes *bytes)
{
	char *path = heap_printf("%s/%s", dir, name);
	char *temporary = heap_printf("%s/new", dir);
	bool ok = write_file(temporary, head, bytes) && rename(temporary, path) == 0;
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
	struct plan_store_info infos[PLAN_SLOTS]; /* sequence 0: not whole */
	unsigned newest;
	int same; /* the slot that has the bytes; -1: none */
};

/* Pieces of a slot's plan, through a buffer: nothing of 26 MB stays. */
struct reader {
	int fd;
	uint64_t left;
	bool has_failed;
	char piece[65536];
};

static bool next_read(void *arg, struct str *piece)
{
	struct reader *r = arg;
	size_t n = r->left < sizeof(r->piece) ? (size_t)r->left : sizeof(r->piece);
	if (n == 0)
		return false;
	r->has_failed = !read_all(r->fd, r->piece, n);
	r->left -= n;
	*piece = str_n(r->piece, n);
	return !r->has_failed;
}

/* Behind its header. */
static bool has_content(int fd, uint64_t length, const uint8_t content[SHA256_BYTES])
{
	uint8_t digest[SHA256_BYTES];
	struct reader *r = heap_alloc(sizeof(*r));
	r->fd = fd;
	r->left = length;
	r->has_failed = false;
	sha256_pieces(next_read, r, digest);
	bool is_there = !r->has_failed && memcmp(digest, content, SHA256_BYTES) == 0;
	free(r);
	return is_there;
}

static struct plan_slot_known identity_of(int fd)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return (struct plan_slot_known){0};
	return (struct plan_slot_known){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
		.ctime_ns = st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
	};
}

static int open_slot(const char *dir, unsigned slot)
{
	char name[12];
	snprintf(name, sizeof(name), "%u", slot);
	return open_in(dir, name);
}

static bool is_whole(
	const char *dir, unsigned slot, struct plan_store_info *info, struct plan_slot_known *known)
{
	const char *unused;
	int fd = open_slot(dir, slot);
	struct plan_slot_known now = identity_of(fd);
	bool ok = now.size > 0 && read_open(fd, dir, NULL, info, &unused) == RC_OK;
	bool is_known = ok && memcmp(&now, known, sizeof(now)) == 0;
	if (ok && !is_known)
		ok = has_content(fd, now.size - HEADER_BYTES, info->content);
	*known = ok ? now : (struct plan_slot_known){0};
	if (fd >= 0)
		close(fd);
	return ok;
}

static struct slots look(const char *dir, const uint8_t content[SHA256_BYTES],
	struct plan_slot_known known[PLAN_SLOTS])
{
	struct slots s = {.same = -1};
	for (unsigned i = 0; i < PLAN_SLOTS; i++) {
		if (!is_whole(dir, i, &s.infos[i], &known[i])) {
			s.infos[i] = (struct plan_store_info){0};
			continue;
		}
		if (s.infos[i].sequence > s.infos[s.newest].sequence)
			s.newest = i;
		if (memcmp(s.infos[i].content, content, SHA256_BYTES) == 0)
			s.same = (int)i;
	}
	return s;
}

/* Neither the newest nor what has proved itself: of three one is left. The oldest one, or none. */
static unsigned choose(const struct slots *s)
{
	unsigned chosen = (s->newest + 1) % PLAN_SLOTS;
	uint64_t oldest = UINT64_MAX;
	for (unsigned i = 0; i < PLAN_SLOTS; i++) {
		const struct plan_store_info *info = &s->infos[i];
		bool is_kept = info->sequence != 0 && (i == s->newest || info->has_proved);
		if (!is_kept && info->sequence < oldest) {
			oldest = info->sequence;
			chosen = i;
		}
	}
	return chosen;
}

/* Under its name: renaming has changed its times. */
static void remember(const char *dir, unsigned slot, struct plan_slot_known *known)
{
	int fd = open_slot(dir, slot);
	*known = identity_of(fd);
	if (fd >= 0)
		close(fd);
}

static enum rc write_alone(const char *dir, uint64_t generation, int64_t wall_us,
	const struct plan_bytes *bytes, const uint8_t content[SHA256_BYTES],
	struct plan_slot_known known[PLAN_SLOTS])
{
	uint8_t header[HEADER_BYTES] = MAGIC;
	char name[12];
	struct slots s = look(dir, content, known);
	if (s.same == (int)s.newest)
		return RC_OK;
	le_put(header + 8, FORMAT, 4);
	le_put(header + 16, s.infos[s.newest].sequence + 1, 8);
	le_put(header + 24, generation, 8);
	le_put(header + 32, (uint64_t)wall_us, 8);
	le_put(header + 40, bytes->n, 8);
	memcpy(header + CONTENT_AT, content, SHA256_BYTES);
	sha256(str_n((const char *)header, DIGEST_AT), header + DIGEST_AT);
	unsigned slot = s.same >= 0 ? (unsigned)s.same : choose(&s);
	snprintf(name, sizeof(name), "%u", slot);
	if (!replace(dir, name, str_n((const char *)header, HEADER_BYTES), bytes))
		return RC_IO;
	remember(dir, slot, &known[slot]);
	return RC_OK;
}

/* One at a time: a standby and an upgrade's successor save to the same folder. -1 with errno. */
static int lock_folder(const char *dir)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return -1;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static enum rc unlock_folder(int lock, enum rc rc)
{
	int error = errno;
	close(lock);
	errno = error;
	return rc;
}

struct walker {
	const struct plan_bytes *bytes;
	size_t at;
};

static bool next_piece(void *arg, struct str *piece)
{
	struct walker *w = arg;
	*piece = plan_bytes_piece(w->bytes, w->at);
	w->at += PLAN_PIECE_BYTES;
	return piece->n > 0;
}

enum rc plan_slot_write(const char *dir, uint64_t generation, int64_t wall_us,
	const struct plan_bytes *bytes, uint8_t content[SHA256_BYTES],
	struct plan_slot_known *known)
{
	struct plan_slot_known unknown[PLAN_SLOTS] = {0};
	struct walker w = {bytes, 0};
	sha256_pieces(next_piece, &w, content);
	int lock = lock_folder(dir);
	if (lock < 0)
		return RC_IO;
	return unlock_folder(lock,
		write_alone(dir, generation, wall_us, bytes, content, known ? known : unknown));
}

enum rc plan_slot_prove(const char *dir, const uint8_t content[SHA256_BYTES])
{
	uint8_t proven[SHA256_BYTES];
	read_proven(dir, proven);
	if (memcmp(proven, content, SHA256_BYTES) == 0)
		return RC_OK;
	int lock = lock_folder(dir);
	if (lock < 0)
		return RC_IO;
	struct plan_bytes bytes = {.p = (const char *)content, .n = SHA256_BYTES};
	bool ok = replace(dir, PROVEN, STR(PROVEN_MAGIC), &bytes);
	return unlock_folder(lock, ok ? RC_OK : RC_IO);
}
