/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway processes. A gateway gets three descriptors beside the standard ones: 3 the socket to
 * here, 4 the board to read, 5 its trail. Everything else is close-on-exec. */
#include "supervise/supervisor_priv.h"

#include "base/memory.h"
#include "observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { CHILD_SOCKET = 3, CHILD_BOARD, CHILD_TRAIL, CHILD_ABOVE };

/* --- finding --------------------------------------------------------------------------------- */
struct seat *seat_active(struct supervisor *s)
{
	struct seat *activating = NULL;
	for (size_t i = 0; i < SEATS_MAX; i++) {
		if (s->seats[i].state == SEAT_ACTIVE)
			return &s->seats[i];
		if (s->seats[i].is_activating)
			activating = &s->seats[i];
	}
	return activating;
}

struct seat *seat_waiting(struct supervisor *s)
{
	for (size_t i = 0; i < SEATS_MAX; i++) {
		struct seat *seat = &s->seats[i];
		bool waits = seat->state == SEAT_WARMING || seat->state == SEAT_WARM;
		if (waits && !seat->is_activating)
			return seat;
	}
	return NULL;
}

unsigned seats_alive(const struct supervisor *s)
{
	unsigned n = 0;
	for (size_t i = 0; i < SEATS_MAX; i++)
		n += s->seats[i].state != SEAT_FREE;
	return n;
}

static struct seat *find_free(struct supervisor *s)
{
	for (size_t i = 0; i < SEATS_MAX; i++)
		if (s->seats[i].state == SEAT_FREE)
			return &s->seats[i];
	return NULL;
}

/* --- starting -------------------------------------------------------------------------------- */
/* Out of the way of the numbers that they shall get. */
static int move_up(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, CHILD_ABOVE);
}

/* In the child. The signals that a gateway takes stay blocked: one that comes before it can take it
 * waits, instead of ending it. */
static void become_gateway(const struct supervisor *s, int socket, int board, int trail)
{
	sigset_t unblocked;
	sigemptyset(&unblocked);
	sigaddset(&unblocked, SIGCHLD);
	int from[] = {move_up(socket), move_up(board), move_up(trail)};
	for (int i = 0; i < 3; i++)
		if (from[i] < 0 || dup2(from[i], CHILD_SOCKET + i) < 0)
			_exit(126);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
	execv(s->gateway_program, s->argv);
	fprintf(stderr, "sluice run: cannot run %s: %s\n", s->gateway_program, strerror(errno));
	_exit(127);
}

/* A descriptor of the board that cannot be mapped to write. */
static int open_board_to_read(const struct supervisor *s)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->board_fd);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : fcntl(s->board_fd, F_DUPFD_CLOEXEC, 0);
}

static bool fork_gateway(struct supervisor *s, struct seat *seat)
{
	int ends[2], board = open_board_to_read(s);
	if (board < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		if (board >= 0)
			close(board);
		return false;
	}
	seat->pid = fork();
	if (seat->pid == 0)
		become_gateway(s, ends[1], board, seat->trail_fd);
	close(ends[1]);
	close(board);
	seat->socket = ends[0];
	if (seat->pid > 0)
		return true;
	close(ends[0]);
	return false;
}

struct seat *seat_start(struct supervisor *s, enum trail_role role)
{
	struct seat *seat = find_free(s);
	if (!seat)
		return NULL;
	*seat = (struct seat){.started_ms = supervisor_now_ms(),
		.socket = -1,
		.avoids = s->orders.avoid_plans[0]};
	seat->deadline_ms = seat->started_ms + (int64_t)s->options.start_s * 1000;
	seat->trail = trail_create(&seat->trail_fd);
	if (seat->trail) {
		seat->trail->orders = s->orders;
		seat->trail->orders.role = role;
		seat->trail->orders.resume_plan = role == TRAIL_ACTIVE ? s->resume_plan : 0;
		if (fork_gateway(s, seat)) {
			seat->state = role == TRAIL_ACTIVE ? SEAT_ACTIVE : SEAT_WARMING;
			return seat;
		}
		int error = errno;
		seat_clear(seat);
		errno = error;
	}
	log_write(LOG_ERROR, "cannot start a gateway: %s", strerror(errno));
	return NULL;
}

void seat_clear(struct seat *seat)
{
	if (seat->socket >= 0)
		close(seat->socket);
	if (seat->trail)
		close(seat->trail_fd);
	trail_unmap(seat->trail);
	*seat = (struct seat){.socket = -1};
}

