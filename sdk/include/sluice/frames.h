/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/frames.h - the service "sluice.frames/1": what a policy may do with the frames of a WebSocket.
 *
 *	frame:  struct sluice_frame f = {.size = sizeof(f)};
 *	        if (frames->frame(x, &f) == SLUICE_OK && f.opcode == SLUICE_FRAME_TEXT && is_bad(piece->bytes))
 *	                frames->close(x, SLUICE_FRAMES_BOTH, 1008, SLUICE_STR("not here"));
 *	        return SLUICE_CONTINUE;
 *
 * The `frame` callback of a policy gets each frame of both directions (RFC 6455), piece by piece as its
 * payload comes: `bytes` is the piece without its mask, `end` is set with the frame's last one. Control
 * frames come whole. Frames of the client come in the order of the chain, those of the upstream in the
 * reverse order. Masks, the order of frames, and the text in text messages are checked before, by the
 * gateway; pings and pongs come by like any frame. Where an instance takes frames, extensions
 * (compression) are not negotiated.
 *
 * Verdicts: SLUICE_CONTINUE; with any other the connection is closed with 1011, unless the binding's
 * failures are skipped. There is no pause. Legal in `frame` beside this service: what only reads, or
 * counts, and messages to other workers.
 */
#ifndef SLUICE_FRAMES_H
#define SLUICE_FRAMES_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_FRAMES_SERVICE "sluice.frames/1"

/* What an instance may collect of one message. */
#define SLUICE_FRAMES_MESSAGE_BYTES_MAX (16u << 20)

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

	/* All but `collect`: the `frame` callback only; SLUICE_E_WRONG_CALLBACK elsewhere. */
	int32_t (*frame)(struct sluice_exchange *exchange, struct sluice_frame *frame);
	/* Other bytes in the place of the piece; copied; several calls follow one another. From a frame's
	 * first piece on, or not at all: it is held until its last, since its length goes before it, at most
	 * 1 MiB of it (SLUICE_E_FULL). Of a text message they have to be text. SLUICE_E_INVALID: a later
	 * piece of a frame that is on its way, a CLOSE, or more than the 125 bytes of a control frame. */
	int32_t (*replace)(struct sluice_exchange *exchange, struct sluice_str bytes);
	/* The frame goes nowhere, and what follows of its message neither; nothing more of it is shown. With
	 * the first piece of a message or of a control frame; else, and of a CLOSE, SLUICE_E_INVALID. */
	int32_t (*drop)(struct sluice_exchange *exchange);
	/* A frame of the policy's own, whole, to one or both, behind the one at hand; a message waits for the
	 * end of another whose fragments pass. It is shown to the policies between this one and that peer.
	 * SLUICE_E_INVALID: an opcode that is none, a CONTINUATION, a CLOSE (which `close` sends), or a
	 * control frame that is too long; SLUICE_E_FULL: 64 of them for one piece, 256 KiB that wait, or
	 * the peer takes too little. */
	int32_t (*inject)(struct sluice_exchange *exchange, uint32_t to, uint32_t opcode,
		struct sluice_str payload);
	/* A CLOSE with that status (1000 to 1003, 1007 to 1014, 3000 to 4999; else SLUICE_E_INVALID) and
	 * reason (UTF-8, at most 123 bytes); a peer that is told nothing gets 1001. Nothing of the other
	 * frames passes any more, and what the peers answer is waited for as RFC 6455 says. */
	int32_t (*close)(struct sluice_exchange *exchange, uint32_t to, uint32_t status,
		struct sluice_str reason);
	/* `configure` only: the instance is shown whole messages, the fragments of one as a single frame
	 * and a single piece; control frames as ever. A message of more bytes closes the connection with
	 * 1009. 1 to SLUICE_FRAMES_MESSAGE_BYTES_MAX; else SLUICE_E_INVALID. */
	int32_t (*collect)(struct sluice_instance *instance, uint64_t bytes_max);
};

#ifdef __cplusplus
}
#endif
#endif
