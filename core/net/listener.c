/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include "base/memory.h"
#include "handover/sockets.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Accepting pauses this long when descriptors or memory ran out. */
#define PAUSE_MS 100
/* Connections taken in one event, so that those that are there get their turn. */
#define ACCEPTS_MAX 64
/* A whole backlog, and no more: who keeps coming is not waited for. */
#define QUEUED_ROUNDS_MAX 128

struct listener {
	struct watch watch;
	struct timer pause;
	struct loop *loop;
	int fd; /* borrowed */
	bool is_paused;
	bool is_unix;
	bool is_accepting; /* listener_fn may be on the stack */
	bool is_freed;     /* by it: memory goes when it returns */
	listener_fn *fn;
	void *owner;
	uint64_t errors;
};

enum rc listen_open(const struct address *at, int count, int backlog, int *fds)
{
	int error = sockets_open(&at->u.sa, at->n, count, backlog, fds);
	errno = error;
	return error ? RC_IO : RC_OK;
}

static void on_acceptable(struct watch *w, int ready);

/* When nothing more can be watched, later. */
static void start_accepting(struct listener *l)
{
	l->is_paused = !watch_start_level(&l->watch, l->loop, l->fd, on_acceptable);
	if (l->is_paused) {
		l->errors++;
		timer_start(l->loop, &l->pause, PAUSE_MS);
	}
}

static void resume(struct timer *t)
{
	start_accepting(CONTAINER_OF(t, struct listener, pause));
}

static void pause_accepting(struct listener *l)
{
	l->errors++;
	l->is_paused = true;
	watch_stop(&l->watch);
	timer_start(l->loop, &l->pause, PAUSE_MS);
}

/* Of the connection that was about to be taken, not of the socket (accept(2)). */
static bool is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
	       error == ENETDOWN || error == ENETUNREACH || error == EHOSTDOWN ||
	       error == EHOSTUNREACH || error == ENOPROTOOPT || error == ENONET;
}

/* Whether there may be more. */
static bool accept_some(struct listener *l)
{
	for (int i = 0; i < ACCEPTS_MAX && !l->is_freed; i++) {
		struct address peer = {.n = sizeof(peer.u)};
		int fd = accept4(l->fd, &peer.u.sa, &peer.n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && is_passing(errno))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN)
				pause_accepting(l);
			return false;
		}
		int on = 1;
		if (!l->is_unix)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		l->fn(l->owner, fd, &peer);
	}
	return !l->is_freed;
}

void listener_accept_queued(struct listener *l)
{
	for (int i = 0; i < QUEUED_ROUNDS_MAX && !l->is_paused; i++)
		if (!accept_some(l))
			return;
}

static void on_acceptable(struct watch *w, int ready)
{
	struct listener *l = CONTAINER_OF(w, struct listener, watch);
	l->is_accepting = true;
	accept_some(l);
	l->is_accepting = false;
	if (l->is_freed)
		free(l);
}

struct listener *listener_new(struct loop *loop, int fd, listener_fn *fn, void *owner)
{
	struct listener *l = heap_zalloc(sizeof(*l));
	struct sockaddr_storage own;
	socklen_t n = sizeof(own);
	l->loop = loop;
	l->fd = fd;
	l->fn = fn;
	l->owner = owner;
	l->is_unix = getsockname(fd, (struct sockaddr *)&own, &n) == 0 && own.ss_family == AF_UNIX;
	timer_init(&l->pause, resume);
	start_accepting(l);
	return l;
}

void listener_free(struct listener *l)
{
	timer_stop(&l->pause);
	if (!l->is_paused)
		watch_stop(&l->watch);
	l->is_freed = true;
	if (!l->is_accepting)
		free(l);
}

uint64_t listener_accept_errors(const struct listener *l)
{
	return l->errors;
}
