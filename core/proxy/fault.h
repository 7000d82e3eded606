/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/fault.h - why an exchange failed: one table for status, message and the record's reason.
 *
 * An exchange carries at most one fault; the first wins. */
#pragma once

#include <stdint.h>

enum fault_side { FAULT_SIDE_NONE, FAULT_SIDE_CLIENT, FAULT_SIDE_UPSTREAM, FAULT_SIDE_GATEWAY };

/* X(code, side, status, reason, message for the client). Status 499 is never sent: the client is
 * gone; 0: none is, before there is HTTP. */
#define FAULTS(X)                                                                                  \
	X(NONE, NONE, 0, "ok", "")                                                                 \
	X(NO_API, CLIENT, 404, "no_api", "no API is served at this path")                          \
	X(NO_ROUTE, CLIENT, 404, "no_route", "no route of this API matches the request")           \
	X(METHOD, CLIENT, 405, "method_not_allowed", "the method is not allowed here")             \
	X(CLIENT_ABORTED, CLIENT, 499, "client_aborted", "")                                       \
	X(CLIENT_PROTOCOL, CLIENT, 400, "bad_request", "the request is malformed")                 \
	X(CLIENT_TIMEOUT, CLIENT, 408, "client_timeout", "the request took too long")              \
	X(TLS_HANDSHAKE, CLIENT, 0, "tls_handshake_failed", "the TLS handshake failed")            \
	X(MISDIRECTED, CLIENT, 421, "misdirected",                                                 \
		"this host asks for other client certificates than the connection was made with")  \
	X(FIELDS, CLIENT, 431, "too_many_fields", "the request has too many fields")               \
	X(BODY_TOO_LARGE, CLIENT, 413, "body_too_large",                                           \
		"the request body is larger than this API accepts")                                \
	X(WEBSOCKET_VERSION, CLIENT, 426, "websocket_version",                                     \
		"a WebSocket is opened by version 13 of its protocol")                             \
	X(WEBSOCKET_HANDSHAKE, CLIENT, 400, "websocket_handshake",                                 \
		"the handshake of the WebSocket is malformed")                                     \
	X(ORIGIN, CLIENT, 403, "origin_refused", "this API is not open to the site that asks")     \
	X(PROTOCOL, CLIENT, 501, "protocol_not_served", "this protocol is not spoken here")        \
	X(API_UNAVAILABLE, GATEWAY, 503, "api_unavailable",                                        \
		"this API is not available: its configuration has errors")                         \
	X(QUARANTINED, GATEWAY, 503, "quarantined",                                                \
		"this API is not available: one of its policies is out of service")                \
	X(RULE_LIMIT, GATEWAY, 503, "rule_limit", "a rule could not be decided")                   \
	X(REWRITE, GATEWAY, 500, "rewrite_failed", "the path could not be rewritten")              \
	X(POLICY_FAILED, GATEWAY, 503, "policy_failed", "a policy could not decide")               \
	X(POLICY_TIMEOUT, GATEWAY, 503, "policy_timeout", "a policy did not decide in time")       \
	X(RESPONSE_TOO_LARGE, UPSTREAM, 502, "response_too_large",                                 \
		"the response body is larger than a policy of this API accepts")                   \
	X(UPSTREAM_UNRESOLVED, UPSTREAM, 503, "upstream_unresolved",                               \
		"the upstream's name could not be resolved")                                       \
	X(UPSTREAM_REFUSED, UPSTREAM, 503, "upstream_refused",                                     \
		"the upstream refused the connection")                                             \
	X(UPSTREAM_CONNECT_TIMEOUT, UPSTREAM, 503, "upstream_connect_timeout",                     \
		"the upstream could not be reached in time")                                       \
	X(UPSTREAM_TLS, UPSTREAM, 502, "upstream_tls",                                             \
		"the TLS connection to the upstream failed")                                       \
	X(UPSTREAM_BUSY, GATEWAY, 503, "upstream_busy",                                            \
		"too many requests are waiting for the upstream")                                  \
	X(UPSTREAM_RESET, UPSTREAM, 502, "upstream_reset", "the upstream closed the connection")   \
	X(UPSTREAM_PROTOCOL, UPSTREAM, 502, "upstream_protocol",                                   \
		"the upstream's response is malformed")                                            \
	X(UPSTREAM_TIMEOUT, UPSTREAM, 504, "upstream_timeout",                                     \
		"the upstream did not answer in time")                                             \
	X(DEADLINE, UPSTREAM, 504, "deadline_exceeded", "the deadline of the call has passed")     \
	X(UPSTREAM_IDLE, UPSTREAM, 504, "upstream_idle", "the upstream stopped sending")           \
	X(NO_ENDPOINT, UPSTREAM, 503, "no_healthy_endpoint",                                       \
		"no endpoint of the upstream is healthy")                                          \
	X(CIRCUIT_BREAKER, GATEWAY, 503, "circuit_breaker", "too much of the upstream is in use")  \
	X(BLOCKED, CLIENT, 403, "access_blocked", "access to this API is blocked")                 \
	X(MEMORY, GATEWAY, 500, "exchange_memory",                                                 \
		"the request needs more memory than one exchange may use")                         \
	X(OVERLOADED, GATEWAY, 503, "overloaded", "the gateway is overloaded; try again later")    \
	X(SHUTDOWN, GATEWAY, 503, "shutdown", "the gateway is stopping")

enum fault {
#define X(code, side, status, reason, message) FAULT_##code,
	FAULTS(X)
#undef X
		FAULT_COUNT,
};

struct fault_row {
	enum fault_side side;
	uint16_t status;
	const char *reason;
	const char *message;
};

const struct fault_row *fault_row(enum fault f);
