/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says about the endpoints of a service. Composition has checked it, but a plan may be
 * another version's (build_number.c). */
#include "build/build_priv.h"

#include "expr/expr.h"
#include "upstream/health_grpc.h"

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

static void refuse(struct build_numbers *n, const struct plan_node *at, const char *message)
{
	if (n->at)
		return;
	n->at = at ? at : n->object;
	snprintf(n->message, sizeof(n->message), "%s", message);
}

/* How many; what does not fit is a mistake. */
static unsigned take_statuses(struct build_numbers *n, const char *key, uint16_t *to, size_t most)
{
	const struct plan_node *list = plan_get(n->object, key);
	size_t count = plan_count(list);
	if (count > most) {
		refuse(n, list, "too many statuses");
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		const struct plan_node *at = plan_at(list, i);
		bool is_status =
			at->type == PLAN_INTEGER && at->u.integer >= 100 && at->u.integer < 600;
		to[i] = is_status ? (uint16_t)at->u.integer : 0;
		if (!is_status)
			refuse(n, at, "no status from 100 to 599");
	}
	return (unsigned)count;
}

static int at_least_one(int ms)
{
	return ms > 0 ? ms : 1;
}

static void take_health(struct build_numbers *n, struct health_options *out)
{
	struct build_numbers own = {.object = plan_get(n->object, "healthCheck")};
	if (!own.object)
		return;
	*out = (struct health_options){
		.type = health_type_of(plan_string(own.object, "type", STR("http"))),
		.path = plan_string(own.object, "path", STR("/")),
		.host = plan_string(own.object, "host", STR_EMPTY),
		.grpc_service = plan_string(own.object, "grpcService", STR_EMPTY),
		.interval_ms = at_least_one(build_ms(&own, "intervalMs", 10000)),
		.timeout_ms = at_least_one(build_ms(&own, "timeoutMs", 2000)),
		.healthy_threshold = (unsigned)build_number(&own, "healthyThreshold", 2, 1000),
		.unhealthy_threshold = (unsigned)build_number(&own, "unhealthyThreshold", 3, 1000),
	};
	out->status_count =
		take_statuses(&own, "expectedStatuses", out->statuses, HEALTH_STATUSES_MAX);
	if (out->type == HEALTH_TYPE_COUNT)
		refuse(&own, NULL, "there is no such type of health check");
	if (out->grpc_service.n > HEALTH_GRPC_SERVICE_MAX)
		refuse(&own, NULL, "the name of the gRPC service is too long");
	note_mistake(n, &own);
}

static void take_sticky(struct build_numbers *n, struct sticky_options *out)
{
	const struct plan_node *at = plan_get(n->object, "sticky");
	if (!at)
		return;
	*out = (struct sticky_options){
		.cookie = plan_string(at, "cookie", STR_EMPTY),
		.attributes = plan_string(at, "attributes", STR_EMPTY),
		.key = plan_string(at, "key", STR_EMPTY),
	};
	if (plan_get(at, "secure"))
		out->secure =
			plan_bool(at, "secure", true) ? STICKY_SECURE_ALWAYS : STICKY_SECURE_NEVER;
	if (out->cookie.n == 0)
		refuse(n, at, "a cookie without a name");
}

static enum retry_cause cause_of(struct str name)
{
	static const char *const names[] = {
#define X(id, name) name,
		RETRY_CAUSES(X)
#undef X
	};
	enum retry_cause c = 0;
	while (c < RETRY_CAUSE_COUNT && !str_eq(name, str_of(names[c])))
		c++;
	return c;
}

static struct str text_at(const struct plan_node *list, size_t i)
{
	const struct plan_node *at = plan_at(list, i);
	return at->type == PLAN_STRING ? at->u.string : STR_EMPTY;
}

static uint8_t take_causes(struct build_numbers *n)
{
	const struct plan_node *list = plan_get(n->object, "on");
	uint8_t causes = 0;
	if (!list)
		return 1 << RETRY_CONNECT_FAILURE | 1 << RETRY_RESET | 1 << RETRY_REFUSED_STREAM;
	for (size_t i = 0; i < plan_count(list); i++) {
		enum retry_cause c = cause_of(text_at(list, i));
		if (c < RETRY_CAUSE_COUNT)
			causes |= (uint8_t)(1u << c);
		else
			refuse(n, plan_at(list, i), "nothing that a request is sent again after");
	}
	return causes;
}

/* A method that is not idempotent is none, whoever wrote it. */
static uint16_t take_methods(struct build_numbers *n)
{
	static const struct {
		const char *name;
		enum http_method method;
	} all[] = {
#define X(name) {#name, METHOD_##name},
		HTTP_METHODS(X)
#undef X
	};
	const struct plan_node *list = plan_get(n->object, "methods");
	uint16_t methods = 0;
	for (size_t k = 0; k < ARRAY_COUNT(all); k++) {
		bool is_meant = !list;
		for (size_t i = 0; i < plan_count(list); i++)
			is_meant |= str_eq(text_at(list, i), str_of(all[k].name));
		if (is_meant && http_method_is_idempotent(all[k].method))
			methods |= (uint16_t)(1u << all[k].method);
	}
	return methods;
}

