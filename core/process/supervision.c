/* SPDX-License-Identifier: Apache-2.0 */
#include "process/supervision.h"

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
};

/* --- hearing --------------------------------------------------------------------------------- */
static void hang_up(struct supervision *s)
{
	watch_stop(&s->watch);
	close(s->socket);
	s->socket = -1;
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
	if (is_supervised && attach(s) != RC_OK) {
		supervision_free(s);
		return RC_INVALID;
	}
	if (!is_supervised)
		s->trail = trail_private();
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

/* --- listening ------------------------------------------------------------------------------- */
static void set_address(
	struct wire_address *to, const struct address *from, enum wire_purpose purpose)
{
	to->n = from->n;
	to->purpose = purpose;
	memcpy(&to->at, &from->u, from->n < sizeof(to->at) ? from->n : sizeof(to->at));
}

static bool wait_for_answer(struct supervision *s)
{
	struct pollfd fd = {.fd = s->socket, .events = POLLIN};
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
			if (!wait_for_answer(s))
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

/* Several messages when there are many. What comes late, after its question was given up, is
 * another address's. false: *why tells. */
static bool take_sockets(struct supervision *s, const struct wire_address *asked, int **fds,
	unsigned *total, const char **why)
{
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
			*why = l->error < 0 ? "it is not among --listen-allow" : strerror(l->error);
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
		return true;
	close_all(*fds, have);
	free(*fds);
	return false;
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
	bool is_well = s->socket >= 0 && wire_send(s->socket, &m, NULL, 0) &&
		       take_sockets(s, &m.u.listen.address, fds, total, why);
	if (s->is_activation_due)
		loop_post(s->loop, be_activated_later, s);
	return is_well ? RC_OK : RC_IO;
}

/* --- saying ---------------------------------------------------------------------------------- */
/* A message that the supervisor does not take is lost with it. */
static void say(struct supervision *s, const struct wire_message *m)
{
	if (s->socket >= 0 && !wire_send(s->socket, m, NULL, 0) && errno != EPIPE)
		log_write(LOG_WARN, "the supervisor does not listen: %s", strerror(errno));
}

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
