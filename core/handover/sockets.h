/* SPDX-License-Identifier: Apache-2.0 */
/* handover/sockets.h - opening listening sockets: one per worker (SO_REUSEPORT).
 *
 * Pure system calls, so that the supervisor can do it without the rest of the network code. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* Opens `count` non-blocking, close-on-exec sockets on one address (count 1 for UNIX paths). 0, or
 * the errno; nothing is left open then. EADDRINUSE also when another process of the same user
 * listens there with SO_REUSEPORT, which the kernel would allow. */
int sockets_open(const struct sockaddr *at, socklen_t n, int count, int backlog, int *fds);
/* More of a group that is open already. */
int sockets_add(const struct sockaddr *at, socklen_t n, int count, int backlog, int *fds);
