/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: queued while the turn runs, one writev at its end, early when much is waiting. */
#include "base/check.h"
#include "base/limits.h"
#include "net/stream_priv.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define IOVECS_MAX 64

void stream_mark_dirty(struct stream *s)
{
	struct stream_group *g = s->group;
	if (!list_is_empty(&s->dirty))
		return;
	list_append(&g->dirty, &s->dirty);
	g->dirty_count++;
	loop_at_turn_end(g->loop, &g->flush);
}

static ssize_t send_chunks(int fd, const struct chunk_queue *q, size_t *offered)
{
	const struct chunk *c = q->head;
	if (!c->next) {
		*offered = c->n;
		return send(fd, c->p, c->n, MSG_NOSIGNAL);
	}
	struct iovec v[IOVECS_MAX];
	size_t count = 0, total = 0;
	for (; c && count < IOVECS_MAX; c = c->next) {
		v[count++] = (struct iovec){(void *)c->p, c->n};
		total += c->n;
	}
	*offered = total;
	struct msghdr message = {.msg_iov = v, .msg_iovlen = count};
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* A peer that answers early and resets the rest of the upload: its answer may stand in the receive
 * queue. It is handed up before the stream fails. */
static void fail_to_write(struct stream *s, int error)
{
	bool may_have_answered = (error == EPIPE || error == ECONNRESET) &&
				 (stream_may_read(s) || (s->is_dialled && stream_has_input(s)));
	if (!may_have_answered || s->flushes_to_close) {
		stream_fail_errno(s, error);
		return;
	}
	stream_break(s);
}

bool stream_write_queue(struct stream *s, struct chunk_queue *q)
{
	while (q->bytes > 0) {
		size_t offered;
		if (!s->is_writable)
			return false;
		ssize_t n = send_chunks(s->fd, q, &offered);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			fail_to_write(s, errno);
			return false;
		}
		if (n > 0)
			chunk_queue_drop(q, (size_t)n);
		if (n < (ssize_t)offered)
			s->is_writable = false; /* the edge tells when there is room again */
	}
	chunk_queue_clear(q); /* reserved and never filled */
	return true;
}

static void write_out(struct stream *s)
{
	if (s->tls) {
		stream_tls_flush(s);
		return;
	}
	size_t before = s->out.bytes;
	stream_write_queue(s, &s->out);
	if (!s->is_closed && !s->is_broken)
		s->bytes_sent += before - s->out.bytes;
}

void stream_linger(struct stream *s)
{
	if (s->has_ended || s->lingers_not)
		stream_finish_close(s);
	else
		timer_start(s->group->loop, &s->timer, LIMIT_LINGER_MS);
}

static void send_end(struct stream *s)
{
	s->end_is_sent = true;
	shutdown(s->fd, SHUT_WR);
	if (s->flushes_to_close)
		stream_linger(s);
}

static void note_pending(struct stream *s)
{
	size_t pending = stream_pending(s);
	if (pending > LIMIT_QUEUE_HIGH_BYTES) {
		s->was_high = true;
	} else if (s->was_high && pending < LIMIT_QUEUE_LOW_BYTES) {
		s->was_high = false;
		s->drained_is_due = !s->flushes_to_close;
		loop_ready(s->group->loop, &s->task);
	}
}

/* A small residue that lasts beyond the turn must not pin a receive block. */
static void copy_residue_out(struct stream *s)
{
	struct block *from = s->residue;
	if (!from || from->capacity < BLOCK_RECEIVE_BYTES || s->residue_n > RECEIVE_ROOM_MIN)
		return;
	struct block *own = block_new(s->group->pool, s->residue_n);
	memcpy(own->data, s->residue_p, s->residue_n);
	own->used = s->residue_n;
	block_unref(from);
	s->residue = own;
	s->residue_p = own->data;
}

/* The kernel tells that there is room only when a third of its queue, some megabytes perhaps, is
 * free: for a slow reader that takes longer than the peer may be silent. */
