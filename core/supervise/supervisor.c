/* SPDX-License-Identifier: Apache-2.0 */
#include "supervise/supervisor.h"

#include "base/clock.h"
#include "base/memory.h"
#include "handover/state_dir.h"
#include "observe/log.h"
#include "supervise/notify.h"
#include "supervise/supervisor_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of this process and each gateway; to serve takes hundreds. */
#define DESCRIPTORS_MIN 32
/* How long it sleeps at most: the wall clock, by which keys are renewed, may be set. */
#define LOOK_MS 60000

int64_t supervisor_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t supervisor_wall_us(void)
{
	return clock_wall_us();
}

static bool complain(const char *what, const char *name)
{
	fprintf(stderr, "sluice run: %s %s: %s\n", what, name, strerror(errno));
	return false;
}

/* --- ending ---------------------------------------------------------------------------------- */
/* Those that drain for a successor are left alone the first time. */
static void stop(struct supervisor *s)
{
	bool is_second = s->is_stopping;
	if (!is_second)
		notify_send("STOPPING=1");
	s->is_stopping = true;
	for (size_t i = 0; i < SEATS_MAX; i++) {
		struct seat *seat = &s->seats[i];
		if (seat->state == SEAT_FREE || (seat->state == SEAT_DRAINING && !is_second))
			continue;
		seat_end(s, seat);
	}
}

static const char *owed(const struct seat *seat)
{
	if (seat->is_activating)
		return "take over";
	return seat->state == SEAT_DRAINING ? "end" : "say what it serves";
}

/* One that does not come up hangs in its main thread, where policies are configured. */
static void accuse_of_hanging(const struct seat *seat)
{
	uint32_t none = TRAIL_END_UNKNOWN;
	if (seat->state == SEAT_DRAINING || seat->is_activating)
		return;
	if (atomic_compare_exchange_strong(&seat->trail->fatal_end, &none, TRAIL_END_HANG))
		atomic_store(&seat->trail->fatal_thread, 1);
}

static void kill_late(struct supervisor *s)
{
	int64_t now = supervisor_now_ms();
	for (size_t i = 0; i < SEATS_MAX; i++) {
		struct seat *seat = &s->seats[i];
		if (seat->deadline_ms == 0 || now < seat->deadline_ms)
			continue;
		seat->deadline_ms = 0;
		log_write(LOG_ERROR, "gateway %d does not %s: it is killed", (int)seat->pid,
			owed(seat));
		accuse_of_hanging(seat);
		seat_signal(seat, SIGKILL);
	}
}

/* --- signals --------------------------------------------------------------------------------- */
static void signal_all(struct supervisor *s, int number, bool with_draining)
{
	for (size_t i = 0; i < SEATS_MAX; i++)
		if (with_draining || s->seats[i].state != SEAT_DRAINING)
			seat_signal(&s->seats[i], number);
}

static void bury(struct supervisor *s)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < SEATS_MAX; i++)
			if (s->seats[i].state != SEAT_FREE && s->seats[i].pid == pid)
				succession_ended(s, &s->seats[i], status);
}

static void upgrade(struct supervisor *s)
{
	if (s->is_stopping)
		return;
	if (s->is_upgrading || s->upgrade_is_due)
		log_write(LOG_WARN, "an upgrade is under way: another one is not begun");
	else
		upgrade_execute(s);
}

static void on_signal(struct supervisor *s, uint32_t number)
{
	switch (number) {
	case SIGCHLD:
		bury(s);
		break;
	case SIGHUP:
		signal_all(s, SIGHUP, false);
		break;
	case SIGUSR1:
		signal_all(s, SIGUSR1, true);
		break;
	case SIGUSR2:
		upgrade(s);
		break;
	default:
		stop(s);
	}
}

static void read_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;
	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
		on_signal(s, info.ssi_signo);
}

/* SIGCHLD of a child that ended before the program was executed anew stays pending: nothing is
 * lost between the two. */
static bool take_signals(struct supervisor *s)
{
	static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* whoever read the log may be gone */
	signal(SIGXFSZ, SIG_IGN); /* or it may not grow */
	s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return s->signal_fd >= 0 || complain("cannot make", "a signal descriptor");
}

/* --- the loop -------------------------------------------------------------------------------- */
static int wait_ms(const struct supervisor *s)
{
	int64_t now = supervisor_now_ms(), next = succession_next_ms(s);
	for (size_t i = 0; i < SEATS_MAX; i++)
		if (s->seats[i].deadline_ms && s->seats[i].deadline_ms < next)
			next = s->seats[i].deadline_ms;
	if (s->watchdog_ms && s->watchdog_at_ms < next)
		next = s->watchdog_at_ms;
	return next <= now ? 0 : next - now > LOOK_MS ? LOOK_MS : (int)(next - now) + 1;
}

static void feed_watchdog(struct supervisor *s)
{
	int64_t now = supervisor_now_ms();
	if (s->watchdog_ms == 0 || now < s->watchdog_at_ms)
		return;
	s->watchdog_at_ms = now + s->watchdog_ms;
	notify_send("WATCHDOG=1");
}

