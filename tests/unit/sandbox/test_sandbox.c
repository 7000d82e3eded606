/* SPDX-License-Identifier: Apache-2.0 */
/* Each case runs in a child, which enters the sandbox, tries, and says by its exit code how it went:
 * 0 well, 77 the kernel has no such fence, else the line of what failed (modulo 77). */
#include "unit.h"

#include "base/memory.h"
#include "sandbox/privileges.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder;

static void begin(void)
{
	folder = heap_printf("%s/sluice-unit-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0777), 0);
}

static void end(void)
{
	char *inner = heap_printf("%s/file", folder);
	unlink(inner);
	free(inner);
	ck_assert_int_eq(rmdir(folder), 0);
	free(folder);
}

/* A sanitizer's runtime does what the sandbox denies. */
#ifdef SLUICE_SANITIZE
#define IS_INSTRUMENTED true
#else
#define IS_INSTRUMENTED false
#endif

static int status_of(void (*child)(void))
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		if (IS_INSTRUMENTED)
			_exit(77);
		child();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_well(void (*child)(void))
{
	int status = status_of(child);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	ck_assert_msg(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77, "line %d (modulo 77)",
		WEXITSTATUS(status));
}

#define TRY(cond)                                                                                  \
	do {                                                                                       \
		if (!(cond))                                                                       \
			_exit(__LINE__ % 77 == 0 ? 76 : __LINE__ % 77);                            \
	} while (0)
/* -1 with EPERM, or EACCES of Landlock. */
#define DENIED(call) (errno = 0, (call) == -1 && (errno == EPERM || errno == EACCES))

static void enter_gateway(enum sandbox_mode mode)
{
	struct sandbox_report report;
	struct sandbox_paths paths = {
		.writable = {folder},
		.writable_count = 1,
		.executable = {"/usr/bin/true", "/nowhere"},
		.executable_count = 2,
	};
	TRY(sandbox_enter_gateway(mode, &paths, &report) == RC_OK);
	if (report.landlock_abi == 0 || !report.has_seccomp)
		_exit(77);
}

static void enter_compile(void)
{
	struct sandbox_report report;
	TRY(sandbox_enter_compile(SANDBOX_ON, &report) == RC_OK);
	if (report.landlock_abi == 0 || !report.has_seccomp)
		_exit(77);
}

/* --- the gateway ----------------------------------------------------------------------------- */
static void attack(void)
{
	enter_gateway(SANDBOX_ON);
	TRY(DENIED(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
	TRY(DENIED(mount("none", "/tmp", "tmpfs", 0, NULL)));
	TRY(DENIED(syscall(SYS_bpf, 0, NULL, 0)));
	TRY(DENIED(unshare(CLONE_NEWUSER)));
	TRY(DENIED(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0)));
	TRY(DENIED(syscall(SYS_io_uring_setup, 1, NULL)));
	TRY(DENIED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0)));
	TRY(DENIED(syscall(SYS_keyctl, 0, 0, 0, 0, 0)));
	TRY(DENIED(socket(AF_PACKET, SOCK_RAW, 0)));
	TRY(DENIED(setuid(0)));
}

static void write_outside(void)
{
	enter_gateway(SANDBOX_ON);
	TRY(DENIED(open("/etc/passwd", O_WRONLY)));
	TRY(DENIED(open(P_tmpdir "/sluice-outside", O_WRONLY | O_CREAT, 0600)));
	TRY(DENIED(mkdir(P_tmpdir "/sluice-outside", 0700)));
	TRY(DENIED(truncate("/etc/passwd", 0)));
	TRY(DENIED(unlink("/etc/passwd")));
	TRY(DENIED(rename("/etc/passwd", "/etc/passwd.old")));
	TRY(open("/etc/passwd", O_RDONLY) >= 0);
}

static void *thread(void *arg)
{
	return arg;
}

