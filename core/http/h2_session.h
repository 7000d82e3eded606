/* SPDX-License-Identifier: Apache-2.0 */
/* http/h2_session.h - HTTP/2 as a pure function of bytes (RFC 9113), in both roles.
 *
 * A session is fed what was received and calls events; what was submitted becomes frames when
 * h2_session_produce is asked for them, at the end of a turn, so that the frames of all streams
 * leave in one write. It does no I/O and has no clock: the time of a turn is given with its bytes.
 *
 * Checks       what a head means is judged as strictly as on HTTP/1, and comes out as the same
 *              canonical request or response: pseudo fields, authority and Host, cookie crumbs
 *              joined, no field of a connection, content held against its declared length. What
 *              breaks HTTP/2 resets the stream (or ends the session) by itself; what only our
 *              policy refuses is told by on_refused, for an answer.
 * Windows      a byte of content that came has to be credited, once (h2_stream_credit), before the
 *              peer may send another in its place: stream and connection alike.
 * Abuse        every excess of h2_budgets ends the session by GOAWAY; h2_session_ending says which.
 *
 * Invariants   S1  events come from inside h2_session_receive, h2_session_produce and
 *                  h2_session_abort alone; submitting from inside one is legal and only queues.
 *              S2  on_end or on_reset is the last event about what is received on a stream;
 *                  on_closed, or h2_stream_abandon, is the last use of it: then its memory is free.
 *              S3  memory of the library is bounded by memory_max; queued content is the
 *                  caller's to bound, by h2_stream_can_send.
 * Ownership    streams are embedded in the caller's; heads and trailers go to their arena.
 * Threads      one.
 */
#pragma once

#include "base/chunk.h"
#include "base/list.h"
#include "http/h1.h"
#include "http/message.h"
#include "http/message_limits.h"

struct h2_session; /* opaque */

/* Codes of RFC 9113 7. */
enum h2_code {
	H2_NO_ERROR = 0,
	H2_PROTOCOL_ERROR = 1,
	H2_INTERNAL_ERROR = 2,
	H2_FLOW_CONTROL_ERROR = 3,
	H2_STREAM_CLOSED = 5,
	H2_REFUSED_STREAM = 7,
	H2_CANCEL = 8,
	H2_CONNECT_ERROR = 10,
	H2_ENHANCE_YOUR_CALM = 11,
	H2_INADEQUATE_SECURITY = 12,
	H2_HTTP_1_1_REQUIRED = 13,
};

/* Why a session ends: one for each budget, and those that are nobody's fault. */
#define H2_ENDINGS(X)                                                                              \
	X(NONE, "none", NO_ERROR)                                                                  \
	X(DRAINED, "drained", NO_ERROR)                                                            \
	X(CLOSED, "closed_stream", STREAM_CLOSED)                                                  \
	X(PROTOCOL, "protocol", PROTOCOL_ERROR)                                                    \
	X(RESETS, "resets", ENHANCE_YOUR_CALM)                                                     \
	X(PREMATURE, "premature_resets", ENHANCE_YOUR_CALM)                                        \
	X(GLITCHES, "glitches", ENHANCE_YOUR_CALM)                                                 \
	X(CONTINUATIONS, "continuations", ENHANCE_YOUR_CALM)                                       \
	X(FIELDS, "header_list", ENHANCE_YOUR_CALM)                                                \
	X(ACKS, "unsent_acks", ENHANCE_YOUR_CALM)                                                  \
	X(STALLED, "stalled", ENHANCE_YOUR_CALM)                                                   \
	X(MEMORY, "memory", INTERNAL_ERROR)

enum h2_ending {
#define X(name, text, code) H2_ENDING_##name,
	H2_ENDINGS(X)
#undef X
		H2_ENDING_COUNT,
};
/* As in logs and metrics, "premature_resets". */
const char *h2_ending_text(enum h2_ending e);

/* What one peer may do. A bucket holds `burst` tokens, and refills at `per_second`. */
struct h2_budgets {
	uint32_t resets_burst, resets_per_second;     /* of streams, whoever caused them */
	uint32_t premature_percent, premature_min;    /* younger than a second, of the last ones */
	uint32_t glitches_burst, glitches_per_second; /* frames that mean or move nothing */
	uint32_t continuations;                       /* of one block */
	uint32_t settings;                            /* entries of one frame */
	uint32_t acks_unsent;                         /* of PING and SETTINGS */
	uint32_t memory_max;                          /* of the library, bytes */
	uint32_t out_bytes_max; /* of content that waits; h2_stream_can_send */
};
#define H2_BUDGETS_DEFAULT                                                                         \
	{                                                                                          \
		.resets_burst = LIMIT_H2_RESETS, .resets_per_second = LIMIT_H2_RESETS_PER_SECOND,  \
		.premature_percent = LIMIT_H2_PREMATURE_PERCENT,                                   \
		.premature_min = LIMIT_H2_PREMATURE_MIN, .glitches_burst = LIMIT_H2_GLITCHES,      \
		.glitches_per_second = LIMIT_H2_GLITCHES_PER_SECOND,                               \
		.continuations = LIMIT_H2_CONTINUATIONS, .settings = LIMIT_H2_SETTINGS,            \
		.acks_unsent = LIMIT_H2_ACKS_UNSENT, .memory_max = LIMIT_H2_MEMORY_BYTES,          \
		.out_bytes_max = LIMIT_H2_OUT_BYTES,                                               \
	}

