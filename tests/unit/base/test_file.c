/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/thread_start.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
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

/* --- in pieces ------------------------------------------------------------------------------- */

/* More than one call takes, of all lengths up to MIXED_MAX; every seventh is empty, and so are the
 * first and the last. */
#define PIECES    2500
#define MIXED_MAX 300

struct pieces {
	char *bytes;
	size_t n;
	struct str list[PIECES];
	int fd;
	bool is_written;
};

static void make_pieces(struct pieces *p)
{
	p->n = 0;
	for (size_t i = 0; i < PIECES; i++)
		p->n += p->list[i].n = i % 7 == 0 || i == PIECES - 1 ? 0 : 1 + i * 31 % MIXED_MAX;
	p->bytes = heap_alloc(p->n);
	for (size_t i = 0, at = 0; i < PIECES; at += p->list[i++].n)
		p->list[i].p = p->list[i].n ? p->bytes + at : NULL;
	for (size_t i = 0; i < p->n; i++)
		p->bytes[i] = (char)(i * 2654435761u >> 24);
}

static void *write_them(void *arg)
{
	struct pieces *p = arg;
	p->is_written = file_write_pieces(p->fd, p->list, PIECES);
	close(p->fd);
	return NULL;
}

/* Behind `before` bytes that were in the pipe already. */
static void check_what_comes(int fd, const struct pieces *p, size_t before)
{
	char *got = heap_alloc(before + p->n + 1);
	size_t n = 0;
	for (ssize_t some; (some = read(fd, got + n, before + p->n + 1 - n)) > 0;)
		n += (size_t)some;
	ck_assert_uint_eq(n, before + p->n);
	ck_assert_int_eq(memcmp(got + before, p->bytes, p->n), 0);
	free(got);
}

/* The pipe takes a page at a time: each call but the last is short. */
START_TEST(pieces_arrive_in_order_however_little_a_call_takes)
{
	struct pieces p;
	int ends[2];
	pthread_t id;
	make_pieces(&p);
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	p.fd = ends[1];
	thread_start(&id, write_them, &p);
	check_what_comes(ends[0], &p, 0);
	pthread_join(id, NULL);
	ck_assert(p.is_written);
	close(ends[0]);
	free(p.bytes);
}
END_TEST

static size_t fill(int fd)
{
	size_t n = 0;
	int flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	for (ssize_t some; (some = write(fd, "f", 1)) > 0;)
		n += (size_t)some;
	ck_assert_int_eq(errno, EAGAIN);
	fcntl(fd, F_SETFL, flags);
	return n;
}

static atomic_uint interruptions;

static void note_interruption(int signal)
{
	atomic_fetch_add(&interruptions, 1);
}

/* The pipe is full, so what the signals meet is mostly the call that waits for room. */
START_TEST(pieces_outlast_signals)
{
	struct pieces p;
	int ends[2];
	pthread_t id;
	struct sigaction action = {.sa_handler = note_interruption}, former;
	make_pieces(&p);
	ck_assert_int_eq(pipe(ends), 0);
	size_t before = fill(ends[1]);
	p.fd = ends[1];
	sigaction(SIGUSR1, &action, &former);
	ck_assert_int_eq(pthread_create(&id, NULL, write_them, &p), 0);
	/* ThreadSanitizer puts a signal off that comes just before a call, until the next one. */
	while (atomic_load(&interruptions) < 2000) {
		pthread_kill(id, SIGUSR1);
		sched_yield();
	}
	check_what_comes(ends[0], &p, before);
	pthread_join(id, NULL);
	ck_assert(p.is_written);
	sigaction(SIGUSR1, &former, NULL);
	close(ends[0]);
	free(p.bytes);
}
END_TEST

START_TEST(pieces_that_find_no_room_or_no_reader_fail)
{
	const struct str one[] = {STR(""), STR("a")};
	int ends[2];
	ck_assert(file_write_pieces(-1, one, 0));
	ck_assert(file_write_pieces(-1, one, 1));
	ck_assert(!file_write_pieces(-1, one, 2));
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	fill(ends[1]);
	ck_assert(!file_write_pieces(ends[1], one, 2));
	ck_assert_int_eq(errno, EAGAIN);
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	ck_assert(!file_write_pieces(ends[1], one, 2));
	ck_assert_int_eq(errno, EPIPE);
	close(ends[1]);
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

UNIT_SUITE(file, writes_all_of_it, pieces_arrive_in_order_however_little_a_call_takes,
	pieces_outlast_signals, pieces_that_find_no_room_or_no_reader_fail, says_why_it_cannot,
	a_thread_gets_its_own_faults_alone)
