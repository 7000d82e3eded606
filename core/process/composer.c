/* SPDX-License-Identifier: Apache-2.0 */
#include "process/composer.h"

#include "process/record_file.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "plan/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's have smaller numbers. */
#define DESCRIPTORS_OF_CHILD 10

extern char **environ;

struct composer {
	struct loop *loop;
	const struct composer_options *options;
	composer_fn *fn;
	void *owner;
	pid_t child; /* 0: none */
	int file;    /* that the plan comes in; -1: none, or the plan has come */
	int life; /* a pipe: a byte when the plan is whole, and the end is the child's; -1: none */
	struct watch watch;
	struct timer deadline;
	struct record_file record;
	int64_t began_wall_us;
	bool is_asked_again;
	bool is_late;
};

static void on_deadline(struct timer *t)
{
	struct composer *c = CONTAINER_OF(t, struct composer, deadline);
	c->is_late = true;
	kill(c->child, SIGKILL); /* its end of the pipe closes, and that is noticed */
}

static void close_file(struct composer *c)
{
	if (c->file >= 0)
		close(c->file);
	c->file = -1;
}

static void end_child(struct composer *c, int *status)
{
	close_file(c);
	watch_stop(&c->watch);
	close(c->life);
	c->life = -1;
	timer_stop(&c->deadline);
	while (waitpid(c->child, status, 0) < 0 && errno == EINTR)
		;
	c->child = 0;
}

/* The child is at its end, and its plan has come. */
static void finish(struct composer *c)
{
	int status = 0;
	end_child(c, &status);
	record_file_close(&c->record, WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	if (c->is_asked_again)
		composer_start(c);
}

/* Why there is no plan; the child is at its end. */
static void tell_failure(struct composer *c)
{
	int status = 0;
	char error[160];
	end_child(c, &status);
	if (c->is_late)
		snprintf(error, sizeof(error), "compiling took longer than %d ms",
			c->options->deadline_ms);
	else if (WIFSIGNALED(status))
		snprintf(error, sizeof(error), "sluice-compile ended by signal %d",
			WTERMSIG(status));
	else if (WEXITSTATUS(status) > 1)
		snprintf(error, sizeof(error), "sluice-compile failed with exit code %d",
			WEXITSTATUS(status));
	else
		snprintf(error, sizeof(error), "sluice-compile ended without a plan");
	record_file_close(&c->record, false);
	c->fn(c->owner, (struct plan_bytes){0}, error);
	if (c->is_asked_again)
		composer_start(c);
}

/* A child that says it has written a plan, and has not, is not waited for. */
static void refuse(struct composer *c, const char *why)
{
	int status;
	char error[160];
	snprintf(error, sizeof(error), "what sluice-compile gave cannot be taken: %s", why);
	kill(c->child, SIGKILL);
	end_child(c, &status);
	record_file_close(&c->record, false);
	c->fn(c->owner, (struct plan_bytes){0}, error);
	if (c->is_asked_again)
		composer_start(c);
}

/* It is put to use while the child still writes its record. */
static void take_plan(struct composer *c)
{
	struct plan_bytes plan = {0};
	if (!plan_bytes_map(&plan, c->file)) {
		refuse(c, strerror(errno));
		return;
	}
	if (plan_length(plan_bytes_str(&plan)) != plan.n) {
		plan_bytes_free(&plan);
		refuse(c, "it is no plan, or not all of one");
		return;
	}
	close_file(c);
	c->fn(c->owner, plan, NULL);
}

static void on_life(struct watch *w, int ready)
{
	struct composer *c = CONTAINER_OF(w, struct composer, watch);
	char byte;
	ssize_t n;
	while ((n = read(c->life, &byte, 1)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0 || c->file < 0)
			continue; /* it was told before */
		take_plan(c);
		if (c->file >= 0 || c->life < 0)
			return; /* that one has gone; there may be another */
	}
	if (n < 0)
		return;
	if (c->file < 0)
		finish(c);
	else
		tell_failure(c);
}

/* argv of the child: "sluice-compile compile --out-fd=3 ... --plugins DIR ... CONFIG". */
static char **make_arguments(const struct composer_options *o, const struct record_file *record)
{
	char **argv = heap_zalloc((o->plugin_dir_count * 2 + 9) * sizeof(char *));
	size_t n = 0;
	argv[n++] = heap_strdup("sluice-compile");
	argv[n++] = heap_strdup("compile");
	argv[n++] = heap_strdup("--out-fd=3");
	argv[n++] = heap_strdup("--ready-fd=6");
	if (record->in >= 0)
		argv[n++] = heap_strdup("--record-in=4");
	if (record->out >= 0)
		argv[n++] = heap_strdup("--record-out=5");
	if (o->strict)
		argv[n++] = heap_strdup("--strict");
	for (size_t i = 0; i < o->plugin_dir_count; i++) {
		argv[n++] = heap_strdup("--plugins");
		argv[n++] = heap_strdup(o->plugin_dirs[i]);
	}
	argv[n++] = heap_strdup(o->config_dir);
	return argv;
}

static void free_arguments(char **argv)
{
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	free(argv);
}

/* The child has descriptors 0 (null), 2, 3 (the plan), 4 and 5 (the record), and 6 (life): all
 * others are close-on-exec. */
static int spawn(struct composer *c, int out, int life)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 2, 1);
	posix_spawn_file_actions_adddup2(&actions, out, 3);
	posix_spawn_file_actions_adddup2(&actions, life, 6);
	if (c->record.in >= 0)
		posix_spawn_file_actions_adddup2(&actions, c->record.in, 4);
	if (c->record.out >= 0)
		posix_spawn_file_actions_adddup2(&actions, c->record.out, 5);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	char **argv = make_arguments(c->options, &c->record);
	int error =
		posix_spawn(&c->child, c->options->program, &actions, &attributes, argv, environ);
	free_arguments(argv);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* dup2 onto itself would keep close-on-exec: the child's are kept away from its numbers. Takes
 * `fd`; -1 with errno. */
