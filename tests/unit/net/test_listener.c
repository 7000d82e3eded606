/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct listener *listener;
static int taken[256];
static int taken_count;
static struct address last_peer;

static void on_accept(void *owner, int fd, const struct address *peer)
{
	taken[taken_count++] = fd;
	last_peer = *peer;
}

static void free_at_once(void *owner, int fd, const struct address *peer)
{
	taken[taken_count++] = fd;
	listener_free(listener);
	listener = NULL;
}

static int dial(const struct address *to)
{
	int fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, &to->u.sa, to->n), 0);
	return fd;
}

static void close_taken(void)
{
	for (int i = 0; i < taken_count; i++)
		close(taken[i]);
	taken_count = 0;
}

START_TEST(accepts_non_blocking_descriptors_without_delay)
{
	struct address at;
	int on = 0;
	socklen_t n = sizeof(on);
	bench_open();
	int fd = tcp_listen(&at, 16);
	listener = listener_new(loop, fd, on_accept, NULL);
	int a = dial(&at), b = dial(&at);
	pump();
	ck_assert_int_eq(taken_count, 2);
	ck_assert(fcntl(taken[0], F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(taken[0], F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(getsockopt(taken[0], IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
	ck_assert_int_ne(on, 0);
	struct address own = {.n = sizeof(own.u)};
	ck_assert_int_eq(getsockname(b, &own.u.sa, &own.n), 0);
	ck_assert(address_eq(&last_peer, &own));
	listener_free(listener);
	close_taken();
	close(a);
	close(b);
	close(fd);
	bench_close();
}
END_TEST

START_TEST(takes_a_whole_queue_before_its_socket_is_closed)
{
	struct address at;
	int clients[100];
	bench_open();
	int fd = tcp_listen(&at, 128);
	listener = listener_new(loop, fd, on_accept, NULL);
	for (int i = 0; i < 100; i++)
		clients[i] = dial(&at);
	listener_accept_queued(listener);
	ck_assert_int_eq(taken_count, 100);
	listener_free(listener);
	close(fd);
	close_taken();
	for (int i = 0; i < 100; i++)
		close(clients[i]);
	bench_close();
}
END_TEST

START_TEST(pauses_when_descriptors_run_out_and_goes_on)
{
	struct address at;
	struct rlimit before, none;
	bench_open();
	int fd = tcp_listen(&at, 16);
	listener = listener_new(loop, fd, on_accept, NULL);
	int client = dial(&at);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	ck_assert_int_eq(taken_count, 0);
	ck_assert_uint_eq(listener_accept_errors(listener), 1); /* once, not at every turn */
	pump();
	ck_assert_int_eq(taken_count, 0);
	loop_fake_advance(loop, 100);
	pump();
	ck_assert_int_eq(taken_count, 1);
	listener_free(listener);
	close_taken();
	close(client);
	close(fd);
	bench_close();
}
END_TEST

START_TEST(may_be_freed_while_paused_and_while_accepting)
{
	struct address at;
	struct rlimit before, none;
	bench_open();
	int fd = tcp_listen(&at, 16);
	int a = dial(&at), b = dial(&at);
	listener = listener_new(loop, fd, free_at_once, NULL);
	pump();
	ck_assert_int_eq(taken_count, 1);
	listener = listener_new(loop, fd, on_accept, NULL);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	loop_turn(loop, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	listener_free(listener);
	close_taken();
	close(a);
	close(b);
	close(fd);
	bench_close();
}
END_TEST

START_TEST(workers_share_a_port_and_nobody_else_does)
{
	struct address at;
	int fds[3], more[1];
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 0, &at), RC_OK);
	ck_assert_int_eq(listen_open(&at, 1, 16, more), RC_OK);
	ck_assert_int_eq(getsockname(more[0], &at.u.sa, &at.n), 0);
	close(more[0]);
	ck_assert_int_eq(listen_open(&at, 3, 16, fds), RC_OK);
	ck_assert(fcntl(fds[2], F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fds[2], F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(listen_open(&at, 1, 16, more), RC_IO);
	ck_assert_int_eq(errno, EADDRINUSE);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	ck_assert_int_eq(listen_open(&at, 1, 16, more), RC_OK);
	close(more[0]);
}
END_TEST

START_TEST(an_address_of_another_machine_leaves_nothing_open)
{
	struct address at;
	int fds[2], next = dup(0);
	close(next);
	ck_assert_int_eq(address_from_ip(STR("192.0.2.1"), 0, &at), RC_OK);
	ck_assert_int_eq(listen_open(&at, 2, 16, fds), RC_IO);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	int now = dup(0);
	ck_assert_int_eq(now, next);
	close(now);
}
END_TEST

START_TEST(unix_sockets_work_alike)
{
	struct address at;
	char path[64];
	const char *top = getenv("TMPDIR");
	int fd;
	bench_open();
	snprintf(path, sizeof(path), "%.40s/listener-%d", top ? top : P_tmpdir, (int)getpid());
	ck_assert_int_eq(address_from_path(str_of(path), &at), RC_OK);
	ck_assert_int_eq(listen_open(&at, 1, 16, &fd), RC_OK);
	listener = listener_new(loop, fd, on_accept, NULL);
	int client = dial(&at);
	pump();
	ck_assert_int_eq(taken_count, 1);
	char text[ADDRESS_TEXT_BYTES];
	assert_str(address_text(&last_peer, text), "unix:");
	listener_free(listener);
	close_taken();
	close(client);
	close(fd);
	unlink(path);
	bench_close();
}
END_TEST

UNIT_SUITE(listener, accepts_non_blocking_descriptors_without_delay,
	takes_a_whole_queue_before_its_socket_is_closed,
	pauses_when_descriptors_run_out_and_goes_on, may_be_freed_while_paused_and_while_accepting,
	workers_share_a_port_and_nobody_else_does,
	an_address_of_another_machine_leaves_nothing_open, unix_sockets_work_alike)
