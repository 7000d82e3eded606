/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/service_metrics.h - what is counted of each service, by its name.
 *
 * A name has one row for as long as the process runs, whatever reloads make of the service: its
 * counters never go back, and whoever holds the row needs no care for it.
 *
 * Invariants   S1  LIMIT_SERVICES_MEASURED names have rows of their own, those that came first; all
 *                  others share those of the name "other".
 * Ownership    the book owns the rows; it outlives all services and workers.
 * Threads      the book: the main thread. rows[w]: worker w (metrics.h, M1). */
#pragma once

#include "observe/metrics.h"

/* Requests by class of the response's status; [0]: no response came. */
#define SERVICE_STATUS_CLASSES 6

/* X(member, kind, name, help) */
#define SERVICE_METRICS(X)                                                                         \
	X(retries, COUNTER, "sluice_service_retries_total",                                        \
		"Requests that were sent again")   \
	X(hedges, COUNTER, "sluice_service_hedges_total",                                          \
		"Requests that were sent to another endpoint, too, for want of an answer")         \
	X(connects, COUNTER, "sluice_service_connects_total", "Connections that were opened")      \
	X(connect_failures, COUNTER, "sluice_service_connect_failures_total",                      \
		"Connections that could not be opened")                                            \
	X(ejections, COUNTER, "sluice_service_ejections_total",                                    \
		"Endpoints that were passed over for a while because they kept failing")           \
	X(active, GAUGE, "sluice_service_requests_active", "Requests under way")                   \
	X(connections, GAUGE, "sluice_service_connections", "Connections that are open")           \
	X(idle, GAUGE, "sluice_service_connections_idle", "Connections that wait for a request")   \
	X(waiting, GAUGE, "sluice_service_requests_waiting",                                       \
		"Requests that wait for a connection")                                             \
	X(connect_time, HISTOGRAM, "sluice_service_connect_seconds",                               \
		"From the wish for a connection to its being usable, name and TLS included")       \
	X(first_byte, HISTOGRAM, "sluice_service_first_byte_seconds",                              \
		"From the wish to send a request to the head of its response")

struct service_row {
	_Alignas(64) struct metric_cell *requests[SERVICE_STATUS_CLASSES];
#define X(member, kind, name, help) struct metric_cell *member;
	SERVICE_METRICS(X)
#undef X
	unsigned told[3]; /* the worker's: sums of its pools, on their way to the gauges */
};

struct service_book;

struct service_book *service_book_new(struct metrics *m);
void service_book_free(struct service_book *b);
/* The rows of that service, one for each worker; made if it is new. */
struct service_row *service_book_rows(struct service_book *b, struct str name);
