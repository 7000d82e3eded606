/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, the event, the tasks and the end of a stream. Reading and writing have files of their
 * own; TLS is a filter beside them. */
#include "net/stream.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "net/stream_priv.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_turn_end(struct task *t)
{
	stream_group_flush(CONTAINER_OF(t, struct stream_group, flush));
}

static void on_unsure_timer(struct timer *t)
{
	stream_group_read_unsure(CONTAINER_OF(t, struct stream_group, unsure_timer));
}

struct stream_group *stream_group_new(struct loop *loop)
{
	struct stream_group *g = heap_zalloc(sizeof(*g));
	g->loop = loop;
	g->pool = loop_pool(loop);
	g->handshake_ms = LIMIT_TLS_HANDSHAKE_MS;
	list_init(&g->dirty);
	list_init(&g->unsure);
	list_init(&g->unsure_before);
	task_init(&g->flush, on_turn_end);
	timer_init(&g->unsure_timer, on_unsure_timer);
	stream_group_init_tls(g);
	return g;
}

void stream_group_set_descriptors_max(struct stream_group *g, int max)
{
	g->descriptors_max = max;
}

void stream_group_free(struct stream_group *g)
{
	CHECK(list_is_empty(&g->dirty));
	task_cancel(&g->flush);
	timer_stop(&g->unsure_timer);
	if (g->block)
		block_unref(g->block);
	stream_group_free_tls(g);
	free(g);
}

struct loop *stream_group_loop(const struct stream_group *g)
{
	return g->loop;
}

void stream_group_set_handshake_ms(struct stream_group *g, int ms)
{
	g->handshake_ms = ms;
}

/* --- the event ------------------------------------------------------------------------------- */

void stream_open_now(struct stream *s)
{
	s->open_is_due = false;
	s->is_open = true;
	if (!s->flushes_to_close && s->events->on_open)
		s->events->on_open(s);
	if (!s->is_closed)
		stream_mark_dirty(s); /* what was queued before */
}

/* Reading it takes it away. */
static int socket_error(int fd)
{
	int error = 0;
	socklen_t n = sizeof(error);
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 ? error : errno;
}

static void finish_connect(struct stream *s)
{
	int error = socket_error(s->fd);
	if (error != 0) {
		stream_fail_errno(s, error);
		return;
	}
	s->is_connecting = false;
	timer_stop(&s->timer);
	if (s->tls) {
		timer_start(s->group->loop, &s->timer, s->group->handshake_ms);
		stream_mark_dirty(s); /* begins the handshake */
		return;
	}
	stream_open_now(s);
}

/* A reset shows in reading; who does not read must learn of it all the same. What an upstream sent
 * before its reset may be the whole answer, waiting for a client that is slow: it is kept. A client
 * that reset has gone, whatever it sent before. */
void stream_look_for_reset(struct stream *s)
{
	int error = socket_error(s->fd);
	if (error == 0)
		return;
	if (error == ECONNRESET && s->is_dialled && stream_has_input(s))
		stream_break(s);
	else
		stream_fail_errno(s, error);
}

static void take_event(struct stream *s, int ready)
{
	if (ready & WATCH_CLOSED)
		s->saw_closed = true;
	if (s->is_connecting && (ready & (WATCH_WRITE | WATCH_CLOSED)))
		finish_connect(s);
	else if (s->open_is_due)
		stream_open_now(s);
	if (s->is_closed || s->is_connecting)
		return;
	if (ready & (WATCH_READ | WATCH_CLOSED)) {
		s->is_readable = true;
		if (!stream_may_read(s))
			stream_look_for_reset(s);
		else
			stream_read(s);
	}
	if ((ready & WATCH_WRITE) && !s->is_closed && !s->is_writable) {
		s->is_writable = true;
		stream_mark_dirty(s);
	}
}

/* Between two streams: nobody is in the middle of queueing. */
static void flush_when_many(struct stream_group *g)
{
	if (g->dirty_count >= LIMIT_DIRTY_STREAMS)
		stream_group_flush(g);
}

