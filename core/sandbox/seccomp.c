/* SPDX-License-Identifier: Apache-2.0 */
/* Which system calls are left, as a program for the kernel's filter.
 *
 * A list of what is allowed: what a later kernel brings is denied. The kernel remembers which calls
 * are always allowed and does not run the program for them, so its length costs a request nothing
 * (Linux 5.11); before, the most frequent stand first.
 *
 * clone3 takes its flags by a pointer, which a filter cannot look at: it "does not exist", and libc
 * falls back to clone, whose flags it can. */
#include "sandbox/sandbox_priv.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

#define INSTRUCTIONS_MAX 600
#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
		CLONE_NEWPID | CLONE_NEWNET)

/* What any process with files and memory does. */
static const int for_all[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv,
	SYS_pwritev, SYS_close, SYS_futex, SYS_clock_gettime, SYS_clock_getres,
	SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom, SYS_mmap, SYS_munmap,
	SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_mincore, SYS_fstat,
	SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_lseek, SYS_getdents64,
	SYS_readlinkat, SYS_faccessat, SYS_faccessat2, SYS_fcntl, SYS_dup, SYS_dup3, SYS_getcwd,
	SYS_uname, SYS_sysinfo, SYS_getrusage, SYS_getpid, SYS_getppid, SYS_gettid,
	SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups, SYS_getresuid,
	SYS_getresgid, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack,
	SYS_exit, SYS_exit_group, SYS_restart_syscall, SYS_sched_yield,
	SYS_sched_getaffinity, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq,
	SYS_set_tid_address, SYS_prctl, SYS_membarrier, SYS_ppoll, SYS_getcpu, SYS_capget,
#ifdef SYS_open
	SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_poll, SYS_dup2, SYS_arch_prctl,
	SYS_time, SYS_getpgrp,
#endif
};

static const int for_gateway[] = {
	SYS_openat, SYS_tgkill, SYS_prlimit64, SYS_epoll_pwait, SYS_epoll_ctl, SYS_accept4, SYS_recvfrom, SYS_sendto, SYS_recvmsg,
	SYS_sendmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_connect, SYS_shutdown, SYS_setsockopt,
	SYS_getsockopt, SYS_getsockname, SYS_getpeername, SYS_bind, SYS_listen, SYS_accept,
	SYS_sendfile, SYS_splice, SYS_epoll_create1, SYS_epoll_pwait2, SYS_eventfd2, SYS_pipe2,
	SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
	SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch, SYS_pselect6,
	SYS_memfd_create, SYS_ftruncate, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_renameat,
	SYS_renameat2, SYS_mkdirat, SYS_unlinkat, SYS_linkat, SYS_symlinkat, SYS_fchmod,
	SYS_fchmodat, SYS_umask, SYS_flock, SYS_utimensat, SYS_execve, SYS_wait4, SYS_waitid,
	SYS_kill, SYS_tkill, SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_rt_sigpending,
	SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_setpgid, SYS_setsid, SYS_getpgid,
	SYS_getsid, SYS_sched_setaffinity, SYS_sched_getparam, SYS_sched_getscheduler,
	SYS_getpriority, SYS_setpriority, SYS_timer_create, SYS_timer_settime, SYS_timer_delete,
	SYS_setitimer, SYS_mlock, SYS_munlock, SYS_mlock2, SYS_msync, SYS_close_range,
	SYS_pidfd_open, SYS_pidfd_send_signal, SYS_times, SYS_getitimer, SYS_copy_file_range,
	SYS_fadvise64,
	/* The compiler, whom the gateway starts, draws its fences closer. */
	SYS_seccomp, SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,
#ifdef SYS_epoll_wait
	SYS_open, SYS_epoll_wait, SYS_epoll_create, SYS_pipe, SYS_eventfd, SYS_select, SYS_rename, SYS_mkdir,
	SYS_unlink, SYS_rmdir, SYS_link, SYS_symlink, SYS_chmod, SYS_vfork, SYS_fork, SYS_alarm,
	SYS_inotify_init, SYS_pause,
#endif
};

static const int ioctls[] = {SIOCOUTQ, FIONREAD, FIONBIO, TCGETS, TIOCGWINSZ};
static const int families[] = {AF_UNIX, AF_INET, AF_INET6};

struct program {
	struct sock_filter code[INSTRUCTIONS_MAX];
	unsigned short n;
};

static void add(struct program *p, struct sock_filter instruction)
{
	CHECK(p->n < INSTRUCTIONS_MAX);
	p->code[p->n++] = instruction;
}

static void load(struct program *p, size_t offset)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void give(struct program *p, uint32_t verdict)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

/* Runs the next `n` instructions only when the loaded word is `value`. */
static void when(struct program *p, uint32_t value, uint8_t n)
{
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n));
}

