/* SPDX-License-Identifier: Apache-2.0 */
/* net/proxy_accept.h - an accepted connection that has to begin with a PROXY header.
 *
 * Takes exactly the header off the socket, so that what comes after it, TLS or not, is read as if
 * there had been none.
 *
 * Ownership    frees itself before its callback, and closes the descriptor unless it hands it over.
 * Threads      one: its loop's.
 */
#pragma once

#include "loop/loop.h"
#include "net/address.h"

struct proxy_accept;

/* RC_OK: `fd` is the callee's, and `client` is whom the header tells of, or the peer where it tells
 * of nobody. Else fd is -1, and RC_TIMEOUT, RC_INVALID, RC_CLOSED or RC_IO says why; `client` is
 * the peer. */
typedef void proxy_accept_fn(void *owner, enum rc rc, int fd, const struct address *client);

/* Takes over a non-blocking descriptor, and waits for LIMIT_PROXY_HEADER_MS. */
struct proxy_accept *proxy_accept_new(struct loop *loop, int fd, const struct address *peer,
	proxy_accept_fn *fn, void *owner);
/* The header has to come within `ms` from now, if that is sooner. */
void proxy_accept_hurry(struct proxy_accept *a, int ms);
/* Closes it, without the callback. */
void proxy_accept_free(struct proxy_accept *a);
/* For the owner's list; taken off before the callback. */
struct link *proxy_accept_link(struct proxy_accept *a);
struct proxy_accept *proxy_accept_of_link(struct link *l);