static void on_event(struct watch *w, int ready)
{
	struct stream *s = CONTAINER_OF(w, struct stream, watch);
	if (s->is_closed)
		return;
	take_event(s, ready);
	flush_when_many(s->group);
}

static void on_task(struct task *t)
{
	struct stream *s = CONTAINER_OF(t, struct stream, task);
	if (s->open_is_due)
		stream_open_now(s);
	if (!s->is_closed && s->drained_is_due) {
		s->drained_is_due = false;
		if (s->events->on_drained)
			s->events->on_drained(s);
	}
	if (!s->is_closed && !s->is_connecting)
		stream_read(s);
	flush_when_many(s->group);
}

static void on_timer(struct timer *t)
{
	struct stream *s = CONTAINER_OF(t, struct stream, timer);
	if (s->flushes_to_close && !s->end_is_sent && stream_peer_takes(s))
		stream_start_flush_timer(s);
	else if (s->flushes_to_close)
		stream_finish_close(s);
	else
		stream_fail(s, RC_TIMEOUT,
			s->is_connecting ? "connecting took too long"
					 : "the TLS handshake took too long");
}

/* --- the end --------------------------------------------------------------------------------- */

static size_t bytes_of(const struct address *peer)
{
	return offsetof(struct stream, peer) + offsetof(struct address, u) + peer->n;
}

static void on_closing(struct task *t)
{
	struct stream *s = CONTAINER_OF(t, struct stream, task);
	if (s->events->on_close)
		s->events->on_close(s, s->close_rc);
	chunk_queue_clear(&s->out); /* reserved after the end */
	if (s->tls)
		stream_tls_free(s);
	free(s->local);
	pool_put(s->group->pool, s, bytes_of(&s->peer));
}

static void let_go(struct stream *s)
{
	timer_stop(&s->timer);
	task_cancel(&s->task);
	list_remove(&s->dirty);
	list_remove(&s->unsure);
	chunk_queue_clear(&s->out);
	if (s->residue)
		block_unref(s->residue);
	s->residue = NULL;
	if (s->fd >= 0) {
		watch_stop(&s->watch);
		close(s->fd);
		s->fd = -1;
	}
}

void stream_finish_close(struct stream *s)
{
	if (s->is_closed)
		return;
	s->is_closed = true;
	let_go(s);
	task_init(&s->task, on_closing);
	loop_defer(s->group->loop, &s->task);
}

void stream_fail(struct stream *s, enum rc rc, const char *text)
{
	if (s->is_closed)
		return;
	if (!s->flushes_to_close) {
		s->close_rc = rc;
		s->error_text = text;
	}
	stream_finish_close(s);
}

void stream_fail_errno(struct stream *s, int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:
		stream_fail(s, RC_CLOSED, "the peer reset the connection");
		return;
	case ECONNREFUSED:
	case ENOENT: /* no such UNIX socket */
		stream_fail(s, RC_REFUSED, "connection refused");
		return;
	case ETIMEDOUT:
		stream_fail(s, RC_TIMEOUT, "the connection timed out");
		return;
	case EHOSTUNREACH:
	case ENETUNREACH:
		stream_fail(s, RC_REFUSED, "the address cannot be reached");
		return;
	default:
		stream_fail(s, RC_IO,
			strerrordesc_np(error) ? strerrordesc_np(error) : "an unknown error");
	}
}

void stream_break(struct stream *s)
{
	s->is_broken = true;
	s->is_readable = true;
	s->close_rc = RC_CLOSED;
	s->error_text = "the peer reset the connection";
	chunk_queue_clear(&s->out);
	if (s->tls)
		stream_tls_drop_pending(s);
	loop_ready(s->group->loop, &s->task);
}

static void set_tcp(struct stream *s, int option, int value)
{
	setsockopt(s->fd, IPPROTO_TCP, option, &value, sizeof(value));
}

