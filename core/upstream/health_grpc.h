/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health_grpc.h - the messages of gRPC's health checking protocol, version 1: pure
 * functions of bytes.
 *
 * Request: { string service = 1; }. Response: { ServingStatus status = 1; }, where SERVING is 1.
 * Each stands behind gRPC's five bytes: not compressed, and its length. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

#define HEALTH_GRPC_PATH        "/grpc.health.v1.Health/Check"
#define HEALTH_GRPC_SERVICE_MAX 100
#define HEALTH_GRPC_REQUEST_MAX (5 + 2 + HEALTH_GRPC_SERVICE_MAX)

/* `service` has at most HEALTH_GRPC_SERVICE_MAX bytes; "": the server as a whole. */
struct str health_grpc_request(struct str service, char to[HEALTH_GRPC_REQUEST_MAX]);
/* Whether the content of a response says that it serves. */
bool health_grpc_serves(struct str content);
