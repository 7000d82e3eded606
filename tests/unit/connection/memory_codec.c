/* SPDX-License-Identifier: Apache-2.0 */
/* A stream is two ends. What one sends is a fact at the other, told in the next turn: heads and
 * trailers by copy into the receiver's arena, content by moving chunks within its window. */
#include "memory_codec.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"

#include <stdlib.h>

/* What is due to be told to an end. */
enum { DUE_HEAD = 1, DUE_DATA = 2, DUE_WRITABLE = 4, DUE_RESET = 8 };

struct memory_end {
	struct http_stream s; /* first, so that it is the stream */
	struct memory_pair *pair;
	struct memory_end *peer;
	struct arena arena; /* server role */
	struct http_request request;
	struct chunk_queue out; /* what the peer's window does not take */
	const struct fields *out_trailers;
	size_t uncredited;
	unsigned due;
	enum http_reset why;
	bool is_announced; /* server role: on_request came */
	bool out_ended;
	bool is_dead;
	bool was_blocked;
	bool is_released;
};

struct memory_pair {
	struct link link;
	struct memory_link *owner;
	struct memory_end client, server;
	bool is_refused;
};

struct memory_link {
	struct loop *loop;
	struct link pairs;
	void (*on_request)(void *owner, struct http_stream *s);
	void *owner;
	bool refuses_next;
};

static const struct http_stream_codec codec;
static const struct address nowhere;

static struct memory_end *of(const struct http_stream *s)
{
	return CONTAINER_OF(s, struct memory_end, s);
}

/* --- heads ----------------------------------------------------------------------------------- */

static void copy_fields(struct fields *to, const struct fields *from)
{
	for (uint32_t i = 0; i < from->count; i++)
		CHECK(fields_add(to, from->items[i].name, from->items[i].value) == RC_OK);
}

static void send_request(struct http_stream *s, struct http_request *r, bool end)
{
	struct memory_end *to = of(s)->peer;
	http_request_init(&to->request, &to->arena);
	struct fields fields = to->request.fields;
	to->request = *r;
	to->request.fields = fields;
	to->request.path = arena_copy(&to->arena, r->path);
	to->request.authority = arena_copy(&to->arena, r->authority);
	copy_fields(&to->request.fields, &r->fields);
	to->s.in_ended = end;
	of(s)->out_ended = end;
	to->due |= DUE_HEAD;
}

static void send_response(struct http_stream *s, struct http_response *r, bool end)
{
	struct memory_end *to = of(s)->peer;
	if (of(s)->is_dead || to->is_released)
		return;
	struct http_response *copy = to->s.response;
	http_response_init(copy, to->s.arena);
	copy->status = r->status;
	copy->content_length = r->content_length;
	copy->has_content = !end;
	copy_fields(&copy->fields, &r->fields);
	if (r->status < 200) {
		to->s.events->on_interim(&to->s);
		return;
	}
	to->s.in_ended = end;
	of(s)->out_ended = end;
	to->due |= DUE_HEAD;
}

/* --- content --------------------------------------------------------------------------------- */

/* Moves what the peer's window takes. */
static void pass_on(struct memory_end *from)
{
	struct memory_end *to = from->peer;
	size_t room = LIMIT_QUEUE_HIGH_BYTES - to->uncredited;
	size_t n = from->out.bytes < room ? from->out.bytes : room;
	if (to->is_released || to->is_dead) {
		chunk_queue_clear(&from->out);
		return;
	}
	chunk_queue_move_n(&to->s.in, &from->out, n);
	to->uncredited += n;
	to->s.bytes_received += n;
	bool ends = from->out_ended && from->out.bytes == 0 && !to->s.in_ended;
	if (ends) {
		to->s.in_ended = true;
		to->s.trailers = from->out_trailers;
	}
	if (n > 0 || ends)
		to->due |= DUE_DATA;
}

static void send_data(struct http_stream *s, struct chunk_queue *q, bool end)
{
	struct memory_end *from = of(s);
	if (from->is_dead || from->out_ended) {
		chunk_queue_clear(q);
		return;
	}
	s->bytes_sent += q->bytes;
	chunk_queue_move(&from->out, q);
	from->out_ended = end;
	pass_on(from);
}

static void send_trailers(struct http_stream *s, const struct fields *trailers)
{
	struct memory_end *from = of(s);
	struct arena *arena = from->peer->s.arena;
	if (from->is_dead || from->out_ended)
		return;
	struct fields *copy = arena_alloc(arena, sizeof(*copy));
	CHECK(copy);
	fields_init(copy, arena);
	copy_fields(copy, trailers);
	from->out_trailers = copy;
	from->out_ended = true;
	pass_on(from);
}

static bool can_send(const struct http_stream *s)
{
	struct memory_end *from = of(s);
	bool is_free = !from->is_dead && from->out.bytes <= LIMIT_QUEUE_HIGH_BYTES;
	from->was_blocked |= !is_free;
	return is_free;
}

static uint64_t taken(const struct http_stream *s, size_t *outstanding)
{
	*outstanding = of(s)->out.bytes;
	return s->bytes_sent - *outstanding;
}

static size_t queued(const struct http_stream *s)
{
	return of(s)->out.bytes;
}

static void credit(struct http_stream *s, size_t n)
{
	struct memory_end *to = of(s), *from = to->peer;
	CHECK(n <= to->uncredited);
	to->uncredited -= n;
	if (from->is_dead)
		return;
	pass_on(from);
	if (from->was_blocked && from->out.bytes < LIMIT_QUEUE_LOW_BYTES) {
		from->was_blocked = false;
		from->due |= DUE_WRITABLE;
	}
}

/* --- ends ------------------------------------------------------------------------------------ */

