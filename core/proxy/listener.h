/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/listener.h - one port on one worker: its socket, its connections, what it serves now. */
#pragma once

#include "proxy/worker.h"

/* Starts accepting on this worker's sockets of it, unless the worker stands by. `serves` is
 * borrowed until the next update or free. */
struct proxy_listener *proxy_listener_new(
	struct proxy_worker *w, const struct generation_listener *serves);
/* The worker does not stand by any more. */
void proxy_listener_accept(struct proxy_listener *l);
/* What connections see from their next request on, and new ones from their handshake; those that
 * came under other TLS settings drain. */
void proxy_listener_update(struct proxy_listener *l, const struct generation_listener *serves);
/* Stops accepting; its connections drain; it frees itself with the last of them. */
void proxy_listener_close(struct proxy_listener *l);
/* No new connection, and those that are there end after their answer. */
void proxy_listener_drain(struct proxy_listener *l);
/* Aborts its connections. */
void proxy_listener_abort(struct proxy_listener *l);

struct proxy_worker *proxy_listener_worker(const struct proxy_listener *l);
const struct generation_listener *proxy_listener_serves(const struct proxy_listener *l);
/* Of struct http_server, in the order of coming. */
struct link *proxy_listener_connections(struct proxy_listener *l);
/* "address:port". */
struct str proxy_listener_key(const struct proxy_listener *l);
struct link *proxy_listener_link(struct proxy_listener *l);
struct proxy_listener *proxy_listener_of_link(struct link *l);