static void take_retries(struct build_numbers *n, struct retry_options *out)
{
	struct build_numbers own = {.object = plan_get(n->object, "retries")};
	if (!own.object)
		return;
	*out = (struct retry_options){
		.attempts = (unsigned)build_number(&own, "attempts", 2, 10),
		.causes = take_causes(&own),
		.methods = take_methods(&own),
		.per_try_ms = build_ms(&own, "perTryTimeoutMs", 0),
		.hedge_after_ms = build_ms(&own, "hedgeAfterMs", 0),
		.back_off_ms = build_ms(&own, "backOffMs", 25),
		.back_off_max_ms = build_ms(&own, "maxBackOffMs", 250),
		.budget_percent = (unsigned)build_number(&own, "budgetPercent", 20, 100),
	};
	out->status_count = take_statuses(&own, "statuses", out->statuses, RETRY_STATUSES_MAX);
	note_mistake(n, &own);
}

/* What a name of SRV records belongs to: shop.test of _http._tcp.shop.test (RFC 2782). */
static struct str domain_of(struct str name)
{
	while (name.n > 0 && name.p[0] == '_' && str_index(name, '.') + 1 < name.n)
		name = str_from(name, str_index(name, '.') + 1);
	return name;
}

/* The domain is what such a service is called by, in Host and in TLS. */
static void take_discovery(struct build_numbers *n, struct service_options *out)
{
	struct str how = plan_string(n->object, "discovery", STR_EMPTY);
	if (str_eq(how, STR("srv"))) {
		out->records = out->host;
		out->host = domain_of(out->host);
	}
	out->finds_endpoints = how.n > 0;
	if (how.n > 0 && out->records.n == 0 && !str_eq(how, STR("addresses")))
		refuse(n, plan_get(n->object, "discovery"), "there is no such discovery");
}

struct endpoint_options *build_balancing(struct build_numbers *n, struct service_options *out)
{
	take_algorithm(n, &out->balancing);
	out->balancing.slow_start_ms = build_ms(n, "slowStartMs", 0);
	out->balancing.hash_text = plan_string(n->object, "hashOn", STR_EMPTY);
	take_outlier(n, &out->balancing.outlier);
	take_health(n, &out->balancing.health);
	take_sticky(n, &out->balancing.sticky);
	take_retries(n, &out->retries);
	take_discovery(n, out);
	return endpoints_of(n, out);
}

bool build_hash(struct service_options *o, char *message, size_t message_size)
{
	struct str text = o->balancing.hash_text;
	struct expr *e = NULL;
	struct expr_error error = {.message = "no expression"};
	if (text.n == 0 || (o->endpoint_count == 0 && !o->finds_endpoints))
		return true;
	if (!expr_is_expression(text) ||
		expr_compile(str_slice(text, 2, text.n - 3), 0, &e, &error) != RC_OK) {
		snprintf(message, message_size, "its service's hashOn: %s", error.message);
		return false;
	}
	o->balancing.hash_on = e;
	o->balancing.hash_free = expr_free;
	return true;
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

static bool is_same_health(const struct health_options *a, const struct health_options *b)
{
	return a->type == b->type && str_eq(a->path, b->path) && str_eq(a->host, b->host) &&
	       str_eq(a->grpc_service, b->grpc_service) && a->interval_ms == b->interval_ms &&
	       a->timeout_ms == b->timeout_ms && a->healthy_threshold == b->healthy_threshold &&
	       a->unhealthy_threshold == b->unhealthy_threshold &&
	       a->status_count == b->status_count &&
	       memcmp(a->statuses, b->statuses, a->status_count * sizeof(a->statuses[0])) == 0;
}

static bool is_same_sticky(const struct sticky_options *a, const struct sticky_options *b)
{
	return str_eq(a->cookie, b->cookie) && str_eq(a->attributes, b->attributes) &&
	       str_eq(a->key, b->key) && a->secure == b->secure;
}

static bool is_same_retries(const struct retry_options *a, const struct retry_options *b)
{
	return a->attempts == b->attempts && a->causes == b->causes && a->methods == b->methods &&
	       a->per_try_ms == b->per_try_ms && a->hedge_after_ms == b->hedge_after_ms &&
	       a->back_off_ms == b->back_off_ms && a->back_off_max_ms == b->back_off_max_ms &&
	       a->budget_percent == b->budget_percent && a->status_count == b->status_count &&
	       memcmp(a->statuses, b->statuses, a->status_count * sizeof(a->statuses[0])) == 0;
}

bool build_same_balancing(const struct service_options *a, const struct service_options *b)
{
	bool is_same = a->endpoint_count == b->endpoint_count &&
		       a->finds_endpoints == b->finds_endpoints && str_eq(a->records, b->records) &&
		       a->balancing.algorithm == b->balancing.algorithm &&
		       a->balancing.slow_start_ms == b->balancing.slow_start_ms &&
		       str_eq(a->balancing.hash_text, b->balancing.hash_text) &&
		       is_same_outlier(&a->balancing.outlier, &b->balancing.outlier) &&
		       is_same_health(&a->balancing.health, &b->balancing.health) &&
		       is_same_sticky(&a->balancing.sticky, &b->balancing.sticky) &&
		       is_same_retries(&a->retries, &b->retries);
	for (unsigned i = 0; is_same && i < a->endpoint_count; i++)
		is_same = is_same_endpoint(&a->endpoints[i], &b->endpoints[i]);
	return is_same;
}
