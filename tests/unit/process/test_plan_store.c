/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "base/memory.h"
#include "process/plan_slot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder, *dir;

static void begin(void)
{
	folder = heap_printf("%s/sluice-unit-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = heap_printf("%s/plans", folder);
}

static char *path_of(const char *name)
{
	return heap_printf("%s/%s", dir, name);
}

static void end(void)
{
	static const char *const names[] = {"0", "1", "2", "new", "proven"};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		char *path = path_of(names[i]);
		unlink(path);
		free(path);
	}
	rmdir(dir);
	ck_assert_int_eq(rmdir(folder), 0);
	free(dir);
	free(folder);
}

static uint8_t content[SHA256_BYTES]; /* of what was put last */

static enum rc put(const char *bytes)
{
	struct plan_bytes b = {.p = bytes, .n = strlen(bytes)};
	return plan_slot_write(dir, 7, 1000, &b, content, NULL);
}

static struct plan_bytes heap_bytes(const char *text)
{
	return (struct plan_bytes){.p = heap_strdup(text), .n = strlen(text)};
}

/* "-" when there is none. */
static void assert_loads_by(enum plan_order order, unsigned nth, const char *expected)
{
	struct buffer b;
	struct plan_store_info info;
	buffer_init(&b, 1 << 20);
	enum rc rc = plan_store_load(dir, order, nth, &b, &info);
	if (strcmp(expected, "-") == 0)
		ck_assert_int_eq(rc, RC_NOT_FOUND);
	else
		ck_assert_int_eq(rc, RC_OK);
	if (rc == RC_OK)
		ck_assert_msg(str_eq(buffer_str(&b), str_of(expected)), "got \"%.*s\", not \"%s\"",
			STR_ARG(buffer_str(&b)), expected);
	buffer_deinit(&b);
}

static void assert_loads(unsigned nth, const char *expected)
{
	assert_loads_by(PLAN_NEWEST_FIRST, nth, expected);
}

START_TEST(keeps_the_three_newest)
{
	begin();
	assert_loads(0, "-");
	ck_assert_int_eq(put("one"), RC_OK);
	assert_loads(0, "one");
	assert_loads(1, "-");
	ck_assert_int_eq(put("two"), RC_OK);
	ck_assert_int_eq(put("three"), RC_OK);
	assert_loads(0, "three");
	assert_loads(1, "two");
	assert_loads(2, "one");
	assert_loads(3, "-");
	ck_assert_int_eq(put("four"), RC_OK);
	assert_loads(0, "four");
	assert_loads(2, "two");
	assert_loads(3, "-");
	end();
}
END_TEST

START_TEST(what_has_proved_itself_outlives_any_number_of_edits)
{
	begin();
	put("sound");
	ck_assert_int_eq(plan_slot_prove(dir, content), RC_OK);
	ck_assert_int_eq(plan_slot_prove(dir, content), RC_OK);
	assert_loads_by(PLAN_PROVEN_FIRST, 0, "sound");
	for (int i = 0; i < 5; i++) {
		char text[16];
		snprintf(text, sizeof(text), "edit %d", i);
		ck_assert_int_eq(put(text), RC_OK);
		assert_loads(0, text);
		assert_loads_by(PLAN_PROVEN_FIRST, 0, "sound");
		assert_loads_by(PLAN_PROVEN_FIRST, 1, text);
	}
	assert_loads_by(PLAN_PROVEN_FIRST, 2, "edit 3");
	/* The next one to prove itself takes its place. */
	ck_assert_int_eq(plan_slot_prove(dir, content), RC_OK);
	assert_loads_by(PLAN_PROVEN_FIRST, 0, "edit 4");
	put("edit 5");
	put("edit 6");
	assert_loads_by(PLAN_PROVEN_FIRST, 0, "edit 4");
	assert_loads(0, "edit 6");
	assert_loads(1, "edit 5");
	end();
}
END_TEST

