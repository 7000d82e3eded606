/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/sockets.h"

#include "base/limits.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* "::" takes IPv4 too, as operators expect. */
static void take_both_families(int fd, const struct sockaddr *at)
{
	int off = 0;
	if (at->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
}

/* The connections that it takes have it of their listener. */
static void bound_unsent(int fd)
{
	int bytes = LIMIT_UNSENT_BYTES;
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

static int open_one(const struct sockaddr *at, socklen_t n, int backlog)
{
	int on = 1;
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (at->sa_family != AF_UNIX) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		bound_unsent(fd);
	}
	take_both_families(fd, at);
	if (bind(fd, at, n) == 0 && listen(fd, backlog) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int port_of(const struct sockaddr *at)
{
	if (at->sa_family == AF_INET6)
		return ((const struct sockaddr_in6 *)(const void *)at)->sin6_port;
	return ((const struct sockaddr_in *)(const void *)at)->sin_port;
}

/* SO_REUSEPORT would share the port with any other process of the same user: a probe without it
 * finds out whether somebody else has it. */
static bool is_taken(const struct sockaddr *at, socklen_t n)
{
	if (at->sa_family == AF_UNIX || port_of(at) == 0)
		return false;
	int on = 1;
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	take_both_families(fd, at);
	bool taken = bind(fd, at, n) != 0 && errno == EADDRINUSE;
	close(fd);
	return taken;
}

int sockets_add(const struct sockaddr *at, socklen_t n, int count, int backlog, int *fds)
{
	for (int i = 0; i < count; i++) {
		fds[i] = open_one(at, n, backlog);
		if (fds[i] >= 0)
			continue;
		int error = errno;
		while (--i >= 0)
			close(fds[i]);
		return error;
	}
	return 0;
}

int sockets_open(const struct sockaddr *at, socklen_t n, int count, int backlog, int *fds)
{
	return is_taken(at, n) ? EADDRINUSE : sockets_add(at, n, count, backlog, fds);
}
