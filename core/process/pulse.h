/* SPDX-License-Identifier: Apache-2.0 */
/* process/pulse.h - once a second each worker is asked what it carries.
 *
 * Its answer is the proof that it turns, and fills the gauges of its connections. Its pool, and
 * the main thread's, frees what nobody wants any more. */
#pragma once

#include "observe/metrics.h"
#include "process/give_back.h"
#include "process/thread.h"

struct pulse;

/* `give_back` is borrowed. */
struct pulse *pulse_new(struct loop *loop, struct metrics *metrics, struct worker_thread **threads,
	unsigned workers, struct give_back *give_back);
/* No worker is asked any more. */
void pulse_stop(struct pulse *p);
/* Every worker has ended. */
void pulse_free(struct pulse *p);
/* The longest time that a worker has been silent. */
int64_t pulse_silence_ms(const struct pulse *p);
/* By what the workers answered last: open client connections, exchanges under way. */
uint64_t pulse_connections(const struct pulse *p);
uint64_t pulse_exchanges(const struct pulse *p);
/* Workers that could ask the shared storage a second ago. */
unsigned pulse_storage_up(const struct pulse *p);
/* Of its cluster, one for each worker and node. */
struct pulse_nodes {
	unsigned known, up;
};
struct pulse_nodes pulse_storage_nodes(const struct pulse *p);
/* Of each worker, by what it answered last, as Prometheus has it. */
void pulse_print_workers(const struct pulse *p, struct buffer *out);