struct h2_settings {
	uint32_t streams_max;             /* that the peer may have open; client role: 0, no push */
	uint32_t stream_window_bytes;     /* 65,535 by the RFC */
	uint32_t connection_window_bytes; /* at least that */
	bool connect_protocol;            /* RFC 8441 is offered; server role */
};

/* One stream, embedded in the caller's own. Read-only outside but for what is said. */
struct h2_stream {
	struct h2_session
		*session; /* borrowed; NULL: gone from the wire, what is sent is dropped */
	int32_t id;
	/* Set by the caller before on_begin returns, or before h2_stream_open. */
	struct arena *arena;
	struct http_request *request;   /* server role: to be filled in */
	struct http_response *response; /* client role: to be filled in */
	/* Of what is received; borrowed; NULL: the session's. */
	const struct message_limits *limits;
	const struct fields *trailers; /* received; NULL when none; valid from on_end on */
	uint64_t bytes_received;       /* of its frames */
	uint64_t bytes_sent;           /* heads before they are compressed */
	int64_t begun_ms;
	size_t uncredited; /* content received and not yet credited */
	bool in_ended;     /* the received message is whole */
	bool out_ended;    /* all of the message to be sent was given */
	bool head_sent;    /* the final one was submitted */
	bool has_head;     /* the final one was received */
	bool is_tunnel;    /* after an extended CONNECT was accepted: content is raw bytes */

	/* The codec's own. */
	struct link link;       /* of the session's */
	struct chunk_queue out; /* content that waits for a window or for the end of the turn */
	struct arena late;      /* trailers to be sent */
	struct fields *late_fields;
	uint64_t out_left;    /* of the declared length; UINT64_MAX: none was declared */
	struct h2_head *head; /* while a section is being received */
	int64_t moved_ms;     /* when content last went, or began to wait */
	uint8_t interims;
	bool is_deferred, reset_by_peer, is_refused, finishes, asked_head, out_is_out;
	bool waits; /* for room: on_writable is owed */
};

struct h2_events {
	/* Server role: a request begins. Gives its stream (h2_stream_init was called), or NULL: it
	 * is refused, by REFUSED_STREAM. */
	struct h2_stream *(*on_begin)(void *owner);
	/* The head is whole. Client role: interim responses (not 101), too; `response` is then
	 * valid in the call. in_ended is set where nothing follows; no on_end comes then. */
	void (*on_head)(void *owner, struct h2_stream *s);
	/* Server role, instead of on_head: our policy refuses it; what else comes is dropped. To be
	 * answered or reset. Client role: the stream is reset already. */
	void (*on_refused)(void *owner, struct h2_stream *s, enum h1_error error);
	/* Content, as a slice of the bytes given to h2_session_receive. */
	void (*on_data)(void *owner, struct h2_stream *s, struct str bytes);
	/* The received message is whole, and it was not with on_head. */
	void (*on_end)(void *owner, struct h2_stream *s);
	/* The stream died before both messages were whole. `is_unprocessed`: the peer says that it
	 * did nothing with it (REFUSED_STREAM, or above the last of a GOAWAY). `by_peer`: by its
	 * RST_STREAM (or GOAWAY), rather than by what it broke. on_closed does not follow. */
	void (*on_reset)(
		void *owner, struct h2_stream *s, uint32_t code, bool by_peer, bool is_unprocessed);
	/* h2_stream_can_send is true again. */
	void (*on_writable)(void *owner, struct h2_stream *s);
	/* Both messages were whole, and all of ours has become frames. */
	void (*on_closed)(void *owner, struct h2_stream *s);
	/* The peer's settings came, or changed: h2_session_capacity may have. May be NULL. */
	void (*on_settings)(void *owner);
	/* The peer takes no further stream; those above its last one get on_reset. May be NULL. */
	void (*on_goaway)(void *owner, uint32_t code);
};

/* Options are copied but for `limits`, which are borrowed and may change between messages. The
 * first frames (preface, SETTINGS, the connection's window) are due at once. NULL: no memory. */
struct h2_session *h2_session_new(struct pool *pool, bool is_server,
	const struct h2_settings *settings, const struct h2_budgets *budgets,
	const struct message_limits *limits, const struct h2_events *events, void *owner);
/* Streams are forgotten without an event. */
void h2_session_free(struct h2_session *s);

