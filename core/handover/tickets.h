/* SPDX-License-Identifier: Apache-2.0 */
/* handover/tickets.h - the keys that TLS session tickets are sealed with.
 *
 * The supervisor makes them and keeps them in the board, so that a ticket of one gateway opens a
 * session of the next: after a reload, a crash or an upgrade. The newest one seals, and the one
 * before it still opens: a ticket lives for TICKETS_ROTATE_S at least, and a key that somebody
 * learns opens what was recorded in twice that time at most.
 *
 * Threads      written by one; readers see a key whole once `made` says so. One that is written
 *              over was the newest but TICKET_KEYS - 1: nobody looks at it any more.
 */
#pragma once

#include "base/rc.h"

#include <stdbool.h>
#include <stdint.h>

#define TICKET_KEYS       4
#define TICKETS_ROTATE_S  (12 * 3600)
#define TICKET_NAME_BYTES 16
#define TICKET_KEY_BYTES  32

struct ticket_key {
	uint8_t name[TICKET_NAME_BYTES]; /* stands in front of what it sealed */
	uint8_t cipher[TICKET_KEY_BYTES], mac[TICKET_KEY_BYTES];
};

struct ticket_ring {
	_Atomic uint32_t made; /* how many, ever; the last one is the newest */
	int64_t made_wall_us;  /* the newest */
	struct ticket_key keys[TICKET_KEYS];
};

/* Makes the next key. RC_IO: the system gives no random bytes, and nothing has changed. */
MUST_USE enum rc ticket_ring_rotate(struct ticket_ring *r, int64_t wall_us);
/* How long until the next one is due, in ms; 0: now. A clock that was set back counts as due. */
int64_t ticket_ring_due_ms(const struct ticket_ring *r, int64_t wall_us);

/* NULL: none was made yet. */
const struct ticket_key *ticket_ring_newest(const struct ticket_ring *r);
/* The one of that name, while it may open; *is_newest: whether it still seals. */
const struct ticket_key *ticket_ring_find(
	const struct ticket_ring *r, const uint8_t name[TICKET_NAME_BYTES], bool *is_newest);
