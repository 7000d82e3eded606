/* SPDX-License-Identifier: Apache-2.0 */
/* net/listener.h - listening sockets, one per worker (SO_REUSEPORT), and accepting on them. */
#pragma once

#include "base/diagnostics.h"
#include "net/stream.h"

/* Opens `count` non-blocking, close-on-exec sockets on one address (count 1 for UNIX paths).
 * Nothing is left open on failure; errno tells why. */
MUST_USE enum rc listen_open(const struct address *at, int count, int backlog, int *fds);

struct listener;
/* A new client's descriptor (non-blocking, close-on-exec, TCP_NODELAY), now the callee's. */
typedef void listener_fn(void *owner, int fd, const struct address *peer);

/* Accepts on `fd` (borrowed) until freed. On EMFILE and the like it pauses for 100 ms, counts, and
 * goes on; it never spins. */
struct listener *listener_new(struct loop *loop, int fd, listener_fn *fn, void *owner);
/* Takes now who waits in the kernel's queue: before a socket is closed, since closing resets them. The
 * callback must not free the listener. */
void listener_accept_queued(struct listener *l);
/* Also from within its callback. */
void listener_free(struct listener *l);
uint64_t listener_accept_errors(const struct listener *l);
