/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/tunnel.h - what follows a 101: bytes both ways, until both sides have ended.
 *
 * Of a WebSocket the heads of its frames are followed where they lie, and nothing is held or copied
 * for it: so the gateway can bound messages, ask a silent peer whether it is there, and end the
 * connection as the protocol wants it, by a CLOSE between two frames:
 *
 *   open -> closing (tunnel_close): the frames at hand pass, CLOSE goes to both, what else comes is
 *           dropped -> both have answered, or LIMIT_LINGER_MS are over -> RESPONSE_DONE
 *
 * Where policies look at frames (policy/frames.h) their payloads go through tunnel_frames.c.
 *
 * Invariants   T1  behind a CLOSE nothing goes to the same peer.
 *              T2  bytes of a WebSocket that are no frames pass as they are (is_lost) unless a
 *                  limit or a policy has to judge them: then they end it.
 * Ownership    in the exchange's arena; tunnel_end before that goes.
 */
#pragma once

#include "base/utf8.h"
#include "http/ws_frame.h"
#include "proxy/exchange_priv.h"

/* Who ended a WebSocket, or why the gateway did: X(code, reason of the record, status of the
 * CLOSE). */
#define TUNNEL_ENDS(X)                                                                             \
	X(PEERS, "ok", 0)                                                                          \
	X(DRAINED, "websocket_drained", WS_STATUS_RESTART)                                         \
	X(OVERLOADED, "websocket_overloaded", WS_STATUS_TRY_AGAIN)                                 \
	X(IDLE, "websocket_idle", WS_STATUS_GOING_AWAY)                                            \
	X(TOO_LARGE, "websocket_too_large", WS_STATUS_TOO_BIG)                                     \
	X(TOO_MANY, "websocket_too_many", WS_STATUS_POLICY)                                        \
	X(PROTOCOL, "websocket_protocol", WS_STATUS_PROTOCOL)                                      \
	X(NOT_TEXT, "websocket_not_text", WS_STATUS_NOT_TEXT)                                      \
	X(POLICY, "websocket_closed_by_policy", WS_STATUS_POLICY)                                  \
	X(FAILED, "policy_failed", WS_STATUS_FAILED)

enum tunnel_end {
#define X(code, reason, status) TUNNEL_##code,
	TUNNEL_ENDS(X)
#undef X
		TUNNEL_END_COUNT,
};
_Static_assert(TUNNEL_END_COUNT == WEBSOCKET_ENDS, "the worker counts each");

/* One direction: enum chain_direction, by where it comes from. */
struct tunnel_way {
	struct ws_sequence sequence;
	/* where policies look */
	struct ws_head head;     /* of the frame at hand */
	struct utf8_stream text; /* of the message at hand */
	uint8_t message;         /* its opcode */
	bool in_frame;
	struct ws_head out_head; /* of the frame that goes out */
	uint64_t out_left;
	/* everywhere */
	uint64_t left; /* of its payload, that has not passed */
	uint64_t message_bytes;
	uint64_t messages;
	uint16_t close_status; /* of the CLOSE that came; 0: none, or without */
	bool is_lost;          /* its bytes are no frames: they pass as they are */
	bool has_closed;       /* the last frame has gone out to whom it leads */
	bool is_ended;         /* the end of the stream, too */
	bool is_pinged;        /* who sends has been asked whether he is there */
	bool ping_is_due;      /* to whom it leads */
	int64_t heard_ms;      /* when bytes came */
	struct chunk_queue out;
};

struct tunnel {
	struct tunnel_way way[2];
	enum tunnel_end end;                 /* not PEERS: it is closing */
	uint16_t status[2];                  /* of the CLOSE, by direction */
	const struct chain_binding *binding; /* whose policy closed it; NULL: none */
	struct str reason;                   /* likewise; in the arena */
	int64_t allowed_us;    /* up to here what came of the client's messages is paid for */
	bool is_closer_client; /* whose CLOSE came first, when both sides end it */
	bool has_extensions;   /* agreed on: then the reserved bits of a frame are theirs */
};

/* The upstream has switched: sends the head on, or fails the exchange. */
void tunnel_begin(struct exchange *e);
/* Harmless without one, and a second time: the first reason stays. `detail` may be NULL. */
void tunnel_close(struct exchange *e, enum tunnel_end why, const char *detail);
static inline bool tunnel_is_closing(const struct exchange *e)
{
	return UNLIKELY(e->tunnel != NULL) && e->tunnel->end != TUNNEL_PEERS;
}
/* The wait has been too long: whether that is the tunnel's own matter. */
bool tunnel_take_timer(struct exchange *e);
/* A few times a second. */
void tunnel_look(struct exchange *e);
/* For how long neither side has said anything; -1: there is no WebSocket, or it ends already. */
int64_t tunnel_silent_ms(const struct exchange *e);
/* With FACT_DRAIN. */
void tunnel_drain(struct exchange *e);
/* Counts, and lets go of what is not in the arena. */
void tunnel_end(struct exchange *e);
size_t tunnel_bytes_held(const struct exchange *e);
/* For the record. */
const char *tunnel_reason(const struct tunnel *t);
