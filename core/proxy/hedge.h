/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hedge.h - a second stream for a request whose upstream is slow to begin its answer.
 *
 *   hedge_begin -> hedge_look: OPENING -> OPEN -> hedge_send -> SENT -> ANSWERED
 *                                  \------------------------------\--> DEAD
 *   hedge_take_over: its stream becomes the attempt's     hedge_end: it is given up
 *
 * Whether there is to be one, and which of the two goes on, the retrier says.
 *
 * Invariants   G1  it goes to an endpoint that the request was not sent to.
 *              G2  the client sees nothing of a stream before it is the attempt's.
 *              G3  its callbacks record and wake; the exchange's run acts.
 * Ownership    the retrier's, from the loop's pool.
 */
#pragma once

#include <stdbool.h>

struct exchange;
struct hedge;
struct http_stream;

enum hedge_state {
	HEDGE_OPENING,
	HEDGE_OPEN, /* hedge_stream is there, and to be sent to */
	HEDGE_SENT,
	HEDGE_ANSWERED, /* the head of a response is whole */
	HEDGE_DEAD,     /* there is no stream, or it died */
};

/* Whether somebody may be asked who was not. */
bool hedge_is_possible(const struct exchange *e);
struct hedge *hedge_begin(struct exchange *e);
enum hedge_state hedge_look(const struct hedge *h);
struct http_stream *hedge_stream(const struct hedge *h);
void hedge_note_sent(struct hedge *h);
/* In place of the attempt's stream and endpoint, of which there are none any more. */
void hedge_take_over(struct exchange *e, struct hedge *h);
void hedge_end(struct exchange *e, struct hedge *h);
