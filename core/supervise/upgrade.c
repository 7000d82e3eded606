/* SPDX-License-Identifier: Apache-2.0 */
/* Executing the program anew in place: same process, same children, same sockets and memory.
 *
 * The new program is asked first whether it understands what it would get: once the old one has
 * been replaced there is no way back. What it gets is written to a memory file whose number stands
 * in the environment; descriptors stay open under their numbers. */
#include "supervise/supervisor_priv.h"

#include "base/memory.h"
#include "observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VARIABLE "SLUICE_TAKEOVER"
#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
#define FORM     TEXT(WIRE_FORMAT)
#define MAGIC    0x0131766f656b6174
#define ASK_MS   5000
#define ASK_LOOK 10

struct kept_seat {
	int32_t state, is_activating, has_served, pid, socket, trail_fd;
	struct wire_serving serving;
	int64_t started_ms, deadline_ms;
};

struct kept {
	uint64_t magic;
	int32_t board_fd, lock_fd;
	uint32_t has_served, quick_deaths, groups;
	struct trail_orders orders;
	struct kept_seat seats[SEATS_MAX];
	struct crash_log crashes;
};

/* Followed by `count` descriptors. */
struct kept_group {
	struct wire_address address;
	uint32_t holders, count;
};

void upgrade_failed(struct supervisor *s, const char *why)
{
	s->is_upgrading = s->upgrade_is_due = false;
	snprintf(s->board->upgrade_error, sizeof(s->board->upgrade_error), "%s", why);
	log_write(LOG_ERROR, "the upgrade has failed: %s; what served before serves on", why);
}

bool upgrade_is_possible(const char *form)
{
	return strcmp(form, FORM) == 0;
}

/* --- asking ---------------------------------------------------------------------------------- */
static bool has_ended(pid_t child, int *status)
{
	for (int waited = 0; waited < ASK_MS; waited += ASK_LOOK) {
		if (waitpid(child, status, WNOHANG) == child)
			return true;
		nanosleep(&(struct timespec){0, ASK_LOOK * 1000000}, NULL);
	}
	kill(child, SIGKILL);
	waitpid(child, status, 0);
	return false;
}

static bool understands(const char *program)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl(program, program, "takes-over", FORM, (char *)NULL);
		_exit(127);
	}
	return child > 0 && has_ended(child, &status) && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/* --- keeping --------------------------------------------------------------------------------- */
static void keep_open(int fd, bool across)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, across ? 0 : FD_CLOEXEC);
}

static void keep_all_open(struct supervisor *s, bool across)
{
	keep_open(s->board_fd, across);
	keep_open(s->lock_fd, across);
	for (size_t i = 0; i < SEATS_MAX; i++) {
		if (s->seats[i].state == SEAT_FREE)
			continue;
		keep_open(s->seats[i].socket, across);
		keep_open(s->seats[i].trail_fd, across);
	}
	LIST_FOREACH(l, &s->groups.list)
	{
		const struct group *g = CONTAINER_OF(l, struct group, link);
		for (uint32_t i = 0; i < g->count; i++)
			keep_open(g->fds[i], across);
	}
}

static bool write_all(int fd, const void *bytes, size_t n)
{
	return write(fd, bytes, n) == (ssize_t)n;
}

static void keep_seat(const struct seat *from, struct kept_seat *to)
{
	*to = (struct kept_seat){
		.state = from->state,
		.is_activating = from->is_activating,
		.has_served = from->has_served,
		.pid = from->pid,
		.socket = from->socket,
		.trail_fd = from->trail_fd,
		.serving = from->serving,
		.started_ms = from->started_ms,
		.deadline_ms = from->deadline_ms,
	};
}

static bool write_groups(const struct supervisor *s, int fd)
{
	LIST_FOREACH(l, &s->groups.list)
	{
		const struct group *g = CONTAINER_OF(l, struct group, link);
		struct kept_group kept = {g->address, g->holders, g->count};
		if (!write_all(fd, &kept, sizeof(kept)) ||
			!write_all(fd, g->fds, g->count * sizeof(int)))
			return false;
	}
	return true;
}