void stream_probe_peer(struct stream *s)
{
	int on = 1;
	if (s->is_closed || s->peer.u.sa.sa_family == AF_UNIX)
		return;
	set_tcp(s, TCP_KEEPIDLE, LIMIT_PEER_PROBE_S);
	set_tcp(s, TCP_KEEPINTVL, LIMIT_PEER_PROBE_S);
	set_tcp(s, TCP_KEEPCNT, LIMIT_PEER_PROBES_UNANSWERED);
	setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* No callbacks but the last: what still comes is discarded. */
static void start_flushing(struct stream *s)
{
	s->flushes_to_close = true;
	s->flush_until_s = (uint32_t)((loop_now_ms(s->group->loop) + LIMIT_FLUSH_MS) / 1000);
	s->end_is_due = true;
	s->is_open = true; /* on_open is not due any more */
	s->open_is_due = false;
	s->drained_is_due = false;
	s->is_receiving = true;
	s->close_rc = RC_OK;
	if (s->residue)
		block_unref(s->residue);
	s->residue = NULL;
	timer_stop(&s->timer);
	loop_ready(s->group->loop, &s->task);
	if (s->end_is_sent)
		stream_linger(s);
	else
		stream_mark_dirty(s); /* the flush starts the timer, of flushing or of lingering */
}

/* The kernel answers close() with a RST. */
static void arm_reset(struct stream *s)
{
	struct linger zero = {.l_onoff = 1, .l_linger = 0};
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
}

void stream_close(struct stream *s, enum stream_close_how how)
{
	if (s->is_closed)
		return;
	bool can_flush = (s->is_open || s->open_is_due) && !s->is_broken;
	if (how <= STREAM_CLOSE_END && can_flush) {
		s->lingers_not |= how == STREAM_CLOSE_END;
		if (!s->flushes_to_close)
			start_flushing(s);
		else if (s->lingers_not && s->end_is_sent)
			stream_finish_close(s);
		return;
	}
	if (how == STREAM_CLOSE_RESET)
		arm_reset(s);
	s->close_rc = RC_OK;
	stream_finish_close(s);
}

/* --- opening --------------------------------------------------------------------------------- */

static struct stream *stream_new(struct stream_group *g, int fd, const struct address *peer,
	const struct stream_events *events, void *owner)
{
	struct stream *s = pool_get(g->pool, bytes_of(peer));
	memset(s, 0, offsetof(struct stream, peer));
	s->events = events;
	s->owner = owner;
	s->group = g;
	s->fd = fd;
	address_copy(&s->peer, peer);
	s->error_text = "";
	s->is_receiving = true;
	s->is_writable = true;
	list_init(&s->dirty);
	list_init(&s->unsure);
	task_init(&s->task, on_task);
	timer_init(&s->timer, on_timer);
	chunk_queue_init(&s->out, g->pool);
	return s;
}

struct stream *stream_accept(struct stream_group *g, int fd, const struct address *peer,
	struct tls_context *tls, const struct stream_events *events, void *owner)
{
	struct stream *s = stream_new(g, fd, peer, events, owner);
	s->is_open = tls == NULL;
	if (!watch_start(&s->watch, g->loop, fd, on_event)) {
		stream_fail_errno(s, errno);
	} else if (tls) {
		timer_start(g->loop, &s->timer, g->handshake_ms);
		stream_tls_start(s, tls, true, STR_EMPTY);
	}
	return s;
}

/* The kernel hands out the lowest number that is free. */
static int open_socket(const struct stream_group *g, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || g->descriptors_max == 0 || fd < g->descriptors_max)
		return fd;
	close(fd);
	errno = EMFILE;
	return -1;
}