static void work(void)
{
	enter_gateway(SANDBOX_KILL);
	char *path = heap_printf("%s/file", folder), *other = heap_printf("%s/other", folder);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	TRY(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0);
	TRY(rename(path, other) == 0 && unlink(other) == 0);
	TRY(open("/dev/null", O_WRONLY) >= 0);
	int stream = socket(AF_INET6, SOCK_STREAM, 0), waiting;
	TRY(stream >= 0 && (ioctl(stream, SIOCOUTQ, &waiting) == 0 || errno == EINVAL));
	pthread_t id;
	TRY(pthread_create(&id, NULL, thread, NULL) == 0);
	TRY(pthread_join(id, NULL) == 0);
}

/* 7: executed nothing. */
static int exit_code_of(const char *program)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		execl(program, program, (char *)NULL);
		_exit(7);
	}
	TRY(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void execute(void)
{
	enter_gateway(SANDBOX_ON);
	TRY(exit_code_of("/usr/bin/true") == 0);
	TRY(exit_code_of("/usr/bin/false") == 7);
	TRY(exit_code_of("/bin/sh") == 7);
}

static void be_killed(void)
{
	enter_gateway(SANDBOX_KILL);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void be_logged(void)
{
	struct sandbox_report report;
	struct sandbox_paths none = {.writable_count = 0};
	TRY(sandbox_enter_gateway(SANDBOX_LOG, &none, &report) == RC_OK);
	TRY(report.landlock_abi == 0);
	char *path = heap_printf("%s/file", folder);
	TRY(open(path, O_WRONLY | O_CREAT, 0600) >= 0);
	TRY(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}

START_TEST(a_gateway_cannot_leave_its_process)
{
	begin();
	assert_well(attack);
	end();
}
END_TEST

START_TEST(a_gateway_writes_nowhere_but_in_its_folders)
{
	begin();
	assert_well(write_outside);
	end();
}
END_TEST

START_TEST(a_gateway_does_its_work)
{
	begin();
	assert_well(work);
	end();
}
END_TEST

START_TEST(a_gateway_runs_the_program_it_is_given_and_no_other)
{
	begin();
	assert_well(execute);
	end();
}
END_TEST

START_TEST(kill_ends_the_process)
{
	begin();
	int status = status_of(be_killed);
	ck_assert((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) ||
		  (WIFEXITED(status) && WEXITSTATUS(status) == 77));
	end();
}
END_TEST

START_TEST(log_denies_nothing)
{
	begin();
	assert_well(be_logged);
	end();
}
END_TEST

START_TEST(modes_have_names)
{
	enum sandbox_mode mode;
	ck_assert_int_eq(sandbox_mode_parse("off", &mode), RC_OK);
	ck_assert_int_eq(mode, SANDBOX_OFF);
	ck_assert_int_eq(sandbox_mode_parse("kill", &mode), RC_OK);
	ck_assert_int_eq(mode, SANDBOX_KILL);
	ck_assert_int_eq(sandbox_mode_parse("strict", &mode), RC_INVALID);
}
END_TEST

/* --- the compiler ---------------------------------------------------------------------------- */
static void attack_as_compiler(void)
{
	struct rlimit limits;
	enter_compile();
	char *path = heap_printf("%s/file", folder);
	TRY(DENIED(socket(AF_INET, SOCK_STREAM, 0)));
	TRY(DENIED(socket(AF_UNIX, SOCK_STREAM, 0)));
	TRY(DENIED(fork()));
	TRY(DENIED(execl("/usr/bin/true", "true", (char *)NULL)));
	/* EPERM: before Landlock is asked, which a kernel may not have. */
	TRY(open(path, O_WRONLY | O_CREAT, 0600) == -1 && errno == EPERM);
	TRY(open("/dev/null", O_RDWR) == -1 && errno == EPERM);
	TRY(syscall(SYS_open, path, O_CREAT, 0600) == -1 && errno == EPERM);
	TRY(DENIED(kill(getppid(), 0)));
	TRY(DENIED(syscall(SYS_tgkill, getppid(), getppid(), 0)));
	TRY(DENIED(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limits)));
	TRY(raise(0) == 0 && getrlimit(RLIMIT_NOFILE, &limits) == 0);
	TRY(open("/etc/passwd", O_RDONLY) >= 0);
	TRY(write(STDERR_FILENO, "", 0) == 0);
}

START_TEST(a_compiler_only_reads)
{
	begin();
	assert_well(attack_as_compiler);
	end();
}
END_TEST

/* --- privileges ------------------------------------------------------------------------------ */
static bool has_line(const char *line)
{
	char text[256];
	bool found = false;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(text, sizeof(text), f))
		found |= strncmp(text, line, strlen(line)) == 0;
	fclose(f);
	return found;
}

static unsigned long long capabilities(const char *set)
{
	char text[256];
	unsigned long long value = ~0ull;
	size_t n = strlen(set);
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(text, sizeof(text), f))
		if (strncmp(text, set, n) == 0 && text[n] == ':')
			value = strtoull(text + n + 1, NULL, 16);
	fclose(f);
	return value;
}

