/* SPDX-License-Identifier: Apache-2.0 */
/* services/stream.c - answers that policies write piece by piece.
 *
 *   begin (a callback) -> the answer of the exchange -> its end -> closed
 *                     \-> no answer after all, or lost  -> closed
 *
 * A stream is an operation of its exchange that nobody waits for, so that it is left, at the latest,
 * before the exchange's memory goes. What the proxy has to say comes in the middle of its run: it is
 * noted, and the plugin is called by a task.
 *
 * Invariants   S1  of each stream `closed` is called exactly once, and its handle is dead before. */
#include "sluice/stream.h"

#include "base/limits.h"
#include "base/memory.h"
#include "http/h1.h"
#include "policy/legal.h"
#include "policy/local_stream.h"
#include "policy/operation.h"
#include "policy/run.h"
#include "services/handles.h"
#include "services/services_priv.h"

enum { BEGIN, WRITE, ROOM, END, ABORT };
static const struct policy_call calls[] = {
	[BEGIN] = {"sluice.stream/1 begin", IN_LIVE},
	[WRITE] = {"sluice.stream/1 write", IN_WORKER},
	[ROOM] = {"sluice.stream/1 room", IN_WORKER},
	[END] = {"sluice.stream/1 end", IN_WORKER},
	[ABORT] = {"sluice.stream/1 abort", IN_WORKER},
};

/* In the exchange's arena. */
struct stream {
	struct operation operation;
	struct local_stream body;
	struct task task;
	struct local_response *local;    /* the answer that it is the body of */
	struct sluice_instance *instance; /* borrowed: the exchange pins it */
	struct sluice_stream_options given;
	sluice_stream handle;
	bool wants_room; /* a write was not taken whole */
};

static struct handles handles[LIMIT_WORKERS];

/* --- the end --------------------------------------------------------------------------------- */
static uint32_t end_of(const struct stream *s)
{
	if (s->body.aborted)
		return SLUICE_STREAM_ABORTED;
	switch ((enum local_stream_loss)s->body.loss) {
	case LOCAL_STREAM_CLIENT_GONE:
		return SLUICE_STREAM_CLIENT_GONE;
	case LOCAL_STREAM_CUT:
		return SLUICE_STREAM_CUT;
	case LOCAL_STREAM_REPLACED:
		return SLUICE_STREAM_REPLACED;
	case LOCAL_STREAM_KEPT:
		break;
	}
	return s->operation.exchange->local == s->local ? SLUICE_STREAM_SENT
							: SLUICE_STREAM_REPLACED;
}

/* It is off the exchange's list. */
static void finish(struct operation *op)
{
	struct stream *s = CONTAINER_OF(op, struct stream, operation);
	uint32_t why = end_of(s);
	task_cancel(&s->task);
	chunk_queue_clear(&s->body.queue);
	s->body.aborted |= !s->body.ended;
	handle_let_go(&handles[handle_worker(s->handle)], s->handle);
	if (!s->given.closed)
		return;
	policy_call_enter(s->instance, CALLBACK_STREAM, handle_worker(s->handle));
	s->given.closed(policy_call_of(s->instance), s->handle, why, s->given.arg);
	policy_call_leave();
}

static bool has_room_again(const struct stream *s)
{
	bool may_write = !s->body.ended && !s->body.aborted;
	return s->wants_room && may_write && s->body.queue.bytes <= SLUICE_STREAM_CREDIT_BYTES / 2;
}

/* Behind the callback, or the run, that gave a reason to look. */
static void look(struct task *t)
{
	struct stream *s = CONTAINER_OF(t, struct stream, task);
	bool is_lost = s->body.loss != LOCAL_STREAM_KEPT ||
		       s->operation.exchange->local != s->local;
	if (is_lost) {
		operation_take(&s->operation);
		finish(&s->operation);
		return;
	}
	if (!has_room_again(s))
		return;
	s->wants_room = false;
	if (!s->given.ready)
		return;
	policy_call_enter(s->instance, CALLBACK_STREAM, handle_worker(s->handle));
	s->given.ready(policy_call_of(s->instance), s->handle, s->given.arg);
	policy_call_leave();
}

static void on_changed(struct local_stream *body)
{
	struct stream *s = CONTAINER_OF(body, struct stream, body);
	if (s->body.loss != LOCAL_STREAM_KEPT || has_room_again(s))
		loop_ready(s->operation.exchange->loop, &s->task);
}

/* --- the beginning --------------------------------------------------------------------------- */
static bool options_take(
	const struct sluice_stream_options *given, struct sluice_stream_options *o)
{
	if (!given || given->size < offsetof(struct sluice_stream_options, length))
		return false;
	take_sized(o, sizeof(*o), given, given->size);
	return o->length <= INT64_MAX;
}

static struct stream *stream_make(
	struct sluice_exchange *x, const struct sluice_stream_options *options)
{
	struct stream *s = arena_zalloc(x->arena, sizeof(*s));
	if (!s)
		return NULL;
	s->given = *options;
	s->instance = policy_current();
	s->body.length = options->length;
	s->body.changed = on_changed;
	task_init(&s->task, look);
	return s;
}

