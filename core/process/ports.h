/* SPDX-License-Identifier: Apache-2.0 */
/* process/ports.h - the listening sockets of the process, kept across generations.
 *
 * A socket is opened when the first generation needs its address and closed when the last one that
 * had it is gone; in between its accept queue never goes away. With a supervisor they are its
 * sockets: closing them here only tells it that this gateway does without.
 *
 * Threads      the main thread; workers use the descriptors. */
#pragma once

#include "base/map.h"
#include "process/supervision.h"

struct ports {
	struct map by_key;               /* of struct port */
	struct supervision *supervision; /* borrowed */
	unsigned workers;
};

/* Of one address: at least one per worker. An address that was open with more before, in a gateway
 * with more workers, keeps them all. */
struct port_sockets {
	int *fds; /* owned by the ports */
	unsigned count;
};

void ports_init(struct ports *p, unsigned workers, struct supervision *supervision);
void ports_deinit(struct ports *p);
/* RC_IO: *why tells, until the next call. */
MUST_USE enum rc ports_open(struct ports *p, struct str key, const struct address *at,
	struct port_sockets *sockets, const char **why);
/* Closes all. No worker listens any more. */
void ports_close_all(struct ports *p);
/* Closes those for which `is_used(arg, key)` is false. No worker listens on them any more. */
void ports_close_unused(struct ports *p, bool (*is_used)(void *arg, struct str key), void *arg);
