/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the gateway: recv, send and sendmsg on sockets of streams move SLUICE_IO_BYTES at
 * most (1 by default), as if every byte came, and found room, alone.
 *
 * Linux never gives less than was asked while more is there, and who watches edges may rely on it.
 * So after a cut transfer the descriptor is armed anew, which gives the edge that another packet
 * would have given. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define DESCRIPTORS_MAX 65536

static ssize_t (*real_recv)(int, void *, size_t, int);
static ssize_t (*real_send)(int, const void *, size_t, int);
static ssize_t (*real_sendmsg)(int, const struct msghdr *, int);
static int (*real_epoll_ctl)(int, int, int, struct epoll_event *);
static size_t piece;

/* Who watches a descriptor, and for what. A descriptor belongs to one thread. */
static struct {
	int epoll;
	struct epoll_event event;
} watched[DESCRIPTORS_MAX];

__attribute__((constructor)) static void load(void)
{
	const char *bytes = getenv("SLUICE_IO_BYTES");
	piece = bytes ? strtoul(bytes, NULL, 10) : 1;
	real_recv = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
	real_send = (ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
	real_sendmsg = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
	real_epoll_ctl =
		(int (*)(int, int, int, struct epoll_event *))dlsym(RTLD_NEXT, "epoll_ctl");
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	int result = real_epoll_ctl(epoll, operation, fd, event);
	if (result == 0 && fd >= 0 && fd < DESCRIPTORS_MAX) {
		watched[fd].epoll = operation == EPOLL_CTL_DEL ? 0 : epoll;
		if (event)
			watched[fd].event = *event;
	}
	return result;
}

static ssize_t cut(int fd, ssize_t n, bool is_cut)
{
	if (n > 0 && is_cut && fd < DESCRIPTORS_MAX && watched[fd].epoll > 0)
		real_epoll_ctl(watched[fd].epoll, EPOLL_CTL_MOD, fd, &watched[fd].event);
	return n;
}

/* A message is whole or not there. */
static bool is_stream(int fd)
{
	int type = 0;
	socklen_t n = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
	bool is_cut = n > piece && !(flags & MSG_PEEK) && is_stream(fd);
	return cut(fd, real_recv(fd, p, is_cut ? piece : n, flags), is_cut);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	bool is_cut = n > piece && is_stream(fd);
	return cut(fd, real_send(fd, p, is_cut ? piece : n, flags), is_cut);
}

/* Of many pieces the first that is not empty; control data goes with its bytes whole. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	size_t total = 0, i = 0;
	for (size_t k = 0; k < message->msg_iovlen; k++)
		total += message->msg_iov[k].iov_len;
	if (message->msg_control || message->msg_name || total <= piece || !is_stream(fd))
		return real_sendmsg(fd, message, flags);
	while (message->msg_iov[i].iov_len == 0)
		i++;
	size_t n = message->msg_iov[i].iov_len;
	return cut(fd, real_send(fd, message->msg_iov[i].iov_base, n < piece ? n : piece, flags),
		true);
}