/* A key that cannot be made is tried for again in a minute; the newest one serves on. */
static void renew_tickets(struct supervisor *s)
{
	struct ticket_ring *ring = &s->board->tickets;
	if (ticket_ring_due_ms(ring, supervisor_wall_us()) > 0)
		return;
	if (ticket_ring_rotate(ring, supervisor_wall_us()) != RC_OK)
		log_write(LOG_ERROR, "the system gives no random bytes for a key of TLS sessions");
}

static void turn(struct supervisor *s)
{
	struct pollfd fds[1 + SEATS_MAX];
	fds[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	for (size_t i = 0; i < SEATS_MAX; i++) {
		bool is_there = s->seats[i].state != SEAT_FREE;
		fds[1 + i] =
			(struct pollfd){.fd = is_there ? s->seats[i].socket : -1, .events = POLLIN};
	}
	if (poll(fds, ARRAY_COUNT(fds), wait_ms(s)) < 0)
		return;
	for (size_t i = 0; i < SEATS_MAX; i++)
		if (fds[1 + i].revents)
			seat_hear(s, &s->seats[i]);
	if (fds[0].revents)
		read_signals(s);
	kill_late(s);
	feed_watchdog(s);
	renew_tickets(s);
}

/* --- starting -------------------------------------------------------------------------------- */
/* One supervisor for one state folder: else two would fight for its admin socket. What is wrong
 * with the folder itself the gateway says. */
static bool lock_state_dir(struct supervisor *s)
{
	char *dir = state_dir_name(s->options.state_dir);
	char *path = heap_printf("%s/supervisor.lock", dir);
	int made = state_dir_make(dir);
	(void)made;
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool is_ours = s->lock_fd < 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0;
	if (!is_ours) {
		errno = EADDRINUSE;
		complain("another sluice runs with the state folder", dir);
	}
	free(path);
	free(dir);
	return is_ours;
}

static char *sibling(const char *program, const char *name)
{
	const char *slash = strrchr(program, '/');
	size_t n = slash ? (size_t)(slash - program) + 1 : 0;
	return heap_printf("%.*s%s", (int)n, program, name);
}

static void find_programs(struct supervisor *s)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	s->program = heap_strdup(path);
	s->gateway_program = sibling(path, "sluice-gateway");
}

/* Every listening socket is open here, too. */
static bool raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return true;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max >= DESCRIPTORS_MIN)
		return true;
	fprintf(stderr, "sluice run: only %llu files may be open: it takes %d (`ulimit -n`)\n",
		(unsigned long long)limit.rlim_max, DESCRIPTORS_MIN);
	return false;
}

static bool begin(struct supervisor *s)
{
	if (upgrade_resume(s))
		return true;
	if (!lock_state_dir(s))
		return false;
	s->board = board_create(&s->board_fd);
	if (!s->board)
		return complain("cannot make", "shared memory");
	s->board->supervisor_pid = getpid();
	s->board->started_wall_us = supervisor_wall_us();
	renew_tickets(s);
	return true;
}

/* The gateway's words: its name, that it has a supervisor, and all of `run`. */
static void make_arguments(struct supervisor *s, int argc, char **argv)
{
	s->argc = argc + 2;
	s->argv = heap_zalloc(((size_t)argc + 3) * sizeof(char *));
	s->argv[0] = s->gateway_program;
	s->argv[1] = (char *)(uintptr_t) "--supervised";
	memcpy(s->argv + 2, argv, (size_t)argc * sizeof(char *));
}

/* Touches nothing: another one may be serving with this state folder. */
static int give_help(const struct supervisor *s)
{
	execv(s->gateway_program, s->argv);
	fprintf(stderr, "sluice: cannot run %s: %s\n", s->gateway_program, strerror(errno));
	return 2;
}

static void set_log_level(const char *name)
{
	enum log_level level;
	if (name && log_level_parse(str_of(name), &level) == RC_OK)
		log_set_level(level);
}

static void supervisor_deinit(struct supervisor *s)
{
	groups_deinit(&s->groups);
	board_unmap(s->board);
	free(s->argv);
	free(s->program);
	free(s->gateway_program);
}

int supervisor_run(int argc, char **argv)
{
	struct supervisor s = {.lock_fd = -1, .board_fd = -1};
	if (!supervise_options_parse(argc, argv, &s.options))
		return 2;
	for (size_t i = 0; i < SEATS_MAX; i++)
		s.seats[i].socket = -1;
	groups_init(&s.groups);
	find_programs(&s);
	make_arguments(&s, argc, argv);
	if (s.options.asks_help)
		return give_help(&s);
	set_log_level(s.options.log_level);
	s.watchdog_ms = notify_watchdog_ms();
	bool has_begun = raise_descriptors() && take_signals(&s) && begin(&s);
	s.exit_code = has_begun ? 0 : 1;
	while (has_begun && !(s.is_stopping && seats_alive(&s) == 0)) {
		succession_settle(&s);
		turn(&s);
	}
	supervisor_deinit(&s);
	return s.exit_code;
}
