/* SPDX-License-Identifier: Apache-2.0 */
/* generation/limits.h - the bounds that the operator chooses, as the proxy reads them.
 *
 * Plain numbers; core/build/build_limits.c fills them in from a plan, docs/reference says
 * what each excess costs. Times are in milliseconds. */
#pragma once

#include "connection/server.h"

/* Of every client's connection: they hold before it is known which API is asked for. */
struct connection_limits {
	struct message_limits message;
	int head_ms;
	int tls_handshake_ms;
	int keepalive_idle_ms;
	int keepalive_max_age_ms; /* 0: none */
	uint32_t keepalive_requests;
	struct server_http2 http2;
};

/* How fast a peer has to be once `grace_ms` were spent waiting for it (base/pace.h). */
struct pace_limit {
	uint32_t bytes_per_second; /* 0: any */
	int grace_ms;
	int stall_ms; /* without a byte */
};

/* Of a WebSocket. */
struct websocket_limits {
	int64_t frame_bytes, message_bytes; /* of payload; INT64_MAX: any */
	uint32_t messages_per_second;       /* of a client, control frames among them; 0: any */
	int ping_ms;                        /* of silence, then a peer is asked; 0: never */
};

/* Of an exchange with one API. */
struct api_limits {
	int64_t request_body_bytes; /* INT64_MAX: any */
	int exchange_ms;            /* from the head's first byte to the answer's last; 0: any */
	int upstream_idle_ms;       /* between bytes of the response; 0: any */
	struct pace_limit request_body;
	struct pace_limit response;
	struct message_limits response_message;
	struct websocket_limits websocket;
	uint32_t buffered_body_bytes; /* of a policy whose definition does not say */
};
