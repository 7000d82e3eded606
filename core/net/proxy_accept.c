/* SPDX-License-Identifier: Apache-2.0 */
/* The first line's length shows only at its end, so bytes are looked at before they are taken: all
 * of them while they are the header's, and of the last only those that are. Nothing that is left in
 * the socket has been looked at without being somebody else's, so the level trigger never spins. */
#include "net/proxy_accept.h"

#include "base/limits.h"
#include "base/memory.h"
#include "net/proxy_protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct proxy_accept {
	struct link link; /* of the owner's */
	struct watch watch;
	struct timer timer;
	proxy_accept_fn *fn;
	void *owner;
	struct address peer;
	int fd; /* owned */
	size_t n;
	char bytes[LIMIT_PROXY_HEADER_BYTES];
};

static void let_go(struct proxy_accept *a)
{
	list_remove(&a->link);
	timer_stop(&a->timer);
	watch_stop(&a->watch);
}

void proxy_accept_free(struct proxy_accept *a)
{
	let_go(a);
	close(a->fd);
	free(a);
}

static void finish(struct proxy_accept *a, enum rc rc, const struct address *client)
{
	proxy_accept_fn *fn = a->fn;
	void *owner = a->owner;
	int fd = a->fd;
	struct address of = *client;
	let_go(a);
	free(a);
	if (rc != RC_OK)
		close(fd);
	fn(owner, rc, rc == RC_OK ? fd : -1, &of);
}

static void fail(struct proxy_accept *a, enum rc rc)
{
	finish(a, rc, &a->peer);
}

/* They are there: they were looked at just now. */
static bool take(struct proxy_accept *a, size_t n)
{
	ssize_t taken;
	do {
		taken = recv(a->fd, a->bytes + a->n, n, 0);
	} while (taken < 0 && errno == EINTR);
	if (taken != (ssize_t)n)
		return false;
	a->n += n;
	return true;
}

/* Whether there may be more to read now. */
static bool read_some(struct proxy_accept *a)
{
	struct proxy_header h;
	ssize_t seen = recv(a->fd, a->bytes + a->n, sizeof(a->bytes) - a->n, MSG_PEEK);
	if (seen < 0 && errno == EINTR)
		return true;
	if (seen < 0 && errno == EAGAIN)
		return false;
	if (seen <= 0) {
		fail(a, RC_CLOSED);
		return false;
	}
	size_t n = a->n + (size_t)seen;
	enum proxy_header_event event = proxy_header_parse(str_n(a->bytes, n), &h);
	if (event == PROXY_HEADER_DONE)
		n = h.bytes;
	if (event == PROXY_HEADER_INVALID)
		fail(a, RC_INVALID);
	else if (!take(a, n - a->n))
		fail(a, RC_IO);
	else if (event == PROXY_HEADER_DONE)
		finish(a, RC_OK, h.source.n > 0 ? &h.source : &a->peer);
	else
		return true;
	return false;
}

static void on_readable(struct watch *w, int ready)
{
	struct proxy_accept *a = CONTAINER_OF(w, struct proxy_accept, watch);
	while (read_some(a))
		;
}

static void on_timer(struct timer *t)
{
	fail(CONTAINER_OF(t, struct proxy_accept, timer), RC_TIMEOUT);
}

struct proxy_accept *proxy_accept_new(struct loop *loop, int fd, const struct address *peer,
	proxy_accept_fn *fn, void *owner)
{
	struct proxy_accept *a = heap_alloc(sizeof(*a));
	*a = (struct proxy_accept){.fn = fn, .owner = owner, .peer = *peer, .fd = fd};
	list_init(&a->link);
	timer_init(&a->timer, on_timer);
	/* What cannot be watched has had its time. */
	bool is_watched = watch_start_level(&a->watch, loop, fd, on_readable);
	timer_start(loop, &a->timer, is_watched ? LIMIT_PROXY_HEADER_MS : 1);
	return a;
}

void proxy_accept_hurry(struct proxy_accept *a, int ms)
{
	struct loop *loop = a->watch.loop;
	if (a->timer.deadline_ms > loop_now_ms(loop) + ms)
		timer_start(loop, &a->timer, ms);
}

struct link *proxy_accept_link(struct proxy_accept *a)
{
	return &a->link;
}

struct proxy_accept *proxy_accept_of_link(struct link *l)
{
	return CONTAINER_OF(l, struct proxy_accept, link);
}
