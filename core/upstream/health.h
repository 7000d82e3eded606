/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/health.h - asks the endpoints of services how they are, and takes out who is not well.
 *
 * One worker asks, for all of them. An endpoint counts as well until a check says otherwise; the
 * first check decides by itself, later ones by so many in a row. Whoever is unhealthy is asked for
 * nothing else; where nobody is healthy, requests get their 503 at once (choose.c): unlike an
 * ejection this is no guess.
 *
 * Invariants   K1  balancer.unhealthy counts the endpoints whose is_unhealthy is set.
 *              K2  of an endpoint at most one check is under way.
 * Ownership    a check refers to its service until the service is not in the list any more.
 * Threads      the worker's; is_unhealthy and unhealthy are read by all.
 */
#pragma once

#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEALTH_STATUSES_MAX 16

/* X(id, as configurations name it) */
#define HEALTH_TYPES(X)                                                                            \
	X(NONE, "")                                                                                \
	X(HTTP, "http") /* GET path: one of the statuses */                                        \
	X(TCP, "tcp")   /* a connection comes about, with TLS where the service has it */          \
	X(GRPC, "grpc") /* grpc.health.v1.Health/Check: SERVING */

enum health_type {
#define X(id, name) HEALTH_##id,
	HEALTH_TYPES(X)
#undef X
		HEALTH_TYPE_COUNT,
};

struct health_options {
	enum health_type type;
	struct str path;             /* of HTTP */
	struct str host;             /* in place of the endpoint's own; empty: that one */
	struct str grpc_service;     /* empty: the server as a whole */
	int interval_ms, timeout_ms; /* jittered by a tenth */
	unsigned healthy_threshold, unhealthy_threshold;
	uint16_t statuses[HEALTH_STATUSES_MAX];
	unsigned status_count; /* 0: any 2xx */
};

struct service;
struct upstream;
struct health_checks;

struct health_checks *health_checks_new(struct upstream *u);
/* Those of a generation: what is new is checked from now on, what is not among them no more. */
void health_checks_set(struct health_checks *h, struct service *const *services, size_t count);
/* Before the upstream is freed. */
void health_checks_free(struct health_checks *h);
enum health_type health_type_of(struct str name);
