/* SPDX-License-Identifier: Apache-2.0 */
/* observe/metrics_priv.h - what counting and printing share. */
#pragma once

#include "base/map.h"
#include "observe/metrics.h"

struct metric_series {
	struct metric_family *family; /* borrowed: its owner */
	struct str key;               /* owned; empty for the overflow series */
	struct metric_label *labels;  /* owned, with their texts */
	size_t label_count;
	unsigned refs;
	unsigned idle_sweeps;
	char *cells; /* owned; family->cell_bytes apart, each on cache lines of its own */
};

struct metric_family {
	struct metrics *metrics; /* borrowed: its owner */
	char *name;              /* owned */
	char *help;              /* owned */
	enum metric_kind kind;
	double *bounds; /* owned; NULL without */
	uint32_t bound_count;
	size_t cell_bytes;
	struct map by_labels; /* key -> struct metric_series, without the overflow series */
	struct metric_series **series; /* owned, in the order made */
	size_t series_count;
	size_t series_capacity;
	struct metric_series *overflow; /* one of `series`, or NULL */
};

struct metrics {
	unsigned workers;
	struct metric_family **families; /* owned, in order of name */
	size_t family_count;
};
