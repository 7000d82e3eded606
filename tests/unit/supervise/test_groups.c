/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "supervise/groups.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct allow_list everything;

/* An address whose port was free a moment ago. */
static struct wire_listen wanted(unsigned count)
{
	struct wire_listen w = {.count = count, .backlog = 16};
	struct sockaddr_in *at = (struct sockaddr_in *)&w.address.at;
	socklen_t n = sizeof(*at);
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)at, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)at, &n), 0);
	close(fd);
	w.address.n = sizeof(*at);
	return w;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(a_group_is_found_again_and_only_grows)
{
	struct groups g;
	struct group *first, *again;
	struct wire_listen w = wanted(2);
	groups_init(&g);
	ck_assert_int_eq(groups_open(&g, &everything, &w, 0, &first), 0);
	ck_assert_uint_eq(first->count, 2);
	int fd = first->fds[0];
	w.count = 1;
	ck_assert_int_eq(groups_open(&g, &everything, &w, 1, &again), 0);
	ck_assert_ptr_eq(first, again);
	ck_assert_uint_eq(again->count, 2);
	w.count = 4;
	ck_assert_int_eq(groups_open(&g, &everything, &w, 1, &again), 0);
	ck_assert_uint_eq(again->count, 4);
	ck_assert_int_eq(again->fds[0], fd);
	groups_deinit(&g);
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(the_last_descriptors_are_no_sockets)
{
	struct groups g;
	struct group *group;
	struct wire_listen w = wanted(4);
	int free_fd = dup(0);
	close(free_fd);
	struct rlimit limit = {(rlim_t)free_fd + GROUPS_RESERVE + 4, 4096};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	groups_init(&g);
	ck_assert_int_eq(groups_open(&g, &everything, &w, 0, &group), 0);
	w.count = 5;
	ck_assert_int_eq(groups_open(&g, &everything, &w, 0, &group), EMFILE);
	ck_assert_uint_eq(group->count, 4);
	struct wire_listen more = wanted(1);
	ck_assert_int_eq(groups_open(&g, &everything, &more, 0, &group), EMFILE);
	ck_assert_uint_eq(g.count, 1);
	ck_assert(!is_open(free_fd + 4));
	groups_deinit(&g);
}
END_TEST

START_TEST(the_last_holder_closes_it)
{
	struct groups g;
	struct group *group;
	struct wire_listen w = wanted(1);
	groups_init(&g);
	ck_assert_int_eq(groups_open(&g, &everything, &w, 0, &group), 0);
	ck_assert_int_eq(groups_open(&g, &everything, &w, 3, &group), 0);
	int fd = group->fds[0];
	groups_release(&g, &w.address, 0);
	groups_release(&g, &w.address, 0); /* says it twice */
	groups_release(&g, &w.address, 5); /* never had it */
	ck_assert(is_open(fd));
	groups_release(&g, &w.address, 3);
	ck_assert(!is_open(fd));
	ck_assert_uint_eq(g.count, 0);
	groups_deinit(&g);
}
END_TEST

START_TEST(a_holder_that_died_leaves_it_open_until_the_sweep)
{
	struct groups g;
	struct group *group;
	struct wire_listen w = wanted(1);
	groups_init(&g);
	ck_assert_int_eq(groups_open(&g, &everything, &w, 0, &group), 0);
	int fd = group->fds[0];
	groups_forget(&g, 0);
	ck_assert(is_open(fd));
	ck_assert_int_eq(groups_open(&g, &everything, &w, 1, &group), 0);
	ck_assert_int_eq(group->fds[0], fd);
	groups_sweep(&g);
	ck_assert(is_open(fd));
	groups_forget(&g, 1);
	groups_sweep(&g);
	ck_assert(!is_open(fd));
	groups_deinit(&g);
}
END_TEST

START_TEST(refuses_what_is_not_allowed_or_not_possible)
{
	struct groups g;
	struct group *group;
	struct allow_list list = {0};
	struct wire_listen w = wanted(1), other;
	groups_init(&g);
	ck_assert(allow_add(&list, "127.0.0.1:1"));
	ck_assert_int_eq(groups_open(&g, &list, &w, 0, &group), GROUP_NOT_ALLOWED);
	other = w;
	other.count = 0;
	ck_assert_int_eq(groups_open(&g, &everything, &other, 0, &group), EINVAL);
	other.count = GROUP_SOCKETS_MAX + 1;
	ck_assert_int_eq(groups_open(&g, &everything, &other, 0, &group), EINVAL);
	other = w;
	other.address.at.ss_family = AF_UNIX;
	ck_assert_int_eq(groups_open(&g, &everything, &other, 0, &group), EAFNOSUPPORT);
	ck_assert_int_eq(groups_open(&g, &everything, &w, 0, &group), 0);
	other = w;
	other.address.purpose = WIRE_PROBES;
	ck_assert_int_eq(groups_open(&g, &everything, &other, 0, &group), EADDRINUSE);
	groups_deinit(&g);
}
END_TEST

UNIT_SUITE(groups, a_group_is_found_again_and_only_grows, the_last_descriptors_are_no_sockets,
	the_last_holder_closes_it, a_holder_that_died_leaves_it_open_until_the_sweep,
	refuses_what_is_not_allowed_or_not_possible)
