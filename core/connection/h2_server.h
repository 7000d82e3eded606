/* SPDX-License-Identifier: Apache-2.0 */
/* connection/h2_server.h - HTTP/2 from clients: h2_server.c is the connection, h2_request.c one of
 * its requests.
 *
 * Invariants   R1  a request is on `requests` from its first field to the end of both: its stream
 * on the wire, and its owner's interest. R2  `owned` of them are between on_request and release;
 * with them the slots are counted that a client may take, so that resetting a stream frees none
 * before the work for it has ended. */
#pragma once

#include "connection/server_priv.h"

enum request_phase {
	REQUEST_HEAD,  /* nobody knows of it yet */
	REQUEST_OWNED, /* between on_request and release */
	REQUEST_SPENT, /* released; what is left of its content is dropped */
};

struct h2_request {
	struct http_stream s; /* first, so that it is the stream */
	struct h2_stream h;
	struct h2_server *server;
	struct link link; /* of the server's requests */
	struct arena arena;
	struct http_request request;
	struct address gone_peer; /* s.peer points here once the connection is gone */
	struct chunk_queue early; /* what came for the other protocol before the switch */
	enum request_phase phase;
	bool is_dead;     /* nothing comes or goes any more */
	bool loss_is_due; /* on_reset is owed, at the end of the turn */
	bool is_whole;    /* both messages were, and the wire has forgotten it */
};

struct h2_server {
	struct http_server *c; /* borrowed */
	struct h2_session *session;
	struct block *block; /* borrowed, while bytes are received: slices of it are taken */
	struct link requests;
	uint32_t owned;
	uint32_t open;          /* requests of any phase */
	uint32_t heads_refused; /* for their size */
	uint64_t sent; /* by the transport, when it was seen to move last */
	int64_t sent_ms;
	enum h2_ending told; /* of a GOAWAY; DRAINED may become worse */
	bool has_losses;
};

/* --- h2_server.c */
/* Frames may be due. */
void h2_server_wake(struct h2_server *v);
/* The client is told to open no more. */
void h2_server_drain(struct h2_server *v);
/* A request is off the list. */
void h2_server_note_gone(struct h2_server *v);

/* --- h2_request.c */
struct h2_request *h2_request_new(struct h2_server *v);
void h2_request_free(struct h2_request *r);
struct h2_request *h2_request_of(struct h2_stream *h);
/* Its head is whole. */
void h2_request_announce(struct h2_request *r);
/* It never became a request: answered here. */
void h2_request_refuse(struct h2_request *r, enum h1_error error);
void h2_request_take(struct h2_request *r, struct str bytes);
void h2_request_end(struct h2_request *r);
/* Dead; the owner hears of it, or nobody is there to. */
void h2_request_lose(struct h2_request *r, enum http_reset why, const char *detail);
/* The wire has both messages. */
void h2_request_close(struct h2_request *r);
