/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_slots.h - what the nodes of a Redis Cluster say of who has what, as plain values: a key has
 * one of REDIS_SLOTS slots, a slot one node; a node that is asked about another's slot says whose it is.
 * (Redis Cluster specification; CLUSTER SLOTS.)
 *
 * Invariants   S1  a range that redis_ranges_next gives has first <= last < REDIS_SLOTS, and a host of less than
 *                  REDIS_HOST_BYTES; so has a turn.
 * Ownership    texts are borrowed of the reply, or the error. */
#pragma once

#include "state/redis_reply.h"

#include <stdbool.h>

#define REDIS_SLOTS      16384
#define REDIS_HOST_BYTES 256

/* CRC-16/XMODEM of the key, or of what stands in its first braces, if that is not nothing. */
uint16_t redis_slot_of(struct str key);

/* --- a node that does not answer -------------------------------------------------------------- */
enum redis_turn_kind {
	REDIS_TURN_MOVED, /* the slot is another's */
	REDIS_TURN_ASK,   /* the slot moves, and this key is not here any more: ASKING goes first */
	REDIS_TURN_NOWHERE /* nobody can tell now: TRYAGAIN, CLUSTERDOWN */
};

struct redis_turn {
	enum redis_turn_kind kind;
	uint16_t slot;
	struct str host; /* STR_EMPTY, as for "?": that of the node that says so */
	uint16_t port;
};

/* False: the error is no turn, or says nothing that can be followed. */
bool redis_turn_read(struct str error, struct redis_turn *turn);

/* --- a whole map ------------------------------------------------------------------------------ */
struct redis_range {
	uint16_t first, last;
	struct str host; /* of the master; STR_EMPTY, as for "?": that of the node that was asked */
	uint16_t port;   /* 0: it is not known how the master is reached */
};

struct redis_ranges {
	const struct redis_reply *reply;
	size_t at;
	int64_t left;
};

/* Of a reply to CLUSTER SLOTS. False: it is none, or of nothing; then there are no ranges to be had. */
bool redis_ranges_begin(struct redis_ranges *r, const struct redis_reply *reply);
/* False: that was the last. */
bool redis_ranges_next(struct redis_ranges *r, struct redis_range *range);
