/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/slots.h - the endpoints of a service whose name has several addresses: they come and go
 * while it serves (balancer.h tells how they are looked at meanwhile).
 *
 * An address that goes is asked for nothing new, and what is under way there ends as it would have;
 * its slot waits for it to come back, with all that was known of it, until another address needs the
 * slot. One that comes later than the first ones begins slowly where the service says so.
 *
 * Invariants   L1  balancer.present counts the endpoints that are not absent.
 *              L2  one address has one slot at most.
 *              L3  while a name has addresses, one of them can be asked, for whoever looks at the slots one
 *                  after the other meanwhile, too: those that go do so behind those that come, once nobody is
 *                  inside who may have missed these.
 * Threads      one: that of the worker that asks for all of them (discovery.h).
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Endpoints that were tried are bits of 64. */
#define SLOTS_MAX 64

struct service;

struct slot_wish {
	struct str ip;
	uint16_t port;
	unsigned weight;
	unsigned priority; /* whoever has a lower one comes before it */
};

/* From now on the service has these addresses, the first SLOTS_MAX of them. False: somebody still
 * looks at what has to go first; to be called again soon. */
bool slots_set(struct service *s, const struct slot_wish *all, unsigned count, int64_t now_ms);
/* Nothing is known of the name any more: it is as if nobody had asked yet. */
void slots_forget(struct service *s);
