/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "base/limits.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

/* --- what the owner does ---------------------------------------------------------------- */

static struct wire *of(const struct http_stream *s)
{
	struct wire *w = CONTAINER_OF(s, struct wire, s);
	ck_assert_msg(!w->is_released, "used after its release");
	return w;
}

static void note_fields(struct buffer *to, const struct fields *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		buffer_addf(
			to, "%.*s: %.*s\n", STR_ARG(f->items[i].name), STR_ARG(f->items[i].value));
}

static void send_request(struct http_stream *s, struct http_request *r, bool end)
{
	struct wire *w = of(s);
	if (w->is_dead)
		return;
	ck_assert(!w->head_sent);
	ck_assert(r->content_length != CONTENT_LENGTH_NONE || r->fields.count > 0);
	buffer_addf(&w->head, "%.*s %.*s %.*s\n", STR_ARG(r->method_name), STR_ARG(r->path),
		STR_ARG(r->authority));
	note_fields(&w->head, &r->fields);
	w->declared = r->content_length;
	w->head_sent = true;
	w->head_ended = w->out_ended = end;
	s->bytes_sent += w->head.n;
}

static void send_response(struct http_stream *s, struct http_response *r, bool end)
{
	struct wire *w = of(s);
	if (w->is_dead)
		return;
	ck_assert_msg(!w->head_sent, "a second head");
	if (r->status < 200 && r->status != 101) {
		w->interims++;
		w->continues += r->status == 100;
		return;
	}
	buffer_addf(&w->head, "%u %.*s\n", r->status, STR_ARG(r->reason));
	note_fields(&w->head, &r->fields);
	w->declared = r->content_length;
	w->head_sent = true;
	w->head_ended = w->out_ended = end;
	s->bytes_sent += w->head.n;
	if (r->status == 101) {
		ck_assert(s->in_ended);
		s->upgraded = true;
		s->in_ended = false;
		w->out_ended = false;
	}
}

static void send_data(struct http_stream *s, struct chunk_queue *q, bool end)
{
	struct wire *w = of(s);
	if (w->is_dead) {
		chunk_queue_clear(q);
		return;
	}
	ck_assert_msg(w->head_sent, "content before the head");
	ck_assert_msg(!w->out_ended, "content behind the end");
	ck_assert_msg(!w->is_blocked, "content against the peer's window");
	for (const struct chunk *c = q->head; c; c = c->next)
		buffer_add(&w->body, str_n(c->p, c->n));
	s->bytes_sent += q->bytes;
	w->out_ended = end;
	if (end && w->declared >= 0 && !s->upgraded)
		ck_assert_int_eq(w->declared, (int64_t)w->body.n);
	chunk_queue_clear(q);
}

static void send_trailers(struct http_stream *s, const struct fields *trailers)
{
	struct wire *w = of(s);
	if (w->is_dead)
		return;
	ck_assert(w->head_sent && !w->out_ended);
	note_fields(&w->trailers, trailers);
	w->out_ended = true;
}

static void reset(struct http_stream *s, enum http_reset why)
{
	struct wire *w = of(s);
	ck_assert_msg(!w->was_reset, "reset twice");
	w->was_reset = true;
	w->reset_by_owner = why;
	w->is_dead = true;
}

static void credit(struct http_stream *s, size_t n)
{
	struct wire *w = of(s);
	ck_assert_msg(n > 0 && n <= w->uncredited, "credit for %zu of %zu", n, w->uncredited);
	w->uncredited -= n;
}

static bool can_send(const struct http_stream *s)
{
	const struct wire *w = of(s);
	return !w->is_dead && !w->is_blocked;
}

static uint64_t taken(const struct http_stream *s, size_t *outstanding)
{
	*outstanding = of(s)->outstanding;
	return of(s)->earlier + s->bytes_sent - *outstanding;
}

static size_t queued(const struct http_stream *s)
{
	return of(s)->queued;
}

static size_t queued_of_all(const struct http_stream *s)
{
	return of(s)->queued + of(s)->queued_beside;
}

static void release(struct http_stream *s)
{
	struct wire *w = of(s);
	w->is_released = true;
	w->was_last = s->closes_after;
	chunk_queue_clear(&s->in);
	arena_reset(&w->arena);
	memset(s, 0xdd, sizeof(*s));
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
	.queued_of_all = queued_of_all,
	.release = release,
};

struct wire *wire_new(struct rig *g, enum http_role role)
{
	struct wire *w = heap_zalloc(sizeof(*w));
	ck_assert_uint_lt(g->wire_count, WIRES_MAX);
	g->wires[g->wire_count++] = w;
	w->rig = g;
	arena_init(&w->arena, loop_pool(g->loop), LIMIT_EXCHANGE_ARENA_BYTES);
	buffer_init(&w->head, 1 << 20);
	buffer_init(&w->body, 64 << 20);
	buffer_init(&w->trailers, 1 << 20);
	chunk_queue_init(&w->s.in, loop_pool(g->loop));
	w->s.codec = &codec;
	w->s.role = role;
	w->s.peer = &g->peer;
	w->s.started_us = loop_now_us(g->loop);
	return w;
}