static int write_kept(const struct supervisor *s)
{
	int fd = memfd_create("sluice-takeover", 0);
	if (fd < 0)
		return -1;
	struct kept *kept = heap_zalloc(sizeof(*kept));
	*kept = (struct kept){
		.magic = MAGIC,
		.board_fd = s->board_fd,
		.lock_fd = s->lock_fd,
		.has_served = s->has_served,
		.quick_deaths = s->quick_deaths,
		.groups = (uint32_t)s->groups.count,
		.orders = s->orders,
		.crashes = s->crashes,
	};
	for (size_t i = 0; i < SEATS_MAX; i++)
		keep_seat(&s->seats[i], &kept->seats[i]);
	bool is_written = write_all(fd, kept, sizeof(*kept)) && write_groups(s, fd) &&
			  lseek(fd, 0, SEEK_SET) == 0;
	free(kept);
	if (is_written)
		return fd;
	close(fd);
	return -1;
}

void upgrade_execute(struct supervisor *s)
{
	if (!understands(s->program)) {
		upgrade_failed(s, "the program on disk cannot take over from this one; restart it");
		return;
	}
	int fd = write_kept(s);
	if (fd < 0) {
		upgrade_failed(s, strerror(errno));
		return;
	}
	log_write(LOG_INFO, "upgrading: %s is executed anew", s->program);
	char *variable = heap_printf("%d", fd);
	char **argv = heap_zalloc(((size_t)s->argc + 1) * sizeof(char *));
	argv[0] = s->program;
	argv[1] = (char *)(uintptr_t) "run";
	memcpy(argv + 2, s->argv + 2, ((size_t)s->argc - 2) * sizeof(char *));
	setenv(VARIABLE, variable, 1);
	keep_all_open(s, true);
	execv(s->program, argv);
	int error = errno;
	keep_all_open(s, false);
	unsetenv(VARIABLE);
	close(fd);
	free(argv);
	free(variable);
	upgrade_failed(s, strerror(error));
}

/* --- resuming -------------------------------------------------------------------------------- */
static bool read_all(int fd, void *bytes, size_t n)
{
	return read(fd, bytes, n) == (ssize_t)n;
}

/* A gateway that has lost its mind may have spoilt its own: then it says nothing. */
static struct trail *map_trail(int fd)
{
	struct trail *t = trail_map(fd);
	return t ? t : trail_private();
}

static void resume_seat(struct seat *to, const struct kept_seat *from)
{
	if (from->state == SEAT_FREE)
		return;
	*to = (struct seat){
		.state = (enum seat_state)from->state,
		.is_activating = from->is_activating,
		.has_served = from->has_served,
		.pid = from->pid,
		.socket = from->socket,
		.trail_fd = from->trail_fd,
		.trail = map_trail(from->trail_fd),
		.serving = from->serving,
		.started_ms = from->started_ms,
		.deadline_ms = from->deadline_ms,
	};
}

static bool resume_groups(struct supervisor *s, int fd, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct kept_group kept;
		int fds[GROUP_SOCKETS_MAX];
		if (!read_all(fd, &kept, sizeof(kept)) || kept.count > GROUP_SOCKETS_MAX ||
			!read_all(fd, fds, kept.count * sizeof(int)))
			return false;
		groups_adopt(&s->groups, &kept.address, kept.holders, fds, kept.count);
	}
	return true;
}

static void resume(struct supervisor *s, int fd)
{
	struct kept *kept = heap_zalloc(sizeof(*kept));
	CHECK(read_all(fd, kept, sizeof(*kept)) && kept->magic == MAGIC);
	s->board_fd = kept->board_fd;
	s->lock_fd = kept->lock_fd;
	s->has_served = kept->has_served;
	s->quick_deaths = kept->quick_deaths;
	s->orders = kept->orders;
	s->crashes = kept->crashes;
	s->board = board_map(kept->board_fd, true);
	CHECK(s->board);
	for (size_t i = 0; i < SEATS_MAX; i++)
		resume_seat(&s->seats[i], &kept->seats[i]);
	CHECK(resume_groups(s, fd, kept->groups));
	free(kept);
}

bool upgrade_resume(struct supervisor *s)
{
	const char *text = getenv(VARIABLE);
	uint64_t fd;
	if (!text || str_to_u64(str_of(text), INT32_MAX, &fd) != RC_OK)
		return false;
	unsetenv(VARIABLE);
	resume(s, (int)fd);
	close((int)fd);
	keep_all_open(s, false);
	s->upgrade_is_due = true;
	return true;
}
