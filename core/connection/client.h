/* SPDX-License-Identifier: Apache-2.0 */
/* connection/client.h - our connection to an upstream: requests out, responses in.
 *
 * An HTTP/1 connection is reusable only if the request was wholly written, the response wholly read
 * by its own framing, no surplus byte came, no response came before the request was whole, and
 * neither side said close. Everything else closes it. Bytes that come while it is idle close it.
 */
#pragma once

#include "connection/http_stream.h"
#include "http/message_limits.h"
#include "net/stream.h"

struct http_client;

struct http_client_events {
	/* Connected (and the TLS handshake is done, and an HTTP/2 peer has told its settings):
	 * streams may be opened. */
	void (*on_open)(void *owner, struct http_client *c);
	/* A stream was released, and another may be opened; or the capacity has changed. */
	void (*on_idle)(void *owner, struct http_client *c);
	/* The last call; rc and text tell why when it never opened. Freed after it. */
	void (*on_closed)(void *owner, struct http_client *c, enum rc rc, const char *text);
};

/* 0, so that whoever asks for nothing else has HTTP/1. */
enum http_client_protocol {
	HTTP_CLIENT_1,
	HTTP_CLIENT_2,    /* by prior knowledge; with TLS the peer has to choose it by ALPN */
	HTTP_CLIENT_ALPN, /* as the handshake chose; HTTP/1 when it chose nothing */
};

/* How HTTP/2 is spoken, where it is. */
struct http2_options {
	unsigned streams_max;             /* at a time on a connection; the peer may allow fewer */
	uint32_t stream_window_bytes;     /* of a response that nobody has taken yet */
	uint32_t connection_window_bytes; /* of all on a connection; at least that of a stream */
	int ping_ms; /* a peer silent for so long is asked, and given up after as long; 0: never */
};

struct http_client_target {
	struct address address;
	struct tls_context *tls; /* with whom requests are sent to; or NULL */
	struct str server_name;  /* for SNI and verification */
	int connect_timeout_ms;
	struct str preamble; /* goes before everything, TLS too; copied */
	struct str connect; /* asks a forward proxy at `address` for the way; copied; empty: none */
	struct tls_context *proxy_tls; /* with which it is asked; NULL: in plain text */
	struct str proxy_name;         /* for SNI and verification of that */
	/* Of HTTP/1: a forward proxy at `address` that takes each request in absolute form; borrowed until the client
	 * is closed; NULL: none. */
	const struct h1_proxy *proxy;
	enum http_client_protocol protocol;
	struct http2_options http2;
};

struct http_client *http_client_dial(struct stream_group *group,
	const struct http_client_target *target, const struct http_client_events *events,
	void *owner);
/* How many more streams may be opened now: 0 or 1 on HTTP/1. */
unsigned http_client_capacity(const struct http_client *c);
/* Its peer allows no stream for now, however many are open: the end of one makes no room. */
bool http_client_is_shut(const struct http_client *c);
/* No stream is open on it. */
bool http_client_is_idle(const struct http_client *c);
/* Whether it carries many streams at a time. */
bool http_client_is_multiplexed(const struct http_client *c);
/* Opens a stream (capacity must not be 0). Heads and trailers go to `arena`.
 * `limits` of the response are borrowed until the release; NULL: message_limits_default. */
struct http_stream *http_client_open(struct http_client *c, struct arena *arena,
	const struct message_limits *limits, const struct http_stream_events *events, void *owner);
/* Whether a stream was ever opened before: a failure before the first response byte on a reused
 * connection may be the idle race, and is retried. */
bool http_client_was_used(const struct http_client *c);
/* Closes at once; streams are reset; on_closed comes at the end of the turn, or with the release of
 * its last stream. */
void http_client_close(struct http_client *c);
struct link *http_client_link(struct http_client *c);
struct http_client *http_client_of_link(struct link *l);
