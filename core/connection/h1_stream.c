/* SPDX-License-Identifier: Apache-2.0 */
/* Content in and out of one HTTP/1 stream, in either role.
 *
 * Bodies pass as slices, but for tiny ones: a slice costs a chunk node and an iovec, and pins its
 * whole block, which a slow peer could multiply. So what is sent is copied behind the head when it
 * is shorter than that is worth, and pieces that queue for a slow peer are copied together. */
#include "connection/connection_priv.h"

#include "base/check.h"
#include "base/limits.h"

/* What stream_reserve takes. */
#define RESERVE_BYTES_MAX 16384
/* A piece below this is copied anyway, when it is sent. */
#define TINY_PIECE_BYTES 1024
/* A piece below this is copied when others stand before it. */
#define SMALL_PIECE_BYTES 4096
/* The peer takes its time: so much is queued for it. */
#define STALLED_BYTES 8192
/* A size line and the CRLF behind the data. */
#define CHUNK_SIZE_BYTES 18

static struct h1_stream *of(const struct http_stream *s)
{
	return CONTAINER_OF(s, struct h1_stream, s);
}

void h1_stream_init(struct h1_stream *h, struct stream *stream, enum http_role role,
	const struct http_stream_codec *codec)
{
	struct loop *loop = stream_loop(stream);
	memset(h, 0, offsetof(struct h1_stream, gone_peer));
	h->stream = stream;
	h->s.codec = codec;
	h->s.role = role;
	h->s.peer = stream_peer(stream);
	h->s.tls_version = stream_tls_version(stream);
	h->s.started_us = loop_now_us(loop);
	h->s.in_max = LIMIT_QUEUE_HIGH_BYTES;
	chunk_queue_init(&h->s.in, loop_pool(loop));
}

void h1_stream_deinit(struct h1_stream *h)
{
	chunk_queue_clear(&h->s.in);
	h1_parser_free(h->parser);
}

void h1_stream_die(struct h1_stream *h)
{
	if (!h->stream)
		return;
	address_copy(&h->gone_peer, h->s.peer);
	h->s.peer = &h->gone_peer;
	h->stream = NULL;
}

enum http_reset h1_reset_of(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return HTTP_RESET_CANCELLED;
	case RC_CLOSED:
		return HTTP_RESET_CLOSED;
	default:
		return HTTP_RESET_IO;
	}
}

/* --- receiving ------------------------------------------------------------------------------- */

static void take(struct h1_stream *h, struct block *block, struct str bytes)
{
	struct chunk_queue *in = &h->s.in;
	h->s.body_received += bytes.n;
	if (h->discards)
		return;
	if (bytes.n < SMALL_PIECE_BYTES && in->bytes > 0)
		chunk_queue_add_copy(in, bytes);
	else
		chunk_queue_add_slice(in, block, bytes.p, bytes.n);
	h->uncredited += (uint32_t)bytes.n;
}

enum h1_event h1_stream_feed(struct h1_stream *h, struct block *block, struct str *in)
{
	size_t consumed;
	struct str part = str_slice(*in, 0, h->s.in_max - h->uncredited);
	enum h1_event event = h1_parser_feed(h->parser, part, &consumed);
	if (UNLIKELY(event == H1_ERROR))
		consumed = part.n; /* they came, and go nowhere */
	*in = str_from(*in, consumed);
	h->s.bytes_received += consumed;
	if (event == H1_BODY) {
		take(h, block, h1_parser_body(h->parser));
	} else if (event == H1_END) {
		h->s.in_ended = true;
		h->s.trailers = h1_parser_trailers(h->parser);
	}
	return event;
}

bool h1_stream_read_raw(struct h1_stream *h, struct block *block, struct str *in)
{
	struct str part = str_slice(*in, 0, h->s.in_max - h->uncredited);
	if (part.n == 0) {
		h1_stream_hold(h);
		return false;
	}
	*in = str_from(*in, part.n);
	h->s.bytes_received += part.n;
	take(h, block, part);
	return true;
}

void h1_stream_hold(struct h1_stream *h)
{
	h->is_held = true;
	stream_receive(h->stream, false);
}

void h1_stream_credit(struct http_stream *s, size_t n)
{
	struct h1_stream *h = of(s);
	h->uncredited -= n < h->uncredited ? (uint32_t)n : h->uncredited;
	if (!h->is_held || !h->stream || h->uncredited >= LIMIT_QUEUE_LOW_BYTES)
		return;
	h->is_held = false;
	stream_receive(h->stream, true);
}

/* --- sending --------------------------------------------------------------------------------- */

bool h1_stream_can_send(const struct http_stream *s)
{
	const struct h1_stream *h = of(s);
	return h->stream && stream_pending(h->stream) <= LIMIT_QUEUE_HIGH_BYTES;
}

/* Nothing while on_drained is owed, and only then. */
size_t h1_stream_room(const struct http_stream *s)
{
	const struct h1_stream *h = of(s);
	size_t pending = h->stream ? stream_pending(h->stream) : 0;
	if (pending > LIMIT_QUEUE_HIGH_BYTES)
		return 0;
	return pending < LIMIT_QUEUE_HIGH_BYTES ? LIMIT_QUEUE_HIGH_BYTES - pending : 1;
}

