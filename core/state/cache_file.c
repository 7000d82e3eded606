/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache_file.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Also tells in which order a number's bytes stand. */
#define MAGIC      0x31306563756c7363ull
#define BYTES_MAX  (1ull << 40)
#define TEXTS_MAX  (1u << 20)
#define READ_BYTES (64u << 10)
#define FRESH      ".new-"

struct head {
	uint64_t magic;
	uint64_t body_n;
	uint32_t key_n, group_n, meta_n, reserved;
	int64_t stored_ms, ends_ms;   /* since 1970 */
	uint8_t digest[SHA256_BYTES]; /* of all, with zeros here */
};

void cache_file_name(struct str key, char out[CACHE_FILE_NAME_BYTES])
{
	uint8_t digest[SHA256_BYTES];
	sha256(key, digest);
	sha256_hex(digest, out);
	out[CACHE_FILE_NAME_BYTES - 1] = '\0';
}

/* Added to a monotonic time it is one of the clock on the wall. */
static int64_t wall_offset_ms(void)
{
	return clock_wall_us() / 1000 - clock_monotonic_ns() / 1000000;
}

bool cache_file_is_fresh(const char *name)
{
	return strncmp(name, FRESH, sizeof(FRESH) - 1) == 0;
}

/* --- digests --------------------------------------------------------------------------------- */
struct walk {
	struct str head, texts;
	const struct cache_piece *body;
	int at;
};

static bool walk_next(void *arg, struct str *piece)
{
	struct walk *w = arg;
	switch (w->at++) {
	case 0:
		*piece = w->head;
		return true;
	case 1:
		*piece = w->texts;
		return true;
	default:
		if (!w->body)
			return false;
		*piece = str_n(w->body->data, w->body->n);
		w->body = w->body->next;
		return true;
	}
}

static void digest_of(const struct head *h, const struct cache_entry *e, uint8_t out[SHA256_BYTES])
{
	struct head zeroed = *h;
	memset(zeroed.digest, 0, sizeof(zeroed.digest));
	struct walk w = {.head = str_n((const char *)&zeroed, sizeof(zeroed)),
		.texts = str_n(e->bytes, (size_t)e->key_n + e->group_n + e->meta_n),
		.body = cache_body_pieces(e->body)};
	sha256_pieces(walk_next, &w, out);
}

/* --- writing --------------------------------------------------------------------------------- */
static struct head head_of(const struct cache_entry *e)
{
	int64_t offset_ms = wall_offset_ms();
	struct head h;
	memset(&h, 0, sizeof(h));
	h.magic = MAGIC;
	h.body_n = cache_body_bytes(e->body);
	h.key_n = e->key_n;
	h.group_n = e->group_n;
	h.meta_n = e->meta_n;
	h.stored_ms = e->stored_ms + offset_ms;
	h.ends_ms = e->ends_ms + offset_ms;
	digest_of(&h, e, h.digest);
	return h;
}

static bool write_all(int fd, const struct cache_entry *e)
{
	struct head h = head_of(e);
	size_t count = 2;
	for (const struct cache_piece *p = cache_body_pieces(e->body); p; p = p->next)
		count++;
	struct str *pieces = heap_alloc(count * sizeof(pieces[0])), *at = pieces;
	*at++ = str_n((const char *)&h, sizeof(h));
	*at++ = str_n(e->bytes, (size_t)e->key_n + e->group_n + e->meta_n);
	for (const struct cache_piece *p = cache_body_pieces(e->body); p; p = p->next)
		*at++ = str_n(p->data, p->n);
	bool ok = file_write_pieces(fd, pieces, count);
	free(pieces);
	return ok;
}

/* A crash of the machine may leave less of it than was written: the digest tells. */
bool cache_file_write(int dir, const struct cache_entry *e)
{
	char fresh[32], name[CACHE_FILE_NAME_BYTES];
	snprintf(fresh, sizeof(fresh), FRESH "%ld", (long)getpid());
	unlinkat(dir, fresh, 0);
	int fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool ok = write_all(fd, e);
	ok = close(fd) == 0 && ok;
	cache_file_name(cache_entry_key(e), name);
	ok = ok && renameat(dir, fresh, dir, name) == 0;
	int error = errno;
	if (!ok)
		unlinkat(dir, fresh, 0);
	errno = error;
	return ok;
}

/* --- reading --------------------------------------------------------------------------------- */
static bool read_all(int fd, void *out, size_t n)
{
	char *at = out;
	while (n > 0) {
		ssize_t got = read(fd, at, n);
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
	return true;
}

static bool head_is_valid(const struct head *h, uint64_t bytes)
{
	uint64_t texts = (uint64_t)h->key_n + h->group_n + h->meta_n;
	return h->magic == MAGIC && h->key_n > 0 && texts <= TEXTS_MAX && h->body_n <= BYTES_MAX &&
	       bytes == sizeof(*h) + texts + h->body_n;
}

static bool read_body(int fd, uint64_t n, struct cache_body *body)
{
	char *piece = heap_alloc(READ_BYTES);
	bool ok = true;
	while (ok && n > 0) {
		size_t now = n < READ_BYTES ? (size_t)n : READ_BYTES;
		ok = read_all(fd, piece, now) &&
		     cache_body_add(body, str_n(piece, now), BYTES_MAX) == RC_OK;
		n -= now;
	}
	free(piece);
	cache_body_settle(body);
	return ok;
}

static struct cache_entry *read_entry(int fd, const struct head *h)
{
	struct cache_entry *e = NULL;
	struct cache_body *body = cache_body_new();
	size_t n = (size_t)h->key_n + h->group_n + h->meta_n;
	char *texts = heap_alloc(n);
	if (read_all(fd, texts, n) && read_body(fd, h->body_n, body))
		e = cache_entry_new(str_n(texts, h->key_n), str_n(texts + h->key_n, h->group_n),
			str_n(texts + h->key_n + h->group_n, h->meta_n), body);
	free(texts);
	cache_body_unref(body);
	return e;
}

static bool is_it(const struct cache_entry *e, const struct head *h, const char *name)
{
	uint8_t digest[SHA256_BYTES];
	char own[CACHE_FILE_NAME_BYTES];
	digest_of(h, e, digest);
	cache_file_name(cache_entry_key(e), own);
	return memcmp(digest, h->digest, sizeof(digest)) == 0 && strcmp(own, name) == 0;
}

static enum rc read_it(int fd, const char *name, struct cache_entry **out)
{
	struct stat st;
	struct head h;
	int64_t offset_ms = wall_offset_ms();
	if (fstat(fd, &st) != 0)
		return RC_IO;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(h) || !read_all(fd, &h, sizeof(h)) ||
		!head_is_valid(&h, (uint64_t)st.st_size))
		return RC_INVALID;
	struct cache_entry *e = read_entry(fd, &h);
	if (!e)
		return RC_IO;
	if (!is_it(e, &h, name) || h.stored_ms > clock_wall_us() / 1000) {
		cache_entry_unref(e);
		return RC_INVALID;
	}
	e->stored_ms = h.stored_ms - offset_ms;
	e->ends_ms = h.ends_ms - offset_ms;
	*out = e;
	return RC_OK;
}

enum rc cache_file_read(int dir, const char *name, struct cache_entry **e)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return RC_IO;
	enum rc rc = read_it(fd, name, e);
	close(fd);
	return rc;
}
