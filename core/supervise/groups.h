/* SPDX-License-Identifier: Apache-2.0 */
/* supervise/groups.h - the listening sockets, kept while any gateway wants them.
 *
 * A group is one address with its sockets, one per worker of the gateway that wanted most. It never
 * shrinks while it is open: closing one of its sockets would reset the connections that wait in
 * its queue. A gateway with fewer workers gets them all and shares them out.
 *
 * Invariants   G1  an address is open once per purpose, and never for two.
 *              G2  a group that no gateway holds stays until groups_sweep: its gateway may have
 *                  died, and connections queue for the next one.
 */
#pragma once

#include "base/list.h"
#include "handover/wire.h"
#include "supervise/allow.h"

#define GROUPS_MAX        4096
#define GROUP_SOCKETS_MAX 256
/* Descriptors that no group gets: below the limit, a gateway can always be started. */
#define GROUPS_RESERVE 64

struct group {
	struct link link;
	struct wire_address address;
	uint32_t holders; /* bit per gateway */
	uint32_t count;
	int *fds; /* owned */
};

struct groups {
	struct link list;
	size_t count;
};

/* Not by the kernel: by the list of what may be opened. */
#define GROUP_NOT_ALLOWED (-1)

void groups_init(struct groups *g);
void groups_deinit(struct groups *g);
/* Finds or opens it, with at least `wanted` sockets, for gateway `seat`. 0, an errno, or
 * GROUP_NOT_ALLOWED. */
int groups_open(struct groups *g, const struct allow_list *allow, const struct wire_listen *wanted,
	unsigned seat, struct group **out);
/* The gateway does not want that address any more; closed when nobody does. */
void groups_release(struct groups *g, const struct wire_address *at, unsigned seat);
/* The gateway is gone; its groups stay. */
void groups_forget(struct groups *g, unsigned seat);
/* Closes what nobody holds. */
void groups_sweep(struct groups *g);
/* One that was opened before; takes the descriptors over. */
struct group *groups_adopt(struct groups *g, const struct wire_address *at, uint32_t holders,
	const int *fds, uint32_t count);
