/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void die(const char *what)
{
	fprintf(stderr, "ledger: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void watch(struct wire *w, int operation, void *owner)
{
	struct epoll_event e = {
		.events = EPOLLIN | (w->waits ? EPOLLOUT : 0),
		.data.ptr = owner,
	};
	if (epoll_ctl(w->epoll, operation, w->fd, &e) != 0)
		die("epoll_ctl");
}

void wire_open(struct wire *w, int epoll, int fd, void *owner)
{
	w->fd = fd;
	w->epoll = epoll;
	w->waits = false;
	w->out_n = w->out_at = 0;
	watch(w, EPOLL_CTL_ADD, owner);
}

struct sockaddr_in wire_address(const char *host, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		die(host);
	return a;
}

int wire_dial(struct wire *w, int epoll, const struct sockaddr_in *to, void *owner)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	wire_open(w, epoll, fd, owner);
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	w->waits = true;
	watch(w, EPOLL_CTL_MOD, owner);
	return EINPROGRESS;
}

int wire_error(struct wire *w)
{
	int error = 0;
	socklen_t n = sizeof(error);
	getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	return error;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void wire_add(struct wire *w, const void *p, size_t n)
{
	if (n > sizeof(w->out) - w->out_n) {
		fprintf(stderr, "ledger: no room to send\n");
		abort();
	}
	memcpy(w->out + w->out_n, p, n);
	w->out_n += n;
}

void wire_addf(struct wire *w, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text))
		die("a text is too long");
	wire_add(w, text, (size_t)n);
}

bool wire_flush(struct wire *w, void *owner)
{
	while (w->out_at < w->out_n) {
		ssize_t n = send(w->fd, w->out + w->out_at, w->out_n - w->out_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0)
			break;
		w->out_at += (size_t)n;
	}
	bool waits = w->out_at < w->out_n;
	if (!waits)
		w->out_n = w->out_at = 0;
	if (waits != w->waits) {
		w->waits = waits;
		watch(w, EPOLL_CTL_MOD, owner);
	}
	return true;
}

void wire_add_piece(struct wire *w, const char *p, size_t n, bool is_chunked)
{
	if (is_chunked)
		wire_addf(w, "%zx\r\n", n);
	wire_add(w, p, n);
	if (is_chunked)
		wire_addf(w, "\r\n");
}

FILE *ledger_open(const char *path)
{
	FILE *ledger = fopen(path, "we");
	if (!ledger)
		die(path);
	setvbuf(ledger, NULL, _IOFBF, 1 << 16);
	return ledger;
}

void ledger_tick(FILE *ledger)
{
	static int64_t last_ms;
	int64_t now = now_ms();
	if (now - last_ms < 1000)
		return;
	last_ms = now;
	fflush(ledger);
}

void ledger_close(FILE *ledger)
{
	if (fclose(ledger) != 0)
		die("the ledger");
}
