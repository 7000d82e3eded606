/* SPDX-License-Identifier: Apache-2.0 */
/* connection/server_priv.h - a client's connection whichever version it speaks: server.c chooses
 * one and hands over, h1_server.c and h2_server.c serve. */
#pragma once

#include "base/check.h"
#include "connection/server.h"

/* "PRI * HTTP/2", which no request of HTTP/1 begins with. */
#define EARLY_BYTES 12

struct server_stream;
struct h2_server;

/* What a version does for server.h. */
struct server_version {
	void (*drain)(struct http_server *c);
	/* Idle, and the peer has been told whatever it has to be told. */
	void (*evict)(struct http_server *c);
	bool (*is_busy)(const struct http_server *c);
	/* A message is under way that is not whole for the client. */
	bool (*is_cut)(const struct http_server *c);
	/* Of responses that are over. */
	size_t (*tail)(const struct http_server *c);
	void (*cut_tail)(struct http_server *c);
	void (*expire)(struct http_server *c);
};

struct http_server {
	struct link link;
	struct loop *loop;     /* borrowed */
	struct stream *stream; /* NULL once closed */
	const struct server_version *version;
	struct server_stream *current;             /* HTTP/1: owned; NULL while idle */
	struct h2_server *h2;                      /* owned; NULL: HTTP/1, or not known yet */
	const struct http_server_options *options; /* borrowed */
	const struct http_server_events *events;
	void *owner;
	struct timer timer; /* of the head, of idling, of lingering; left running when it is late */
	struct task closed;
	int64_t idle_since_ms;
	int64_t opened_ms;
	uint64_t tag; /* the owner's */
	uint32_t requests;
	int linger_ms;
	bool is_open;     /* the TLS handshake is done, or none was due */
	bool is_draining; /* no further request but one */
	bool peer_ended;
	bool is_closing;
	uint8_t early; /* bytes that came and are the beginning of HTTP/2's preface */
};

static inline struct pool *server_pool(const struct http_server *c)
{
	return loop_pool(c->loop);
}

/* --- server.c */
void server_close(struct http_server *c, enum stream_close_how how);
/* How one makes room that is idle: who has taken everything is not waited for. */
enum stream_close_how server_eviction(const struct http_server *c);
/* The last step: nobody holds anything of it. */
void server_finish(struct http_server *c);
bool server_is_too_old(const struct http_server *c);

/* --- h2_server.c: takes the connection over; no memory for it closes. */
void h2_server_begin(struct http_server *c);
/* As on_data. */
size_t h2_server_take(struct http_server *c, struct block *block, const char *p, size_t n);
