/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the gateway: the Nth allocation, or the Nth system call of a kind, fails.
 *
 * What fails stands in a file, $SLUICE_FAULTS, that tester and gateway share as memory: while `armed`
 * is set the calls of `kind` are counted, and those whose number is `first` to `last` fail with
 * `error`. The tester counts first, with first = 0, and then sweeps. Only the process whose name is in
 * the file takes part: the library is inherited by all that the gateway starts.
 *
 * Each failure writes a line to standard error with the addresses that called, for addr2line. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

/* The names of kinds are in tests/integration/harness/faults.py, in the same order. */
enum kind {
	NONE,
	ALLOCATE,
	READ,
	WRITE,
	RECV,
	SEND,
	ACCEPT,
	CONNECT,
	SOCKET,
	OPEN,
	SYNC,
	RENAME,
	EPOLL_CTL,
	EPOLL_WAIT,
	DESCRIPTOR, /* epoll_create1, eventfd, timerfd_create, pipe2 */
	OPTION,     /* setsockopt, getsockopt, fcntl */
	STAT,
	MAP,
	THREAD,
	RESOLVE,
	SPAWN,
	KINDS,
};

struct control {
	char program[32];
	_Atomic uint32_t armed, kind, first, last;
	_Atomic int32_t error;
	_Atomic uint32_t counts[KINDS], failures;
};

static struct control *control;
static bool takes_part;
static _Thread_local bool is_inside;

static void write_place(enum kind kind, uint32_t number)
{
	void *frames[24];
	char line[64];
	int n = snprintf(line, sizeof(line), "fault: kind %u, number %u, called from\n", kind, number);
	int count = backtrace(frames, 24);
	if (write(2, line, (size_t)n) == n)
		backtrace_symbols_fd(frames + 2, count - 2, 2);
}

/* Counters in memory, whose read and write cannot fail. */
#define DESCRIPTORS_MAX 4096
static _Atomic bool is_counter[DESCRIPTORS_MAX];

static bool may_fail(int fd)
{
	return fd < 0 || fd >= DESCRIPTORS_MAX || !atomic_load(&is_counter[fd]);
}

static void note(int fd, bool counts)
{
	if (fd >= 0 && fd < DESCRIPTORS_MAX)
		atomic_store(&is_counter[fd], counts);
}

/* Whether this call fails; errno is set then. */
static bool fails(enum kind kind)
{
	if (!takes_part || is_inside || !atomic_load(&control->armed))
		return false;
	uint32_t number = atomic_fetch_add(&control->counts[kind], 1) + 1;
	if (kind != atomic_load(&control->kind) || number < atomic_load(&control->first) ||
		number > atomic_load(&control->last))
		return false;
	is_inside = true;
	if (atomic_fetch_add(&control->failures, 1) == 0)
		write_place(kind, number);
	is_inside = false;
	errno = atomic_load(&control->error);
	return true;
}

/* The first backtrace loads a library: now, not when memory fails. */
__attribute__((constructor)) static void load(void)
{
	const char *path = getenv("SLUICE_FAULTS");
	void *frames[4];
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	control = p;
	backtrace(frames, 4);
	takes_part = strcmp(program_invocation_short_name, control->program) == 0;
}

/* --- memory ---------------------------------------------------------------------------------- */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t n)
{
	return fails(ALLOCATE) ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
	return fails(ALLOCATE) ? NULL : __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
	return fails(ALLOCATE) ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
	return fails(ALLOCATE) ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **out, size_t align, size_t n)
{
	void *p = fails(ALLOCATE) ? NULL : __libc_memalign(align, n);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

/* --- system calls ---------------------------------------------------------------------------- */
/* REAL(read)(fd, p, n) is the library's own. */
#define REAL(name)                                                                                 \
	({                                                                                         \
		static __typeof__(&name) real;                                                     \
		if (!real)                                                                         \
			real = (__typeof__(&name))find(#name);                                     \
		real;                                                                              \
	})

static void *find(const char *name)
{
	bool was_inside = is_inside;
	is_inside = true;
	void *p = dlsym(RTLD_NEXT, name);
	is_inside = was_inside;
	return p;
}

#define CALL(result, kind, name, parameters, arguments)                                            \
	result name parameters                                                                     \
	{                                                                                          \
		return fails(kind) ? (result)-1 : REAL(name) arguments;                            \
	}

ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);
int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);

ssize_t read(int fd, void *p, size_t n)
{
	return may_fail(fd) && fails(READ) ? -1 : REAL(read)(fd, p, n);
}

ssize_t __read_chk(int fd, void *p, size_t n, size_t room)
{
	return may_fail(fd) && fails(READ) ? -1 : REAL(__read_chk)(fd, p, n, room);
}

ssize_t write(int fd, const void *p, size_t n)
{
	return may_fail(fd) && fails(WRITE) ? -1 : REAL(write)(fd, p, n);
}

