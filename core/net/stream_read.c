/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: into the group's block, until short, at most LIMIT_TURN_BYTES a turn. */
#include "base/check.h"
#include "base/limits.h"
#include "net/stream_priv.h"

#include <errno.h>
#include <sys/socket.h>

char *stream_group_room(struct stream_group *g, size_t *room)
{
	struct block *b = g->block;
	if (b && b->refs == 1)
		b->used = 0; /* nobody has a slice any more */
	if (b && b->capacity - b->used < RECEIVE_ROOM_MIN) {
		block_unref(b);
		b = NULL;
	}
	if (!b)
		b = block_new(g->pool, BLOCK_RECEIVE_BYTES);
	g->block = b;
	*room = b->capacity - b->used;
	return b->data + b->used;
}

static void drop_residue(struct stream *s)
{
	block_unref(s->residue);
	s->residue = NULL;
}

static size_t offer(struct stream *s, struct block *block, const char *p, size_t n)
{
	if (s->flushes_to_close || !s->events->on_data) {
		s->lingered += (uint32_t)n;
		return n;
	}
	size_t consumed = s->events->on_data(s, block, p, n);
	CHECK(consumed <= n);
	return consumed;
}

/* True when nothing is left of it. */
static bool offer_residue(struct stream *s)
{
	struct block *block = block_ref(s->residue);
	size_t consumed = offer(s, block, s->residue_p, s->residue_n);
	block_unref(block);
	if (s->is_closed || !s->residue)
		return false;
	s->residue_p += consumed;
	s->residue_n -= (uint32_t)consumed;
	if (s->residue_n > 0)
		return false;
	drop_residue(s);
	return true;
}

void stream_deliver(struct stream *s, struct block *block, char *p, size_t n)
{
	block->used += (uint32_t)n;
	s->bytes_received += n;
	size_t consumed = offer(s, block, p, n);
	if (s->is_closed)
		return;
	if (consumed == n)
		return;
	CHECK(!s->is_receiving || s->flushes_to_close);
	s->residue = block_ref(block);
	s->residue_p = p + consumed;
	s->residue_n = (uint32_t)(n - consumed);
	stream_mark_dirty(s); /* copied out at the end of the turn */
}

void stream_deliver_end(struct stream *s)
{
	s->has_ended = true;
	s->is_readable = false;
	if (s->flushes_to_close) {
		if (s->end_is_sent)
			stream_finish_close(s);
		return;
	}
	if (s->events->on_end)
		s->events->on_end(s);
}

static bool has_lingered_enough(struct stream *s)
{
	if (!s->flushes_to_close || s->lingered <= LIMIT_LINGER_BYTES)
		return false;
	if (s->end_is_sent)
		stream_finish_close(s);
	return true;
}

/* One receive; false when there is nothing more for now. */
static bool receive(struct stream *s, size_t *budget)
{
	size_t room;
	char *p = stream_group_room(s->group, &room);
	ssize_t n = recv(s->fd, p, room, 0);
	if (n > 0) {
		bool is_short = (size_t)n < room;
		stream_deliver(s, s->group->block, p, (size_t)n);
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
		if (is_short && !s->saw_closed)
			s->is_readable = false;
		return true;
	}
	if (n == 0) {
		stream_deliver_end(s);
		return false;
	}
	if (errno == EINTR)
		return true;
	s->is_readable = false;
	if (errno != EAGAIN)
		stream_fail_errno(s, errno);
	return false;
}

static bool may_read(const struct stream *s)
{
	return !s->is_closed && s->is_receiving && s->is_readable && !s->has_ended;
}

void stream_read(struct stream *s)
{
	if (s->tls) {
		stream_tls_read(s);
		return;
	}
	if (s->residue && (!s->is_receiving || !offer_residue(s)))
		return;
	size_t budget = LIMIT_TURN_BYTES;
	while (may_read(s) && !s->residue) {
		if (has_lingered_enough(s))
			return;
		if (budget == 0) {
			loop_ready(s->group->loop, &s->ready);
			return;
		}
		if (!receive(s, &budget))
			return;
	}
}

void stream_receive(struct stream *s, bool on)
{
	if (s->is_closed || s->flushes_to_close || s->is_receiving == on)
		return;
	s->is_receiving = on;
	if (on)
		loop_ready(s->group->loop, &s->ready);
}
