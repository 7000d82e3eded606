/* SPDX-License-Identifier: Apache-2.0 */
#include "process/composer.h"

#include "process/record_file.h"

#include "base/buffer.h"
#include "base/limits.h"
#include "base/memory.h"

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
	const struct composer_options *options; /* borrowed */
	composer_fn *fn;
	void *owner;
	pid_t child; /* 0: none */
	int pipe;    /* -1: none */
	struct watch watch;
	struct timer deadline;
	struct buffer plan;
	struct record_file record;
	bool is_asked_again;
	bool is_late;
};

static void finish(struct composer *c);

static void read_plan(struct composer *c)
{
	for (;;) {
		char *room = buffer_reserve(&c->plan, 65536);
		if (!room)
			break;
		ssize_t n = read(c->pipe, room, 65536);
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
	finish(c);
}

static void on_readable(struct watch *w, int ready)
{
	read_plan(CONTAINER_OF(w, struct composer, watch));
}

static void on_deadline(struct timer *t)
{
	struct composer *c = CONTAINER_OF(t, struct composer, deadline);
	c->is_late = true;
	kill(c->child, SIGKILL); /* its end of the pipe closes, and that ends the reading */
}

static void end_child(struct composer *c, int *status)
{
	watch_stop(&c->watch);
	close(c->pipe);
	c->pipe = -1;
	timer_stop(&c->deadline);
	while (waitpid(c->child, status, 0) < 0 && errno == EINTR)
		;
	c->child = 0;
}

static void finish(struct composer *c)
{
	int status = 0;
	char error[160] = "";
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
	else if (WEXITSTATUS(status) > 1 || c->plan.n == 0)
		snprintf(error, sizeof(error), "sluice-compile failed with exit code %d",
			WEXITSTATUS(status));
	record_file_close(&c->record, !error[0]);
	if (error[0])
		buffer_reset(&c->plan);
	c->fn(c->owner, &c->plan, error[0] ? error : NULL);
	buffer_deinit(&c->plan); /* a large one is not kept until the next time */
	buffer_init(&c->plan, LIMIT_PLAN_BYTES + 65536);
	if (c->is_asked_again)
		composer_start(c);
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

/* The child has descriptors 0 (null), 2, 3 and those of the record alone: all others are
 * close-on-exec. */
static int spawn(struct composer *c, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 2, 1);
	posix_spawn_file_actions_adddup2(&actions, out, 3);
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

/* Starts the child with a pipe to it; 0, or an error number. */
static int open_pipe_and_spawn(struct composer *c)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return errno;
	/* dup2 onto itself would keep close-on-exec: keep the ends away from those. */
	int out = fcntl(ends[1], F_DUPFD_CLOEXEC, DESCRIPTORS_OF_CHILD);
	int error = out < 0 ? errno : 0;
	close(ends[1]);
	if (error == 0) {
		fcntl(out, F_SETFL, fcntl(out, F_GETFL) & ~O_NONBLOCK);
		record_file_open(&c->record, DESCRIPTORS_OF_CHILD);
		error = spawn(c, out);
		close(out);
	}
	if (error != 0) {
		close(ends[0]);
		c->child = 0;
		return error;
	}
	c->pipe = ends[0];
	return 0;
}

static void give_up(struct composer *c, int error)
{
	char text[200];
	snprintf(text, sizeof(text), "cannot run %s: %s", c->options->program, strerror(error));
	buffer_reset(&c->plan);
	c->fn(c->owner, &c->plan, text);
}

void composer_start(struct composer *c)
{
	if (c->child > 0) {
		c->is_asked_again = true;
		return;
	}
	c->is_asked_again = false;
	c->is_late = false;
	int error = open_pipe_and_spawn(c);
	if (error == 0 && !watch_start(&c->watch, c->loop, c->pipe, on_readable)) {
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
	c->pipe = -1;
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