int eventfd(unsigned n, int flags)
{
	int fd = fails(DESCRIPTOR) ? -1 : REAL(eventfd)(n, flags);
	note(fd, true);
	return fd;
}

int close(int fd)
{
	note(fd, false);
	return REAL(close)(fd);
}

CALL(ssize_t, READ, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
CALL(ssize_t, READ, pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at))
CALL(ssize_t, READ, __pread_chk, (int fd, void *p, size_t n, off_t at, size_t m), (fd, p, n, at, m))
CALL(ssize_t, READ, __pread64_chk, (int fd, void *p, size_t n, off64_t at, size_t m),
	(fd, p, n, at, m))
CALL(ssize_t, WRITE, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
CALL(ssize_t, WRITE, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
CALL(ssize_t, WRITE, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
CALL(ssize_t, RECV, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
CALL(ssize_t, RECV, __recv_chk, (int fd, void *p, size_t n, size_t m, int flags),
	(fd, p, n, m, flags))
CALL(ssize_t, RECV, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
CALL(ssize_t, SEND, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
CALL(ssize_t, SEND, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
CALL(int, ACCEPT, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags))
CALL(int, CONNECT, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
CALL(int, SOCKET, socket, (int family, int type, int protocol), (family, type, protocol))
CALL(int, SYNC, fsync, (int fd), (fd))
CALL(int, SYNC, fdatasync, (int fd), (fd))
CALL(int, RENAME, rename, (const char *from, const char *to), (from, to))
CALL(int, RENAME, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
CALL(int, RENAME, unlink, (const char *path), (path))
CALL(int, RENAME, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
CALL(int, RENAME, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, EPOLL_CTL, epoll_ctl, (int ep, int op, int fd, struct epoll_event *e), (ep, op, fd, e))
CALL(int, EPOLL_WAIT, epoll_wait, (int ep, struct epoll_event *e, int n, int ms), (ep, e, n, ms))
CALL(int, DESCRIPTOR, epoll_create1, (int flags), (flags))
CALL(int, DESCRIPTOR, timerfd_create, (int clock, int flags), (clock, flags))
CALL(int, DESCRIPTOR, timerfd_settime,
	(int fd, int flags, const struct itimerspec *a, struct itimerspec *b), (fd, flags, a, b))
CALL(int, DESCRIPTOR, pipe2, (int p[2], int flags), (p, flags))
CALL(int, OPTION, setsockopt, (int fd, int level, int name, const void *p, socklen_t n),
	(fd, level, name, p, n))
CALL(int, OPTION, getsockopt, (int fd, int level, int name, void *p, socklen_t *n),
	(fd, level, name, p, n))
CALL(int, STAT, stat, (const char *path, struct stat *s), (path, s))
CALL(int, STAT, fstat, (int fd, struct stat *s), (fd, s))
CALL(int, STAT, lstat, (const char *path, struct stat *s), (path, s))
CALL(int, STAT, ftruncate, (int fd, off_t n), (fd, n))
CALL(void *, MAP, mmap, (void *p, size_t n, int protection, int flags, int fd, off_t at),
	(p, n, protection, flags, fd, at))
CALL(int, OPEN, __open_2, (const char *path, int flags), (path, flags))
CALL(int, OPEN, __open64_2, (const char *path, int flags), (path, flags))
CALL(int, OPEN, __openat_2, (int at, const char *path, int flags), (at, path, flags))
CALL(int, OPEN, __openat64_2, (int at, const char *path, int flags), (at, path, flags))

static mode_t mode_of(int flags, va_list rest)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPEN_CALL(name)                                                                            \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list rest;                                                                      \
		va_start(rest, flags);                                                             \
		mode_t mode = mode_of(flags, rest);                                                \
		va_end(rest);                                                                      \
		return fails(OPEN) ? -1 : REAL(name)(path, flags, mode);                           \
	}
#define OPENAT_CALL(name)                                                                          \
	int name(int at, const char *path, int flags, ...)                                         \
	{                                                                                          \
		va_list rest;                                                                      \
		va_start(rest, flags);                                                             \
		mode_t mode = mode_of(flags, rest);                                                \
		va_end(rest);                                                                      \
		return fails(OPEN) ? -1 : REAL(name)(at, path, flags, mode);                       \
	}
OPEN_CALL(open)
OPEN_CALL(open64)
OPENAT_CALL(openat)
OPENAT_CALL(openat64)

FILE *fopen(const char *path, const char *mode)
{
	return fails(OPEN) ? NULL : REAL(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	return fails(OPEN) ? NULL : REAL(fopen64)(path, mode);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
	return fails(THREAD) ? errno : REAL(pthread_create)(thread, a, run, arg);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const *argv, char *const *envp)
{
	return fails(SPAWN) ? errno
			    : REAL(posix_spawn)(pid, path, actions, attributes, argv, envp);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **out)
{
	return fails(RESOLVE) ? EAI_MEMORY : REAL(getaddrinfo)(node, service, hints, out);
}
