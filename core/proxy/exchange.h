/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/exchange.h - one request and its response, on their way through the gateway.
 *
 * Three machines, stepped by one exchange_run(): request (client to upstream), response (back), and
 * attempt (one try to have the upstream answer). Callbacks of streams, timers and policies record a
 * fact and wake the exchange; only exchange_run acts.
 *
 * Invariants   E1  at most one fault, the first.
 *              E2  a response head goes to the client at most once; after it a failure can only
 *                  reset the client's stream, so that a cut body is never taken for a whole one.
 *              E3  the API is pinned from ROUTE to the end; its chain ends (log, done) exactly
 *                  once.
 *              E4  one record per exchange, whatever happened.
 * Ownership    from the worker's pool; frees itself at the end.
 */
#pragma once

#include "connection/http_stream.h"

struct proxy_listener;
struct proxy_worker;

/* Takes the request over: runs later in this turn. */
void exchange_begin(struct proxy_listener *listener, struct http_stream *client);
/* Ends every exchange of the worker with FAULT_SHUTDOWN. */
void exchange_end_all(struct proxy_worker *worker);