START_TEST(a_mark_that_is_damaged_marks_nothing)
{
	begin();
	put("one");
	ck_assert_int_eq(plan_slot_prove(dir, content), RC_OK);
	put("two");
	char *path = path_of("proven");
	ck_assert_int_eq(truncate(path, 30), 0);
	assert_loads_by(PLAN_PROVEN_FIRST, 0, "two");
	ck_assert_int_eq(unlink(path), 0);
	assert_loads_by(PLAN_PROVEN_FIRST, 0, "two");
	ck_assert_int_eq(symlink("0", path), 0);
	assert_loads_by(PLAN_PROVEN_FIRST, 0, "two");
	free(path);
	end();
}
END_TEST

START_TEST(knows_when_and_what_was_saved)
{
	begin();
	struct buffer b;
	struct plan_store_info info;
	buffer_init(&b, 100);
	struct plan_bytes plan = {.p = "plan", .n = 4};
	ck_assert_int_eq(plan_slot_write(dir, 41, 123456789, &plan, content, NULL), RC_OK);
	ck_assert_int_eq(plan_store_load(dir, PLAN_NEWEST_FIRST, 0, &b, &info), RC_OK);
	ck_assert_int_eq(info.generation, 41);
	ck_assert_int_eq(info.saved_wall_us, 123456789);
	buffer_deinit(&b);
	end();
}
END_TEST

START_TEST(a_plan_that_is_there_already_becomes_the_newest)
{
	begin();
	put("good");
	put("bad");
	ck_assert_int_eq(put("bad"), RC_OK);
	assert_loads(1, "good");
	/* The good one serves again: the next save must not cost it. */
	ck_assert_int_eq(put("good"), RC_OK);
	assert_loads(0, "good");
	put("next");
	assert_loads(0, "next");
	assert_loads(1, "good");
	end();
}
END_TEST

START_TEST(its_files_are_the_owners_alone)
{
	begin();
	struct stat st;
	umask(0);
	put("secret");
	put("secrets");
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	for (unsigned i = 0; i < 2; i++) {
		char *path = path_of(i ? "1" : "0");
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_int_eq(st.st_mode & 07777, 0600);
		free(path);
	}
	end();
}
END_TEST

/* --- damage ---------------------------------------------------------------------------------- */
static unsigned newest_slot(void)
{
	struct plan_store_info info[2] = {{0}};
	const char *message;
	for (unsigned i = 0; i < 2; i++) {
		struct buffer b;
		buffer_init(&b, 1000);
		ck_assert_int_eq(plan_slot_read(dir, i, &b, &info[i], &message), RC_OK);
		buffer_deinit(&b);
	}
	return info[1].sequence > info[0].sequence;
}

static void put_knowing(struct plan_slot_known *known, const char *bytes)
{
	struct plan_bytes b = {.p = bytes, .n = strlen(bytes)};
	ck_assert_int_eq(plan_slot_write(dir, 7, 1000, &b, content, known), RC_OK);
}

/* A byte of its plan is another one: in a file of the same size in its place. */
static void damage(unsigned slot)
{
	char name[2] = {(char)('0' + slot)}, bytes[200];
	char *path = path_of(name), *fresh = path_of("new");
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t n = read(from, bytes, sizeof(bytes));
	ck_assert_int_gt(n, 0);
	bytes[n - 1] ^= 1;
	ck_assert_int_eq(write(to, bytes, (size_t)n), n);
	ck_assert_int_eq(rename(fresh, path), 0);
	close(from);
	close(to);
	free(path);
	free(fresh);
}

START_TEST(what_it_knows_of_its_slots_ends_with_another_writer)
{
	struct plan_slot_known known[PLAN_SLOTS] = {0};
	begin();
	put_knowing(known, "one");
	put_knowing(known, "two");
	put_knowing(known, "two");
	assert_loads(0, "two");
	assert_loads(1, "one");
	assert_loads(2, "-");
	ck_assert_int_eq(put("three"), RC_OK); /* another process */
	put_knowing(known, "four");
	assert_loads(0, "four");
	assert_loads(1, "three");
	assert_loads(2, "two");
	damage(newest_slot());
	assert_loads(0, "three");
	put_knowing(known, "five"); /* over what is damaged */
	assert_loads(0, "five");
	assert_loads(1, "three");
	assert_loads(2, "two");
	end();
}
END_TEST