static int connect_to(const struct stream_group *g, const struct address *to, bool *connecting)
{
	int fd = open_socket(g, to->u.sa.sa_family);
	if (fd < 0)
		return -1;
	int on = 1;
	if (to->u.sa.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*connecting = false;
	if (connect(fd, &to->u.sa, to->n) == 0)
		return fd;
	if (errno == EINPROGRESS) {
		*connecting = true;
		return fd;
	}
	/* A UNIX socket whose queue is full says EAGAIN, and nothing tells when there is room. */
	int error = errno == EAGAIN && to->u.sa.sa_family == AF_UNIX ? ECONNREFUSED : errno;
	close(fd);
	errno = error;
	return -1;
}

static void start_dialled(
	struct stream *s, int connect_timeout_ms, struct tls_context *tls, struct str server_name)
{
	struct loop *loop = s->group->loop;
	if (!watch_start(&s->watch, loop, s->fd, on_event)) {
		stream_fail_errno(s, errno);
		return;
	}
	if (s->is_connecting || tls)
		timer_start(loop, &s->timer,
			s->is_connecting ? connect_timeout_ms : s->group->handshake_ms);
	if (tls) {
		stream_mark_dirty(s); /* begins the handshake once connected */
		stream_tls_start(s, tls, false, server_name);
	} else if (!s->is_connecting) {
		s->open_is_due = true;
		loop_ready(loop, &s->task);
	}
}

struct stream *stream_dial(struct stream_group *g, const struct address *to, int connect_timeout_ms,
	struct tls_context *tls, struct str server_name, const struct stream_events *events,
	void *owner)
{
	bool connecting = false;
	int fd = connect_to(g, to, &connecting);
	int error = errno;
	struct stream *s = stream_new(g, fd, to, events, owner);
	s->is_connecting = connecting;
	s->is_dialled = true;
	if (fd >= 0)
		start_dialled(s, connect_timeout_ms, tls, server_name);
	else
		stream_fail_errno(s, error);
	return s;
}

/* True when the kernel, or the filter, has all of it. */
static bool send_queued(struct stream *s)
{
	if (!s->tls)
		return stream_write_queue(s, &s->out);
	stream_tls_flush(s);
	return s->out.bytes == 0;
}

void stream_start_tls(struct stream *s, struct tls_context *tls, struct str server_name)
{
	if (s->is_closed)
		return;
	CHECK(!s->tls || !stream_tls_is_inner(s));
	if (!send_queued(s)) {
		stream_fail(s, RC_IO, "what goes before TLS could not be sent at once");
		return;
	}
	s->is_open = false;
	timer_start(s->group->loop, &s->timer, s->group->handshake_ms);
	stream_mark_dirty(s); /* begins the handshake */
	stream_tls_start(s, tls, false, server_name);
}

void stream_give_up(struct stream *s, enum rc rc, const char *text)
{
	stream_fail(s, rc, text);
}

/* --- facts ----------------------------------------------------------------------------------- */

void *stream_owner(const struct stream *s)
{
	return s->owner;
}

void stream_set_events(struct stream *s, const struct stream_events *events, void *owner)
{
	s->events = events;
	s->owner = owner;
}

struct loop *stream_loop(const struct stream *s)
{
	return s->group->loop;
}

const struct address *stream_peer(const struct stream *s)
{
	return &s->peer;
}

const struct address *stream_local(const struct stream *s)
{
	struct stream *mutable = (struct stream *)s;
	if (!s->local) {
		mutable->local = heap_zalloc(sizeof(struct address));
		socklen_t n = sizeof(s->local->u);
		if (s->fd >= 0 && getsockname(s->fd, &s->local->u.sa, &n) == 0)
			mutable->local->n = n;
	}
	return s->local;
}

bool stream_is_closed(const struct stream *s)
{
	return s->is_closed;
}

bool stream_is_truncated(const struct stream *s)
{
	return s->is_truncated;
}

void stream_set_error_text(struct stream *s, const char *text)
{
	s->error_text = text;
}

const char *stream_error_text(const struct stream *s)
{
	return s->error_text;
}

uint64_t stream_bytes_received(const struct stream *s)
{
	return s->bytes_received;
}

uint64_t stream_bytes_sent(const struct stream *s)
{
	return s->bytes_sent;
}
