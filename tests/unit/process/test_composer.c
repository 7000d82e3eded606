/* SPDX-License-Identifier: Apache-2.0 */
/* Compilers that are shell scripts: what they write, and how they end, is up to each test. */
#include "unit.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "process/composer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MS 60000
/* What a compiler does with a plan. */
#define PLAN "cat plan >&3; exec 3>&-; printf ! >&6; "

struct bench {
	struct loop *loop;
	struct composer *composer;
	struct composer_options options;
	char *folder, *program;
	int go;             /* a line here lets go a child that waits for it */
	struct buffer plan; /* what the scripts write */
	unsigned plans, failures;
	char error[200]; /* the last */
};

static char *path_of(const struct bench *b, const char *name)
{
	return heap_printf("%s/%s", b->folder, name);
}

static void put_file(const struct bench *b, const char *name, struct str bytes)
{
	char *path = path_of(b, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	ck_assert_int_ge(fd, 0);
	ck_assert(file_write_all(fd, bytes));
	close(fd);
	free(path);
}

/* "-": there is none. */
static void assert_file(const struct bench *b, const char *name, const char *expected)
{
	char got[64] = "-";
	char *path = path_of(b, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, got, sizeof(got) - 1);
		got[n > 0 ? n : 0] = '\0';
		close(fd);
	}
	free(path);
	ck_assert_str_eq(got, expected);
}

/* What a child leaves of a record that takes no place. */
static void assert_nothing_fresh(const struct bench *b)
{
	char *name = heap_printf(".composed-%ld", (long)getpid());
	assert_file(b, name, "-");
	free(name);
}

/* In the folder, with the plan in "plan"; the record's descriptors are 4 and 5. A child that runs
 * is not touched: its shell reads on in the former file. */
static void set_script(const struct bench *b, const char *commands)
{
	char *text = heap_printf("#!/bin/sh\ncd %s || exit 9\n%s\n", b->folder, commands);
	char *fresh = path_of(b, "fresh");
	put_file(b, "fresh", str_of(text));
	ck_assert_int_eq(rename(fresh, b->program), 0);
	free(fresh);
	free(text);
}

static void make_plan(struct bench *b)
{
	struct plan_writer *w = plan_writer_new();
	struct position none = {0};
	buffer_init(&b->plan, LIMIT_PLAN_BYTES);
	plan_open_object(w, NULL, none);
	for (int i = 0; i < 20000; i++) { /* more than a pipe takes */
		char key[16];
		snprintf(key, sizeof(key), "k%d", i);
		plan_write_integer(w, key, none, i);
	}
	plan_close(w);
	ck_assert_int_eq(plan_writer_finish(w, &b->plan), RC_OK);
	plan_writer_free(w);
	put_file(b, "plan", buffer_str(&b->plan));
}

static void on_plan(void *owner, struct plan_bytes plan, const char *error)
{
	struct bench *b = owner;
	if (error) {
		snprintf(b->error, sizeof(b->error), "%s", error);
		ck_assert_ptr_null(plan.p);
		b->failures++;
		return;
	}
	ck_assert(str_eq(plan_bytes_str(&plan), buffer_str(&b->plan)));
	plan_bytes_free(&plan);
	b->plans++;
}