static void allow_all(struct program *p, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		when(p, (uint32_t)calls[i], 1);
		give(p, SECCOMP_RET_ALLOW);
	}
}

static size_t argument(unsigned i)
{
	/* The low half, on machines of both byte orders that are supported: little-endian. */
	return offsetof(struct seccomp_data, args) + i * sizeof(uint64_t);
}

/* The call, when an argument is one of these; else `verdict`. */
static void allow_values(struct program *p, int call, unsigned arg, const int *values,
	size_t count, uint32_t verdict)
{
	when(p, (uint32_t)call, (uint8_t)(2 + 2 * count));
	load(p, argument(arg));
	allow_all(p, values, count);
	give(p, verdict);
}

static void allow_clone(struct program *p, uint32_t verdict)
{
	when(p, SYS_clone3, 1);
	give(p, SECCOMP_RET_ERRNO | ENOSYS);
	when(p, SYS_clone, 4);
	load(p, argument(0));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1));
	give(p, verdict);
	give(p, SECCOMP_RET_ALLOW);
}

/* For reading alone, also where there is no Landlock. */
static void allow_reading(struct program *p, int call, unsigned flags, uint32_t verdict)
{
	when(p, (uint32_t)call, 4);
	load(p, argument(flags));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
		       O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1));
	give(p, verdict);
	give(p, SECCOMP_RET_ALLOW);
}

static uint32_t verdict_of(enum sandbox_mode mode)
{
	switch (mode) {
	case SANDBOX_LOG:
		return SECCOMP_RET_LOG;
	case SANDBOX_KILL:
		return SECCOMP_RET_TRAP; /* SIGSYS, whose handler writes down who it was */
	default:
		return SECCOMP_RET_ERRNO | EPERM;
	}
}

/* Libraries ask what a descriptor is, and are told that it is nothing of the kind. */
static uint32_t verdict_of_ioctl(enum sandbox_mode mode)
{
	return mode == SANDBOX_ON ? SECCOMP_RET_ERRNO | ENOTTY : verdict_of(mode);
}

static void begin(struct program *p, uint32_t verdict)
{
	*p = (struct program){.n = 0};
	load(p, offsetof(struct seccomp_data, arch));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
	give(p, verdict);
	load(p, offsetof(struct seccomp_data, nr));
	allow_all(p, for_all, ARRAY_COUNT(for_all));
}

/* Every thread gets it, also those that libraries made. */
static enum rc finish(struct program *p, uint32_t verdict, bool *has)
{
	give(p, verdict);
	struct sock_fprog program = {p->n, p->code};
	long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG, &program);
	*has = result == 0;
	if (result > 0)
		errno = EBUSY; /* a thread has filters of its own */
	/* A kernel without seccomp: nothing to put up. */
	return result == 0 || (result < 0 && errno == ENOSYS) ? RC_OK : RC_IO;
}

enum rc seccomp_enter_gateway(enum sandbox_mode mode, bool *has)
{
	struct program p;
	uint32_t verdict = verdict_of(mode);
	begin(&p, verdict);
	allow_all(&p, for_gateway, ARRAY_COUNT(for_gateway));
	allow_clone(&p, verdict);
	allow_values(&p, SYS_socket, 0, families, ARRAY_COUNT(families), verdict);
	allow_values(&p, SYS_socketpair, 0, families, 1, verdict);
	allow_values(&p, SYS_ioctl, 1, ioctls, ARRAY_COUNT(ioctls), verdict_of_ioctl(mode));
	return finish(&p, verdict, has);
}

enum rc seccomp_enter_compile(enum sandbox_mode mode, bool *has)
{
	struct program p;
	uint32_t verdict = verdict_of(mode);
	/* It makes no others, so that its number is its own: nobody else's is signalled or limited. */
	const int own[] = {(int)getpid(), 0};
	begin(&p, verdict);
	allow_reading(&p, SYS_openat, 2, verdict);
#ifdef SYS_open
	allow_reading(&p, SYS_open, 1, verdict);
#endif
	allow_values(&p, SYS_tgkill, 0, own, 1, verdict);
	allow_values(&p, SYS_prlimit64, 0, own, ARRAY_COUNT(own), verdict);
	allow_values(&p, SYS_ioctl, 1, ioctls, ARRAY_COUNT(ioctls), verdict_of_ioctl(mode));
	return finish(&p, verdict, has);
}

#else

enum rc seccomp_enter_gateway(enum sandbox_mode mode, bool *has)
{
	*has = false;
	return RC_OK;
}

enum rc seccomp_enter_compile(enum sandbox_mode mode, bool *has)
{
	*has = false;
	return RC_OK;
}

#endif