static void kill_end(struct memory_end *e, enum http_reset why)
{
	bool is_whole = e->s.in_ended && e->out_ended;
	if (e->is_dead || is_whole)
		return;
	e->is_dead = true;
	e->why = why;
	e->due |= DUE_RESET;
}

static void reset(struct http_stream *s, enum http_reset why)
{
	struct memory_end *e = of(s);
	if (e->is_dead)
		return;
	e->is_dead = true;
	e->due = 0;
	chunk_queue_clear(&e->out);
	kill_end(e->peer, why);
}

static void free_pair(struct memory_pair *p)
{
	list_remove(&p->link);
	chunk_queue_clear(&p->client.out);
	chunk_queue_clear(&p->server.out);
	arena_reset(&p->server.arena);
	free(p);
}

static void release(struct http_stream *s)
{
	struct memory_end *e = of(s);
	if (!(s->in_ended && e->out_ended))
		reset(s, HTTP_RESET_CANCELLED);
	e->is_released = true;
	e->due = 0;
	chunk_queue_clear(&s->in);
	struct memory_pair *p = e->pair;
	/* The server's end is the link's own until somebody was given it. */
	bool is_over = p->client.is_released && (p->server.is_released || !p->server.is_announced);
	if (is_over) {
		chunk_queue_clear(&p->server.s.in);
		free_pair(p);
	}
}

static const struct http_stream_codec codec = {
	.send_request = send_request,
	.send_response = send_response,
	.send_data = send_data,
	.send_trailers = send_trailers,
	.reset = reset,
	.credit = credit,
	.can_send = can_send,
	.taken = taken,
	.queued = queued,
	.queued_of_all = queued,
	.release = release,
};

/* --- turns ----------------------------------------------------------------------------------- */

static void tell_head(struct memory_link *l, struct memory_end *e)
{
	if (e->s.role == HTTP_ROLE_CLIENT) {
		e->s.events->on_head(&e->s);
	} else {
		e->is_announced = true;
		l->on_request(l->owner, &e->s);
	}
}

/* One thing at a time, in the order in which they can follow each other. */
static bool tell(struct memory_link *l, struct memory_end *e)
{
	if (e->due & DUE_HEAD) {
		e->due &= ~(unsigned)(DUE_HEAD | DUE_DATA);
		tell_head(l, e);
	} else if (e->due & DUE_DATA) {
		e->due &= ~(unsigned)DUE_DATA;
		e->s.events->on_data(&e->s);
	} else if (e->due & DUE_WRITABLE) {
		e->due &= ~(unsigned)DUE_WRITABLE;
		e->s.events->on_writable(&e->s);
	} else if (e->due & DUE_RESET) {
		e->due = 0;
		e->s.events->on_reset(&e->s, e->why, "reset by the peer");
	} else {
		return false;
	}
	return true;
}

static bool turn_pair(struct memory_link *l, struct memory_pair *p)
{
	if (p->is_refused && (p->server.due & DUE_HEAD)) {
		p->server.due = 0;
		p->server.is_dead = true;
		kill_end(&p->client, HTTP_RESET_REFUSED);
	}
	/* A request that was cancelled before anybody saw it never was. */
	if (p->server.is_dead && !p->server.is_announced)
		p->server.due = 0;
	return tell(l, &p->server) || tell(l, &p->client);
}

void memory_link_turn(struct memory_link *l)
{
	for (int i = 0; i < 64; i++) {
		bool told = false;
		LIST_FOREACH_SAFE(at, &l->pairs)
		told |= turn_pair(l, CONTAINER_OF(at, struct memory_pair, link));
		if (!told)
			return;
	}
}

/* --- life ------------------------------------------------------------------------------------ */

struct memory_link *memory_link_new(
	struct loop *loop, void (*on_request)(void *owner, struct http_stream *s), void *owner)
{
	struct memory_link *l = heap_zalloc(sizeof(*l));
	*l = (struct memory_link){.loop = loop, .on_request = on_request, .owner = owner};
	list_init(&l->pairs);
	return l;
}

void memory_link_free(struct memory_link *l)
{
	CHECK(list_is_empty(&l->pairs));
	free(l);
}

static void init_end(struct memory_pair *p, struct memory_end *e, enum http_role role)
{
	struct pool *pool = loop_pool(p->owner->loop);
	e->pair = p;
	e->s.codec = &codec;
	e->s.role = role;
	e->s.peer = &nowhere;
	e->s.started_us = loop_now_us(p->owner->loop);
	chunk_queue_init(&e->s.in, pool);
	chunk_queue_init(&e->out, pool);
}

struct http_stream *memory_link_open(struct memory_link *l, struct arena *arena,
	const struct http_stream_events *events, void *owner)
{
	struct memory_pair *p = heap_zalloc(sizeof(*p));
	p->owner = l;
	p->is_refused = l->refuses_next;
	l->refuses_next = false;
	init_end(p, &p->client, HTTP_ROLE_CLIENT);
	init_end(p, &p->server, HTTP_ROLE_SERVER);
	p->client.peer = &p->server;
	p->server.peer = &p->client;
	arena_init(&p->server.arena, loop_pool(l->loop), LIMIT_EXCHANGE_ARENA_BYTES);
	p->server.s.arena = &p->server.arena;
	p->server.s.request = &p->server.request;
	p->client.s.arena = arena;
	p->client.s.response = arena_zalloc(arena, sizeof(struct http_response));
	p->client.s.events = events;
	p->client.s.owner = owner;
	list_append(&l->pairs, &p->link);
	return &p->client.s;
}

void memory_link_refuse_next(struct memory_link *l)
{
	l->refuses_next = true;
}
