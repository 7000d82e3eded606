/* SPDX-License-Identifier: Apache-2.0 */
/* connection/http_stream.h - one request and its response on a connection, seen from above.
 *
 * The multiplexed interface of every HTTP version: head, chunk, trailers, reset, credit. HTTP/1 is
 * a codec that has at most one stream at a time; HTTP/2 has many. An exchange has one stream in the
 * server role (the client's) and, per attempt, one in the client role (the upstream's).
 *
 * Events     record facts and wake the owner: they are called from the middle of parsing, so they
 *            must not call http_stream_release, and sending from inside one is legal but only
 *            queues.
 * Invariants H1  on_head comes at most once per final head; on_interim any number of times before.
 *            H2  after `in_ended` or on_reset no more input events come.
 *            H3  http_stream_release is the owner's last call, exactly once; then the codec may
 *                free or reuse the stream. No event comes after it.
 *            H4  in.bytes grows only by what was received and shrinks only by the owner's taking.
 * Back-pressure  receiving: the codec lets at most in_max (LIMIT_QUEUE_HIGH_BYTES) stand uncredited; the
 *            owner takes chunks out of `in` and then calls http_stream_credit for as many bytes as
 *            it has passed on. Sending: http_stream_can_send is false above LIMIT_QUEUE_HIGH_BYTES
 *            (or without peer window); on_writable tells when it turns true again.
 */
#pragma once

#include "base/arena.h"
#include "base/chunk.h"
#include "base/limits.h"
#include "http/message.h"
#include "net/address.h"

struct http_stream;

enum http_role { HTTP_ROLE_SERVER, HTTP_ROLE_CLIENT };

/* Why a stream died, or how its owner wants it to. */
enum http_reset {
	HTTP_RESET_NONE,
	HTTP_RESET_CANCELLED, /* the peer (or, downward, the owner) has lost interest */
	HTTP_RESET_CLOSED,    /* the connection ended inside the message */
	HTTP_RESET_PROTOCOL,  /* the peer broke the protocol; detail says how */
	HTTP_RESET_TIMEOUT,   /* the head or the body made no progress */
	HTTP_RESET_REFUSED,   /* provably not processed by the peer: may be sent again */
	HTTP_RESET_IO,        /* the transport broke; detail says how */
};

struct http_stream_events {
	/* Client role: `response` (final, or 101) is whole. What came with it stands in `in` and
	 * in_ended already, without an on_data of its own; more follows unless in_ended is set. In
	 * the server role the same holds for http_server_events.on_request. */
	void (*on_head)(struct http_stream *s);
	/* Client role: an interim response (100, 103; never 101). `response` is valid in the call.
	 */
	void (*on_interim)(struct http_stream *s);
	/* `in` grew, or in_ended was set (trailers are there then), or both. */
	void (*on_data)(struct http_stream *s);
	void (*on_writable)(struct http_stream *s);
	/* Client role, after http_stream_ask_room alone: how much of what is received next could be
	 * passed on soon. 0: nothing is received until the owner asks for room anew; for a head
	 * there is always a little. May be NULL. */
	size_t (*room)(struct http_stream *s);
	/* The stream is dead in both directions; `in` keeps what was received. It does not come
	 * when both messages were whole. Server role, HTTP_RESET_PROTOCOL: the codec has answered
	 * 400 itself unless a head had been sent. Client role: HTTP_RESET_REFUSED also means that
	 * no byte of the request had left, or that an HTTP/2 peer says so; bytes_received tells
	 * whether any of a response had come. */
	void (*on_reset)(struct http_stream *s, enum http_reset why, const char *detail);
};

struct http_stream_codec {
	void (*send_request)(struct http_stream *s, struct http_request *r, bool end);
	void (*send_response)(struct http_stream *s, struct http_response *r, bool end);
	void (*send_data)(struct http_stream *s, struct chunk_queue *q, bool end);
	void (*send_trailers)(struct http_stream *s, const struct fields *trailers);
	void (*reset)(struct http_stream *s, enum http_reset why);
	void (*credit)(struct http_stream *s, size_t n);
	bool (*can_send)(const struct http_stream *s);
	void (*ask_room)(struct http_stream *s);     /* client role; may be NULL */
	size_t (*room)(const struct http_stream *s); /* server role; may be NULL */
	uint64_t (*taken)(const struct http_stream *s, size_t *outstanding);
	size_t (*queued)(const struct http_stream *s);
	size_t (*queued_of_all)(const struct http_stream *s);
	void (*release)(struct http_stream *s);
};

