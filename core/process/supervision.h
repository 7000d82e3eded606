/* SPDX-License-Identifier: Apache-2.0 */
/* process/supervision.h - a gateway's end of the line to its supervisor.
 *
 * It gets its listening sockets over it, says what it serves, and hears when to accept. When the
 * line ends the supervisor is gone, and the gateway has to drain. A gateway that was started
 * without a supervisor opens its sockets itself, and nobody hears what it says.
 *
 * Threads      the main thread.
 */
#pragma once

#include "handover/board.h"
#include "handover/wire.h"
#include "loop/loop.h"
#include "net/address.h"

struct supervision;

struct supervision_events {
	void (*activate)(void *owner); /* accept connections from now on */
	void (*orphaned)(void *owner);
};

/* RC_INVALID: the descriptors are not those of a supervisor. */
MUST_USE enum rc supervision_new(struct loop *loop, bool is_supervised,
	const struct supervision_events *events, void *owner, struct supervision **out);
void supervision_free(struct supervision *s);

/* Whether it shall be ready, but not accept yet. */
bool supervision_stands_by(const struct supervision *s);
struct trail *supervision_trail(const struct supervision *s);
/* NULL without a supervisor. */
const struct board *supervision_board(const struct supervision *s);

/* The keys of TLS sessions, the supervisor's or its own; as long as `s`. */
const struct ticket_ring *supervision_tickets(const struct supervision *s);

/* Sockets of an address: `count`, or more when it is open with more. *fds: owned by the caller, as
 * the descriptors are. RC_IO, or RC_REFUSED when it may never be had, with *why, a text that lives
 * until the next call. */
MUST_USE enum rc supervision_listen(struct supervision *s, const struct address *at,
	enum wire_purpose purpose, unsigned count, int **fds, unsigned *total, const char **why);
/* Whoever closes them says so. */
void supervision_release(
	struct supervision *s, const struct address *at, enum wire_purpose purpose);
void supervision_serving(struct supervision *s, const struct wire_serving *serving);
void supervision_refused(struct supervision *s, const char *why);
void supervision_active(struct supervision *s);
void supervision_lift(struct supervision *s, const char *label);