static void flip(const char *path, off_t at)
{
	uint8_t byte;
	int fd = open(path, O_RDWR);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

START_TEST(one_wrong_bit_anywhere_makes_the_other_slot_serve)
{
	begin();
	struct stat st;
	put("the older plan");
	put("the newer plan");
	char *path = path_of(newest_slot() ? "1" : "0");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 112 + 14);
	for (off_t at = 0; at < st.st_size; at++) {
		flip(path, at);
		/* The padding after the format is hashed, too. */
		assert_loads(0, "the older plan");
		assert_loads(1, "-");
		flip(path, at);
	}
	assert_loads(0, "the newer plan");
	free(path);
	end();
}
END_TEST

START_TEST(a_file_cut_or_grown_at_any_length_is_skipped)
{
	begin();
	put("the older plan");
	put("the newer plan");
	char *path = path_of(newest_slot() ? "1" : "0");
	ck_assert_int_eq(truncate(path, 112 + 15), 0);
	assert_loads(0, "the older plan");
	for (off_t n = 112 + 13; n >= 0; n--) {
		ck_assert_int_eq(truncate(path, n), 0);
		assert_loads(0, "the older plan");
	}
	/* And the next save heals it. */
	ck_assert_int_eq(put("healed"), RC_OK);
	assert_loads(0, "healed");
	assert_loads(1, "the older plan");
	free(path);
	end();
}
END_TEST

START_TEST(what_is_no_file_is_skipped)
{
	begin();
	put("plan");
	char *path = path_of("1");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	assert_loads(0, "plan");
	unlink(path);
	ck_assert_int_eq(symlink("0", path), 0);
	assert_loads(1, "-");
	free(path);
	end();
}
END_TEST

/* --- trouble while saving -------------------------------------------------------------------- */
#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
/* From now on the kernel kills the process at that system call. */
static void die_at(long call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_COUNT(code), code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(3);
}

static void assert_killed_save_keeps(long call, const char *newest, const char *older)
{
	begin();
	put("one");
	put("two");
	pid_t child = fork();
	if (child == 0) {
		die_at(call);
		if (put("three") != RC_OK)
			_exit(1);
		_exit(0);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %x", status);
	assert_loads(0, newest);
	assert_loads(1, older);
	/* Nothing that was left in the way hinders the next save. */
	ck_assert_int_eq(put("four"), RC_OK);
	assert_loads(0, "four");
	assert_loads(1, newest);
	end();
}

START_TEST(a_kill_at_any_step_leaves_two_whole_slots)
{
	assert_killed_save_keeps(SYS_write, "two", "one");
	assert_killed_save_keeps(SYS_fdatasync, "two", "one");
#ifdef SYS_rename
	assert_killed_save_keeps(SYS_rename, "two", "one");
#else
	assert_killed_save_keeps(SYS_renameat, "two", "one");
#endif
	/* The folder's own sync comes after the rename. */
	assert_killed_save_keeps(SYS_fsync, "three", "two");
}
END_TEST
#else
START_TEST(a_kill_at_any_step_leaves_two_whole_slots)
{
}
END_TEST
#endif

/* A file system of 64 KiB, in a mount namespace of the child's own; exit code 77: not permitted. */
static void fill_disk_in_child(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("none", folder, "tmpfs", 0, "size=64k,mode=700") != 0)
		_exit(77);
	struct plan_bytes much = {.p = heap_zalloc(100000), .n = 100000};
	struct stat st;
	char *temporary = path_of("new");
	bool ok = put("one") == RC_OK && put("two") == RC_OK;
	ok = ok && plan_slot_write(dir, 1, 1, &much, content, NULL) == RC_IO && errno == ENOSPC;
	ok = ok && stat(temporary, &st) != 0 && errno == ENOENT;
	assert_loads(0, "two");
	assert_loads(1, "one");
	ok = ok && put("three") == RC_OK;
	assert_loads(0, "three");
	free(temporary);
	free((char *)much.p);
	umount2(folder, MNT_DETACH);
	_exit(ok ? 0 : 1);
}