/* Takes all of `in`. False: the session has ended (h2_session_ending): produce what is left,
 * GOAWAY, and close. */
MUST_USE bool h2_session_receive(struct h2_session *s, struct str in, int64_t now_ms);
/* Appends frames that are due, until `out` holds `bytes_max` or nothing is left that may go. False
 * when nothing was left. */
bool h2_session_produce(
	struct h2_session *s, struct chunk_queue *out, size_t bytes_max, int64_t now_ms);
/* Whether produce has something to do. */
bool h2_session_wants_send(const struct h2_session *s);
/* Nothing is open and nothing waits after a GOAWAY (either side's): the connection can be closed.
 */
bool h2_session_is_done(const struct h2_session *s);
/* Whether it can be dropped between messages: no stream is open. */
bool h2_session_is_idle(const struct h2_session *s);

enum h2_ending h2_session_ending(const struct h2_session *s);
/* What the peer did, or the library says; "" when nothing. */
const char *h2_session_detail(const struct h2_session *s);
/* Streams that may be opened now: the peer's setting, at most `own_max` together; 0 behind a
 * GOAWAY. Before its SETTINGS came: 1. */
unsigned h2_session_capacity(const struct h2_session *s, unsigned own_max);
/* That setting, at most `own_max`, however many are open. Before its SETTINGS came: 1. */
unsigned h2_session_streams_max(const struct h2_session *s, unsigned own_max);
/* Open on the wire, the peer's and ours. */
unsigned h2_session_streams(const struct h2_session *s);
/* Whether the peer offers RFC 8441. */
bool h2_session_takes_connect_protocol(const struct h2_session *s);
/* Content that waits in it, of all streams. */
size_t h2_session_out_bytes(const struct h2_session *s);
/* Not one frame of the peer's has come. */
bool h2_session_is_fresh(const struct h2_session *s);

/* Server role: the peer is to open no more: a GOAWAY that names no last stream, then, after its
 * answer to a PING (or when h2_session_settle is called, the time for that being over), one that
 * does. */
void h2_session_drain(struct h2_session *s);
void h2_session_settle(struct h2_session *s);
/* GOAWAY at once, of an error; open streams get on_reset when the transport closes (abort). */
void h2_session_end(struct h2_session *s, enum h2_ending why, const char *detail);
/* Every open stream gets on_reset: the transport is gone. */
void h2_session_abort(struct h2_session *s);
/* Resets streams whose content has waited for the peer's window for `after_ms`; how many. */
unsigned h2_session_reset_stalled(struct h2_session *s, int64_t now_ms, int64_t after_ms);
/* Asks whether the peer is there: its answer makes h2_session_pongs grow. */
void h2_session_ping(struct h2_session *s);
uint32_t h2_session_pongs(const struct h2_session *s);

/* --- streams ------------------------------------------------------------------------------------
 */
void h2_stream_init(struct h2_stream *s, struct pool *pool, struct arena *arena);
/* Client role (capacity must not be 0): sends the request's head. `end`: no content follows; a
 * request with CONTENT_LENGTH_NONE has none whatever `end` says. A request with `upgrade` becomes
 * an extended CONNECT. False: no memory; the stream is gone. */
MUST_USE bool h2_stream_open(
	struct h2_session *session, struct h2_stream *s, const struct http_request *r, bool end);
/* Server role. Status below 200 but 101: an interim one. 101 answers an extended CONNECT, which no
 * 2xx may. A date is added when there is none and `date` is not empty. False: the stream had to be
 * reset. */
MUST_USE bool h2_stream_respond(
	struct h2_stream *s, const struct http_response *r, struct str date, bool end);
/* Moves all chunks of q; they may be empty. False: it does not fit the declared length (the stream
 * is reset). What is sent after the end is dropped. */
MUST_USE bool h2_stream_send_data(struct h2_stream *s, struct chunk_queue *q, bool end);
MUST_USE bool h2_stream_send_trailers(struct h2_stream *s, const struct fields *trailers);
/* False: on_writable tells when there is room again. */
bool h2_stream_can_send(struct h2_stream *s);
/* How much content to get ready for it, where `pending` bytes of the session's wait in the transport:
 * its part of what is left of the budget, less what was said to others since the last produce.
 * H2_ROOM_LITTLE: those before it stand still. 0: on_writable tells when to ask again. */
size_t h2_stream_ask_room(struct h2_stream *s, size_t pending);
#define H2_ROOM_LITTLE 1
/* n bytes of content were passed on. */
void h2_stream_credit(struct h2_stream *s, size_t n);
/* RST_STREAM; nothing more comes, not even on_closed: the memory is the caller's again. */
void h2_stream_abandon(struct h2_stream *s, enum h2_code code);
/* Server role, the answer was given, nobody wants the rest of the request: once the answer is out,
 * the peer is told so by RST_STREAM(NO_ERROR). on_closed comes then. */
void h2_stream_finish(struct h2_stream *s);
