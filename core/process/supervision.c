/* SPDX-License-Identifier: Apache-2.0 */
#include "process/supervision.h"

#include "base/limits.h"
#include "base/memory.h"
#include "net/listener.h"
#include "observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { FD_SOCKET = 3, FD_BOARD, FD_TRAIL };

#define BACKLOG 4096
/* A supervisor answers in microseconds; one that does not is as good as dead. */
#define ANSWER_MS 10000
/* How often what it did not take is said again. */
#define AGAIN_MS 50

struct supervision {
	int socket; /* -1: none */
	struct watch watch;
	struct trail *trail;
	const struct board *board;
	const struct supervision_events *events;
	void *owner;
	bool stands_by;
	bool is_activation_due; /* came while an answer was awaited */
	struct loop *loop;
	struct link
		waiting; /* struct unsaid: what the supervisor has not taken yet, oldest first */
	size_t waiting_count;
	struct timer again;         /* runs while something waits */
	struct ticket_ring tickets; /* without a supervisor */
	struct timer renewal;       /* of them */
};

/* --- saying ---------------------------------------------------------------------------------- */
struct unsaid {
	struct link link;
	struct wire_message m;
};

static void drop(struct supervision *s, struct unsaid *u)
{
	list_remove(&u->link);
	s->waiting_count--;
	free(u);
}

static void drop_all(struct supervision *s)
{
	LIST_FOREACH_SAFE(l, &s->waiting)
	drop(s, CONTAINER_OF(l, struct unsaid, link));
	timer_stop(&s->again);
}

/* True when nothing waits any more. A line that has ended takes nothing, ever. */
static bool say_waiting(struct supervision *s)
{
	while (s->socket >= 0 && !list_is_empty(&s->waiting)) {
		struct unsaid *u = CONTAINER_OF(s->waiting.next, struct unsaid, link);
		if (!wire_send(s->socket, &u->m, NULL, 0) && errno == EAGAIN)
			return false;
		drop(s, u);
	}
	drop_all(s);
	return true;
}

static void on_again(struct timer *t)
{
	struct supervision *s = CONTAINER_OF(t, struct supervision, again);
	if (!say_waiting(s))
		timer_start(s->loop, t, AGAIN_MS);
}

/* Of what serves only the last word counts. */
static void drop_former_word(struct supervision *s)
{
	LIST_FOREACH_SAFE(l, &s->waiting)
	{
		struct unsaid *u = CONTAINER_OF(l, struct unsaid, link);
		if (u->m.kind == WIRE_SERVING)
			drop(s, u);
	}
}

static void keep(struct supervision *s, const struct wire_message *m)
{
	if (m->kind == WIRE_SERVING)
		drop_former_word(s);
	if (s->waiting_count == LIMIT_SUPERVISION_MESSAGES) {
		log_write(LOG_ERROR, "the supervisor does not listen: a message to it is lost");
		return;
	}
	if (s->waiting_count == 0) {
		log_write(LOG_WARN, "the supervisor does not listen yet");
		timer_start(s->loop, &s->again, AGAIN_MS);
	}
	struct unsaid *u = heap_zalloc(sizeof(*u));
	u->m = *m;
	list_append(&s->waiting, &u->link);
	s->waiting_count++;
}

/* In order, and nothing is lost while the supervisor lives: a RELEASE that it never heard would
 * leave a socket open on which nobody accepts. */
static void say(struct supervision *s, const struct wire_message *m)
{
	if (s->socket < 0)
		return;
	bool is_said = say_waiting(s) && wire_send(s->socket, m, NULL, 0);
	if (!is_said && errno == EAGAIN)
		keep(s, m);
	else if (!is_said && errno != EPIPE)
		log_write(LOG_WARN, "the supervisor does not listen: %s", strerror(errno));
}

/* --- hearing --------------------------------------------------------------------------------- */
static void hang_up(struct supervision *s)
{
	watch_stop(&s->watch);
	close(s->socket);
	s->socket = -1;
	drop_all(s);
	s->events->orphaned(s->owner);
}

