/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: into the group's block, until short, at most LIMIT_TURN_BYTES a turn. */
#include "base/check.h"
#include "base/limits.h"
#include "net/stream_priv.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static char *group_room(struct stream_group *g, size_t *room)
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

size_t stream_room_bytes(struct stream *s)
{
	if (LIKELY(!s->asks_room))
		return RECEIVE_ROOM_MAX;
	size_t n = s->events->room(s);
	s->is_tight = n < RECEIVE_ROOM_MIN;
	return n;
}

struct room stream_room(struct stream *s, size_t max)
{
	struct room r;
	r.is_own = s->is_tight;
	if (UNLIKELY(r.is_own)) {
		r.block = block_new(s->group->pool, 1);
		r.p = r.block->data;
		r.n = r.block->capacity;
		return r;
	}
	r.p = group_room(s->group, &r.n);
	r.block = s->group->block;
	if (r.n > max)
		r.n = max;
	return r;
}

void stream_room_end(const struct room *r)
{
	if (UNLIKELY(r->is_own))
		block_unref(r->block);
}

void stream_ask_room(struct stream *s, bool on)
{
	s->asks_room = on && s->events->room;
	s->is_tight = false;
}

static size_t offer(struct stream *s, struct block *block, const char *p, size_t n)
{
	if (s->flushes_to_close) {
		s->lingered += (uint32_t)n;
		return n;
	}
	if (!s->events->on_data)
		return n;
	size_t consumed = s->events->on_data(s, block, p, n);
	CHECK(consumed <= n);
	return consumed;
}

/* Whoever left something and wants data again all the same gets it with the ready list. */
static void offer_again(struct stream *s)
{
	if (s->is_receiving)
		loop_ready(s->group->loop, &s->task);
}

/* True when nothing is left of it and reading may go on. */
static bool offer_residue(struct stream *s)
{
	struct block *block = block_ref(s->residue);
	size_t consumed = offer(s, block, s->residue_p, s->residue_n);
	block_unref(block);
	if (s->is_closed || !s->residue) /* closing dropped it */
		return !s->is_closed;
	s->residue_p += consumed;
	s->residue_n -= (uint32_t)consumed;
	if (s->residue_n > 0) {
		offer_again(s);
		return false;
	}
	block_unref(s->residue);
	s->residue = NULL;
	return true;
}

void stream_deliver(struct stream *s, struct block *block, char *p, size_t n)
{
	block->used += (uint32_t)n;
	s->bytes_received += n;
	size_t consumed = offer(s, block, p, n);
	if (s->is_closed || s->flushes_to_close || consumed == n)
		return;
	s->residue = block_ref(block);
	s->residue_p = p + consumed;
	s->residue_n = (uint32_t)(n - consumed);
	stream_mark_dirty(s); /* copied out at the end of the turn */
	offer_again(s);
}

void stream_deliver_end(struct stream *s)
{
	s->has_ended = true;
	s->is_readable = false;
	if (s->is_broken || (s->flushes_to_close && s->end_is_sent))
		stream_finish_close(s);
	else if (!s->flushes_to_close && s->events->on_end)
		s->events->on_end(s);
	/* A reset that came in one event with the end makes no second edge. */
	if (!s->is_closed && !s->flushes_to_close)
		stream_look_for_reset(s);
}

void stream_note_short(struct stream *s)
{
	struct stream_group *g = s->group;
	s->is_readable = false; /* the edge tells when there is more */
	list_remove(&s->unsure);
	list_append(&g->unsure, &s->unsure);
	if (!timer_is_running(&g->unsure_timer))
		timer_start(g->loop, &g->unsure_timer, STREAM_UNSURE_MS);
}

void stream_group_read_unsure(struct stream_group *g)
{
	struct link *l;
	while ((l = list_pop(&g->unsure_before))) {
		struct stream *s = CONTAINER_OF(l, struct stream, unsure);
		s->is_readable = true;
		loop_ready(g->loop, &s->task);
	}
	list_move_all(&g->unsure_before, &g->unsure);
	if (!list_is_empty(&g->unsure_before))
		timer_start(g->loop, &g->unsure_timer, STREAM_UNSURE_MS);
}

/* `own` is NULL where it is the group's. */
static inline __attribute__((always_inline)) bool receive_into(
	struct stream *s, struct block *own, char *p, size_t room, size_t *budget)
{
	ssize_t n = recv(s->fd, p, room, 0);
	if (n > 0) {
		if ((size_t)n < room && !s->saw_closed)
			stream_note_short(s);
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
		stream_deliver(s, own ? own : s->group->block, p, (size_t)n);
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

static __attribute__((noinline)) bool receive_asking(struct stream *s, size_t *budget)
{
	size_t most = stream_room_bytes(s);
	if (most == 0)
		return false;
	struct room r = stream_room(s, most);
	bool goes_on = receive_into(s, r.block, r.p, r.n, budget);
	stream_room_end(&r);
	return goes_on;
}

/* One receive; false when there is nothing more for now. */
static bool receive(struct stream *s, size_t *budget)
{
	if (UNLIKELY(s->asks_room))
		return receive_asking(s, budget);
	size_t room;
	char *p = group_room(s->group, &room);
	return receive_into(s, NULL, p, room, budget);
}

/* A closing stream stops at LIMIT_LINGER_BYTES and leaves the rest in the kernel until its time is
 * up: closing before that would answer what still comes with a reset, and the reset would overtake
 * our last bytes. Once the peer has ended nothing more comes: the rest is read to that end, so that
 * who has gone is not waited for. */
bool stream_may_read(const struct stream *s)
{
	return !s->is_closed && (s->is_receiving || !s->is_open) && !s->residue && !s->has_ended &&
	       (s->lingered <= LIMIT_LINGER_BYTES || s->saw_closed);
}

static void read_plain(struct stream *s)
{
	size_t budget = LIMIT_TURN_BYTES;
	while (stream_may_read(s) && s->is_readable) {
		if (budget == 0) {
			loop_ready_next(s->group->loop, &s->task);
			return;
		}
		if (!receive(s, &budget))
			return;
	}
}

void stream_read(struct stream *s)
{
	if (s->residue && (!s->is_receiving || !offer_residue(s)))
		return;
	if (s->tls)
		stream_tls_read(s);
	else
		read_plain(s);
	/* All that had come before writing failed is handed up. */
	if (s->is_broken && stream_may_read(s) && !s->is_readable)
		stream_finish_close(s);
}

bool stream_has_input(const struct stream *s)
{
	int n = 0;
	if (s->residue || s->fd < 0 || ioctl(s->fd, FIONREAD, &n) != 0)
		return s->residue != NULL;
	return n > 0;
}

void stream_receive(struct stream *s, bool on)
{
	if (s->is_closed || s->flushes_to_close || s->is_receiving == on)
		return;
	s->is_receiving = on;
	if (on)
		loop_ready(s->group->loop, &s->task);
}
