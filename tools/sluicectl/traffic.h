/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/traffic.h - what a gateway carries, from two readings of its metrics.
 *
 * One thread. */
#pragma once

#include "base/buffer.h"
#include "base/map.h"

#define TRAFFIC_BUCKETS_MAX 32

/* Of an API, or of a service; counters as read. */
struct traffic_row {
	char name[256];
	bool is_service;
	double requests, errors; /* errors: 5xx, or no answer at all */
	double bounds[TRAFFIC_BUCKETS_MAX], buckets[TRAFFIC_BUCKETS_MAX]; /* cumulative */
	size_t bucket_count;
	double active, waiting, connections, idle; /* of a service */
};

/* Of one worker; cpu_seconds as read. */
struct traffic_worker {
	double connections, exchanges, cpu_seconds, lag_seconds;
};

#define TRAFFIC_WORKERS_MAX 256

struct traffic_reading {
	int64_t at_us;
	struct traffic_worker workers[TRAFFIC_WORKERS_MAX];
	size_t worker_count;
	struct traffic_row **rows; /* owned */
	size_t row_count;
	struct map by_name; /* 'a' or 's' and the name */
	double connections, exchanges, memory_bytes, config_errors;
};

/* What happened between two readings. Quantiles are in milliseconds; below 0: nothing to tell. */
struct traffic_rate {
	const struct traffic_row *row; /* of the second reading */
	double per_second, error_ratio;
	double p50_ms, p95_ms, p99_ms;
};

enum traffic_order { BY_REQUESTS, BY_ERRORS, BY_P99, BY_NAME, TRAFFIC_ORDERS };

/* The share of one processor that a worker took between two readings. */
double traffic_cpu_share(
	const struct traffic_reading *before, const struct traffic_reading *after, size_t worker);
/* Reads Prometheus' text; lines of no interest, or that are none, are passed over. */
void traffic_read(struct traffic_reading *r, struct str text, int64_t at_us);
void traffic_deinit(struct traffic_reading *r);
/* Of all APIs, or all services; heap, in that order. */
struct traffic_rate *traffic_rates(const struct traffic_reading *before,
	const struct traffic_reading *after, bool services, enum traffic_order order,
	size_t *count);
