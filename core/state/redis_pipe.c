/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_pipe.h"

#include "base/memory.h"

#include <stdlib.h>

struct redis_pipe {
	struct stream *stream; /* owned */
	struct redis_reader *reader;
	const struct redis_pipe_events *events;
	void *owner; /* NULL: it was closed */
};

static void on_open(struct stream *s)
{
	struct redis_pipe *p = stream_owner(s);
	if (p->owner && p->events->on_open)
		p->events->on_open(p->owner);
}

static size_t on_data(struct stream *s, struct block *block, const char *bytes, size_t n)
{
	struct redis_pipe *p = stream_owner(s);
	struct redis_reply reply;
	enum rc rc = RC_AGAIN;
	(void)block;
	redis_reader_feed(p->reader, str_n(bytes, n));
	while (p->owner && (rc = redis_reader_next(p->reader, &reply)) == RC_OK)
		p->events->on_reply(p->owner, &reply);
	if (p->owner && rc == RC_INVALID)
		stream_give_up(s, RC_INVALID, "what it sends is not Redis's protocol");
	return n;
}

/* Nobody is asked who sends no more. */
static void on_end(struct stream *s)
{
	stream_give_up(s, RC_CLOSED, "it closed the connection");
}

static const char *why_of(const struct stream *s, enum rc rc)
{
	const char *text = stream_error_text(s);
	return *text ? text : rc_name(rc);
}

static void on_close(struct stream *s, enum rc rc)
{
	struct redis_pipe *p = stream_owner(s);
	if (p->owner)
		p->events->on_closed(p->owner, why_of(s, rc));
	redis_reader_free(p->reader);
	free(p);
}

static const struct stream_events stream_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_open = on_open,
	.on_close = on_close,
};

struct redis_pipe *redis_pipe_dial(struct stream_group *group,
	const struct redis_pipe_target *target, const struct redis_pipe_events *events, void *owner)
{
	struct redis_pipe *p = heap_zalloc(sizeof(*p));
	p->events = events;
	p->owner = owner;
	p->reader = redis_reader_new(REDIS_REPLY_BYTES_MAX);
	p->stream = stream_dial(group, &target->address, target->connect_ms, target->tls,
		target->server_name, &stream_events, p);
	return p;
}

void redis_pipe_send(struct redis_pipe *p, struct str commands)
{
	stream_send_copy(p->stream, commands);
}

size_t redis_pipe_unsent(const struct redis_pipe *p)
{
	return stream_pending(p->stream);
}

void redis_pipe_hand_over(struct redis_pipe *p, const struct redis_pipe_events *events, void *owner)
{
	p->events = events;
	p->owner = owner;
}

void redis_pipe_close(struct redis_pipe *p)
{
	p->owner = NULL;
	stream_close(p->stream, STREAM_CLOSE_NOW);
}
