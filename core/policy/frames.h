/* SPDX-License-Identifier: Apache-2.0 */
/* policy/frames.h - frames of a WebSocket on their way along a chain.
 *
 * A frame comes piece by piece, without its mask, and goes through the bindings that have a `frame`
 * callback: the client's in the order of the chain, the upstream's in its reverse. Each lets it
 * pass, drops it, puts other bytes in its place, adds frames of its own, or ends the connection;
 * what a binding lets through is what the next one sees. Nobody pauses: what a message costs is
 * memory, and a direction that stands still could not see its own pings.
 *
 * A binding may ask for whole messages (its instance's message_bytes_max): then the fragments of
 * one are collected in front of it, and it goes on as one frame.
 *
 * Invariants   F1  pieces of one frame follow one another in a direction; between the frames of a
 *                  message only control frames come.
 *              F2  behind frames_take with `closing` set nothing more is taken or passed.
 * Ownership    in the exchange's arena, with heap memory of its own: frames_free.
 * Threads      the worker's. */
#pragma once

#include "policy/chain.h"

#define FRAMES_REASON_BYTES_MAX 123

struct frame_piece {
	uint64_t length, offset; /* of the frame's payload; of `bytes` in it */
	struct str bytes;
	uint16_t close_status; /* of a CLOSE; 0: none */
	uint8_t opcode;
	uint8_t message; /* the opcode of the message that a continuation goes on; else `opcode` */
	bool is_final;   /* the last frame of its message */
	bool is_first, is_last; /* of the frame's pieces */
};

struct frames_events {
	/* Behind the last binding. */
	void (*pass)(void *owner, enum chain_direction d, const struct frame_piece *p);
	/* Whether frames may be added to what goes that way. */
	bool (*can_take)(void *owner, enum chain_direction d);
};

/* How a binding ended the connection. */
struct frames_close {
	const struct chain_binding *binding;
	uint16_t status[2]; /* by direction; 0: nothing said */
	char reason[FRAMES_REASON_BYTES_MAX];
	uint8_t reason_bytes;
	bool has_failed;
	bool is_too_large; /* a message is more than the binding takes */
};

struct frames;

/* Whether any binding that takes part looks at frames. */
bool chain_wants_frames(const struct sluice_exchange *x);
/* Sets x->frames; false: no memory. */
bool frames_begin(struct sluice_exchange *x, const struct frames_events *events, void *owner);
/* The next piece; false: `frames_closing` tells how it ends. */
bool frames_take(struct sluice_exchange *x, enum chain_direction d, const struct frame_piece *p);
/* NULL: it goes on. */
const struct frames_close *frames_closing(const struct sluice_exchange *x);
/* In the middle of a frame, or of a message, nothing else may stand: frames that bindings have
 * added in that direction wait for its end. */
size_t frames_bytes_held(const struct sluice_exchange *x);
/* Harmless without any. */
void frames_free(struct sluice_exchange *x);

/* --- for the service: in a `frame` callback only --------------------------------------------- */
/* The piece that is shown, and whose it is. */
const struct frame_piece *frames_at_hand(
	const struct sluice_exchange *x, enum chain_direction *from);
/* RC_INVALID: not here; RC_FULL: more than may be held. */
enum rc frames_replace(struct sluice_exchange *x, struct str bytes);
enum rc frames_drop(struct sluice_exchange *x);
/* Behind what is at hand; `to`: towards the upstream is CHAIN_REQUEST. RC_FULL: too much waits, or
 * the peer takes too little. */
enum rc frames_inject(
	struct sluice_exchange *x, enum chain_direction to, uint8_t opcode, struct str payload);
/* Towards `to`; whoever is told nothing gets 1001. */
void frames_close(
	struct sluice_exchange *x, enum chain_direction to, uint16_t status, struct str reason);
