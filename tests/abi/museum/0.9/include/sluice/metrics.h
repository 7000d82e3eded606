/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/metrics.h - the service "sluice.metrics/1": counters, gauges and histograms with labels.
 *
 * A metric and all values of its labels are defined in `configure`, and stay as they are: what clients
 * send makes no series, and counting is an addition to a cell of the worker's own. Each series has the
 * label `binding`, too.
 *
 *	static const struct sluice_str outcomes[] = {{"hit", 3}, {"miss", 4}};
 *	static const struct sluice_label labels[] = {{{"outcome", 7}, outcomes, 2}};
 *	const struct sluice_metric_definition lookups = {.size = sizeof(lookups),
 *	        .kind = SLUICE_COUNTER, .name = SLUICE_STR("cache_lookups"), .labels = labels,
 *	        .label_count = 1};
 *	s->lookups = metrics->define(call->instance, &lookups);
 *	...
 *	metrics->add(s->lookups, is_hit ? 0 : 1, 1);
 */
#ifndef SLUICE_METRICS_H
#define SLUICE_METRICS_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_METRICS_SERVICE "sluice.metrics/1"

/* Of an instance, at most: series of one metric, and of all its metrics together; labels. */
#define SLUICE_SERIES_MAX          256
#define SLUICE_SERIES_INSTANCE_MAX 1024
#define SLUICE_LABELS_MAX          4
#define SLUICE_BOUNDS_MAX          24

struct sluice_metric; /* of an instance; lives until its `release` has returned */

enum sluice_metric_kind { SLUICE_COUNTER, SLUICE_GAUGE, SLUICE_HISTOGRAM };

/* All that it may be: what is not in the list needs a value of its own there, "other". */
struct sluice_label {
	struct sluice_str name;          /* [a-z][a-z0-9_]{0,31}, not "binding", not "le" */
	const struct sluice_str *values; /* different ones, of 1 to 64 bytes */
	size_t value_count;              /* 1 to SLUICE_SERIES_MAX */
};

struct sluice_metric_definition {
	uint32_t size;
	uint32_t kind; /* enum sluice_metric_kind */
	/* [a-z][a-z0-9_]{0,47}. It is seen as sluice_policy_<name>, a counter with _total behind it. A
	 * histogram's ends in its unit: "_seconds", "_bytes". */
	struct sluice_str name;
	struct sluice_str description; /* one line */
	const struct sluice_label *labels;
	size_t label_count;
	const double *bounds; /* a histogram's: upper bounds in the unit, ascending */
	size_t bound_count;   /* 1 to SLUICE_BOUNDS_MAX; of others 0 */
};

struct sluice_metrics_service {
	uint32_t size;
	uint32_t reserved;

	/* `configure` only; everything is copied. NULL when refused: the log says why. The next
	 * generation's instance of the same binding goes on with the values. */
	struct sluice_metric *(*define)(struct sluice_instance *instance,
		const struct sluice_metric_definition *definition);
	/* `series`: the places of the labels' values in their lists, the last label's running fastest:
	 * for two labels place0 * value_count1 + place1; without labels 0. Beyond what there is, nothing
	 * is counted. `configure`, and all callbacks on workers. */
	/* A counter or a gauge. Of a counter, n is not negative. What a worker has added to a gauge it
	 * takes off again, at the latest in worker_stop. */
	void (*add)(struct sluice_metric *metric, uint32_t series, int64_t n);
	/* A histogram: an observation in millionths of its unit. */
	void (*observe)(struct sluice_metric *metric, uint32_t series, uint64_t micro);
};

#ifdef __cplusplus
}
#endif
#endif
