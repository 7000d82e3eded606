/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the C library that wait for something: in a callback they fail the test by their name.
 * The harness is a shared library in front of the C library, so a plugin that calls one of them
 * comes here first. */
#include "testing/testing_priv.h"

#include "policy/run.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A plugin's own code, on a thread that others wait for. The composer and the loops are no
 * plugin's. */
static bool must_not_wait(void)
{
	struct sluice_instance *i = policy_current();
	return i && !policy_runs(i, CALLBACK_JOB);
}

static void blame(const char *name)
{
	if (must_not_wait())
		testing_fail(
			"%s may block, and a callback must not (sluice.work/1 has threads for it)",
			name);
}

/* The one behind this library. */
static void *behind(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* `type name(parameters)`, passed on with `arguments`. */
#define INTERPOSE(type, name, parameters, arguments)                                               \
	SLUICE_EXPORT type name parameters;                                                        \
	type name parameters                                                                       \
	{                                                                                          \
		static type(*real) parameters;                                                     \
		if (!real) {                                                                       \
			void *found = behind(#name);                                               \
			memcpy(&real, &found, sizeof(real));                                       \
		}                                                                                  \
		blame(#name);                                                                      \
		return real arguments;                                                             \
	}

INTERPOSE(unsigned, sleep, (unsigned s), (s))
INTERPOSE(int, usleep, (useconds_t us), (us))
INTERPOSE(int, nanosleep, (const struct timespec *t, struct timespec *left), (t, left))
INTERPOSE(int, clock_nanosleep,
	(clockid_t clock, int flags, const struct timespec *t, struct timespec *left),
	(clock, flags, t, left))
INTERPOSE(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
INTERPOSE(int, select, (int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *t), (n, r, w, e, t))
INTERPOSE(int, epoll_wait, (int fd, struct epoll_event *events, int n, int ms), (fd, events, n, ms))
INTERPOSE(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
INTERPOSE(int, accept, (int fd, struct sockaddr *restrict a, socklen_t *restrict n), (fd, a, n))
INTERPOSE(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags))
INTERPOSE(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags))
INTERPOSE(int, getaddrinfo,
	(const char *restrict host, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict out),
	(host, service, hints, out))
INTERPOSE(struct hostent *, gethostbyname, (const char *name), (name))
INTERPOSE(int, fsync, (int fd), (fd))
INTERPOSE(int, fdatasync, (int fd), (fd))
INTERPOSE(int, system, (const char *command), (command))
INTERPOSE(FILE *, popen, (const char *command, const char *mode), (command, mode))
INTERPOSE(FILE *, fopen, (const char *restrict path, const char *restrict mode), (path, mode))
INTERPOSE(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
INTERPOSE(int, sem_wait, (sem_t * s), (s))
INTERPOSE(int, pthread_join, (pthread_t thread, void **result), (thread, result))

/* Whether a mode stands behind the flags. */
static bool has_mode(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

static int open_as(const char *name, const char *path, int flags, mode_t mode)
{
	int (*real)(const char *, int, ...);
	void *found = behind(name);
	memcpy(&real, &found, sizeof(real));
	blame(name);
	return real(path, flags, mode);
}

#define INTERPOSE_OPEN(name)                                                                       \
	SLUICE_EXPORT int name(const char *path, int flags, ...);                                  \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list args;                                                                      \
		va_start(args, flags);                                                             \
		mode_t mode = has_mode(flags) ? va_arg(args, mode_t) : 0;                          \
		va_end(args);                                                                      \
		return open_as(#name, path, flags, mode);                                          \
	}

INTERPOSE_OPEN(open)
INTERPOSE_OPEN(open64)
