/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/admin.h"

#include "admin/door.h"
#include "base/check.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 64

struct tcp_door {
	struct door *door; /* owned until closed; NULL: none */
	struct address address;
};

struct admin {
	struct stream_group *group;
	const struct admin_source *source;
	void *owner;
	struct door *unix_door; /* owned until closed; NULL: none */
	struct tcp_door tcp[ADMIN_TCP_MAX];
	dev_t unix_dev; /* of the UNIX socket's name */
	ino_t unix_ino;
};

struct admin *admin_new(struct stream_group *group, const struct admin_source *source, void *owner)
{
	struct admin *a = heap_zalloc(sizeof(*a));
	*a = (struct admin){.group = group, .source = source, .owner = owner};
	return a;
}

/* A socket that nobody listens on is what a crash has left. Connecting to a file that is no socket
 * is refused as well, so that is looked at first. */
static enum rc remove_stale(const struct address *at, const char *path)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? RC_OK : RC_IO;
	if (!S_ISSOCK(st.st_mode)) {
		errno = ENOTSOCK;
		return RC_IO;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return RC_IO;
	int error = connect(fd, &at->u.sa, at->n) == 0 ? 0 : errno;
	close(fd);
	if (error == 0 || error == EAGAIN)
		return RC_EXISTS;
	if (error == ECONNREFUSED && unlink(path) != 0)
		return RC_IO;
	return RC_OK;
}

static enum rc open_unix(struct admin *a, const struct address *at)
{
	int fd;
	struct stat st;
	mode_t mask = umask(0177);
	enum rc rc = listen_open(at, 1, BACKLOG, &fd);
	umask(mask);
	if (rc != RC_OK)
		return RC_IO;
	if (lstat(at->u.un.sun_path, &st) == 0) {
		a->unix_dev = st.st_dev;
		a->unix_ino = st.st_ino;
	}
	door_close(a->unix_door);
	a->unix_door = door_open(a->group, fd, true, a->source, a->owner);
	return RC_OK;
}

static enum rc address_of(const char *path, struct address *at)
{
	if (address_from_path(str_of(path), at) == RC_OK)
		return RC_OK;
	errno = ENAMETOOLONG;
	return RC_IO;
}

enum rc admin_listen_unix(struct admin *a, const char *path)
{
	struct address at;
	if (address_of(path, &at) != RC_OK)
		return RC_IO;
	enum rc rc = remove_stale(&at, path);
	return rc == RC_OK ? open_unix(a, &at) : rc;
}

/* Under another name first: renaming replaces at once, so there is always somebody. */
enum rc admin_take_unix(struct admin *a, const char *path)
{
	struct address at;
	struct stat st;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		errno = ENOTSOCK;
		return RC_IO;
	}
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path) + 1 : 0;
	char *next = heap_printf("%.*s.a%d", dir, path, (int)getpid()); /* no longer than it */
	unlink(next);
	enum rc rc = address_of(next, &at);
	if (rc == RC_OK)
		rc = open_unix(a, &at);
	if (rc == RC_OK && rename(next, path) != 0)
		rc = RC_IO;
	free(next);
	return rc;
}

void admin_unlink_unix(struct admin *a, const char *path)
{
	struct stat st;
	if (lstat(path, &st) == 0 && st.st_dev == a->unix_dev && st.st_ino == a->unix_ino)
		unlink(path);
}

static enum rc open_tcp(struct admin *a, const struct address *at, struct tcp_door *t)
{
	int fd;
	enum rc rc = a->source->listen ? a->source->listen(a->owner, at, &fd)
				       : listen_open(at, 1, BACKLOG, &fd);
	if (rc != RC_OK)
		return RC_IO;
	t->door = door_open(a->group, fd, false, a->source, a->owner);
	t->address = *at;
	return RC_OK;
}

static void close_tcp(struct admin *a, struct tcp_door *t)
{
	if (!t->door)
		return;
	door_close(t->door);
	t->door = NULL;
	if (a->source->released)
		a->source->released(a->owner, &t->address);
}

static bool is_wanted(const struct tcp_door *t, const struct address *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (address_eq(&at[i], &t->address))
			return true;
	return false;
}

/* The one at that address; else, with NULL, a free place. */
static struct tcp_door *find_tcp(struct admin *a, const struct address *at)
{
	for (size_t i = 0; i < ADMIN_TCP_MAX; i++) {
		struct tcp_door *t = &a->tcp[i];
		if (at ? t->door && address_eq(at, &t->address) : !t->door)
			return t;
	}
	return NULL;
}

enum rc admin_listen_tcp(struct admin *a, const struct address *at, size_t count)
{
	enum rc rc = RC_OK;
	int error = 0;
	CHECK(count <= ADMIN_TCP_MAX);
	for (size_t i = 0; i < ADMIN_TCP_MAX; i++)
		if (!is_wanted(&a->tcp[i], at, count))
			close_tcp(a, &a->tcp[i]);
	for (size_t i = 0; i < count; i++) {
		if (find_tcp(a, &at[i]) || open_tcp(a, &at[i], find_tcp(a, NULL)) == RC_OK)
			continue;
		error = errno;
		rc = RC_IO;
	}
	errno = error;
	return rc;
}

void admin_free(struct admin *a)
{
	door_close(a->unix_door);
	for (size_t i = 0; i < ADMIN_TCP_MAX; i++)
		close_tcp(a, &a->tcp[i]);
	free(a);
}
