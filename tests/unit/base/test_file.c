/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/thread_start.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define MORE_THAN_A_PIPE (1u << 20)

static void *write_much(void *arg)
{
	int *fd = arg;
	char *bytes = heap_zalloc(MORE_THAN_A_PIPE);
	bool ok = file_write_all(*fd, str_n(bytes, MORE_THAN_A_PIPE));
	free(bytes);
	close(*fd);
	return ok ? arg : NULL;
}

START_TEST(writes_all_of_it)
{
	int ends[2];
	char piece[4096];
	size_t got = 0;
	pthread_t id;
	void *result;
	ck_assert_int_eq(pipe(ends), 0);
	thread_start(&id, write_much, &ends[1]);
	for (ssize_t n; (n = read(ends[0], piece, sizeof(piece))) > 0;)
		got += (size_t)n;
	pthread_join(id, &result);
	ck_assert_ptr_nonnull(result);
	ck_assert_uint_eq(got, MORE_THAN_A_PIPE);
	close(ends[0]);
}
END_TEST

START_TEST(says_why_it_cannot)
{
	ck_assert(!file_write_all(-1, STR("a")));
	ck_assert_int_eq(errno, EBADF);
	ck_assert(file_write_all(-1, STR_EMPTY));
	ck_assert(!file_sync_folder("/nonexistent/folder"));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert(file_sync_folder("/tmp"));
}
END_TEST

static void *mask_of_thread(void *arg)
{
	pthread_sigmask(SIG_SETMASK, NULL, arg);
	return NULL;
}

START_TEST(a_thread_gets_its_own_faults_alone)
{
	sigset_t before, mask, after;
	pthread_t id;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	thread_start(&id, mask_of_thread, &mask);
	pthread_join(id, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ck_assert(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD));
	ck_assert(!sigismember(&mask, SIGSEGV) && !sigismember(&mask, SIGSYS));
	for (int s = 1; s < SIGRTMIN; s++)
		ck_assert_int_eq(sigismember(&before, s), sigismember(&after, s));
}
END_TEST

UNIT_SUITE(file, writes_all_of_it, says_why_it_cannot, a_thread_gets_its_own_faults_alone)
