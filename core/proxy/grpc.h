/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/grpc.h - what the gateway has to know of gRPC: who speaks it, how it is told of a failure,
 * and when it has given up.
 *
 * Sources      PROTOCOL-HTTP2.md and http-grpc-status-mapping.md of gRPC; PROTOCOL-WEB.md. */
#pragma once

#include "base/chunk.h"
#include "http/message.h"
#include "proxy/fault.h"

struct exchange;
struct http_stream;
struct local_response;

#define GRPC_FRAME_HEAD_BYTES 5

/* Where an answer stands between its messages: a byte of flags, four of length, and so many. */
struct grpc_frames {
	uint64_t seen; /* bytes of content */
	uint32_t left; /* of the message at hand */
	uint8_t head_bytes;
	uint8_t head[GRPC_FRAME_HEAD_BYTES];
	bool is_known; /* the content is gRPC's, and all of it was seen */
};

/* Of the content that stands in `q`, the last `n` bytes are new. */
void grpc_frames_take(struct grpc_frames *f, const struct chunk_queue *q, uint64_t n);
static inline bool grpc_frames_are_whole(const struct grpc_frames *f)
{
	return f->is_known && f->left == 0 && f->head_bytes == 0;
}

enum grpc_kind { GRPC_NONE, GRPC_NATIVE, GRPC_WEB };

/* Codes that the gateway gives. */
enum grpc_status {
	GRPC_UNKNOWN = 2,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

/* By the content type of a request. */
enum grpc_kind grpc_kind_of(const struct fields *f);
enum grpc_status grpc_status_of_http(uint16_t status);
/* The milliseconds of a grpc-timeout, "100m", rounded up; -1: it is none. */
int64_t grpc_timeout_ms(struct str text);
/* A grpc-message; empty when the arena is spent. */
struct str grpc_message(struct arena *arena, struct str text);

/* A request has a content type: notes whether it is a call, and until when. */
void grpc_begin(struct exchange *e);
/* An error becomes a call's failure: 200, grpc-status and grpc-message, without content. What a
 * policy has put in these words itself stays as it is. */
void grpc_word(struct exchange *e, struct local_response *local);
/* The upstream's head has come, and what stands of its content; then more of that. */
void grpc_take_head(struct exchange *e, const struct http_stream *up);
void grpc_follow(struct exchange *e, const struct http_stream *up);
/* An answer that has begun fails between two messages: trailers end it, as if the upstream had, which
 * is reset. False: it is none, or inside a message, which only a reset can end. */
bool grpc_end_call(struct exchange *e, enum fault fault);
/* What the client was told, "14"; empty: nothing that could be seen. */
struct str grpc_status_told(const struct exchange *e);
