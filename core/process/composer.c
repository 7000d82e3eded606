/* SPDX-License-Identifier: Apache-2.0 */
#include "process/composer.h"

#include "process/record_file.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/limits.h"
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
/* What anybody may have, by default (fs.pipe-max-size). */
#define PIPE_BYTES (1 << 20)

extern char **environ;

struct composer {
	struct loop *loop;
	const struct composer_options *options; /* borrowed */
	composer_fn *fn;
	void *owner;
	pid_t child; /* 0: none */
	int pipe;    /* that the plan comes by; -1: none, or the plan has come */
	int life;    /* a pipe that ends with the child; -1: none */
	struct watch watch, end_watch;
	struct timer deadline;
	struct buffer plan;
	struct record_file record;
	bool is_asked_again;
	bool is_late;
	bool has_ended; /* the child; what it has written may still be in the pipe */
};

static void take_end_of_pipe(struct composer *c);

/* As large as the rest of the plan, which says at its beginning how large that is. */
static size_t room_for_rest(const struct composer *c)
{
	uint64_t whole = plan_length(buffer_str(&c->plan));
	return whole > c->plan.n && whole <= LIMIT_PLAN_BYTES ? (size_t)whole - c->plan.n : 65536;
}

static void read_plan(struct composer *c)
{
	for (;;) {
		size_t size = room_for_rest(c);
		char *room = buffer_reserve(&c->plan, size);
		if (!room)
			break;
		ssize_t n = read(c->pipe, room, size);
		if (n > 0) {
			buffer_commit(&c->plan, (size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		break;
	}
	take_end_of_pipe(c);
}

static void on_readable(struct watch *w, int ready)
{
	read_plan(CONTAINER_OF(w, struct composer, watch));
}

static void on_deadline(struct timer *t)
{
	struct composer *c = CONTAINER_OF(t, struct composer, deadline);
	c->is_late = true;
	kill(c->child, SIGKILL); /* its ends of the pipes close, and that ends the reading */
}

static void close_plan_pipe(struct composer *c)
{
	if (c->pipe < 0)
		return;
	watch_stop(&c->watch);
	close(c->pipe);
	c->pipe = -1;
}

static void end_child(struct composer *c, int *status)
{
	close_plan_pipe(c);
	watch_stop(&c->end_watch);
	close(c->life);
	c->life = -1;
	timer_stop(&c->deadline);
	while (waitpid(c->child, status, 0) < 0 && errno == EINTR)
		;
	c->child = 0;
}

static void forget_plan(struct composer *c)
{
	buffer_deinit(&c->plan); /* a large one is not kept until the next time */
	buffer_init(&c->plan, LIMIT_PLAN_BYTES + 65536);
}

/* The child has gone, with all that it had to say. */
static void finish(struct composer *c)
{
	int status = 0;
	end_child(c, &status);
	record_file_close(&c->record, WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	if (c->is_asked_again)
		composer_start(c);
}

static void on_end(struct watch *w, int ready)
{
	struct composer *c = CONTAINER_OF(w, struct composer, end_watch);
	c->has_ended = true;
	if (c->pipe >= 0)
		read_plan(c);
	else
		finish(c);
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
	else if (c->plan.failed)
		snprintf(
			error, sizeof(error), "the plan is larger than %u bytes", LIMIT_PLAN_BYTES);
	else if (WIFSIGNALED(status))
		snprintf(error, sizeof(error), "sluice-compile ended by signal %d",
			WTERMSIG(status));
	else if (WEXITSTATUS(status) > 1)
		snprintf(error, sizeof(error), "sluice-compile failed with exit code %d",
			WEXITSTATUS(status));
	else
		snprintf(error, sizeof(error), "sluice-compile ended without a whole plan");
	record_file_close(&c->record, false);
	buffer_reset(&c->plan);
	c->fn(c->owner, &c->plan, error);
	forget_plan(c);
	if (c->is_asked_again)
		composer_start(c);
}

/* A plan that is whole is put to use while the child still writes its record. */
static void take_end_of_pipe(struct composer *c)
{
	struct str plan = buffer_str(&c->plan);
	if (c->is_late || c->plan.failed || plan.n == 0 || plan_length(plan) != plan.n) {
		tell_failure(c);
		return;
	}
	close_plan_pipe(c);
	c->fn(c->owner, &c->plan, NULL);
	forget_plan(c);
	if (c->has_ended)
		finish(c);
}

/* argv of the child: "sluice-compile compile --out-fd=3 ... --plugins DIR ... CONFIG". */
static char **make_arguments(const struct composer_options *o, const struct record_file *record)
{
	char **argv = heap_zalloc((o->plugin_dir_count * 2 + 9) * sizeof(char *));
	size_t n = 0;
	argv[n++] = heap_strdup("sluice-compile");
	argv[n++] = heap_strdup("compile");
	argv[n++] = heap_strdup("--out-fd=3");
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

/* The child has descriptors 0 (null), 2, 3, those of the record and 6, which it only has to hold:
 * all others are close-on-exec. */
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

/* dup2 onto itself would keep close-on-exec: the child's end is kept away from its numbers. -1 with
 * errno. */
static int open_pipe(int *ours)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	int theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, DESCRIPTORS_OF_CHILD);
	int error = errno;
	close(ends[1]);
	if (theirs < 0)
		close(ends[0]);
	else
		*ours = ends[0];
	errno = error;
	return theirs;
}

/* Starts the child with pipes to it; 0, or an error number. */
static int open_pipes_and_spawn(struct composer *c)
{
	int out = open_pipe(&c->pipe);
	int life = out >= 0 ? open_pipe(&c->life) : -1;
	int error = life < 0 ? errno : 0;
	if (error == 0) {
		fcntl(out, F_SETFL, fcntl(out, F_GETFL) & ~O_NONBLOCK);
		fcntl(out, F_SETPIPE_SZ, PIPE_BYTES); /* fewer turns; as it is, if it may not be */
		record_file_open(&c->record, DESCRIPTORS_OF_CHILD);
		error = spawn(c, out, life);
	}
	int *const ends[] = {&c->pipe, &c->life};
	if (out >= 0)
		close(out);
	if (life >= 0)
		close(life);
	for (size_t i = 0; error != 0 && i < ARRAY_COUNT(ends); i++) {
		if (*ends[i] >= 0)
			close(*ends[i]);
		*ends[i] = -1;
	}
	if (error != 0)
		c->child = 0;
	return error;
}

static void give_up(struct composer *c, int error)
{
	char text[200];
	snprintf(text, sizeof(text), "cannot run %s: %s", c->options->program, strerror(error));
	buffer_reset(&c->plan);
	c->fn(c->owner, &c->plan, text);
}

static bool watch_both(struct composer *c)
{
	bool is_watched = watch_start(&c->watch, c->loop, c->pipe, on_readable);
	return watch_start(&c->end_watch, c->loop, c->life, on_end) && is_watched;
}

void composer_start(struct composer *c)
{
	if (c->child > 0) {
		c->is_asked_again = true;
		return;
	}
	c->is_asked_again = false;
	c->is_late = c->has_ended = false;
	int error = open_pipes_and_spawn(c);
	if (error == 0 && !watch_both(c)) {
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

struct composer *composer_new(
	struct loop *loop, const struct composer_options *options, composer_fn *fn, void *owner)
{
	struct composer *c = heap_zalloc(sizeof(*c));
	c->loop = loop;
	c->options = options;
	c->fn = fn;
	c->owner = owner;
	c->pipe = c->life = -1;
	buffer_init(&c->plan, LIMIT_PLAN_BYTES + 65536);
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
	buffer_deinit(&c->plan);
	free(c);
}
