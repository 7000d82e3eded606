/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/load_check.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "plan/plan_diagnostics.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

/* What its own limit leaves it on a machine that stalls. */
#define GRACE_MS 10000
/* Some 100,000 findings. */
#define ANSWER_BYTES_MAX ((size_t)32 << 20)

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
	c->wait_ms = LIMIT_PLAN_CHECK_SECONDS * 1000 + GRACE_MS;
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

/* --- what comes back ------------------------------------------------------------------------- */
enum answer { ANSWER_WHOLE, ANSWER_TOO_LARGE, ANSWER_LATE };

static int64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

/* False: nothing came in time. What else there is, reading tells. */
static bool wait_until(int fd, int64_t until_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;
	do {
		int64_t left_ms = until_ms - now_ms();
		n = poll(&p, 1, left_ms > 0 ? (int)left_ms : 0);
	} while (n < 0 && errno == EINTR);
	return n != 0;
}

static enum answer read_answer(int fd, int wait_ms, struct buffer *to)
{
	int64_t until_ms = now_ms() + wait_ms;
	while (wait_until(fd, until_ms)) {
		char *room = buffer_reserve(to, 65536);
		if (!room)
			return ANSWER_TOO_LARGE;
		ssize_t n = read(fd, room, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ANSWER_WHOLE;
		buffer_commit(to, (size_t)n);
	}
	return ANSWER_LATE;
}

static void fail(struct diagnostics *d, const char *why)
{
	diagnostics_add(d, SEVERITY_ERROR, (struct position){0}, "",
		"the policies could not be tried: %s", why);
}

#define TEXT_OF(number)   #number
#define NUMBER_TEXT(name) TEXT_OF(name)

static const char *what_it_is(struct str label)
{
	if (!str_starts(label, STR("plugin:")))
		return "this binding";
	return "this plugin, or a binding of it behind the first " NUMBER_TEXT(
		LIMIT_BINDINGS_NAMED) ",";
}

/* '!' and the binding that crashed it, '?' and the one whose time was over. */
static bool tells_an_end(struct str answer, struct diagnostics *d)
{
	struct position none = {0};
	struct str whose = str_from(answer, 1);
	if (whose.n == 0)
		return false;
	if (answer.p[0] == '!')
		diagnostics_add(d, SEVERITY_ERROR, none, "",
			"%.*s: %s crashed the program that tried it", STR_ARG(whose),
			what_it_is(whose));
	else if (answer.p[0] == '?')
		diagnostics_add(d, SEVERITY_ERROR, none, "",
			"%.*s: %s was still being tried after %d s", STR_ARG(whose),
			what_it_is(whose), LIMIT_PLAN_CHECK_SECONDS);
	return answer.p[0] == '!' || answer.p[0] == '?';
}

static void take_answer(struct str answer, struct diagnostics *d)
{
	char message[200];
	struct plan *plan = NULL;
	if (answer.n > 0 && tells_an_end(answer, d))
		return;
	if (answer.n < 2)
		fail(d, "sluice-gateway ended while it loaded them");
	else if (plan_decode(answer, &plan, message, sizeof(message)) != RC_OK)
		fail(d, message);
	else
		plan_read_diagnostics(plan_root(plan), d);
	plan_free(plan);
}

static void ask(const struct load_check *c, struct str plan, struct diagnostics *diagnostics)
{
	struct buffer bytes;
	buffer_init(&bytes, ANSWER_BYTES_MAX);
	/* When it takes no more, its answer, or that there is none, says why. */
	(void)file_write_all(c->to, plan);
	close(c->to);
	enum answer answer = read_answer(c->from, c->wait_ms, &bytes);
	close(c->from);
	if (answer == ANSWER_LATE)
		fail(diagnostics, "sluice-gateway did not answer in time");
	else if (answer == ANSWER_TOO_LARGE)
		fail(diagnostics, "sluice-gateway did not come to an end with its answer");
	else
		take_answer(buffer_str(&bytes), diagnostics);
	buffer_deinit(&bytes);
}

void load_check_finish(struct load_check *c, struct str plan, struct diagnostics *diagnostics)
{
	if (!c->program)
		return;
	if (c->error)
		diagnostics_add(diagnostics, SEVERITY_ERROR, (struct position){0}, "",
			"the policies could not be tried: %s: %s; --no-load leaves that out",
			c->program, strerror(c->error));
	else
		ask(c, plan, diagnostics);
}
