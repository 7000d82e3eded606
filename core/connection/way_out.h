/* SPDX-License-Identifier: Apache-2.0 */
/* connection/way_out.h - a connection to an upstream that is not simply dialled.
 *
 * What has to be said first, a PROXY header or a CONNECT to a forward proxy, is said in plain text,
 * or by TLS with the proxy alone; TLS with the upstream begins behind it, inside of the proxy's. Who asked for the stream sees nothing of it until it is
 * open.
 *
 * Ownership    goes with the stream's way: freed before on_open, or with on_close.
 */
#pragma once

#include "connection/client.h"

/* The most that a forward proxy may answer to CONNECT. */
#define WAY_ANSWER_BYTES 8192

/* Whether the target needs one. */
bool way_out_is_needed(const struct http_client_target *target);
/* As stream_dial; `events` are those of the stream once it is open, and of its end before. */
struct stream *way_out_dial(struct stream_group *group, const struct http_client_target *target,
	const struct stream_events *events, void *owner);