/* --- talking --------------------------------------------------------------------------------- */
void seat_signal(const struct seat *seat, int number)
{
	if (seat->state != SEAT_FREE)
		kill(seat->pid, number);
}

void seat_end(const struct supervisor *s, struct seat *seat)
{
	seat->state = SEAT_DRAINING;
	seat->is_activating = seat->is_successor = false;
	seat->deadline_ms =
		supervisor_now_ms() + (int64_t)s->options.drain_s * 1000 + STOP_GRACE_MS;
	seat_signal(seat, SIGTERM);
}

bool seat_tell(const struct seat *seat, enum wire_kind kind)
{
	struct wire_message m = {.kind = kind};
	return seat->socket >= 0 && wire_send(seat->socket, &m, NULL, 0);
}

/* Descriptors that cannot be sent (the kernel counts those in flight) are an answer, too. */
static void answer(const struct seat *seat, struct wire_message *m, const int *fds, uint32_t count)
{
	if (wire_send(seat->socket, m, fds, count))
		return;
	int error = errno;
	log_write(LOG_ERROR, "gateway %d cannot be sent its sockets: %s", (int)seat->pid,
		strerror(error));
	m->u.listening.error = error;
	wire_send(seat->socket, m, NULL, 0);
}

static void answer_listen(struct supervisor *s, struct seat *seat, const struct wire_listen *wanted)
{
	struct group *group = NULL;
	struct wire_message m = {.kind = WIRE_LISTENING};
	unsigned index = (unsigned)(seat - s->seats);
	m.u.listening.address = wanted->address;
	m.u.listening.error = groups_open(&s->groups, &s->options.allow, wanted, index, &group);
	if (!group) {
		wire_send(seat->socket, &m, NULL, 0);
		return;
	}
	m.u.listening.total = group->count;
	for (uint32_t first = 0; first < group->count && m.u.listening.error == 0;
		first += WIRE_FDS_MAX) {
		uint32_t left = group->count - first;
		m.u.listening.first = first;
		answer(seat, &m, group->fds + first, left < WIRE_FDS_MAX ? left : WIRE_FDS_MAX);
	}
}

static void lift(struct supervisor *s, const char *label)
{
	size_t n = board_quarantine_lift(s->board, str_of(label));
	if (n == 0)
		return;
	struct log_field field = {"binding", str_of(label)};
	log_write_fields(LOG_INFO, STR("the quarantine of a binding is lifted"), &field, 1);
	for (size_t i = 0; i < SEATS_MAX; i++)
		if (s->seats[i].state != SEAT_DRAINING)
			seat_signal(&s->seats[i], SIGHUP);
}

/* It has started: what its folder holds is another matter. */
static void has_spoken(struct seat *seat)
{
	if (seat->state != SEAT_DRAINING && !seat->is_activating)
		seat->deadline_ms = 0;
}

static void handle(struct supervisor *s, struct seat *seat, const struct wire_message *m)
{
	switch (m->kind) {
	case WIRE_LISTEN:
		answer_listen(s, seat, &m->u.listen);
		break;
	case WIRE_RELEASE:
		groups_release(&s->groups, &m->u.release, (unsigned)(seat - s->seats));
		break;
	case WIRE_SERVING:
		has_spoken(seat);
		seat->serving = m->u.serving;
		seat->has_served = true;
		succession_served(s, seat);
		break;
	case WIRE_REFUSED:
		has_spoken(seat);
		succession_refused(s, seat, m->u.refused.text);
		break;
	case WIRE_ACTIVE:
		succession_took_over(s, seat);
		break;
	case WIRE_LIFT:
		lift(s, m->u.lift.text);
		break;
	default:
		break;
	}
}

static void hang_up(struct seat *seat)
{
	close(seat->socket);
	seat->socket = -1;
}

/* A bounded number, so that one gateway cannot keep the supervisor from the others. */
void seat_hear(struct supervisor *s, struct seat *seat)
{
	struct wire_message m;
	int fds[WIRE_FDS_MAX];
	size_t count;
	for (int i = 0; i < 64 && seat->socket >= 0; i++) {
		switch (wire_receive(seat->socket, &m, fds, &count)) {
		case WIRE_NOTHING:
			return;
		case WIRE_ENDED:
			hang_up(seat);
			return;
		case WIRE_BAD:
			log_write(LOG_ERROR, "gateway %d sends what no gateway sends: it is killed",
				(int)seat->pid);
			hang_up(seat);
			kill(seat->pid, SIGKILL);
			return;
		case WIRE_GOT:
			handle(s, seat, &m);
		}
		for (size_t k = 0; k < count; k++)
			close(fds[k]);
	}
}
