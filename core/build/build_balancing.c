/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says about the endpoints of a service. Composition has checked it, but a plan may be
 * another version's (build_number.c). */
#include "build/build_priv.h"

#include <limits.h>
#include <stdio.h>

#define WEIGHT_MAX 1000

/* The first mistake of what stands below is the service's. */
static void note_mistake(struct build_numbers *n, const struct build_numbers *below)
{
	if (!below->at || n->at)
		return;
	n->at = below->at;
	memcpy(n->message, below->message, sizeof(n->message));
}

/* --- endpoints ------------------------------------------------------------------------------- */

static struct endpoint_options endpoint_of(struct build_numbers *n)
{
	return (struct endpoint_options){
		.host = plan_string(n->object, "host", STR_EMPTY),
		.port = (uint16_t)build_number(n, "port", 0, UINT16_MAX),
		.unix_path = plan_string(n->object, "unix", STR_EMPTY),
		.weight = (unsigned)build_number(n, "weight", 1, WEIGHT_MAX),
	};
}

static struct endpoint_options *endpoints_of(struct build_numbers *n, struct service_options *out)
{
	const struct plan_node *list = plan_get(n->object, "endpoints");
	size_t count = plan_count(list);
	if (count == 0)
		return NULL;
	struct endpoint_options *all = heap_zalloc(count * sizeof(*all));
	for (size_t i = 0; i < count; i++) {
		struct build_numbers own = {.object = plan_at(list, i)};
		all[i] = endpoint_of(&own);
		if (all[i].weight == 0)
			all[i].weight = 1;
		note_mistake(n, &own);
	}
	out->endpoints = all;
	out->endpoint_count = (unsigned)count;
	return all;
}

static void take_algorithm(struct build_numbers *n, struct balancing *out)
{
	struct str name = plan_string(n->object, "algorithm", STR("roundRobin"));
	out->algorithm = balance_algorithm_of(name);
	if (out->algorithm < BALANCE_ALGORITHM_COUNT)
		return;
	out->algorithm = BALANCE_ROUND_ROBIN;
	if (n->at)
		return;
	n->at = plan_get(n->object, "algorithm");
	snprintf(n->message, sizeof(n->message), "there is no algorithm \"%.*s\"",
		(int)(name.n < 40 ? name.n : 40), name.p);
}

static void take_outlier(struct build_numbers *n, struct outlier_options *out)
{
	struct build_numbers own = {.object = plan_get(n->object, "outlierDetection")};
	if (!own.object)
		return;
	*out = (struct outlier_options){
		.consecutive_failures =
			(unsigned)build_number(&own, "consecutiveFailures", 5, UINT_MAX),
		.interval_ms = build_ms(&own, "intervalMs", 10000),
		.base_ms = build_ms(&own, "baseEjectionMs", 30000),
		.max_ms = build_ms(&own, "maxEjectionMs", 300000),
		.percent_max = (unsigned)build_number(&own, "maxEjectionPercent", 50, 100),
		.healthy_percent_min = (unsigned)build_number(&own, "minHealthyPercent", 50, 100),
	};
	if (out->interval_ms == 0)
		out->interval_ms = 1;
	note_mistake(n, &own);
}

struct endpoint_options *build_balancing(struct build_numbers *n, struct service_options *out)
{
	take_algorithm(n, &out->balancing);
	take_outlier(n, &out->balancing.outlier);
	return endpoints_of(n, out);
}

/* --- what a reload leaves as it was ---------------------------------------------------------- */

static bool is_same_endpoint(const struct endpoint_options *a, const struct endpoint_options *b)
{
	return str_eq(a->host, b->host) && a->port == b->port &&
	       str_eq(a->unix_path, b->unix_path) && a->weight == b->weight;
}

static bool is_same_outlier(const struct outlier_options *a, const struct outlier_options *b)
{
	return a->consecutive_failures == b->consecutive_failures &&
	       a->interval_ms == b->interval_ms && a->base_ms == b->base_ms &&
	       a->max_ms == b->max_ms && a->percent_max == b->percent_max &&
	       a->healthy_percent_min == b->healthy_percent_min;
}

bool build_same_balancing(const struct service_options *a, const struct service_options *b)
{
	bool is_same = a->endpoint_count == b->endpoint_count &&
		       a->balancing.algorithm == b->balancing.algorithm &&
		       is_same_outlier(&a->balancing.outlier, &b->balancing.outlier);
	for (unsigned i = 0; is_same && i < a->endpoint_count; i++)
		is_same = is_same_endpoint(&a->endpoints[i], &b->endpoints[i]);
	return is_same;
}