uint64_t h1_stream_taken(const struct http_stream *s, size_t *outstanding)
{
	const struct h1_stream *h = of(s);
	*outstanding = 0;
	return h->stream ? stream_taken(h->stream, outstanding) : s->bytes_sent;
}

size_t h1_stream_queued(const struct http_stream *s)
{
	const struct h1_stream *h = of(s);
	return h->stream ? stream_pending(h->stream) : 0;
}

char *h1_stream_reserve(struct h1_stream *h, size_t n)
{
	return n <= RESERVE_BYTES_MAX ? stream_reserve(h->stream, n) : arena_alloc(h->s.arena, n);
}

void h1_stream_commit(struct h1_stream *h, char *p, size_t reserved, size_t n)
{
	h->s.bytes_sent += n;
	if (reserved <= RESERVE_BYTES_MAX)
		stream_commit(h->stream, n);
	else
		stream_send_copy(h->stream, str_n(p, n));
}

static bool is_worth_copying(const struct h1_stream *h, size_t n)
{
	return n <= TINY_PIECE_BYTES ||
	       (n < SMALL_PIECE_BYTES && stream_pending(h->stream) >= STALLED_BYTES);
}

static void send_queue(struct h1_stream *h, struct chunk_queue *q)
{
	size_t n = q->bytes;
	h->s.bytes_sent += n;
	if (!is_worth_copying(h, n)) {
		stream_send_queue(h->stream, q);
		return;
	}
	chunk_queue_peek(q, stream_reserve(h->stream, n), n);
	stream_commit(h->stream, n);
	chunk_queue_clear(q);
}

static void copy_chunk(struct h1_stream *h, struct chunk_queue *q, struct str tail)
{
	size_t n = q->bytes, room = CHUNK_SIZE_BYTES + n + tail.n;
	char *p = stream_reserve(h->stream, room);
	size_t at = h1_write_chunk_size(n, p);
	chunk_queue_peek(q, p + at, n);
	memcpy(p + at + n, tail.p, tail.n);
	h1_stream_commit(h, p, room, at + n + tail.n);
	chunk_queue_clear(q);
}

static void send_chunk(struct h1_stream *h, struct chunk_queue *q, bool end)
{
	struct str tail = end ? STR("\r\n0\r\n\r\n") : STR("\r\n");
	if (q->bytes == 0) {
		chunk_queue_clear(q);
		if (end)
			stream_send_copy(h->stream, STR("0\r\n\r\n"));
		h->s.bytes_sent += end ? 5 : 0;
	} else if (is_worth_copying(h, q->bytes)) {
		copy_chunk(h, q, tail);
	} else {
		char *p = stream_reserve(h->stream, CHUNK_SIZE_BYTES);
		size_t n = h1_write_chunk_size(q->bytes, p);
		h1_stream_commit(h, p, CHUNK_SIZE_BYTES, n);
		chunk_queue_add_static(q, tail);
		send_queue(h, q);
	}
}

static bool send_counted(struct h1_stream *h, struct chunk_queue *q, bool end)
{
	if (q->bytes > h->out_left || (end && q->bytes < h->out_left)) {
		chunk_queue_clear(q);
		return false;
	}
	h->out_left -= q->bytes;
	if (q->bytes > 0)
		send_queue(h, q);
	return true;
}

static void send_raw(struct h1_stream *h, struct chunk_queue *q, bool end)
{
	if (q->bytes > 0)
		send_queue(h, q);
	if (end && h->s.upgraded)
		stream_send_end(h->stream);
}

bool h1_stream_send_data(struct h1_stream *h, struct chunk_queue *q, bool end)
{
	bool fits = true;
	if (!h->stream || h->out_ended) {
		chunk_queue_clear(q);
		return true;
	}
	switch (h->framing) {
	case FRAMING_NONE:
		/* A response to HEAD may be given its content all the same. */
		fits = q->bytes == 0 || h->s.role == HTTP_ROLE_SERVER;
		chunk_queue_clear(q);
		break;
	case FRAMING_LENGTH:
		fits = send_counted(h, q, end);
		break;
	case FRAMING_CHUNKED:
		send_chunk(h, q, end);
		break;
	case FRAMING_RAW:
		send_raw(h, q, end);
		break;
	}
	h->out_ended = end && fits;
	return fits;
}

bool h1_stream_send_trailers(struct h1_stream *h, const struct fields *trailers)
{
	if (!h->stream || h->out_ended)
		return true;
	if (h->framing != FRAMING_CHUNKED) { /* there is no place for them */
		struct chunk_queue none;
		chunk_queue_init(&none, loop_pool(stream_loop(h->stream)));
		return h1_stream_send_data(h, &none, true);
	}
	size_t room = h1_last_chunk_bytes(trailers);
	char *p = h1_stream_reserve(h, room);
	if (!p)
		return false;
	h1_stream_commit(h, p, room, h1_write_last_chunk(trailers, p));
	h->out_ended = true;
	return true;
}
