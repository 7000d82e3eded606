/* SPDX-License-Identifier: Apache-2.0 */
/* admin/door.h - one socket of the admin server, with its connections.
 *
 * Invariants   D1  at most ADMIN_CONNECTIONS_MAX connections; one more costs the idlest its
 *                  place, or is refused when none is idle.
 * Ownership    frees itself once closed and without connections.
 */
#pragma once

#include "admin/admin.h"
#include "net/listener.h"

struct door;

/* Takes the listening socket over. `is_private`: everything is offered, and to the same user and
 * root alone; else metrics and probes, to whoever asks. */
struct door *door_open(struct stream_group *group, int fd, bool is_private,
	const struct admin_source *source, void *owner);
/* Stops accepting and aborts what is open. */
void door_close(struct door *d);