static void begin(struct bench *b)
{
	struct loop_options fake = {.fake_clock = true};
	*b = (struct bench){.loop = loop_new(&fake)};
	b->folder = heap_printf("%s/sluice-unit-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(b->folder));
	char *go = path_of(b, "go");
	ck_assert_int_eq(mkfifo(go, 0600), 0);
	b->go = open(go, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(b->go, 0);
	free(go);
	b->program = path_of(b, "program");
	b->options = (struct composer_options){.program = b->program,
		.config_dir = b->folder,
		.state_dir = b->folder,
		.deadline_ms = DEADLINE_MS};
	make_plan(b);
	put_file(b, "composed", STR("former"));
	b->composer = composer_new(b->loop, &b->options, on_plan, b);
}

static void end(struct bench *b)
{
	static const char *const names[] = {"program", "plan", "composed", "go", "seen"};
	composer_free(b->composer);
	loop_free(b->loop);
	assert_nothing_fresh(b);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = path_of(b, names[i]);
		unlink(path);
		free(path);
	}
	ck_assert_int_eq(rmdir(b->folder), 0);
	close(b->go);
	buffer_deinit(&b->plan);
	free(b->program);
	free(b->folder);
}

static void run_until(struct bench *b, unsigned plans, unsigned failures)
{
	while (b->plans < plans || b->failures < failures)
		loop_turn(b->loop, -1);
	ck_assert_uint_eq(b->plans, plans);
	ck_assert_uint_eq(b->failures, failures);
}

/* It is the next that tells: it begins when the former child has gone, and has what that one left.
 */
static void check_next(struct bench *b, const char *record)
{
	unsigned plans = b->plans, failures = b->failures;
	set_script(b, "cat <&4 >seen; " PLAN "printf next >&5");
	composer_start(b->composer);
	run_until(b, plans + 1, failures);
	assert_file(b, "seen", record);
	composer_start(b->composer);
	run_until(b, plans + 2, failures);
	assert_file(b, "seen", "next");
}

START_TEST(a_plan_is_used_while_the_record_is_still_to_come)
{
	struct bench b;
	begin(&b);
	set_script(&b, PLAN "read line <go; printf mine >&5");
	composer_start(b.composer);
	run_until(&b, 1, 0);
	assert_file(&b, "composed", "former");
	set_script(&b, "cat <&4 >seen; " PLAN);
	composer_start(b.composer); /* while one runs */
	ck_assert(file_write_all(b.go, STR("\n")));
	run_until(&b, 2, 0);
	assert_file(&b, "seen", "mine");
	check_next(&b, "mine"); /* an empty one takes no place */
	end(&b);
}
END_TEST

/* How a child may end behind its plan, with half of a record written. */
static const char *const ends_behind[] = {
	"exit 9",
	"exit 2",
	"kill -KILL $$",
	"kill -SEGV $$",
	"kill -XCPU $$",
};

START_TEST(what_happens_behind_a_plan_costs_the_record_alone)
{
	for (size_t i = 0; i < sizeof(ends_behind) / sizeof(ends_behind[0]); i++) {
		struct bench b;
		begin(&b);
		char *script = heap_printf(PLAN "printf half >&5; %s", ends_behind[i]);
		set_script(&b, script);
		free(script);
		composer_start(b.composer);
		run_until(&b, 1, 0);
		check_next(&b, "former");
		end(&b);
	}
}
END_TEST

START_TEST(a_record_that_takes_too_long_is_given_up)
{
	struct bench b;
	begin(&b);
	set_script(&b, PLAN "printf half >&5; read line <go");
	composer_start(b.composer);
	run_until(&b, 1, 0);
	loop_fake_advance(b.loop, DEADLINE_MS);
	check_next(&b, "former");
	end(&b);
}
END_TEST

#define REFUSED "what sluice-compile gave cannot be taken: "
#define NO_PLAN REFUSED "it is no plan, or not all of one"

static const struct {
	const char *script, *error;
} without_plan[] = {
	{"exit 9", "sluice-compile failed with exit code 9"},
	{"head -c 1000 plan >&3; printf half >&5; exit 9",
		"sluice-compile failed with exit code 9"},
	{"head -c 1000 plan >&3; printf half >&5; kill -KILL $$",
		"sluice-compile ended by signal 9"},
	{"cat plan >&3", "sluice-compile ended without a plan"},
	{"head -c 1000 plan >&3; printf ! >&6; read line <go", NO_PLAN},
	{"head -c 12 plan >&3; printf ! >&6; printf half >&5", NO_PLAN},
	{"cat plan >&3; printf x >&3; printf ! >&6", NO_PLAN},
	{"cat program program program >&3; printf ! >&6", NO_PLAN},
	{"printf ! >&6", REFUSED "No data available"},
};

START_TEST(a_plan_that_is_not_whole_is_none)
{
	for (size_t i = 0; i < sizeof(without_plan) / sizeof(without_plan[0]); i++) {
		struct bench b;
		begin(&b);
		set_script(&b, without_plan[i].script);
		composer_start(b.composer);
		run_until(&b, 0, 1);
		ck_assert_str_eq(b.error, without_plan[i].error);
		check_next(&b, "former");
		end(&b);
	}
}
END_TEST

/* What it writes behind its word reaches nobody. */
START_TEST(a_plan_stays_as_it_was_taken)
{
	struct bench b;
	begin(&b);
	set_script(&b, "cat plan >&3; printf ! >&6; printf ! >&6; read line <go; "
		       "printf x >&3 2>seen; printf x 1<>/proc/self/fd/3; printf mine >&5");
	composer_start(b.composer);
	run_until(&b, 1, 0);
	ck_assert(file_write_all(b.go, STR("\n")));
	check_next(&b, "mine");
	end(&b);
}
END_TEST

START_TEST(a_compiler_that_takes_too_long_is_ended)
{
	struct bench b;
	begin(&b);
	set_script(&b, "head -c 1000 plan >&3; read line <go");
	composer_start(b.composer);
	loop_fake_advance(b.loop, DEADLINE_MS);
	run_until(&b, 0, 1);
	ck_assert_str_eq(b.error, "compiling took longer than 60000 ms");
	check_next(&b, "former");
	end(&b);
}
END_TEST

START_TEST(a_compiler_that_is_not_there_is_told)
{
	struct bench b;
	begin(&b);
	composer_start(b.composer);
	ck_assert_uint_eq(b.failures, 1);
	ck_assert_ptr_nonnull(strstr(b.error, "cannot run"));
	check_next(&b, "former");
	end(&b);
}
END_TEST

UNIT_SUITE(composer, a_plan_is_used_while_the_record_is_still_to_come,
	what_happens_behind_a_plan_costs_the_record_alone, a_record_that_takes_too_long_is_given_up,
	a_plan_that_is_not_whole_is_none, a_plan_stays_as_it_was_taken,
	a_compiler_that_takes_too_long_is_ended, a_compiler_that_is_not_there_is_told)
