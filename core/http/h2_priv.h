/* SPDX-License-Identifier: Apache-2.0 */
/* http/h2_priv.h - what the files of HTTP/2 share.
 *
 *   h2_session.c   life cycle, bytes in and out, GOAWAY
 *   h2_events.c    the library's calls: what they mean for streams and budgets
 *   h2_stream.c    what is submitted for one stream
 *   h2_head.c      fields received, to a request, a response or trailers
 *   h2_fields.c    fields to be sent, in the library's form
 *   h2_scan.c      frames that the library does not speak of
 *   h2_budget.c    rates of what is no request
 *   h2_memory.c    the library's memory
 */
#pragma once

#include "http/h2_budget.h"
#include "http/h2_memory.h"
#include "http/h2_scan.h"
#include "http/h2_session.h"

/* More than a peer may have on its way of streams that were reset by us. */
#define H2_CUT_MAX 256

struct h2_session {
	nghttp2_session *codec; /* owned */
	struct h2_memory memory;
	struct pool *pool;                   /* borrowed */
	const struct message_limits *limits; /* borrowed */
	const struct h2_events *events;      /* borrowed */
	void *owner;
	struct h2_budgets budgets;
	struct h2_bucket resets, glitches;
	struct h2_share premature;
	struct h2_scan scan;
	struct link streams;     /* of struct h2_stream, those with an id */
	struct chunk_queue *out; /* while frames are produced */
	size_t out_bytes;        /* content that waits */
	size_t left_bytes;       /* of it behind the last produce */
	size_t promised;         /* room for more, since then */
	int64_t now_ms;
	uint32_t pongs;
	uint32_t stream_count;
	int32_t updates; /* windows opened, beyond what our content asked for */
	/* Of the peer's streams: the last that it opened, and what it left out before that. */
	int32_t last_opened, gap_from;
	int32_t cut[H2_CUT_MAX]; /* the last ones that we reset before the peer had ended them */
	uint32_t cut_count;      /* ever */
	bool is_server;
	bool connect_protocol; /* offered */
	bool was_full;         /* out_bytes was at its most: streams wait for room */
	bool is_draining;      /* the first GOAWAY is out, or due */
	bool is_settled;       /* so is the second */
	bool has_settings;     /* the peer's came */
	bool is_refused;       /* the peer takes no further stream */
	bool is_closed; /* a GOAWAY of an error is due or out: nothing is received any more */
	enum h2_ending ending;
	char detail[128];
};

/* --- h2_events.c */
/* The library's table of calls, made once for each thread that asks. */
nghttp2_session_callbacks *h2_callbacks_new(void);
/* Takes a stream off its session; it gets no event any more. */
void h2_stream_detach(struct h2_stream *s);
/* A reset that the peer caused, of a stream of that age. */
void h2_session_note_reset(struct h2_session *s, bool is_premature);
/* A frame came on a stream: whether it can be. */
void h2_session_check_stream(struct h2_session *s, int32_t id);
void h2_session_note_glitch(struct h2_session *s, uint32_t count);

/* --- h2_stream.c */
/* Content of a stream became a frame, or was dropped. */
void h2_stream_sent(struct h2_stream *s, size_t n);

/* --- h2_head.c: a section of fields, from its first to its last */
enum h2_section { H2_SECTION_REQUEST, H2_SECTION_RESPONSE, H2_SECTION_TRAILERS };

/* RC_FULL: no memory. */
MUST_USE enum rc h2_head_begin(
	struct h2_session *session, struct h2_stream *s, enum h2_section section);
/* False: it is so much too large that it is not worth decoding on. */
MUST_USE bool h2_head_take(struct h2_session *session, struct h2_stream *s, struct str name,
	struct str value, bool name_is_static);
/* The request, the response or `trailers` of the stream are filled in. `ends`: no content follows.
 */
MUST_USE enum h1_error h2_head_finish(struct h2_session *session, struct h2_stream *s, bool ends);
void h2_head_drop(struct h2_session *session, struct h2_stream *s);

/* --- h2_fields.c: in the arena, or in `room` where they fit */
#define H2_FIELDS_ROOM 64
struct h2_list {
	nghttp2_nv *items;
	size_t count;
	size_t bytes; /* of names and values */
	nghttp2_nv room[H2_FIELDS_ROOM];
	char length[24];
	char status[4];
};

/* False: the arena is spent. */
MUST_USE bool h2_list_request(
	struct h2_list *l, struct arena *arena, const struct http_request *r, bool has_content);
MUST_USE bool h2_list_response(
	struct h2_list *l, struct arena *arena, const struct http_response *r, struct str date);
MUST_USE bool h2_list_trailers(struct h2_list *l, struct arena *arena, const struct fields *f);