static int kernel_queue(const struct stream *s)
{
	int bytes;
	return ioctl(s->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

uint64_t stream_taken(const struct stream *s, size_t *outstanding)
{
	size_t wire =
		(s->tls ? stream_tls_pending(s) : 0) + (s->fd < 0 ? 0 : (size_t)kernel_queue(s));
	*outstanding = s->out.bytes + wire;
	return s->bytes_sent > wire ? s->bytes_sent - wire : 0;
}

static bool flush_is_overdue(const struct stream *s)
{
	return loop_now_ms(s->group->loop) / 1000 >= s->flush_until_s;
}

void stream_start_flush_timer(struct stream *s)
{
	if (flush_is_overdue(s) && timer_is_running(&s->timer))
		return; /* the last one */
	s->untaken = kernel_queue(s);
	timer_start(s->group->loop, &s->timer, LIMIT_FLUSH_IDLE_MS);
}

bool stream_peer_takes(const struct stream *s)
{
	return kernel_queue(s) < s->untaken && !flush_is_overdue(s);
}

static bool has_no_room(const struct stream *s)
{
	return stream_pending(s) >= LIMIT_QUEUE_HIGH_BYTES;
}

/* Whether something came of it. */
static bool produce(struct stream *s)
{
	size_t before = s->out.bytes;
	if (!s->is_open || s->end_is_due)
		return false;
	s->is_producing = true;
	s->wants_produce = s->events->on_produce(s);
	s->is_producing = false;
	return !s->is_closed && s->out.bytes > before;
}

static void write_produced(struct stream *s)
{
	bool is_full, has_more;
	do {
		is_full = has_no_room(s);
		has_more = !is_full && produce(s);
		if (!s->is_closed)
			write_out(s);
		if (s->is_closed || s->is_broken)
			return;
		/* What was written at once leaves room that no edge will tell of. */
	} while (s->wants_produce && (is_full ? !has_no_room(s) : has_more));
}

static void flush(struct stream *s)
{
	copy_residue_out(s);
	if (s->is_connecting || s->is_broken)
		return;
	if (UNLIKELY(s->wants_produce))
		write_produced(s);
	else if (!s->is_closed)
		write_out(s);
	if (s->is_closed || s->is_broken)
		return;
	note_pending(s);
	size_t pending = stream_pending(s);
	if (pending == 0 && s->end_is_due && !s->end_is_sent && s->is_open)
		send_end(s);
	else if (s->flushes_to_close && !s->end_is_sent)
		stream_start_flush_timer(s);
}

void stream_group_flush(struct stream_group *g)
{
	struct link now, *l;
	list_init(&now);
	list_move_all(&now, &g->dirty);
	g->dirty_count = 0;
	while ((l = list_pop(&now)))
		flush(CONTAINER_OF(l, struct stream, dirty));
}

size_t stream_pending(const struct stream *s)
{
	return s->out.bytes + (s->tls ? stream_tls_pending(s) : 0);
}

/* Waiting for the end of the turn is for small messages: much at once goes early. */
static void queued(struct stream *s)
{
	if (s->is_producing)
		return; /* the flush goes on */
	stream_mark_dirty(s);
	if (s->out.bytes >= LIMIT_DIRTY_STREAM_BYTES && s->is_writable && s->is_open)
		write_out(s);
	if (!s->is_closed && !s->is_broken)
		note_pending(s);
}

static bool takes_output(const struct stream *s)
{
	return !s->is_closed && !s->is_broken && !s->end_is_due;
}

char *stream_reserve(struct stream *s, size_t n)
{
	struct chunk *tail = s->out.tail;
	CHECK(n <= 16384);
	bool has_room = tail && tail->block && tail->block->refs == 1 &&
			tail->p + tail->n == tail->block->data + tail->block->used &&
			tail->block->capacity - tail->block->used >= n;
	if (!has_room) {
		struct block *b = block_new(s->group->pool, n);
		chunk_queue_add_block(&s->out, b);
		tail = s->out.tail;
	}
	return tail->block->data + tail->block->used;
}

void stream_commit(struct stream *s, size_t n)
{
	struct chunk *tail = s->out.tail;
	CHECK(tail && n <= tail->block->capacity - tail->block->used);
	if (!takes_output(s))
		return;
	tail->block->used += (uint32_t)n;
	tail->n += n;
	s->out.bytes += n;
	queued(s);
}

void stream_send_copy(struct stream *s, struct str bytes)
{
	if (!takes_output(s))
		return;
	chunk_queue_add_copy(&s->out, bytes);
	queued(s);
}

void stream_send_queue(struct stream *s, struct chunk_queue *q)
{
	if (!takes_output(s)) {
		chunk_queue_clear(q);
		return;
	}
	chunk_queue_move(&s->out, q);
	queued(s);
}

void stream_want_produce(struct stream *s)
{
	if (!takes_output(s))
		return;
	s->wants_produce = true;
	stream_mark_dirty(s);
}

void stream_send_end(struct stream *s)
{
	if (!takes_output(s))
		return;
	s->end_is_due = true;
	stream_mark_dirty(s);
}