static void drop(void)
{
	struct identity nobody;
	char message[100];
	if (geteuid() != 0)
		_exit(77);
	TRY(identity_parse("nobody", &nobody, message, sizeof(message)) == RC_OK);
	TRY(privileges_drop(&nobody, true) == RC_OK);
	TRY(getuid() == nobody.uid && geteuid() == nobody.uid && getgid() == nobody.gid);
	TRY(has_line("CapEff:\t0000000000000400") && has_line("CapPrm:\t0000000000000400"));
	TRY(has_line("CapBnd:\t0000000000000400") && has_line("CapAmb:\t0000000000000000"));
	TRY(setuid(0) != 0 && seteuid(0) != 0);
	TRY(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES);
}

static void drop_all(void)
{
	struct identity nobody;
	char message[100];
	if (geteuid() != 0)
		_exit(77);
	TRY(identity_parse("nobody", &nobody, message, sizeof(message)) == RC_OK);
	TRY(privileges_drop(&nobody, false) == RC_OK);
	TRY(has_line("CapEff:\t0000000000000000") && has_line("CapBnd:\t0000000000000000"));
}

static void trim(void)
{
	TRY(privileges_trim(true) == RC_OK);
	if (geteuid() != 0)
		_exit(77);
	TRY((capabilities("CapEff") & ~0x406ull) == 0 && (capabilities("CapBnd") & ~0x406ull) == 0);
	TRY(privileges_trim(false) == RC_OK);
	TRY((capabilities("CapEff") & ~0x006ull) == 0 && capabilities("CapAmb") == 0);
	TRY(DENIED(mount("none", "/tmp", "tmpfs", 0, NULL)));
	TRY(DENIED(setuid(1)));
}

static void hide(void)
{
	struct rlimit core;
	privileges_hide_memory();
	TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	TRY(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
}

START_TEST(root_is_given_up_for_good)
{
	assert_well(drop);
	assert_well(drop_all);
}
END_TEST

START_TEST(who_stays_root_keeps_little)
{
	assert_well(trim);
}
END_TEST

START_TEST(memory_is_hidden)
{
	assert_well(hide);
}
END_TEST

START_TEST(identities_are_names)
{
	struct identity id;
	char message[100];
	ck_assert_int_eq(identity_parse("root:daemon", &id, message, sizeof(message)), RC_OK);
	ck_assert_str_eq(id.user, "root");
	ck_assert_uint_eq(id.uid, 0);
	ck_assert_uint_eq(id.gid, 1);
	ck_assert_int_eq(
		identity_parse("nobody:no-group", &id, message, sizeof(message)), RC_NOT_FOUND);
	ck_assert_str_eq(message, "there is no group 'no-group'");
	ck_assert_int_eq(
		identity_parse("no-such-user", &id, message, sizeof(message)), RC_NOT_FOUND);
	ck_assert_str_eq(message, "there is no user 'no-such-user'");
}
END_TEST

UNIT_SUITE(sandbox, a_gateway_cannot_leave_its_process,
	a_gateway_writes_nowhere_but_in_its_folders, a_gateway_does_its_work,
	a_gateway_runs_the_program_it_is_given_and_no_other, kill_ends_the_process,
	log_denies_nothing, modes_have_names, a_compiler_only_reads, root_is_given_up_for_good,
	who_stays_root_keeps_little, memory_is_hidden, identities_are_names)