static void be_activated(struct supervision *s)
{
	bool is_news = s->stands_by;
	s->stands_by = false;
	s->is_activation_due = false;
	if (is_news)
		s->events->activate(s->owner);
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void on_readable(struct watch *w, int ready)
{
	struct supervision *s = CONTAINER_OF(w, struct supervision, watch);
	struct wire_message m;
	int fds[WIRE_FDS_MAX];
	size_t count;
	enum wire_verdict verdict;
	while (s->socket >= 0 &&
		(verdict = wire_receive(s->socket, &m, fds, &count)) != WIRE_NOTHING) {
		close_all(fds, count);
		if (verdict == WIRE_ENDED)
			hang_up(s);
		else if (verdict == WIRE_GOT && m.kind == WIRE_ACTIVATE)
			be_activated(s);
	}
}

/* --- life ------------------------------------------------------------------------------------ */
static void on_renewal(struct timer *t)
{
	struct supervision *s = CONTAINER_OF(t, struct supervision, renewal);
	if (ticket_ring_rotate(&s->tickets, loop_wall_us(s->loop)) != RC_OK)
		log_write(LOG_ERROR, "the system gives no random bytes for a key of TLS sessions");
	timer_start(s->loop, t, (int64_t)TICKETS_ROTATE_S * 1000);
}

static void stand_alone(struct supervision *s)
{
	s->trail = trail_private();
	on_renewal(&s->renewal);
}

static enum rc attach(struct supervision *s)
{
	s->trail = trail_map(FD_TRAIL);
	s->board = board_map(FD_BOARD, false);
	if (!s->trail || !s->board || fcntl(FD_SOCKET, F_SETFD, FD_CLOEXEC) != 0)
		return RC_INVALID;
	close(FD_TRAIL);
	close(FD_BOARD);
	s->socket = FD_SOCKET;
	s->stands_by = s->trail->orders.role == TRAIL_STANDBY;
	return watch_start_level(&s->watch, s->loop, s->socket, on_readable) ? RC_OK : RC_INVALID;
}

enum rc supervision_new(struct loop *loop, bool is_supervised,
	const struct supervision_events *events, void *owner, struct supervision **out)
{
	struct supervision *s = heap_zalloc(sizeof(*s));
	*s = (struct supervision){.socket = -1, .loop = loop, .events = events, .owner = owner};
	list_init(&s->waiting);
	timer_init(&s->again, on_again);
	timer_init(&s->renewal, on_renewal);
	if (is_supervised && attach(s) != RC_OK) {
		supervision_free(s);
		return RC_INVALID;
	}
	if (!is_supervised)
		stand_alone(s);
	*out = s;
	return RC_OK;
}

void supervision_free(struct supervision *s)
{
	if (!s)
		return;
	if (s->socket >= 0) {
		watch_stop(&s->watch);
		close(s->socket);
	}
	drop_all(s);
	timer_stop(&s->renewal);
	explicit_bzero(&s->tickets, sizeof(s->tickets));
	trail_unmap(s->trail);
	board_unmap(s->board);
	free(s);
}

bool supervision_stands_by(const struct supervision *s)
{
	return s->stands_by;
}

struct trail *supervision_trail(const struct supervision *s)
{
	return s->trail;
}

const struct board *supervision_board(const struct supervision *s)
{
	return s->board;
}

const struct ticket_ring *supervision_tickets(const struct supervision *s)
{
	return s->board ? &s->board->tickets : &s->tickets;
}

/* --- listening ------------------------------------------------------------------------------- */
static void set_address(
	struct wire_address *to, const struct address *from, enum wire_purpose purpose)
{
	to->n = from->n;
	to->purpose = purpose;
	memcpy(&to->at, &from->u, from->n < sizeof(to->at) ? from->n : sizeof(to->at));
}

static bool wait_for(const struct supervision *s, short what)
{
	struct pollfd fd = {.fd = s->socket, .events = what};
	int n;
	do {
		n = poll(&fd, 1, ANSWER_MS);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* The next LISTENING; what else comes meanwhile is kept for after. */
static bool next_answer(
	struct supervision *s, struct wire_message *m, int fds[WIRE_FDS_MAX], size_t *count)
{
	for (;;) {
		switch (wire_receive(s->socket, m, fds, count)) {
		case WIRE_NOTHING:
			if (!wait_for(s, POLLIN))
				return false;
			break;
		case WIRE_GOT:
			if (m->kind == WIRE_LISTENING)
				return true;
			close_all(fds, *count);
			s->is_activation_due |= m->kind == WIRE_ACTIVATE;
			break;
		default:
			return false;
		}
	}
}

static void be_activated_later(void *arg)
{
	be_activated(arg);
}

static bool is_of(const struct wire_listening *l, const struct wire_address *asked)
{
	return l->address.n == asked->n && l->address.purpose == asked->purpose &&
	       memcmp(&l->address.at, &asked->at, asked->n) == 0;
}

static const char *reason(int error, const struct wire_address *at)
{
	const struct sockaddr *a = (const void *)&at->at;
	if (error < 0)
		return "it is not among --listen-allow";
	if (error == EAFNOSUPPORT && a->sa_family == AF_INET6)
		return "IPv6 is switched off on this machine";
	return strerror(error);
}

/* Several messages when there are many. What comes late, after its question was given up, is
 * another address's. Else *why tells. */
static enum rc take_sockets(struct supervision *s, const struct wire_address *asked, int **fds,
	unsigned *total, const char **why)
{
	enum rc rc = RC_IO;
	struct wire_message m;
	int some[WIRE_FDS_MAX];
	size_t count;
	unsigned have = 0;
	*why = "the supervisor does not answer";
	*fds = NULL;
	while (!*fds || have < *total) {
		if (!next_answer(s, &m, some, &count))
			break;
		const struct wire_listening *l = &m.u.listening;
		if (!is_of(l, asked)) {
			close_all(some, count);
			continue;
		}
		if (l->error) {
			*why = reason(l->error, asked);
			rc = l->error < 0 ? RC_REFUSED : RC_IO;
			break;
		}
		if (!*fds && l->total > 0 && l->total <= TRAIL_THREADS)
			*fds = heap_zalloc(l->total * sizeof(int));
		if (!*fds || l->first != have || count == 0 || have + count > l->total) {
			close_all(some, count);
			break;
		}
		memcpy(*fds + have, some, count * sizeof(int));
		have += (unsigned)count;
		*total = l->total;
	}
	if (*fds && have == *total)
		return RC_OK;
	close_all(*fds, have);
	free(*fds);
	return rc;
}

static enum rc listen_alone(
	const struct address *at, unsigned count, int **fds, unsigned *total, const char **why)
{
	*fds = heap_zalloc(count * sizeof(int));
	*total = count;
	if (listen_open(at, (int)count, BACKLOG, *fds) == RC_OK)
		return RC_OK;
	*why = strerror(errno);
	free(*fds);
	return RC_IO;
}

/* After what waits. */
static bool ask(struct supervision *s, const struct wire_message *m)
{
	while (s->socket >= 0) {
		if (say_waiting(s) && wire_send(s->socket, m, NULL, 0))
			return true;
		if (errno != EAGAIN || !wait_for(s, POLLOUT))
			return false;
	}
	return false;
}

enum rc supervision_listen(struct supervision *s, const struct address *at,
	enum wire_purpose purpose, unsigned count, int **fds, unsigned *total, const char **why)
{
	if (!s->board)
		return listen_alone(at, count, fds, total, why);
	struct wire_message m = {.kind = WIRE_LISTEN};
	m.u.listen.count = count;
	m.u.listen.backlog = BACKLOG;
	set_address(&m.u.listen.address, at, purpose);
	*why = "the supervisor is gone";
	*total = 0;
	enum rc rc = ask(s, &m) ? take_sockets(s, &m.u.listen.address, fds, total, why) : RC_IO;
	if (s->is_activation_due)
		loop_post(s->loop, be_activated_later, s);
	return rc;
}

/* --- what is said ---------------------------------------------------------------------------- */
void supervision_release(struct supervision *s, const struct address *at, enum wire_purpose purpose)
{
	struct wire_message m = {.kind = WIRE_RELEASE};
	set_address(&m.u.release, at, purpose);
	say(s, &m);
}

void supervision_serving(struct supervision *s, const struct wire_serving *serving)
{
	struct wire_message m = {.kind = WIRE_SERVING};
	m.u.serving = *serving;
	say(s, &m);
}

void supervision_refused(struct supervision *s, const char *why)
{
	struct wire_message m = {.kind = WIRE_REFUSED};
	wire_set_text(&m.u.refused, why);
	say(s, &m);
}

void supervision_active(struct supervision *s)
{
	struct wire_message m = {.kind = WIRE_ACTIVE};
	say(s, &m);
}

void supervision_lift(struct supervision *s, const char *label)
{
	struct wire_message m = {.kind = WIRE_LIFT};
	wire_set_text(&m.u.lift, label);
	say(s, &m);
}