static int above(int fd)
{
	int moved = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTORS_OF_CHILD) : -1;
	int error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return moved;
}

/* The child's end; -1 with errno. */
static int open_life(struct composer *c)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	c->life = ends[0];
	return above(ends[1]);
}

static void close_ours(struct composer *c)
{
	close_file(c);
	if (c->life >= 0)
		close(c->life);
	c->life = -1;
}

/* Starts the child with a file and a pipe to it; 0, or an error number. */
static int open_and_spawn(struct composer *c)
{
	c->file = above(plan_bytes_open_file());
	int life = c->file >= 0 ? open_life(c) : -1;
	int error = life < 0 ? errno : 0;
	if (error == 0) {
		record_file_open(&c->record, DESCRIPTORS_OF_CHILD);
		error = spawn(c, c->file, life);
	}
	if (life >= 0)
		close(life);
	if (error != 0) {
		close_ours(c);
		c->child = 0;
	}
	return error;
}

static void give_up(struct composer *c, int error)
{
	char text[200];
	snprintf(text, sizeof(text), "cannot run %s: %s", c->options->program, strerror(error));
	c->fn(c->owner, (struct plan_bytes){0}, text);
}

void composer_start(struct composer *c)
{
	if (c->child > 0) {
		c->is_asked_again = true;
		return;
	}
	c->is_asked_again = false;
	c->is_late = false;
	c->began_wall_us = clock_wall_us();
	int error = open_and_spawn(c);
	if (error == 0 && !watch_start(&c->watch, c->loop, c->life, on_life)) {
		int status;
		error = errno;
		kill(c->child, SIGKILL);
		end_child(c, &status);
	}
	if (error == 0)
		timer_start(c->loop, &c->deadline, c->options->deadline_ms);
	else
		record_file_close(&c->record, false);
	if (error != 0)
		give_up(c, error);
}

int64_t composer_began_wall_us(const struct composer *c)
{
	return c->began_wall_us;
}

struct composer *composer_new(
	struct loop *loop, const struct composer_options *options, composer_fn *fn, void *owner)
{
	struct composer *c = heap_zalloc(sizeof(*c));
	c->loop = loop;
	c->options = options;
	c->fn = fn;
	c->owner = owner;
	c->file = c->life = -1;
	timer_init(&c->deadline, on_deadline);
	record_file_init(&c->record, options->state_dir);
	return c;
}

void composer_free(struct composer *c)
{
	if (!c)
		return;
	if (c->child > 0) {
		int status;
		kill(c->child, SIGKILL);
		end_child(c, &status);
	}
	record_file_deinit(&c->record);
	free(c);
}