START_TEST(a_full_disk_fails_one_save_and_nothing_else)
{
	begin();
	int status;
	pid_t child = fork();
	if (child == 0)
		fill_disk_in_child();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
	end();
}
END_TEST

/* --- the thread ------------------------------------------------------------------------------ */
START_TEST(saves_in_the_background_and_the_last_one_for_certain)
{
	begin();
	struct plan_store *s = plan_store_new(dir);
	for (unsigned i = 1; i <= 50; i++) {
		char text[16];
		snprintf(text, sizeof(text), "plan %u", i);
		plan_store_save(s, i, heap_bytes(text));
	}
	plan_store_free(s);
	assert_loads(0, "plan 50");
	end();
}
END_TEST

START_TEST(proves_what_was_saved_last_and_nothing_else)
{
	begin();
	struct plan_store *s = plan_store_new(dir);
	plan_store_prove(s, 1); /* nothing was saved */
	plan_store_save(s, 1, heap_bytes("one"));
	plan_store_prove(s, 1);
	plan_store_free(s);
	assert_loads_by(PLAN_PROVEN_FIRST, 0, "one");
	s = plan_store_new(dir);
	plan_store_save(s, 2, heap_bytes("two"));
	plan_store_prove(s, 1); /* another's number */
	plan_store_free(s);
	assert_loads_by(PLAN_PROVEN_FIRST, 0, "one");
	end();
}
END_TEST

START_TEST(counts_what_it_cannot_save)
{
	begin();
	/* A file stands where the folder would. */
	int fd = open(dir, O_WRONLY | O_CREAT, 0600);
	close(fd);
	struct plan_store *s = plan_store_new(dir);
	plan_store_save(s, 1, heap_bytes("plan"));
	struct plan_store_stats stats;
	do {
		sched_yield();
		stats = plan_store_stats(s);
	} while (stats.failed == 0);
	ck_assert(stats.is_failing);
	ck_assert_int_eq(stats.saved, 0);
	plan_store_free(s);
	unlink(dir);
	end();
}
END_TEST

static bool put_many(const char *name)
{
	char bytes[32];
	bool is_fine = true;
	for (int i = 0; i < 100; i++) {
		snprintf(bytes, sizeof(bytes), "%s %d", name, i);
		is_fine &= put(bytes) == RC_OK;
	}
	return is_fine;
}

START_TEST(two_processes_save_to_one_folder)
{
	int status;
	begin();
	pid_t child = fork();
	if (child == 0)
		_exit(put_many("child") ? 0 : 1);
	bool is_fine = put_many("parent");
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(is_fine && status == 0);
	for (unsigned i = 0; i < PLAN_SLOTS; i++) {
		struct buffer b;
		struct plan_store_info info;
		buffer_init(&b, 1000);
		ck_assert_int_eq(plan_store_load(dir, PLAN_NEWEST_FIRST, i, &b, &info), RC_OK);
		ck_assert_uint_eq(info.sequence, 200 - i);
		buffer_deinit(&b);
	}
	end();
}
END_TEST

UNIT_SUITE(plan_store, what_it_knows_of_its_slots_ends_with_another_writer, keeps_the_three_newest,
	what_has_proved_itself_outlives_any_number_of_edits, a_mark_that_is_damaged_marks_nothing,
	proves_what_was_saved_last_and_nothing_else, knows_when_and_what_was_saved,
	a_plan_that_is_there_already_becomes_the_newest, its_files_are_the_owners_alone,
	one_wrong_bit_anywhere_makes_the_other_slot_serve,
	a_file_cut_or_grown_at_any_length_is_skipped, what_is_no_file_is_skipped,
	a_kill_at_any_step_leaves_two_whole_slots, a_full_disk_fails_one_save_and_nothing_else,
	saves_in_the_background_and_the_last_one_for_certain, two_processes_save_to_one_folder,
	counts_what_it_cannot_save)
