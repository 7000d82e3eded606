/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/frames.h - the service "sluice.frames/1": what a policy may do with the frames of a WebSocket.
 *
 * Declared, and not offered yet: host->service gives NULL, and a plugin that requires it is refused with
 * the service's name. Until it is offered it may still change.
 *
 *	frame:  struct sluice_frame f = {.size = sizeof(f)};
 *	        if (frames->frame(x, &f) == SLUICE_OK && f.opcode == SLUICE_FRAME_TEXT && is_bad(piece->bytes))
 *	                frames->close(x, SLUICE_FRAMES_BOTH, 1008, SLUICE_STR("not here"));
 *	        return SLUICE_CONTINUE;
 *
 * The `frame` callback of a policy gets each frame of both directions (RFC 6455), piece by piece as its
 * payload comes: `bytes` is the piece without its mask, `end` is set with the frame's last one. Frames of the
 * client come in the order of the chain, those of the upstream in the reverse order. Masks, and the
 * limits of frames, are the gateway's; pings and pongs come by like any frame. With `SLUICE_FAIL` the
 * connection is closed with 1011.
 */
#ifndef SLUICE_FRAMES_H
#define SLUICE_FRAMES_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_FRAMES_SERVICE "sluice.frames/1"

/* As on the wire (RFC 6455 5.2). */
enum sluice_frame_opcode {
	SLUICE_FRAME_CONTINUATION = 0,
	SLUICE_FRAME_TEXT = 1,
	SLUICE_FRAME_BINARY = 2,
	SLUICE_FRAME_CLOSE = 8,
	SLUICE_FRAME_PING = 9,
	SLUICE_FRAME_PONG = 10
};

/* Who is meant. */
enum sluice_frames_peer {
	SLUICE_FRAMES_CLIENT = 1,
	SLUICE_FRAMES_UPSTREAM = 2,
	SLUICE_FRAMES_BOTH = 3
};

/* The frame whose piece is at hand. */
struct sluice_frame {
	uint32_t size;         /* set by the caller */
	uint32_t opcode;       /* enum sluice_frame_opcode */
	uint32_t message;      /* the opcode of the message that a CONTINUATION goes on; else `opcode` */
	uint32_t from;         /* SLUICE_FRAMES_CLIENT or SLUICE_FRAMES_UPSTREAM */
	uint32_t is_final;     /* 1: the last frame of its message */
	uint32_t is_first;     /* 1: this is the frame's first piece */
	uint64_t length;       /* of the frame's payload, as it was received */
	uint64_t offset;       /* of the piece in it */
	uint32_t close_status; /* CLOSE with a payload, first piece: its status; else 0 */
	uint32_t reserved;
};

struct sluice_frames_service {
	uint32_t size;
	uint32_t reserved;

	/* All: the `frame` callback only; SLUICE_E_WRONG_CALLBACK elsewhere. */
	int32_t (*frame)(struct sluice_exchange *exchange, struct sluice_frame *frame);
	/* Other bytes in the place of the piece; copied; several calls follow one another. The frame is then
	 * sent as one whose length is known at its end: it is held until then, at most 1 MiB of it
	 * (SLUICE_E_FULL). SLUICE_E_INVALID: control frames hold 125 bytes at most. */
	int32_t (*replace)(struct sluice_exchange *exchange, struct sluice_str bytes);
	/* The whole frame goes nowhere: with its first piece; later it is SLUICE_E_INVALID. Of a message
	 * all of whose frames are to go each is dropped; one that is cut out of a message is
	 * SLUICE_E_INVALID unless it is the only one. */
	int32_t (*drop)(struct sluice_exchange *exchange);
	/* A frame of the policy's own, whole (is_final), to one or both, behind those that have passed; never
	 * between the frames of another message's fragments unless it is a control frame. It is shown to the
	 * policies between this one and that peer. SLUICE_E_INVALID: no such opcode, CLOSE (which `close` sends), or a
	 * control frame that is too long; SLUICE_E_FULL: the peer takes too little. */
	int32_t (*inject)(struct sluice_exchange *exchange, uint32_t to, uint32_t opcode,
		struct sluice_str payload);
	/* A CLOSE with that status (1000 to 1003, 1007 to 1014, 3000 to 4999; else SLUICE_E_INVALID) and reason (UTF-8, at most
	 * 123 bytes) to one or both; nothing of the other frames passes any more, and what the peers answer
	 * is waited for as RFC 6455 says. */
	int32_t (*close)(struct sluice_exchange *exchange, uint32_t to, uint32_t status,
		struct sluice_str reason);
};

#ifdef __cplusplus
}
#endif
#endif
