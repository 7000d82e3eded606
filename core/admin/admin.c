/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/admin.h"

#include "admin/door.h"
#include "base/memory.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 64

struct admin {
	struct stream_group *group;
	const struct admin_source *source;
	void *owner;
	struct door *unix_door, *tcp_door; /* owned until closed; NULL: none */
	struct address tcp_address;        /* of tcp_door */
};

struct admin *admin_new(struct stream_group *group, const struct admin_source *source, void *owner)
{
	struct admin *a = heap_zalloc(sizeof(*a));
	*a = (struct admin){.group = group, .source = source, .owner = owner};
	return a;
}

void admin_free(struct admin *a)
{
	door_close(a->unix_door);
	door_close(a->tcp_door);
	free(a);
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

enum rc admin_listen_unix(struct admin *a, const char *path)
{
	struct address at;
	int fd;
	if (address_from_path(str_of(path), &at) != RC_OK) {
		errno = ENAMETOOLONG;
		return RC_IO;
	}
	enum rc rc = remove_stale(&at, path);
	if (rc != RC_OK)
		return rc;
	mode_t mask = umask(0177);
	rc = listen_open(&at, 1, BACKLOG, &fd);
	umask(mask);
	if (rc != RC_OK)
		return RC_IO;
	door_close(a->unix_door);
	a->unix_door = door_open(a->group, fd, true, a->source, a->owner);
	return RC_OK;
}

enum rc admin_listen_tcp(struct admin *a, const struct address *at)
{
	int fd;
	if (at && a->tcp_door && address_eq(at, &a->tcp_address))
		return RC_OK;
	door_close(a->tcp_door);
	a->tcp_door = NULL;
	if (!at)
		return RC_OK;
	if (listen_open(at, 1, BACKLOG, &fd) != RC_OK)
		return RC_IO;
	a->tcp_door = door_open(a->group, fd, false, a->source, a->owner);
	a->tcp_address = *at;
	return RC_OK;
}
