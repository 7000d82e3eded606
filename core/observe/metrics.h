/* SPDX-License-Identifier: Apache-2.0 */
/* observe/metrics.h - counters, gauges and histograms, counted per thread without locks.
 *
 *   family (name, help, kind) -> series (one set of labels) -> cell (one per worker, plus one)
 *
 * A worker touches its own cells alone: adding is a load and a store, relaxed. Reading sums the cells
 * of a series, from any thread, while others go on counting. Cells of one worker lie side by side in
 * the order of their making, so that what is counted together is found together: with 10,000 APIs,
 * cells on cache lines of their own cost 4 KiB an API, and a miss each.
 *
 * Invariants   M1  cell index 0..workers-1 is written by that worker, index `workers` by the main
 *                  thread; nobody else writes a cell.
 *              M2  a family has at most METRICS_SERIES_MAX series; one of these places is kept for
 *                  the overflow series, all of whose labels have the value "other", which
 *                  metrics_series gives for everything that finds no place of its own.
 * Ownership    `struct metrics` owns families, series and cells. Series are counted: one that nobody
 *              refers to keeps its values and its line until metrics_sweep drops it (counters that
 *              come back within a sweep go on from where they were).
 * Threads      families and series: the main thread. Cells: as M1. metrics_print: the main thread.
 */
#pragma once

#include "base/buffer.h"

#include <stdatomic.h>

#define METRICS_SERIES_MAX 10000
#define METRIC_LABELS_MAX 8
#define METRIC_BUCKETS_MAX 24

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics;
struct metric_family;
struct metric_series;

struct metric_label {
	struct str name;
	struct str value;
};

/* Opaque to writers but for the two inline functions. */
struct metric_cell {
	_Atomic uint64_t value; /* histogram: the sum of the observations, in its unit * 1e6 */
};

struct metrics *metrics_new(unsigned workers);
void metrics_free(struct metrics *m);
unsigned metrics_workers(const struct metrics *m);

/* The family of that name, made if it is new. `name` as Prometheus has it; counters end in _total,
 * units stand in the name (_seconds, _bytes). `bounds`: upper bounds of a histogram, ascending, at
 * most METRIC_BUCKETS_MAX, without +Inf; else NULL. NULL when the name stands with another kind, or
 * name or bounds are not as said here. */
struct metric_family *metrics_family(struct metrics *m, const char *name, const char *help,
	enum metric_kind kind, const double *bounds, size_t bound_count);
/* The series with these labels (copied; in the given order), with one more reference. */
struct metric_series *metrics_series(
	struct metric_family *f, const struct metric_label *labels, size_t count);
void metric_series_unref(struct metric_series *s);
struct metric_cell *metric_series_cell(struct metric_series *s, unsigned index);
/* Sum over its cells: a counter's or gauge's value, a histogram's number of observations. */
uint64_t metric_series_value(const struct metric_series *s);
/* Drops series that had no reference for two sweeps. */
void metrics_sweep(struct metrics *m);

/* Owner's thread (M1). */
static inline void metric_add(struct metric_cell *c, uint64_t n)
{
	uint64_t v = atomic_load_explicit(&c->value, memory_order_relaxed);
	atomic_store_explicit(&c->value, v + n, memory_order_relaxed);
}
static inline void metric_set(struct metric_cell *c, uint64_t value)
{
	atomic_store_explicit(&c->value, value, memory_order_relaxed);
}
/* A histogram's observation, in millionths of the family's unit (microseconds of _seconds). */
void metric_observe(struct metric_cell *c, uint64_t micro);
/* How many of them a histogram's cell has. */
uint64_t metric_observations(const struct metric_cell *c);
/* Those that somebody has counted by itself: bound_count + 1 of them, and their sum. */
void metric_observe_many(struct metric_cell *c, const uint64_t *buckets, uint64_t sum_micro);

/* Prometheus text format 0.0.4 of all families that have series, in order of name. Series whose every
 * cell is 0 are printed too. A gauge's sum is signed: cells may be raised here and lowered there. */
void metrics_print(const struct metrics *m, struct buffer *out);
/* {name="value",...}, escaped, of a sample that somebody prints by itself. */
void metrics_print_labels(struct buffer *out, const struct metric_label *labels, size_t count);
