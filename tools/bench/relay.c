/* SPDX-License-Identifier: Apache-2.0 */
/* tools/bench/relay.c - a relay that parses nothing: the floor under every proxy's cost.
 *
 *   relay LISTEN_PORT UPSTREAM_PORT        (127.0.0.1)
 *
 * One upstream connection per client connection, one edge-triggered epoll registration per socket,
 * write first, wait only when that would block. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BUFFER_BYTES 65536
#define EVENTS_MAX   128

struct side {
	int fd;
	struct side *other;
	char *held; /* received, not yet sent to the other side; NULL when nothing is */
	size_t held_at, held_n;
	bool readable, hung_up, ended, dead;
};

static int epoll_fd;
static char shared[BUFFER_BYTES];

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void watch(int fd, void *owner, unsigned events)
{
	struct epoll_event event = {.events = events, .data.ptr = owner};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll_ctl");
}

static struct side *side_new(int fd)
{
	struct side *s = calloc(1, sizeof(*s));
	int one = 1;
	if (!s)
		die("calloc");
	s->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return s;
}

/* Both are freed after the batch of events, by the caller. */
static void pair_kill(struct side *s)
{
	s->dead = s->other->dead = true;
}

static void hold(struct side *s, const char *bytes, size_t n)
{
	s->held = malloc(BUFFER_BYTES);
	if (!s->held)
		die("malloc");
	memcpy(s->held, bytes, n);
	s->held_at = 0;
	s->held_n = n;
}

/* False when something is left. */
static bool send_held(struct side *s)
{
	while (s->held && s->held_at < s->held_n) {
		ssize_t n = send(
			s->other->fd, s->held + s->held_at, s->held_n - s->held_at, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno != EAGAIN)
				pair_kill(s);
			return false;
		}
		s->held_at += (size_t)n;
	}
	free(s->held);
	s->held = NULL;
	return true;
}

/* From s to the other side, until there is nothing to read or no room to write. */
static void pump(struct side *s)
{
	while (!s->dead && s->readable && send_held(s)) {
		ssize_t n = recv(s->fd, shared, sizeof(shared), 0);
		if (n < 0) {
			s->readable = false;
			if (errno != EAGAIN)
				pair_kill(s);
			return;
		}
		if (n == 0) {
			s->readable = false;
			s->ended = true;
			shutdown(s->other->fd, SHUT_WR);
			if (s->other->ended)
				pair_kill(s);
			return;
		}
		ssize_t sent = send(s->other->fd, shared, (size_t)n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN) {
			pair_kill(s);
			return;
		}
		if (sent < n)
			hold(s, shared + (sent > 0 ? sent : 0),
				(size_t)(n - (sent > 0 ? sent : 0)));
		/* A short read empties the socket, and the next edge tells; a FIN that came with
		 * the data has no edge of its own. */
		if (n < (ssize_t)sizeof(shared) && !s->hung_up)
			s->readable = false;
	}
	if (!s->dead)
		send_held(s);
}

static void accept_all(int listen_fd, const struct sockaddr_in *upstream)
{
	for (int fd; (fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
		int up = socket(AF_INET, SOCK_STREAM, 0);
		if (up < 0 || connect(up, (const void *)upstream, sizeof(*upstream)) != 0)
			die("upstream");
		/* Connected while blocking, which loopback allows; read and written without. */
		fcntl(up, F_SETFL, O_NONBLOCK);
		struct side *a = side_new(fd), *b = side_new(up);
		a->other = b;
		b->other = a;
		watch(fd, a, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
		watch(up, b, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	}
}

static void reap(struct side **dead, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		close(dead[i]->fd);
		free(dead[i]->held);
		free(dead[i]);
	}
}

static int listen_on(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) != 0 || listen(fd, 4096) != 0)
		die("listen");
	return fd;
}

static void handle(struct side *s, unsigned events)
{
	if (s->dead)
		return;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->readable = true;
	if (events & EPOLLRDHUP)
		s->hung_up = true;
	pump(s);
	if (!s->dead && (events & EPOLLOUT) && s->other->held)
		pump(s->other);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: relay LISTEN_PORT UPSTREAM_PORT\n", stderr);
		return 2;
	}
	struct sockaddr_in upstream = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listen_fd = listen_on((int)strtoul(argv[1], NULL, 10));
	epoll_fd = epoll_create1(0);
	watch(listen_fd, NULL, EPOLLIN);
	for (;;) {
		struct epoll_event events[EVENTS_MAX];
		struct side *dead[2 * EVENTS_MAX];
		size_t dead_count = 0;
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
		for (int i = 0; i < n; i++) {
			struct side *s = events[i].data.ptr;
			if (!s) {
				accept_all(listen_fd, &upstream);
				continue;
			}
			bool was_dead = s->dead;
			handle(s, events[i].events);
			if (s->dead && !was_dead) {
				dead[dead_count++] = s;
				dead[dead_count++] = s->other;
			}
		}
		reap(dead, dead_count);
	}
}
