/* SPDX-License-Identifier: Apache-2.0 */
/* The origin: checks what it is sent, answers what it is asked for, and writes down both.
 *
 * A request's target ends in /n/NONCE?size=BYTES[&as=chunked][&pause=MS]: so many bytes of the body
 * of that nonce come back, with a pause between pieces of 16 KiB; none to HEAD. */
#include "ledger.h"

#include "content.h"
#include "reader.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum phase { READING, ANSWERING };

struct session {
	struct session *next, *before;
	struct wire wire;
	struct reader reader;
	enum phase phase;
	uint64_t nonce;
	bool upload_is_right, is_chunked, is_ended;
	uint64_t upload_at, size, at;
	int64_t pause_ms, next_ms;
};

static struct session *sessions;
static FILE *ledger;
static int epoll_fd;

static void note(const struct session *s, const char *outcome)
{
	fprintf(ledger, "%016" PRIx64 "\t%s\t%" PRIu64 "\t%" PRIu64 "\n", s->nonce, outcome,
		s->upload_at, s->at);
}

static void begin(struct session *s)
{
	reader_begin(&s->reader, false);
	s->phase = READING;
	s->is_ended = false;
	s->upload_is_right = true;
	s->upload_at = s->at = s->size = 0;
	s->nonce = 0;
}

static void end_session(struct session *s)
{
	if (s->before)
		s->before->next = s->next;
	else
		sessions = s->next;
	if (s->next)
		s->next->before = s->before;
	wire_close(&s->wire);
	free(s);
}

static void fail(struct session *s, const char *outcome)
{
	note(s, outcome);
	end_session(s);
}

static uint64_t query_number(const char *target, const char *name, uint64_t otherwise)
{
	const char *at = strstr(target, name);
	return at ? strtoull(at + strlen(name), NULL, 10) : otherwise;
}

static bool take_head(struct session *s)
{
	const char *target = s->reader.target, *mark = strstr(target, "/n/");
	if (!mark || strspn(mark + 3, "0123456789abcdef") != 16)
		return false;
	s->nonce = strtoull(mark + 3, NULL, 16);
	s->size = query_number(target, "size=", 0);
	s->pause_ms = (int64_t)query_number(target, "pause=", 0);
	s->is_chunked = strstr(target, "as=chunked") != NULL;
	return true;
}

static void start_answer(struct session *s)
{
	s->phase = ANSWERING;
	wire_addf(&s->wire,
		"HTTP/1.1 200 OK\r\nX-Ledger-Nonce: %016" PRIx64 "\r\n"
		"X-Ledger-Body: %s\r\n",
		s->nonce, s->upload_is_right ? "right" : "wrong");
	if (s->is_chunked)
		wire_addf(&s->wire, "Transfer-Encoding: chunked\r\n\r\n");
	else
		wire_addf(&s->wire, "Content-Length: %" PRIu64 "\r\n\r\n", s->size);
	s->next_ms = 0;
	s->is_ended = strcmp(s->reader.method, "HEAD") == 0;
}

static void add_piece(struct session *s)
{
	char piece[PIECE_BYTES];
	size_t n = s->size - s->at < sizeof(piece) ? (size_t)(s->size - s->at) : sizeof(piece);
	if (s->pause_ms > 0)
		s->next_ms = now_ms() + s->pause_ms;
	if (n > 0) {
		content_write(s->nonce, DOWNLOAD, s->at, piece, n);
		wire_add_piece(&s->wire, piece, n, s->is_chunked);
		s->at += n;
	}
	if (s->at == s->size) {
		s->is_ended = true;
		if (s->is_chunked)
			wire_addf(&s->wire, "0\r\n\r\n");
	}
}

/* Sends on; the session may be gone afterwards. */
static void pump(struct session *s)
{
	for (;;) {
		if (!wire_flush(&s->wire, s)) {
			fail(s, "cut-response");
			return;
		}
		if (!wire_is_empty(&s->wire))
			return;
		if (s->is_ended) {
			note(s, s->upload_is_right ? "whole" : "wrong-body");
			begin(s);
			return;
		}
		if (s->next_ms > now_ms())
			return;
		add_piece(s);
	}
}

static void take_data(struct session *s)
{
	const struct reader *r = &s->reader;
	if (!content_matches(s->nonce, UPLOAD, s->upload_at, r->data, r->data_n))
		s->upload_is_right = false;
	s->upload_at += r->data_n;
}

static void take_bytes(struct session *s, const char *p, size_t n)
{
	for (size_t at = 0, used;; at += used) {
		/* A gateway does not send a second request before the answer. */
		if (s->phase == ANSWERING && at < n) {
			fail(s, "surplus");
			return;
		}
		enum reader_event event = reader_feed(&s->reader, p + at, n - at, &used);
		if (event == READER_MORE)
			return;
		if (event == READER_BAD || (event == READER_HEAD && !take_head(s))) {
			fail(s, "malformed");
			return;
		}
		if (event == READER_DATA)
			take_data(s);
		if (event != READER_END)
			continue;
		start_answer(s);
		if (at + used == n) {
			pump(s);
			return; /* it may be gone */
		}
	}
}

static void on_end(struct session *s)
{
	if (s->phase == ANSWERING)
		fail(s, "cut-response");
	else if (reader_is_idle(&s->reader))
		end_session(s);
	else
		fail(s, "cut-request");
}

static void on_readable(struct session *s)
{
	char bytes[65536];
	ssize_t n = recv(s->wire.fd, bytes, sizeof(bytes), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		on_end(s);
	else
		take_bytes(s, bytes, (size_t)n);
}

static void accept_all(int listener)
{
	int fd, on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct session *s = calloc(1, sizeof(*s));
		if (!s)
			die("memory");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		s->next = sessions;
		if (sessions)
			sessions->before = s;
		sessions = s;
		begin(s);
		wire_open(&s->wire, epoll_fd, fd, s);
	}
}

static int64_t pump_paced(void)
{
	int64_t now = now_ms(), wait = 500;
	for (struct session *s = sessions, *next; s; s = next) {
		next = s->next;
		if (s->phase != ANSWERING || s->wire.waits)
			continue;
		if (s->next_ms <= now)
			pump(s);
		else if (s->next_ms - now < wait)
			wait = s->next_ms - now;
	}
	return wait;
}

static int listen_on(const char *host, int port)
{
	struct sockaddr_in a = wire_address(host, port);
	socklen_t n = sizeof(a);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 4096) != 0)
		die("listen");
	getsockname(fd, (struct sockaddr *)&a, &n);
	printf("port %d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

void origin_run(const struct origin_options *o)
{
	ledger = ledger_open(o->ledger);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int listener = listen_on(o->host, o->port);
	struct epoll_event e = {.events = EPOLLIN}, events[64];
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e) != 0)
		die("epoll_ctl");
	while (!ledger_is_stopped) {
		int n = epoll_wait(epoll_fd, events, 64, (int)pump_paced());
		/* A session ends only in its own event, and has one event a turn. */
		for (int i = 0; i < n; i++) {
			struct session *s = events[i].data.ptr;
			if (!s)
				accept_all(listener);
			else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				on_readable(s);
			else
				pump(s);
		}
		ledger_tick(ledger);
	}
	ledger_close(ledger);
}
