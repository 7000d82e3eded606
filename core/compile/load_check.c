/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/load_check.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/limits.h"
#include "plan/plan_diagnostics.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

extern char **environ;

static int spawn(const char *program, int in, int out)
{
	pid_t child;
	posix_spawn_file_actions_t actions;
	char *argv[] = {(char[]){"sluice-gateway"}, (char[]){"--check-plan"}, NULL};
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	int error = posix_spawn(&child, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

void load_check_start(struct load_check *c, const char *program)
{
	int in[2], out[2];
	*c = (struct load_check){.program = program, .to = -1, .from = -1};
	if (!program)
		return;
	signal(SIGPIPE, SIG_IGN); /* one that is gone has said so by going */
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
		c->error = errno;
		return;
	}
	c->error = spawn(program, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	c->to = in[1];
	c->from = out[0];
}

static void read_answer(int fd, struct buffer *to)
{
	for (;;) {
		char *room = buffer_reserve(to, 65536);
		ssize_t n = room ? read(fd, room, 65536) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buffer_commit(to, (size_t)n);
	}
}

static void take_answer(struct str answer, struct diagnostics *d)
{
	char message[200] = "it gave no answer";
	struct position none = {0};
	struct plan *plan = NULL;
	if (answer.n > 1 && answer.p[0] == '!')
		diagnostics_add(d, SEVERITY_ERROR, none, "",
			"%.*s: this binding crashed the program that tried it, or took more than "
			"%d s",
			STR_ARG(str_from(answer, 1)), LIMIT_PLAN_CHECK_SECONDS);
	else if (answer.n > 0 && plan_decode(answer, &plan, message, sizeof(message)) == RC_OK)
		plan_read_diagnostics(plan_root(plan), d);
	else
		diagnostics_add(d, SEVERITY_ERROR, none, "",
			"the policies could not be tried: %s",
			answer.n > 1 ? message : "sluice-gateway ended while it loaded them");
	plan_free(plan);
}

void load_check_finish(struct load_check *c, struct str plan, struct diagnostics *diagnostics)
{
	struct buffer answer;
	if (!c->program)
		return;
	if (c->error) {
		diagnostics_add(diagnostics, SEVERITY_ERROR, (struct position){0}, "",
			"the policies could not be tried: %s: %s; --no-load leaves that out",
			c->program, strerror(c->error));
		return;
	}
	buffer_init(&answer, LIMIT_PLAN_BYTES + 65536);
	if (!file_write_all(c->to, plan))
		c->error = errno; /* its answer, or that there is none, says why */
	close(c->to);
	read_answer(c->from, &answer);
	close(c->from);
	take_answer(buffer_str(&answer), diagnostics);
	buffer_deinit(&answer);
}
