/* SPDX-License-Identifier: Apache-2.0 */
/* connection/server.h - a client's connection: requests in, responses out.
 *
 * The codec answers by itself, without an exchange, only what never became a request: malformed
 * heads, slow heads. It reports each by on_refused so that the record has it, and TLS failures likewise.
 *
 * Threads      one. Ownership: the server owns its stream and frees itself after on_closed.
 */
#pragma once

#include "connection/http_stream.h"
#include "http/h2_session.h"
#include "net/stream.h"

struct http_server;

/* HTTP/2 on a connection. */
struct server_http2 {
	bool enabled; /* by ALPN, and by prior knowledge in clear text */
	struct h2_settings settings;
	struct h2_budgets budgets;
	int stall_ms; /* content may wait so long for a window that the peer keeps shut */
};

struct http_server_options {
	int head_timeout_ms;   /* absolute, from the head's first byte */
	int keepalive_idle_ms; /* between requests */
	uint32_t requests_max; /* the last of them is answered with close */
	int max_age_ms;        /* of the connection: likewise; 0: none */
	struct server_http2 http2;
	const struct message_limits *message; /* borrowed; NULL: message_limits_default */
	/* Gives the body of the answer to a refused request, and adds the fields that go with it
	 * (Content-Type); NULL: no body. */
	struct str (*error_body)(void *owner, uint16_t status, const char *text,
		struct arena *arena, struct fields *fields);
};

struct http_server_events {
	/* A request's head is whole. The callee sets s->events and s->owner and takes the stream on
	 * until http_stream_release; on_head is not called for it. */
	void (*on_request)(void *owner, struct http_stream *s);
	/* The codec answered `status` itself (0: closed without an answer). */
	void (*on_refused)(
		void *owner, const struct http_stream *s, uint16_t status, const char *detail);
	/* TLS: the handshake failed; `s` says whose. May be NULL. */
	void (*on_handshake_failed)(void *owner, const struct http_stream *s, const char *detail);
	/* HTTP/2: GOAWAY was said, for that reason. May be NULL. */
	void (*on_goaway)(
		void *owner, struct http_server *server, enum h2_ending why, const char *detail);
	/* HTTP/2: a stream was refused (REFUSED_STREAM), beyond those that may be open. May be
	 * NULL. */
	void (*on_refused_stream)(void *owner);
	/* The last call; the server is freed after it. */
	void (*on_closed)(void *owner, struct http_server *server);
};

/* `options` is borrowed for the life of the server; a change counts from the next request on. */
struct http_server *http_server_new(struct stream_group *group, int fd, const struct address *peer,
	struct tls_context *tls, const struct http_server_options *options,
	const struct http_server_events *events, void *owner);
/* No further request is read: an idle connection gets `linger_ms` to send one more, which is
 * answered with Connection: close; a busy one closes after its answer. HTTP/2: two GOAWAYs, with a
 * round trip or `linger_ms` between them; it closes when its streams have ended. */
void http_server_drain(struct http_server *c, int linger_ms);
/* An idle connection ends, to make room: who still reads its last answer gets all of it before FIN,
 * anybody else FIN at once. False: it is not idle, or a request has come that nobody has read yet.
 * A call to the kernel or two. */
bool http_server_evict(struct http_server *c);
/* At once. on_closed still comes. */
void http_server_abort(struct http_server *c);
/* Of responses that are over: what the client has not taken and we hold. HTTP/1: 0 while a request
 * is under way. */
size_t http_server_tail(const struct http_server *c);
/* Ends such a connection by a reset, or of HTTP/2 beside requests that are under way those streams:
 * what was on its way does not look whole. */
void http_server_cut_tail(struct http_server *c);
/* A word for the owner, kept with the connection; 0 at first. */
void http_server_set_tag(struct http_server *c, uint64_t tag);
uint64_t http_server_tag(const struct http_server *c);
/* Monotonic ms of the last activity, for shedding idle ones first; -1 while busy. */
int64_t http_server_idle_since_ms(const struct http_server *c);
/* A link for the owner's list of its connections. */
const struct address *http_server_peer(const struct http_server *c);
struct link *http_server_link(struct http_server *c);
struct http_server *http_server_of_link(struct link *l);