struct http_stream {
	const struct http_stream_codec *codec;
	const struct http_stream_events *events; /* borrowed from the owner */
	void *owner;                             /* borrowed */
	enum http_role role;

	/* Server role: owned by the codec, reset at release. Client role: the owner's, and
	 * `response` lives in it, beyond the release. */
	struct arena *arena;
	struct http_request *request;   /* server role: received; owner may change it */
	struct http_response *response; /* client role: received */
	const struct fields *trailers;  /* received; NULL when none */

	struct chunk_queue in;
	size_t in_max;     /* how much may stand uncredited; HTTP/2 has windows instead */
	bool in_ended;     /* the received message is whole */
	bool closes_after; /* server role: the owner wants no request behind this one */
	bool upgraded;     /* after a 101: `in` and send_data carry raw bytes, end is FIN */

	/* Facts for the access record and for policies. */
	const struct address *peer; /* valid until release */
	const char *tls_version;    /* or NULL */
	struct str tls_server_name;
	struct str tls_certificate; /* the client's, as DER; or STR_EMPTY */
	struct str tls_chain;       /* what came with it, where somebody wants it; or STR_EMPTY */
	uint64_t body_received;     /* content, without its framing */
	uint64_t bytes_received;    /* on the wire of this stream, heads included */
	uint64_t bytes_sent;
	int64_t started_us; /* monotonic: first byte of the head (server), opening (client) */
};

/* Heads. `end`: no content follows. A response may be sent before the request is whole; interim
 * responses (1xx but 101) do not count as the head. Content framing comes from content_length: a
 * request with CONTENT_LENGTH_NONE has no content whatever `end` says, and what does not fit a
 * declared length kills the stream, so that the peer never takes it for whole.
 * After a 101 (sent in the server role, received in the client role) in_ended is unset again. */
static inline void http_stream_send_request(struct http_stream *s, struct http_request *r, bool end)
{
	s->codec->send_request(s, r, end);
}
static inline void http_stream_send_response(
	struct http_stream *s, struct http_response *r, bool end)
{
	s->codec->send_response(s, r, end);
}
/* Moves all chunks of q out; q may be empty. */
static inline void http_stream_send_data(struct http_stream *s, struct chunk_queue *q, bool end)
{
	s->codec->send_data(s, q, end);
}
/* Ends the message. */
static inline void http_stream_send_trailers(struct http_stream *s, const struct fields *trailers)
{
	s->codec->send_trailers(s, trailers);
}
/* Kills both directions, visibly for the peer when a message was under way; on_reset does not
 * come. Release still has to. */
static inline void http_stream_reset(struct http_stream *s, enum http_reset why)
{
	s->codec->reset(s, why);
}
static inline void http_stream_credit(struct http_stream *s, size_t n)
{
	s->codec->credit(s, n);
}
static inline bool http_stream_can_send(const struct http_stream *s)
{
	return s->codec->can_send(s);
}
/* Client role: events->room is asked before anything is received, so that an answer stands at the
 * upstream's end for as long as its client takes none of it. Called again when there is room after
 * there was none. Nothing for a codec with windows. */
static inline void http_stream_ask_room(struct http_stream *s)
{
	if (s->codec->ask_room)
		s->codec->ask_room(s);
}
/* Server role: how much would leave soon, of what were sent now; what is said in a turn counts as
 * sent. 0: on_writable tells when to ask again. */
static inline size_t http_stream_room(const struct http_stream *s)
{
	return s->codec->room ? s->codec->room(s) : LIMIT_QUEUE_HIGH_BYTES;
}
/* How much the peer has taken so far, of its connection; *outstanding: what is on its way. Costs a
 * call to the kernel. */
static inline uint64_t http_stream_taken(const struct http_stream *s, size_t *outstanding)
{
	return s->codec->taken(s, outstanding);
}
/* What was sent and waits in our memory. */
static inline size_t http_stream_queued(const struct http_stream *s)
{
	return s->codec->queued(s);
}
/* Server role: the same of all streams of its connection. */
static inline size_t http_stream_queued_of_all(const struct http_stream *s)
{
	return s->codec->queued_of_all(s);
}
/* A server stream whose messages are both whole is finished cleanly; anything else resets it. */
static inline void http_stream_release(struct http_stream *s)
{
	s->codec->release(s);
}
