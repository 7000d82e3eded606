/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "process/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A loopback address with a port that is free now. */
static struct address any_free(void)
{
	struct address a;
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 0, &a), RC_OK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, &a.u.sa, a.n), 0);
	ck_assert_int_eq(getsockname(fd, &a.u.sa, &a.n), 0);
	close(fd);
	return a;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_key(void *arg, struct str key)
{
	return str_eq(key, str_of(arg));
}

/* Without a supervisor: the sockets are opened here. */
static struct loop *loop;
static struct supervision *alone;

static void begin(struct ports *p, unsigned workers)
{
	loop = loop_new(NULL);
	ck_assert_int_eq(supervision_new(loop, false, NULL, NULL, &alone), RC_OK);
	ports_init(p, workers, alone);
}

static void end(struct ports *p)
{
	ports_deinit(p);
	supervision_free(alone);
	loop_free(loop);
}

static struct port_sockets open_at(struct ports *p, struct str key, const struct address *at)
{
	struct port_sockets sockets;
	const char *why = "";
	ck_assert_int_eq(ports_open(p, key, at, &sockets, &why), RC_OK);
	return sockets;
}

START_TEST(opens_one_socket_for_each_worker_and_keeps_them)
{
	struct ports p;
	struct address a = any_free();
	begin(&p, 3);
	struct port_sockets first = open_at(&p, STR("a"), &a), again = open_at(&p, STR("a"), &a);
	ck_assert_uint_eq(first.count, 3);
	ck_assert(first.fds[0] != first.fds[1] && first.fds[1] != first.fds[2]);
	ck_assert_ptr_eq(first.fds, again.fds);
	end(&p);
}
END_TEST

START_TEST(closes_what_no_generation_uses)
{
	struct ports p;
	struct address a = any_free(), b = any_free();
	begin(&p, 1);
	int a_fd = open_at(&p, STR("a"), &a).fds[0], b_fd = open_at(&p, STR("b"), &b).fds[0];
	char kept[] = "b";
	ports_close_unused(&p, is_key, kept);
	ck_assert(!is_open(a_fd));
	ck_assert(is_open(b_fd));
	ports_close_all(&p);
	ck_assert(!is_open(b_fd));
	end(&p);
}
END_TEST

START_TEST(says_why_a_port_cannot_be_had)
{
	struct ports p;
	struct port_sockets sockets;
	const char *why = "";
	struct address a = any_free();
	int taken = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(taken, &a.u.sa, a.n), 0);
	ck_assert_int_eq(listen(taken, 1), 0);
	begin(&p, 2);
	ck_assert_int_eq(ports_open(&p, STR("a"), &a, &sockets, &why), RC_IO);
	ck_assert_str_eq(why, strerror(EADDRINUSE));
	close(taken);
	open_at(&p, STR("a"), &a);
	end(&p);
}
END_TEST

UNIT_SUITE(ports, opens_one_socket_for_each_worker_and_keeps_them, closes_what_no_generation_uses,
	says_why_a_port_cannot_be_had)
