/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/grpc.h - what the gateway has to know of gRPC: who speaks it, how it is told of a failure,
 * and when it has given up.
 *
 * Sources      PROTOCOL-HTTP2.md and http-grpc-status-mapping.md of gRPC; PROTOCOL-WEB.md. */
#pragma once

#include "http/message.h"

struct exchange;
struct local_response;

enum grpc_kind { GRPC_NONE, GRPC_NATIVE, GRPC_WEB };

/* Codes that the gateway gives. */
enum grpc_status {
	GRPC_UNKNOWN = 2,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

/* By the content type of a request. */
enum grpc_kind grpc_kind_of(const struct fields *f);
enum grpc_status grpc_status_of_http(uint16_t status);
/* The milliseconds of a grpc-timeout, "100m", rounded up; -1: it is none. */
int64_t grpc_timeout_ms(struct str text);
/* A grpc-message; empty when the arena is spent. */
struct str grpc_message(struct arena *arena, struct str text);

/* A request has a content type: notes whether it is a call, and until when. */
void grpc_begin(struct exchange *e);
/* An error becomes a call's failure: 200, grpc-status and grpc-message, without content. What a
 * policy has put in these words itself stays as it is. */
void grpc_word(struct exchange *e, struct local_response *local);
/* What the client was told, "14"; empty: nothing that could be seen. */
struct str grpc_status_told(const struct exchange *e);
