/* SPDX-License-Identifier: Apache-2.0 */
/* plan/plan_limits.h - the bounds that a plan may set, and what holds where it does not.
 *
 * One table for whoever builds from a plan and whoever explains it. The limits of connections stand
 * in settings.limits: they hold before it is known which API is asked for. Those of APIs stand in
 * each api.limits, already chosen between what the API says and what the whole gateway does. */
#pragma once

#include "base/limits.h"
#include "plan/plan.h"

/* Nothing is too much, or too late. */
#define PLAN_UNLIMITED INT64_MAX

/* X(id, member of the plan, default, name in the YAML, what an excess is answered with).
 * A member that ends in Ms is in milliseconds; its name in the YAML ends in Seconds. */
#define PLAN_CONNECTION_LIMITS(X)                                                                  \
	X(TARGET_BYTES, "targetBytes", LIMIT_TARGET_BYTES, "targetBytes", "414")                   \
	X(HEAD_BYTES, "headBytes", LIMIT_HEAD_BYTES, "headBytes", "431")                           \
	X(HEAD_FIELDS, "headFields", LIMIT_FIELDS, "headFields", "431")                            \
	X(FIELD_NAME_BYTES, "fieldNameBytes", LIMIT_FIELD_NAME_BYTES, "fieldNameBytes",            \
		"431, 502")                                                                        \
	X(FIELD_VALUE_BYTES, "fieldValueBytes", LIMIT_FIELD_VALUE_BYTES, "fieldValueBytes",        \
		"431, 502")                                                                        \
	X(TRAILER_BYTES, "trailerBytes", LIMIT_TRAILER_BYTES, "trailerBytes", "400, 502")          \
	X(TRAILER_FIELDS, "trailerFields", LIMIT_TRAILER_FIELDS, "trailerFields", "400, 502")      \
	X(EXTENSION_BYTES, "chunkExtensionBytes", LIMIT_CHUNK_EXTENSION_BYTES,                     \
		"chunkExtensionBytes", "400, 502")                                                 \
	X(HEAD_MS, "headMs", LIMIT_HEAD_MS, "headSeconds", "408")                                  \
	X(TLS_HANDSHAKE_MS, "tlsHandshakeMs", LIMIT_TLS_HANDSHAKE_MS, "tlsHandshakeSeconds",       \
		"close, 502")                                                                      \
	X(KEEP_ALIVE_IDLE_MS, "keepAliveIdleMs", LIMIT_KEEPALIVE_IDLE_MS, "keepAliveIdleSeconds",  \
		"close")                                                                           \
	X(KEEP_ALIVE_MAX_AGE_MS, "keepAliveMaxAgeMs", LIMIT_KEEPALIVE_MAX_AGE_MS,                  \
		"keepAliveMaxAgeSeconds", "close after an answer")                                 \
	X(KEEP_ALIVE_REQUESTS, "keepAliveRequests", LIMIT_REQUESTS_PER_CONNECTION,                 \
		"keepAliveRequests", "close after an answer")

#define PLAN_API_LIMITS(X)                                                                         \
	X(REQUEST_BODY_BYTES, "requestBodyBytes", PLAN_UNLIMITED, "requestBodyBytes", "413")       \
	X(BUFFERED_BODY_BYTES, "bufferedBodyBytes", LIMIT_BUFFERED_BODY_BYTES,                     \
		"bufferedBodyBytes", "413, 502")                                                   \
	X(RESPONSE_HEAD_BYTES, "responseHeadBytes", LIMIT_HEAD_BYTES, "responseHeadBytes", "502")  \
	X(RESPONSE_HEAD_FIELDS, "responseHeadFields", LIMIT_FIELDS, "responseHeadFields", "502")   \
	X(INTERIM_RESPONSES, "interimResponses", LIMIT_INTERIM_RESPONSES, "interimResponses",      \
		"502")                                                                             \
	X(REQUEST_MS, "requestMs", LIMIT_EXCHANGE_MS, "requestSeconds", "408, 504")                \
	X(REQUEST_BODY_RATE, "requestBodyBytesPerSecond", LIMIT_PACE_BYTES_PER_SECOND,             \
		"requestBodyBytesPerSecond", "408")                                                \
	X(REQUEST_BODY_GRACE_MS, "requestBodyGraceMs", LIMIT_PACE_GRACE_MS,                        \
		"requestBodyGraceSeconds", "408")                                                  \
	X(RESPONSE_RATE, "responseBytesPerSecond", LIMIT_PACE_BYTES_PER_SECOND,                    \
		"responseBytesPerSecond", "reset")                                                 \
	X(RESPONSE_GRACE_MS, "responseGraceMs", LIMIT_PACE_GRACE_MS, "responseGraceSeconds",       \
		"reset")                                                                           \
	X(RESPONSE_STALL_MS, "responseStallMs", LIMIT_PACE_STALL_MS, "responseStallSeconds",       \
		"reset")                                                                           \
	X(UPSTREAM_IDLE_MS, "upstreamIdleMs", LIMIT_UPSTREAM_BYTES_IDLE_MS, "upstreamIdleSeconds", \
		"504")                                                                             \
	X(WEBSOCKET_FRAME_BYTES, "websocketFrameBytes", PLAN_UNLIMITED, "websocketFrameBytes",     \
		"close 1009")                                                                      \
	X(WEBSOCKET_MESSAGE_BYTES, "websocketMessageBytes", PLAN_UNLIMITED,                        \
		"websocketMessageBytes", "close 1009")                                             \
	X(WEBSOCKET_MESSAGE_RATE, "websocketMessagesPerSecond", 0, "websocketMessagesPerSecond",   \
		"close 1008")                                                                      \
	X(WEBSOCKET_PING_MS, "websocketPingMs", 0, "websocketPingSeconds", "close 1001")

enum plan_limit {
#define X(id, member, fallback, name, excess) PLAN_LIMIT_##id,
	PLAN_CONNECTION_LIMITS(X) PLAN_LIMITS_OF_CONNECTIONS,
	PLAN_LIMITS_BEFORE_APIS = PLAN_LIMITS_OF_CONNECTIONS - 1,
	PLAN_API_LIMITS(X)
#undef X
		PLAN_LIMIT_COUNT,
};

struct plan_limit_row {
	const char *member;
	int64_t fallback;
	const char *name;
	const char *excess;
};
const struct plan_limit_row *plan_limit_row(enum plan_limit id);

/* Of a plan's `limits` object, which may be NULL. */
int64_t plan_limit_get(const struct plan_node *limits, enum plan_limit id);
