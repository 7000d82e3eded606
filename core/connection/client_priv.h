/* SPDX-License-Identifier: Apache-2.0 */
/* connection/client_priv.h - the client connection's insides: client.c dials and chooses the
 * version of HTTP, h1_client.c and h2_client.c speak it from then on. */
#pragma once

#include "connection/client.h"

struct h2_connection;

struct client_version {
	bool is_multiplexed;
	/* The transport is open, and its events are this version's: on_open is to come. */
	void (*start)(struct http_client *c);
	unsigned (*capacity)(const struct http_client *c);
	/* NULL: it never is. */
	bool (*is_shut)(const struct http_client *c);
	bool (*is_idle)(const struct http_client *c);
	struct http_stream *(*open)(struct http_client *c, struct arena *arena,
		const struct message_limits *limits, const struct http_stream_events *events,
		void *owner);
	/* Of the transport, from on_open on; `owner` is the struct http_client. */
	const struct stream_events *stream_events;
};

struct http_client {
	struct link link;
	struct loop *loop;                    /* borrowed */
	struct stream *stream;                /* NULL once closed */
	const struct client_version *version; /* NULL until it is open */
	const struct http_client_events *events;
	void *owner;
	struct task closed;
	enum http_client_protocol protocol;
	int connect_timeout_ms;
	bool was_used;
	bool is_plain;    /* it has no TLS with whom requests are sent to */
	bool is_unsuited; /* its peer chose another version than has to be spoken */
	bool is_closing;

	/* HTTP/1 */
	const struct h1_proxy *proxy; /* borrowed; NULL: its peer is whom requests are for */
	bool peer_ended;
	bool asks_room; /* its stream's owner, before it receives */
	bool is_tight;  /* there was less room than for all that may stand */
	struct client_stream *current; /* owned; NULL while idle */
	uint64_t sent_before;          /* bytes sent when the current stream was opened */

	/* HTTP/2 */
	struct http2_options http2;
	struct h2_connection *h2; /* owned */
};

extern const struct client_version h1_client, h2_client;

/* client.c */
void client_close(struct http_client *c, enum stream_close_how how);
/* on_closed, and the end of its memory. */
void client_finish(struct http_client *c, enum rc rc, const char *text);
/* The same from where the owner is not to be called. */
void client_finish_later(struct http_client *c);
