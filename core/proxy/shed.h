/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/shed.h - what a worker lets go of when connections, descriptors or memory run short.
 *
 * Idle connections go first, those that were idle longest before others: nothing is lost with them.
 * Then keep-alive, then new requests (503 with Retry-After), at last the exchanges that hold most.
 *
 * Threads      the worker's. */
#pragma once

#include "connection/server.h"
#include "proxy/worker.h"

struct exchange;

/* Closes up to `count` idle client connections (this worker's share of them), unless it has just
 * looked: a flood of newcomers must not make it look for each. */
void shed_idle(struct proxy_worker *w, unsigned count);
/* Does once what w->pressure asks for. */
void shed_memory(struct proxy_worker *w);
/* What w->pressure changes of connections' ways. */
void shed_adjust(const struct proxy_worker *w, struct http_server_options *options);
/* An exchange that has just begun is to end with 503. */
void shed_new(struct exchange *e);
