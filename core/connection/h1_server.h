/* SPDX-License-Identifier: Apache-2.0 */
/* connection/h1_server.h - HTTP/1 from clients: h1_server.c reads requests and decides about the
 * connection, h1_answer.c writes answers. */
#pragma once

#include "base/check.h"
#include "connection/connection_priv.h"
#include "connection/server_priv.h"

enum server_phase {
	PHASE_HEAD,  /* nobody knows of it yet */
	PHASE_OWNED, /* between on_request and release */
	PHASE_SPENT, /* released; what is left of its body is dropped */
};

struct server_stream {
	struct h1_stream h; /* first, so that it is the stream */
	struct http_server *server;
	enum server_phase phase;
	bool is_timed;      /* the timer bounds its head */
	bool keep_alive;    /* what the answer's head said */
	bool was_continued; /* 100 (Continue) was sent */
	struct arena arena;
	struct http_request request;
};

static inline struct server_stream *server_stream_of(struct http_stream *s)
{
	return CONTAINER_OF(s, struct server_stream, h.s);
}

/* h1_server.c */
extern const struct server_version h1_server_version;
extern const struct stream_events h1_server_events;
/* As on_data, for what came before it was known to be HTTP/1. */
size_t h1_server_take(struct http_server *c, struct block *block, const char *p, size_t n);

/* h1_answer.c: of the codec */
void server_send_response(struct http_stream *s, struct http_response *a, bool end);
void server_send_data(struct http_stream *s, struct chunk_queue *q, bool end);
void server_send_trailers(struct http_stream *s, const struct fields *trailers);
/* The whole answer to what is no exchange's any more. The connection is to be closed after it. */
void server_send_error(struct server_stream *r, uint16_t status, const char *text);
/* The client must not take what it got for whole. */
void server_cut(struct server_stream *r);
