/* SPDX-License-Identifier: Apache-2.0 */
/* http/h1.h - HTTP/1.1 as pure functions of bytes (RFC 9112), in both directions.
 *
 * Reading: h1_parser is fed bytes as they come and says what it found. A guard reads each byte of a
 * head once, by the narrowest grammar (no bare CR or LF, no controls, no folding, no empty names,
 * one leading empty line at most); a policy decides what the RFC leaves open; llhttp (strict) has
 * to agree about every chunked message. Every doubt about framing is an error. The verdict and what
 * is read depend on the bytes alone, never on the pieces that they come in.
 *
 * Writing: h1_write_* serialise a canonical head anew; nothing received is copied through.
 *
 * Memory: the head lives in the given arena; the parser itself holds none and does no I/O.
 * Cost: reading and writing anew a request of 6 fields and a response of 8 takes 6,000
 * instructions; llhttp alone takes 7,500 for reading them.
 */
#pragma once

#include "base/chunk.h"
#include "http/message.h"
#include "http/message_limits.h"

/* What was wrong, with the status that answers a request (a response's is always 502). */
#define H1_ERRORS(X)                                                                               \
	X(NONE, 0, "none")                                                                         \
	X(SYNTAX, 400, "malformed message")                                                        \
	X(NOT_HTTP, 400, "not a request of HTTP") /* nor anything that could have meant to be */   \
	X(FRAMING, 400, "ambiguous framing")                                                       \
	X(HOST, 400, "missing, repeated or malformed Host")                                        \
	X(TARGET, 400, "malformed or ambiguous request target")                                    \
	X(TARGET_TOO_LONG, 414, "request target too long")                                         \
	X(HEAD_TOO_LARGE, 431, "header section too large")                                         \
	X(TRAILERS, 400, "trailer section refused")                                                \
	X(CHUNK, 400, "malformed chunk")                                                           \
	X(VERSION, 505, "HTTP version not supported")                                              \
	X(CODING, 501, "transfer coding not supported")                                            \
	X(EXPECTATION, 417, "expectation not supported")                                           \
	X(HOP_BY_HOP, 400, "Connection nominates a protected field")                               \
	X(MEMORY, 431, "exchange memory exhausted")                                                \
	X(ENDED, 400, "ended inside a message")                                                    \
	X(INTERIM, 502, "too many interim responses")

enum h1_error {
#define X(name, status, text) H1_ERROR_##name,
	H1_ERRORS(X)
#undef X
};
uint16_t h1_error_status(enum h1_error e);
const char *h1_error_text(enum h1_error e);

enum h1_event {
	H1_MORE,     /* everything given was consumed: feed more */
	H1_HEAD,     /* the head is whole; request/response is filled in */
	H1_BODY,     /* `body` is a slice of the bytes given */
	H1_END,      /* the message is whole (trailers are filled in, if any); reset for the next */
	H1_UPGRADED, /* a 101 or CONNECT 2xx head ended: what follows is not HTTP */
	H1_ERROR,    /* see `error`; the connection cannot go on */
};

struct h1_parser; /* opaque: about 300 bytes; from a pool */
struct h1_parser *h1_parser_new(struct pool *pool, bool is_response);
void h1_parser_free(struct h1_parser *p);
/* From the next message on; borrowed, and they may change under it. message_limits_default at
 * first. */
void h1_parser_limit(struct h1_parser *p, const struct message_limits *limits);

/* Begins a message. A request parser initialises and fills `request`; a response parser `response`,
 * and has to know the request's method (HEAD, CONNECT) and whether a 101 was asked for. Both live
 * until H1_END. */
void h1_parser_begin_request(
	struct h1_parser *p, struct arena *arena, struct http_request *request);
void h1_parser_begin_response(struct h1_parser *p, struct arena *arena,
	struct http_response *response, enum http_method method, bool upgrade_asked);

/* Feeds bytes and stops at the first event: *consumed says how many it took. Call it until it says
 * H1_MORE, even with nothing left: H1_END behind a head without content takes no further byte.
 * H1_HEAD of an interim response (1xx but 101) is followed by the next head without a new
 * begin_response, into the same struct. H1_UPGRADED comes instead of H1_HEAD, with the response
 * filled in. Bytes without a message begun are an error. */
enum h1_event h1_parser_feed(struct h1_parser *p, struct str in, size_t *consumed);
/* The peer sent FIN: H1_END when the body ran until close, H1_MORE when between messages or
 * upgraded, else H1_ERROR. */
enum h1_event h1_parser_end_of_input(struct h1_parser *p);

struct str h1_parser_body(const struct h1_parser *p);
/* Allowed trailer fields, valid at H1_END; NULL when there were none. */
const struct fields *h1_parser_trailers(const struct h1_parser *p);
/* Whether a field may stand behind the content; `id` is that of `name`. */
bool h1_may_trail(struct str name, enum field_id id);
enum h1_error h1_parser_error(const struct h1_parser *p);
/* Whether the connection may carry another message after this one, by version and Connection. */
bool h1_parser_keep_alive(const struct h1_parser *p);
/* Whether no byte of the next message has been consumed: an idle connection. */
bool h1_parser_is_between_messages(const struct h1_parser *p);

/* --- writing ----------------------------------------------------------------------------- */
/* A forward proxy that requests are sent to in absolute form (RFC 9112 3.2.2): for whom, and what it is told. */
struct h1_proxy {
	struct str authority; /* in the target, and in Host, since the two have to be equal */
	struct str fields;    /* whole lines of its own, or empty */
};

struct h1_write_options {
	bool keep_alive;  /* else "Connection: close" */
	bool chunked;     /* "Transfer-Encoding: chunked"; else content_length decides */
	bool upgrade;     /* "Connection: upgrade" and the Upgrade field */
	bool http10_peer; /* keep-alive must be said, chunked is impossible */
	struct str date;  /* added when the response has none; STR_EMPTY: not */
	const struct h1_proxy *proxy; /* of a request; NULL: it goes to whom it is for */
};
/* An upper bound of the bytes that writing takes, with a date of at most 64. */
size_t h1_request_bytes(const struct http_request *r, const struct h1_proxy *proxy);
size_t h1_response_bytes(const struct http_response *r);
/* Writes to `to` and returns how many bytes; the target is path and query of `r`, behind the
 * proxy's authority where there is one. */
size_t h1_write_request(const struct http_request *r, const struct h1_write_options *o, char *to);
size_t h1_write_response(const struct http_response *r, const struct h1_write_options *o, char *to);
/* The size line of a chunk, "1f4\r\n"; at most 18 bytes. */
size_t h1_write_chunk_size(size_t n, char *to);
/* "0\r\n", trailers, "\r\n"; trailers may be NULL. */
size_t h1_last_chunk_bytes(const struct fields *trailers);
size_t h1_write_last_chunk(const struct fields *trailers, char *to);
