/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/state/redis_server.h - a redis-server of a test's own, asked over its UNIX socket.
 *
 * It ends with the process that began it, however that ends. */
#pragma once

#include "base/buffer.h"
#include "state/redis_question.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct redis_server {
	pid_t pid;
	int fd;
	char folder[32], path[48];
	struct redis_reader *reader;
};

static inline void redis_server_exec(const struct redis_server *s, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", s->path, "--save", "",
		"--appendonly", "no", "--dir", s->folder, (char *)NULL);
	_exit(127);
}

/* Its log says when it listens. */
static inline void redis_server_await(int in)
{
	char line[512];
	FILE *log = fdopen(in, "r");
	ck_assert_ptr_nonnull(log);
	do {
		ck_assert_msg(
			fgets(line, sizeof(line), log), "redis-server ended, or is not there");
	} while (!strstr(line, "eady to accept connections") &&
		 !strstr(line, "accept connections at"));
	/* It stays open: who writes to a pipe without a reader is ended. */
}

static inline void redis_server_begin(struct redis_server *s)
{
	int out[2];
	*s = (struct redis_server){.folder = P_tmpdir "/sluice-redis-XXXXXX"};
	ck_assert_ptr_nonnull(mkdtemp(s->folder));
	snprintf(s->path, sizeof(s->path), "%s/socket", s->folder);
	ck_assert_int_eq(pipe(out), 0);
	s->pid = fork();
	if (s->pid == 0)
		redis_server_exec(s, out[1]);
	close(out[1]);
	redis_server_await(out[0]);
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	memcpy(to.sun_path, s->path, strlen(s->path) + 1);
	s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(s->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	s->reader = redis_reader_new(4 << 20);
}

static inline void redis_server_end(struct redis_server *s)
{
	redis_reader_free(s->reader);
	close(s->fd);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	unlink(s->path);
	rmdir(s->folder);
}

/* Sends what is in `b`, and frees it; the reply to it. */
static inline struct redis_reply redis_server_ask(struct redis_server *s, struct buffer *b)
{
	struct redis_reply reply = {0};
	char in[4096];
	enum rc rc;
	for (size_t at = 0; at < b->n;) {
		ssize_t n = write(s->fd, b->p + at, b->n - at);
		ck_assert_int_gt(n, 0);
		at += (size_t)n;
	}
	buffer_deinit(b);
	while ((rc = redis_reader_next(s->reader, &reply)) == RC_AGAIN) {
		ssize_t n = read(s->fd, in, sizeof(in));
		ck_assert_int_gt(n, 0);
		redis_reader_feed(s->reader, str_n(in, (size_t)n));
	}
	ck_assert_int_eq(rc, RC_OK);
	return reply;
}

static inline void redis_server_say(struct redis_server *s, const struct str *words, size_t n)
{
	struct buffer b;
	buffer_init(&b, SIZE_MAX);
	redis_command_add(&b, words, n);
	struct redis_reply reply = redis_server_ask(s, &b);
	ck_assert_int_eq(reply.values[0].kind, REDIS_STATUS);
}
