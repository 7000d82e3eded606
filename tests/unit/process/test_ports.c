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

START_TEST(opens_one_socket_for_each_worker_and_keeps_them)
{
	struct ports p;
	int *fds, *again;
	struct address a = any_free();
	ports_init(&p, 3);
	ck_assert_int_eq(ports_open(&p, STR("a"), &a, &fds), RC_OK);
	ck_assert(fds[0] != fds[1] && fds[1] != fds[2]);
	ck_assert_int_eq(ports_open(&p, STR("a"), &a, &again), RC_OK);
	ck_assert_ptr_eq(fds, again);
	ports_deinit(&p);
}
END_TEST

START_TEST(closes_what_no_generation_uses)
{
	struct ports p;
	int *a_fds, *b_fds;
	struct address a = any_free(), b = any_free();
	ports_init(&p, 1);
	ck_assert_int_eq(ports_open(&p, STR("a"), &a, &a_fds), RC_OK);
	ck_assert_int_eq(ports_open(&p, STR("b"), &b, &b_fds), RC_OK);
	int a_fd = a_fds[0], b_fd = b_fds[0];
	char kept[] = "b";
	ports_close_unused(&p, is_key, kept);
	ck_assert(!is_open(a_fd));
	ck_assert(is_open(b_fd));
	ports_close_all(&p);
	ck_assert(!is_open(b_fd));
	ports_deinit(&p);
}
END_TEST

START_TEST(says_why_a_port_cannot_be_had)
{
	struct ports p, other;
	int *fds;
	struct address a = any_free();
	int taken = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(taken, &a.u.sa, a.n), 0);
	ck_assert_int_eq(listen(taken, 1), 0);
	ports_init(&p, 2);
	ports_init(&other, 2);
	ck_assert_int_ne(ports_open(&p, STR("a"), &a, &fds), RC_OK);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(taken);
	ck_assert_int_eq(ports_open(&p, STR("a"), &a, &fds), RC_OK);
	ports_deinit(&other);
	ports_deinit(&p);
}
END_TEST

UNIT_SUITE(ports, opens_one_socket_for_each_worker_and_keeps_them, closes_what_no_generation_uses,
	says_why_a_port_cannot_be_had)