static int32_t begin(struct sluice_exchange *x, int32_t status, const struct sluice_str *fields,
	size_t field_count, const struct sluice_stream_options *options, sluice_stream *stream)
{
	struct sluice_stream_options o;
	if (!policy_allows_exchange(&calls[BEGIN], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (x->response_sent)
		return policy_refuse_late(&calls[BEGIN], "the response has been sent");
	if (!stream || !options_take(options, &o))
		return SLUICE_E_INVALID;
	struct stream *s = stream_make(x, &o);
	if (!s)
		return SLUICE_E_FULL;
	uint64_t handle = handle_new(&handles[x->worker], x->worker, s);
	if (!handle)
		return SLUICE_E_FULL;
	int32_t rc = local_stream_answer(
		x, status, fields, field_count, str_in(o.reason), &s->body, &s->local);
	if (rc != SLUICE_OK) {
		handle_let_go(&handles[x->worker], handle);
		return rc;
	}
	s->handle = *stream = handle;
	operation_begin(&s->operation, x, finish);
	operation_end(&s->operation);
	/* Has it become the answer? */
	loop_ready(x->loop, &s->task);
	return SLUICE_OK;
}

/* --- writing --------------------------------------------------------------------------------- */
/* SLUICE_OK when it is there and may be used by the code that runs. */
static int32_t find(const struct policy_call *call, sluice_stream handle, struct stream **out)
{
	const struct services_thread *here = &services_thread;
	if (!policy_allows(call, policy_current()) || !here->loop)
		return SLUICE_E_WRONG_CALLBACK;
	if (handle && handle_worker(handle) != here->worker)
		return policy_refuse(call);
	struct stream *s = handle_object(&handles[here->worker], handle);
	if (!s)
		return SLUICE_E_STALE;
	if (s->instance != policy_current())
		return policy_refuse(call);
	if (s->body.loss != LOCAL_STREAM_KEPT)
		return SLUICE_E_STALE;
	*out = s;
	return SLUICE_OK;
}

static void wake(struct stream *s)
{
	struct sluice_exchange *x = s->operation.exchange;
	x->wake(x);
}

static bool may_write(const struct stream *s)
{
	return !s->body.aborted && (s->body.discards || !s->body.ended);
}

/* Whether it could be taken, if only the client read. */
static bool is_writable(const struct stream *s, size_t n, uint32_t flags)
{
	const struct local_stream *b = &s->body;
	if (!may_write(s) || (flags & ~(uint32_t)SLUICE_STREAM_WHOLE))
		return false;
	if (b->length > 0 && n > b->length - b->written)
		return false;
	return !(flags & SLUICE_STREAM_WHOLE) || n <= SLUICE_STREAM_CREDIT_BYTES;
}

static int64_t write_bytes(sluice_stream stream, struct sluice_str bytes, uint32_t flags)
{
	struct stream *s;
	int32_t rc = find(&calls[WRITE], stream, &s);
	if (rc != SLUICE_OK)
		return rc;
	if (!is_writable(s, bytes.n, flags))
		return SLUICE_E_INVALID;
	size_t room = local_stream_room(&s->body);
	bool is_short = bytes.n > room;
	s->wants_room |= is_short;
	if (bytes.n > 0 && (room == 0 || (is_short && (flags & SLUICE_STREAM_WHOLE))))
		return SLUICE_E_FULL;
	size_t n = local_stream_write(&s->body, str_in(bytes));
	if (n > 0 && !s->body.discards)
		wake(s);
	return (int64_t)n;
}

static int64_t room(sluice_stream stream)
{
	struct stream *s;
	int32_t rc = find(&calls[ROOM], stream, &s);
	if (rc != SLUICE_OK)
		return rc;
	return may_write(s) ? (int64_t)local_stream_room(&s->body) : 0;
}

static int32_t trailers_make(struct stream *s, const struct sluice_str *given, size_t count)
{
	struct arena *arena = s->operation.exchange->arena;
	struct fields *f = arena_zalloc(arena, sizeof(*f));
	if (!f)
		return SLUICE_E_FULL;
	fields_init(f, arena);
	for (size_t i = 0; i < count; i++) {
		struct str name = str_in(given[2 * i]);
		if (!h1_may_trail(name, field_id_of(name)))
			return SLUICE_E_INVALID;
		enum rc rc = fields_add(f, name, str_in(given[2 * i + 1]));
		if (rc != RC_OK)
			return rc == RC_FULL ? SLUICE_E_FULL : SLUICE_E_INVALID;
	}
	s->body.trailers = f;
	return SLUICE_OK;
}

static int32_t end(sluice_stream stream, const struct sluice_str *trailers, size_t trailer_count)
{
	struct stream *s;
	int32_t rc = find(&calls[END], stream, &s);
	if (rc != SLUICE_OK)
		return rc;
	const struct local_stream *b = &s->body;
	if (b->discards && !b->aborted)
		return SLUICE_OK;
	if (!may_write(s) || (b->length > 0 && b->written < b->length) ||
		trailer_count > LIMIT_TRAILER_FIELDS || (trailer_count && !trailers))
		return SLUICE_E_INVALID;
	if (trailer_count)
		rc = trailers_make(s, trailers, trailer_count);
	if (rc != SLUICE_OK)
		return rc;
	s->body.ended = true;
	wake(s);
	return SLUICE_OK;
}

static int32_t abort_stream(sluice_stream stream)
{
	struct stream *s;
	int32_t rc = find(&calls[ABORT], stream, &s);
	if (rc != SLUICE_OK)
		return rc;
	if (!may_write(s))
		return SLUICE_E_INVALID;
	s->body.aborted = true;
	wake(s);
	return SLUICE_OK;
}

const void *services_stream_table(void)
{
	static const struct sluice_stream_service table = {
		.size = sizeof(table),
		.begin = begin,
		.write = write_bytes,
		.room = room,
		.end = end,
		.abort = abort_stream,
	};
	return &table;
}
