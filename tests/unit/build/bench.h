/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/build/bench.h - generations of plans that a test writes.
 *
 *   struct bench b = {0};
 *   bench_init(&b);
 *   struct generation *g = bench_build_simple(&b, 9090, NULL);
 *   generation_free(g);
 *   bench_deinit(&b);
 */
#pragma once

#include "build/build.h"

#include <sluice/sluice.h>

/* Where everything in a plan stands. */
extern const struct position bench_at;

struct bench {
	const char *body_mode; /* of each binding; NULL: none is said */
	struct registry *registry;
	struct instance_set instances;
	struct metrics *metrics;
	struct diagnostics diagnostics;
	struct plan_writer *w;
	bool has_another_service; /* before "up" */
	int64_t service_number;   /* of the route */
	int64_t timeout_ms;       /* of the API; 0: none is said */
	int64_t redirect_status;  /* likewise */
	int64_t body_max;         /* of each binding; likewise */
};

void bench_init(struct bench *b);
void bench_deinit(struct bench *b);

/* A plan begins; members and lists of its root follow, then bench_build. */
void bench_begin(struct bench *b);
void bench_text(struct bench *b, const char *key, const char *value);
void bench_number(struct bench *b, const char *key, int64_t value);
/* The services: "up", behind another one where the bench has it. */
void bench_write_service(struct bench *b, const char *scheme, int64_t port);
void bench_write_listener(struct bench *b, const char *address);
void bench_write_chain(struct bench *b, const char *policy);
void bench_write_route(struct bench *b);
/* One API, "shop"; `policy` and `error` may be NULL. */
void bench_write_api(struct bench *b, const char *policy, const char *error);
enum rc bench_build(struct bench *b, const struct generation *former, struct generation **out);
/* One API that leads to a service on that port. */
struct generation *bench_build_simple(
	struct bench *b, int64_t port, const struct generation *former);
