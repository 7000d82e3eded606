/* SPDX-License-Identifier: Apache-2.0 */
/* connection/connection_priv.h - what both roles of HTTP/1 share: one message in, one out. */
#pragma once

#include "connection/http_stream.h"
#include "http/h1.h"
#include "net/stream.h"

/* How the end of what is sent is told. */
enum h1_framing {
	FRAMING_NONE,    /* by the head: nothing follows */
	FRAMING_LENGTH,  /* by Content-Length */
	FRAMING_CHUNKED, /* by the last chunk */
	FRAMING_RAW,     /* by the end of the connection: HTTP/1.0, and what follows a 101 */
};

struct h1_stream {
	struct http_stream s;     /* first, so that it is the stream */
	struct stream *stream;    /* borrowed; NULL: dead, what is sent is dropped */
	struct h1_parser *parser; /* owned */
	uint64_t out_left;        /* of FRAMING_LENGTH */
	uint32_t uncredited;
	enum h1_framing framing;
	bool has_head;            /* the received head is whole */
	bool head_sent;           /* the final one */
	bool out_ended;           /* the last byte of the message is queued */
	bool is_held;             /* receiving is off until the owner gives credit */
	bool discards;            /* nobody wants the body */
	struct address gone_peer; /* set when the stream dies: s.peer then points here */
};

void h1_stream_init(struct h1_stream *h, struct stream *stream, enum http_role role,
	const struct http_stream_codec *codec);
void h1_stream_deinit(struct h1_stream *h);
/* The connection is gone, or of no more use: no byte comes or goes any more. */
void h1_stream_die(struct h1_stream *h);
/* The reason for the owner when the transport ended by `rc`. */
enum http_reset h1_reset_of(enum rc rc);

/* --- receiving */
/* Feeds the parser from the front of *in, as much as the credit allows; content goes to s.in. */
enum h1_event h1_stream_feed(struct h1_stream *h, struct block *block, struct str *in);
/* Behind a 101: bytes as they are. False when there is no credit. */
bool h1_stream_read_raw(struct h1_stream *h, struct block *block, struct str *in);
/* No more until the owner has given credit. */
void h1_stream_hold(struct h1_stream *h);

/* --- sending; what does not fit the declared framing gives false and is dropped */
/* Room for a head of at most n bytes; NULL when the exchange's memory is spent. */
char *h1_stream_reserve(struct h1_stream *h, size_t n);
void h1_stream_commit(struct h1_stream *h, char *p, size_t reserved, size_t n);
bool h1_stream_send_data(struct h1_stream *h, struct chunk_queue *q, bool end);
bool h1_stream_send_trailers(struct h1_stream *h, const struct fields *trailers);

/* --- of both codecs */
void h1_stream_credit(struct http_stream *s, size_t n);
bool h1_stream_can_send(const struct http_stream *s);
size_t h1_stream_room(const struct http_stream *s);
uint64_t h1_stream_taken(const struct http_stream *s, size_t *outstanding);
size_t h1_stream_queued(const struct http_stream *s);
