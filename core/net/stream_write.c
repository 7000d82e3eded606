/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: queued while the turn runs, one writev at its end, early when much is waiting. */
#include "base/check.h"
#include "base/limits.h"
#include "net/stream_priv.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define IOVECS_MAX 64

void stream_mark_dirty(struct stream *s)
{
	loop_at_turn_end(s->group->loop, &s->flush);
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
			stream_fail_errno(s, errno);
			return false;
		}
		if (n > 0) {
			chunk_queue_drop(q, (size_t)n);
			s->bytes_sent += (uint64_t)n;
		}
		if (n < (ssize_t)offered)
			s->is_writable = false; /* the edge tells when there is room again */
	}
	chunk_queue_clear(q); /* reserved and never filled */
	return true;
}

static void send_end(struct stream *s)
{
	s->end_is_sent = true;
	shutdown(s->fd, SHUT_WR);
	if (!s->flushes_to_close)
		return;
	if (s->has_ended || s->lingered > LIMIT_LINGER_BYTES)
		stream_finish_close(s);
	else
		s->is_lingering = true;
}

static void note_pending(struct stream *s)
{
	size_t pending = stream_pending(s);
	if (pending > LIMIT_QUEUE_HIGH_BYTES) {
		s->was_high = true;
	} else if (s->was_high && pending < LIMIT_QUEUE_LOW_BYTES) {
		s->was_high = false;
		s->drained_is_due = !s->flushes_to_close;
		loop_ready(s->group->loop, &s->ready);
	}
}

/* A residue that lasts beyond the turn must not pin the worker's receive block. */
static void copy_residue_out(struct stream *s)
{
	if (!s->residue || s->residue != s->group->block || s->residue_n > RECEIVE_ROOM_MIN)
		return;
	struct block *own = block_new(s->group->pool, s->residue_n);
	memcpy(own->data, s->residue_p, s->residue_n);
	own->used = s->residue_n;
	block_unref(s->residue);
	s->residue = own;
	s->residue_p = own->data;
}

void stream_flush(struct stream *s)
{
	copy_residue_out(s);
	if (s->is_connecting)
		return;
	bool is_done;
	if (s->tls) {
		stream_tls_flush(s);
		if (s->is_closed)
			return;
		is_done = stream_pending(s) == 0;
	} else {
		is_done = stream_write_queue(s, &s->out);
	}
	if (s->is_closed)
		return;
	note_pending(s);
	if (is_done && s->end_is_due && !s->end_is_sent)
		send_end(s);
}

size_t stream_pending(const struct stream *s)
{
	return s->out.bytes + (s->tls ? stream_tls_pending(s) : 0);
}

/* Waiting for the end of the turn is for small messages: many at once go early. */
static void queued(struct stream *s)
{
	stream_mark_dirty(s);
	bool is_much = s->out.bytes >= LIMIT_DIRTY_STREAM_BYTES && s->is_writable;
	if (is_much && s->is_open && !s->is_connecting && !s->tls) {
		if (stream_write_queue(s, &s->out) || !s->is_closed)
			note_pending(s);
	} else if (s->out.bytes > LIMIT_QUEUE_HIGH_BYTES) {
		s->was_high = true;
	}
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
	CHECK(n <= tail->block->capacity - tail->block->used);
	tail->block->used += (uint32_t)n;
	tail->n += n;
	s->out.bytes += n;
	if (!s->is_closed)
		queued(s);
	else
		chunk_queue_clear(&s->out);
}

void stream_send_copy(struct stream *s, struct str bytes)
{
	if (s->is_closed)
		return;
	chunk_queue_add_copy(&s->out, bytes);
	queued(s);
}

void stream_send_queue(struct stream *s, struct chunk_queue *q)
{
	if (s->is_closed) {
		chunk_queue_clear(q);
		return;
	}
	chunk_queue_move(&s->out, q);
	queued(s);
}

void stream_send_end(struct stream *s)
{
	if (s->is_closed)
		return;
	s->end_is_due = true;
	stream_mark_dirty(s);
}
