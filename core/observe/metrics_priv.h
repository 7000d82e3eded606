/* SPDX-License-Identifier: Apache-2.0 */
/* observe/metrics_priv.h - what counting and printing share.
 *
 * Cells stand in slabs: as many lanes as there are cells to a series, METRIC_LANE_BYTES each. A
 * series has the same place in every lane of its slab, and a lane is written by one thread. */
#pragma once

#include "base/list.h"
#include "observe/metrics.h"

/* Of one thread in one slab: a page, so that lanes share no cache line. */
#define METRIC_LANE_BYTES 4096

struct metric_series {
	struct metric_family *family; /* borrowed: its owner */
	struct metric_series *next;   /* in the same slot of the family's table */
	char *cells;                  /* borrowed from a slab: in its first lane */
	uint64_t hash;                /* of the key */
	unsigned refs;
	uint16_t idle_sweeps;
	uint16_t label_count;
	uint32_t key_bytes;
	char key[]; /* of each label the name, then the value: u32 length and bytes */
};

/* A histogram's cell. */
struct metric_histogram {
	struct metric_cell sum;
	const struct metric_family *family; /* borrowed: bounds */
	_Atomic uint64_t buckets[];         /* bound_count + 1, not cumulative */
};

struct metric_family {
	struct metrics *metrics; /* borrowed: its owner */
	char *name;              /* owned */
	char *help;              /* owned */
	enum metric_kind kind;
	double *bounds;   /* owned; NULL without */
	uint64_t *limits; /* owned: of each bound the least observation beyond it, in millionths */
	uint32_t bound_count;
	size_t cell_bytes;
	char *free_cells; /* those of series that are gone: each begins with the next one's address */
	struct metric_series **slots; /* owned: by hash of the key, as lists */
	size_t slot_count;            /* a power of two, or 0 */
	struct metric_series **series; /* owned, in the order made */
	size_t series_count;
	size_t series_capacity;
	struct metric_series *overflow; /* one of `series`, or NULL */
};

struct metrics {
	unsigned workers;
	struct metric_family **families; /* owned, in order of name */
	size_t family_count;
	char **slabs; /* owned; room is left in the last one */
	size_t slab_count;
	size_t slab_used; /* bytes of each lane of the last one */
};

static inline const struct metric_cell *metric_cell_at(const struct metric_series *s, unsigned lane)
{
	const void *at = s->cells + (size_t)lane * METRIC_LANE_BYTES;
	return at;
}

static inline const struct metric_histogram *metric_histogram_at(
	const struct metric_series *s, unsigned lane)
{
	return CONTAINER_OF(metric_cell_at(s, lane), const struct metric_histogram, sum);
}

/* The label whose place `*at` is (0: the first); moves it on. */
static inline struct metric_label metric_series_label(const struct metric_series *s, size_t *at)
{
	struct str parts[2];
	for (size_t i = 0; i < 2; i++) {
		uint32_t n;
		memcpy(&n, s->key + *at, sizeof(n));
		parts[i] = str_n(s->key + *at + sizeof(n), n);
		*at += sizeof(n) + n;
	}
	return (struct metric_label){parts[0], parts[1]};
}
