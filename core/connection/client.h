/* SPDX-License-Identifier: Apache-2.0 */
/* connection/client.h - our connection to an upstream: requests out, responses in.
 *
 * A connection is reusable only if the request was wholly written, the response wholly read by its
 * own framing, no surplus byte came, no response came before the request was whole, and neither
 * side said close. Everything else closes it. Bytes that come while it is idle close it.
 */
#pragma once

#include "connection/http_stream.h"
#include "http/message_limits.h"
#include "net/stream.h"

struct http_client;

struct http_client_events {
	/* Connected (and the TLS handshake is done): streams may be opened. */
	void (*on_open)(void *owner, struct http_client *c);
	/* A stream slot became free. */
	void (*on_idle)(void *owner, struct http_client *c);
	/* The last call; rc and text tell why when it never opened. Freed after it. */
	void (*on_closed)(void *owner, struct http_client *c, enum rc rc, const char *text);
};

struct http_client_target {
	struct address address;
	struct tls_context *tls; /* or NULL */
	struct str server_name;  /* for SNI and verification */
	int connect_timeout_ms;
};

struct http_client *http_client_dial(struct stream_group *group,
	const struct http_client_target *target, const struct http_client_events *events,
	void *owner);
/* How many more streams may be opened now: 0 or 1 on HTTP/1. */
unsigned http_client_capacity(const struct http_client *c);
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
