/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "loop/loop.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST = 100, NUMBERS = 800 };

static void on_event(struct watch *w, int ready)
{
}

static void watch_once(struct loop *loop, int fd)
{
	struct watch w;
	ck_assert(watch_start(&w, loop, fd, on_event));
	watch_stop(&w);
}

/* In a chunk of the allocator's each would take 32 bytes at least; the table of all takes 8. */
START_TEST(a_number_that_was_watched_takes_nothing_of_the_allocator)
{
	int fds[2];
	struct loop *loop = loop_new(&(struct loop_options){.fake_clock = true});
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	size_t before = mallinfo2().uordblks;
	for (int fd = FIRST; fd < FIRST + NUMBERS; fd++) {
		ck_assert_int_eq(dup3(fds[0], fd, O_CLOEXEC), fd);
		watch_once(loop, fd);
		close(fd);
	}
	size_t grown = mallinfo2().uordblks - before;
#ifndef SLUICE_SANITIZE /* which has an allocator of its own */
	ck_assert_uint_lt(grown, 1024 * sizeof(void *) + 1024);
#endif
	(void)grown;
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}
END_TEST

/* What the first one leaves the next one has. */
START_TEST(loops_come_and_go)
{
	for (int round = 0; round < 50; round++) {
		int fds[2];
		struct loop *loop = loop_new(&(struct loop_options){.fake_clock = true});
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		watch_once(loop, fds[0]);
		watch_once(loop, fds[1]);
		close(fds[0]);
		close(fds[1]);
		loop_free(loop);
	}
}
END_TEST

UNIT_SUITE(
	event_memory, a_number_that_was_watched_takes_nothing_of_the_allocator, loops_come_and_go)