void wire_free(struct wire *w)
{
	ck_assert_msg(w->is_released, "a stream was never released");
	buffer_deinit(&w->head);
	buffer_deinit(&w->body);
	buffer_deinit(&w->trailers);
	free(w);
}

/* --- what the peer does ----------------------------------------------------------------- */

static struct wire *alive(struct wire *w)
{
	ck_assert_msg(!w->is_released && !w->is_dead, "nobody is there to hear it");
	return w;
}

static void put(struct wire *w, const char *p, size_t n)
{
	struct str part = str_n(p, n);
	if (n > 0)
		chunk_queue_add_copy(&w->s.in, part);
	w->uncredited += n;
	w->s.bytes_received += n;
	w->s.body_received += n;
}

void wire_say(struct wire *w, const char *text, bool end)
{
	put(alive(w), text, strlen(text));
	w->s.in_ended |= end;
	w->s.events->on_data(&w->s);
	rig_turn(w->rig);
}

void wire_say_bytes(struct wire *w, struct str bytes)
{
	put(alive(w), bytes.p, bytes.n);
	w->s.events->on_data(&w->s);
	rig_turn(w->rig);
}

void wire_say_n(struct wire *w, size_t n, bool end)
{
	char *text = heap_alloc(n);
	memset(text, 'x', n);
	put(alive(w), text, n);
	free(text);
	w->s.in_ended |= end;
	w->s.events->on_data(&w->s);
	rig_turn(w->rig);
}

void wire_end_with_trailer(struct wire *w, const char *name, const char *value)
{
	struct arena *arena = alive(w)->s.arena;
	struct fields *f = arena_alloc(arena, sizeof(*f));
	fields_init(f, arena);
	ck_assert_int_eq(fields_add(f, str_of(name), str_of(value)), RC_OK);
	w->s.trailers = f;
	wire_say(w, "", true);
}

void wire_answer_with(
	struct wire *w, uint16_t status, int64_t length, const char *name, const char *value)
{
	struct http_response *r = alive(w)->s.response;
	ck_assert(w->head_sent);
	http_response_init(r, w->s.arena);
	r->status = status;
	r->reason = http_reason(status);
	r->version_major = r->version_minor = 1;
	r->content_length = length;
	bool is_bare = strncmp(wire_head(w), "HEAD ", 5) == 0 || status == 204 || status == 304;
	r->has_content = !is_bare && length != 0;
	w->s.in_ended = !r->has_content;
	w->s.bytes_received += 40;
	if (name)
		ck_assert_int_eq(fields_add(&r->fields, str_of(name), str_of(value)), RC_OK);
	w->s.events->on_head(&w->s);
	rig_turn(w->rig);
}

void wire_answer(struct wire *w, uint16_t status, int64_t length)
{
	wire_answer_with(w, status, length, NULL, NULL);
}

void wire_interim(struct wire *w, uint16_t status)
{
	struct http_response *r = alive(w)->s.response;
	http_response_init(r, w->s.arena);
	r->status = status;
	w->s.bytes_received += 30;
	w->s.events->on_interim(&w->s);
	rig_turn(w->rig);
}

void wire_switch(struct wire *w)
{
	struct http_response *r = alive(w)->s.response;
	http_response_init(r, w->s.arena);
	r->status = 101;
	r->content_length = CONTENT_LENGTH_NONE;
	w->s.upgraded = true;
	w->out_ended = false;
	w->s.events->on_head(&w->s);
	rig_turn(w->rig);
}

void wire_reset(struct wire *w, enum http_reset why)
{
	alive(w)->is_dead = true;
	w->s.events->on_reset(&w->s, why, "it went away");
	rig_turn(w->rig);
}

void wire_block(struct wire *w, bool blocked)
{
	alive(w)->is_blocked = blocked;
	if (!blocked)
		w->s.events->on_writable(&w->s);
	rig_turn(w->rig);
}

static const char *text_of(struct buffer *b)
{
	buffer_add_char(b, '\0');
	b->n--;
	return b->p;
}

const char *wire_head(struct wire *w)
{
	return text_of(&w->head);
}

const char *wire_body(struct wire *w)
{
	return text_of(&w->body);
}

unsigned wire_status(struct wire *w)
{
	return (unsigned)strtoul(wire_head(w), NULL, 10);
}

const char *wire_field(struct wire *w, const char *name)
{
	static char value[512];
	char key[80];
	snprintf(key, sizeof(key), "\n%s: ", name);
	const char *at = strstr(wire_head(w), key);
	value[0] = '\0';
	if (at)
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + strlen(key), "\n"),
			at + strlen(key));
	return value;
}
