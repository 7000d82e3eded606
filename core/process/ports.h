/* SPDX-License-Identifier: Apache-2.0 */
/* process/ports.h - the listening sockets of the process, kept across generations.
 *
 * A socket is opened when the first generation needs its address and closed when the last one that
 * had it is gone; in between its accept queue never goes away.
 *
 * Threads      the main thread; workers use the descriptors. */
#pragma once

#include "base/map.h"
#include "net/listener.h"

struct ports {
	struct map by_key; /* of struct port */
	unsigned workers;
};

void ports_init(struct ports *p, unsigned workers);
void ports_deinit(struct ports *p);
/* One descriptor per worker, owned by `p`. errno tells why not. */
MUST_USE enum rc ports_open(struct ports *p, struct str key, const struct address *at, int **fds);
/* Closes all. No worker listens any more. */
void ports_close_all(struct ports *p);
/* Closes those for which `is_used(arg, key)` is false. No worker listens on them any more. */
void ports_close_unused(struct ports *p, bool (*is_used)(void *arg, struct str key), void *arg);
