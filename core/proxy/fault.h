/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/fault.h - why an exchange failed: one table for status, retry and the record's reason.
 *
 * An exchange carries at most one fault; the first wins. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fault_side { FAULT_SIDE_NONE, FAULT_SIDE_CLIENT, FAULT_SIDE_UPSTREAM, FAULT_SIDE_GATEWAY };

/* X(code, side, status, may be tried again on another connection, reason, message for the client).
 * Status 499 is never sent: the client is gone. */
#define FAULTS(X)                                                                                  \
	X(NONE, NONE, 0, false, "ok", "")                                                          \
	X(NO_API, CLIENT, 404, false, "no_api", "no API is served at this path")                   \
	X(NO_ROUTE, CLIENT, 404, false, "no_route", "no route of this API matches the request")    \
	X(METHOD, CLIENT, 405, false, "method_not_allowed", "the method is not allowed here")      \
	X(CLIENT_ABORTED, CLIENT, 499, false, "client_aborted", "")                                \
	X(CLIENT_PROTOCOL, CLIENT, 400, false, "bad_request", "the request is malformed")          \
	X(CLIENT_TIMEOUT, CLIENT, 408, false, "client_timeout", "the request took too long")       \
	X(BODY_TOO_LARGE, CLIENT, 413, false, "body_too_large",                                    \
		"the request body is larger than a policy of this API accepts")                    \
	X(API_UNAVAILABLE, GATEWAY, 503, false, "api_unavailable",                                 \
		"this API is not available: its configuration has errors")                         \
	X(RULE_LIMIT, GATEWAY, 503, false, "rule_limit", "a rule could not be decided")            \
	X(REWRITE, GATEWAY, 500, false, "rewrite_failed", "the path could not be rewritten")       \
	X(POLICY_FAILED, GATEWAY, 503, false, "policy_failed", "a policy could not decide")        \
	X(POLICY_TIMEOUT, GATEWAY, 503, false, "policy_timeout",                                   \
		"a policy did not decide in time")                                                 \
	X(RESPONSE_TOO_LARGE, UPSTREAM, 502, false, "response_too_large",                          \
		"the response body is larger than a policy of this API accepts")                   \
	X(UPSTREAM_UNRESOLVED, UPSTREAM, 503, false, "upstream_unresolved",                        \
		"the upstream's name could not be resolved")                                       \
	X(UPSTREAM_REFUSED, UPSTREAM, 503, false, "upstream_refused",                              \
		"the upstream refused the connection")                                             \
	X(UPSTREAM_CONNECT_TIMEOUT, UPSTREAM, 503, false, "upstream_connect_timeout",              \
		"the upstream could not be reached in time")                                       \
	X(UPSTREAM_TLS, UPSTREAM, 502, false, "upstream_tls",                                      \
		"the TLS connection to the upstream failed")                                       \
	X(UPSTREAM_BUSY, GATEWAY, 503, false, "upstream_busy",                                     \
		"too many requests are waiting for the upstream")                                  \
	X(UPSTREAM_RESET, UPSTREAM, 502, true, "upstream_reset",                                   \
		"the upstream closed the connection")                                              \
	X(UPSTREAM_PROTOCOL, UPSTREAM, 502, false, "upstream_protocol",                            \
		"the upstream's response is malformed")                                            \
	X(UPSTREAM_TIMEOUT, UPSTREAM, 504, false, "upstream_timeout",                              \
		"the upstream did not answer in time")                                             \
	X(UPSTREAM_IDLE, UPSTREAM, 504, false, "upstream_idle", "the upstream stopped sending")    \
	X(MEMORY, GATEWAY, 500, false, "exchange_memory",                                          \
		"the request needs more memory than one exchange may use")                         \
	X(SHUTDOWN, GATEWAY, 503, false, "shutdown", "the gateway is stopping")

enum fault {
#define X(code, side, status, retry, reason, message) FAULT_##code,
	FAULTS(X)
#undef X
		FAULT_COUNT,
};

struct fault_row {
	enum fault_side side;
	uint16_t status;
	bool is_retryable;
	const char *reason;
	const char *message;
};

const struct fault_row *fault_row(enum fault f);
