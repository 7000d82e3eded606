/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/ring.h - the same endpoint for the same key, with few keys that move when endpoints do.
 *
 * Two ways. A ring of points (Karger et al., 1997): a key belongs to the next point; without an
 * endpoint its keys go to the neighbours of its points and all others stay. Maglev's table
 * (Eisenbud et al., 2016, section 3.4): endpoints take slots in turn, each in an order of its own;
 * shares are more even and a look-up is one read, but a few keys more move. Where an endpoint
 * stands follows from its name alone: every replica makes the same table.
 *
 * Ownership    made with its service, then immutable.
 * Threads      read by all workers. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct ring;

struct ring_member {
	struct str name;
	unsigned weight;
	unsigned index; /* what it is known by; below 256 */
};

/* 1 to 250 members. */
struct ring *ring_new(const struct ring_member *members, unsigned count, bool is_maglev);
void ring_free(struct ring *r);
/* Calls may(arg, member) for the members that a key belongs to, the best first, until it says true;
 * that one, or -1 when it never did. */
typedef bool ring_fn(void *arg, unsigned member);
int ring_find(const struct ring *r, uint64_t hash, ring_fn *may, void *arg);
/* Of a key; not keyed, so that all replicas agree. */
uint64_t ring_hash(struct str key);
