/* SPDX-License-Identifier: Apache-2.0 */
/* What a request to an API meets, from the same plan and the same matcher as the gateway's. */
#include "compile/explain_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "plan/plan_limits.h"

#include <stdio.h>
#include <stdlib.h>

/* rate-limiting's (leases.h): what a gateway takes ahead of a limit at most. */
#define LEASE_PART 64

struct str explain_text(const struct plan_node *n, const char *key)
{
	return plan_string(n, key, STR_EMPTY);
}

static void print_place(const struct plan_node *n)
{
	if (n->position.file)
		printf("  %s:%u", n->position.file, n->position.line);
}

/* --- finding the API ------------------------------------------------------------------------- */

static bool is_called(const struct plan_node *api, struct str name)
{
	struct str space = explain_text(api, "namespace"), plain = explain_text(api, "name");
	struct str rest = name;
	struct str first = str_cut(&rest, '/');
	return rest.p ? str_eq(first, space) && str_eq(rest, plain) : str_eq(first, plain);
}

static const struct plan_node *find_api(const struct plan_node *root, const char *name)
{
	const struct plan_node *apis = plan_get(root, "apis");
	for (size_t i = 0; i < plan_count(apis); i++)
		if (is_called(plan_at(apis, i), str_of(name)))
			return plan_at(apis, i);
	return NULL;
}

static int tell_unknown(const struct plan_node *root, const char *name)
{
	const struct plan_node *apis = plan_get(root, "apis");
	size_t count = plan_count(apis);
	char **names = heap_zalloc((count + 1) * sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = heap_strndup(explain_text(plan_at(apis, i), "name"));
	const char *near = nearest_name(str_of(name), (const char *const *)names, count);
	if (near)
		fprintf(stderr, "no API '%s'; did you mean '%s'?\n", name, near);
	else
		fprintf(stderr, "no API '%s' among the %zu of this configuration\n", name, count);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return EXIT_ERRORS;
}

/* --- the chain and the routes ---------------------------------------------------------------- */

static void print_rule(const struct plan_node *rule)
{
	printf("       when");
	for (size_t i = 0; i < plan_count(rule); i++) {
		const struct plan_node *part = plan_at(rule, i);
		if (part->type == PLAN_STRING)
			printf(" %.*s %.*s", STR_ARG(part->key), STR_ARG(part->u.string));
		for (size_t k = 0; part->type == PLAN_OBJECT && k < plan_count(part); k++) {
			const struct plan_node *header = plan_at(part, k);
			printf(" %.*s: %.*s", STR_ARG(header->key), STR_ARG(header->u.string));
		}
	}
	putchar('\n');
}

static void print_rules(const struct plan_node *owner)
{
	const struct plan_node *rules = plan_get(owner, "rules");
	for (size_t i = 0; i < plan_count(rules); i++)
		print_rule(plan_at(rules, i));
}

static void print_target(struct explain *x, const struct plan_node *target)
{
	const struct plan_node *service = explain_service(x, plan_integer(target, "service", -1));
	struct str space = explain_text(service, "namespace");
	struct str path = plan_string(target, "path", explain_text(service, "path"));
	struct str address = explain_address(x, service);
	printf("       calls %.*s%.*s", STR_ARG(address), STR_ARG(path));
	if (space.n > 0)
		printf("  service %.*s/%.*s", STR_ARG(space),
			STR_ARG(explain_text(service, "name")));
	putchar('\n');
}

static void print_targets(struct explain *x, const struct plan_node *entry)
{
	const struct plan_node *targets = plan_get(entry, "targets");
	for (size_t i = 0; i < plan_count(targets); i++)
		print_target(x, plan_at(targets, i));
}

static struct str storage_place(struct explain *x, const struct plan_node *storage)
{
	struct str master = explain_text(plan_get(storage, "sentinel"), "master");
	const struct plan_node *nodes = plan_get(plan_get(storage, "cluster"), "addresses");
	if (plan_count(nodes) > 0)
		return arena_printf(&x->arena, "cluster of %.*s:%lld",
			STR_ARG(explain_text(plan_at(nodes, 0), "host")),
			(long long)plan_integer(plan_at(nodes, 0), "port", 0));
	if (master.n > 0)
		return arena_printf(&x->arena, "%.*s of the Sentinels", STR_ARG(master));
	return arena_printf(&x->arena, "%.*s:%lld", STR_ARG(explain_text(storage, "host")),
		(long long)plan_integer(storage, "port", 0));
}

/* What a gateway may hold of a quota that is spent, by which others are refused early. */
static void print_lease(const struct plan_node *config)
{
	int64_t most =
		plan_integer(plan_at(plan_get(config, "rateLimits"), 0), "maximumRequests", 0);
	printf("       leased: never more than %lld in a window; each gateway holds up to %lld of "
	       "them, for which others may be refused\n",
		(long long)most, (long long)most / LEASE_PART);
}

/* Where it counts, and what is done when that is not told. */
static void print_storage(struct explain *x, const struct plan_node *entry)
{
	const struct plan_node *storage = plan_get(plan_get(x->root, "settings"), "storage");
	const struct plan_node *config = plan_get(entry, "config");
	struct str mode = plan_string(config, "mode", STR("exact"));
	bool is_blocking = plan_bool(config, "blockOnUnknownQuota", true);
	if (!storage || !plan_bool(config, "clusterizable", false) || str_eq(mode, STR("local")))
		return;
	struct str word =
		plan_string(config, "onStoreError", is_blocking ? STR("deny") : STR("allow"));
	printf("       counts in the shared storage %.*s as %.*s; without an answer: %.*s",
		STR_ARG(storage_place(x, storage)), STR_ARG(explain_text(storage, "prefix")),
		STR_ARG(word));
	if (str_eq(word, STR("local")))
		printf(", a part of %lld", (long long)plan_integer(storage, "replicas", 1));
	putchar('\n');
	if (str_eq(mode, STR("leased")))
		print_lease(config);
}

static void print_chain(struct explain *x)
{
	const struct plan_node *chain = plan_get(x->api, "chain");
	printf("policies, in the order of the request%s\n", plan_count(chain) ? "" : ": none");
	for (size_t i = 0; i < plan_count(chain); i++) {
		const struct plan_node *entry = plan_at(chain, i);
		printf("  %2zu  order %-4lld  %-9.*s  %.*s  %.*s  (%.*s)", i + 1,
			(long long)plan_integer(entry, "order", 50),
			STR_ARG(explain_text(entry, "stage")),
			STR_ARG(explain_text(entry, "policy")), STR_ARG(explain_text(entry, "id")),
			STR_ARG(explain_text(entry, "source")));
		print_place(entry);
		if (plan_get(entry, "orderedBy"))
			printf("  order set by %.*s", STR_ARG(explain_text(entry, "orderedBy")));
		putchar('\n');
		print_rules(entry);
		print_targets(x, entry);
		print_storage(x, entry);
	}
}

const struct plan_node *explain_service(const struct explain *x, int64_t index)
{
	return plan_at(plan_get(x->root, "services"), (size_t)index);
}

struct str explain_address(struct explain *x, const struct plan_node *service)
{
	struct str scheme = plan_string(service, "scheme", STR("http"));
	struct str host = explain_text(service, "host"), unix_path = explain_text(service, "unix");
	bool is_ip6 = str_index(host, ':') < host.n;
	if (unix_path.n > 0)
		return arena_printf(
			&x->arena, "%.*s+unix://%.*s", STR_ARG(scheme), STR_ARG(unix_path));
	return arena_printf(&x->arena, "%.*s://%s%.*s%s:%lld", STR_ARG(scheme), is_ip6 ? "[" : "",
		STR_ARG(host), is_ip6 ? "]" : "", (long long)plan_integer(service, "port", 0));
}

/* What holds towards the service, and how long this API waits for it. */
static void print_service_limits(
	const struct explain *x, const struct plan_node *service, const struct plan_node *terms)
{
	static const char *const thresholds[] = {
		"maxConnections", "maxPending", "maxRequests", "maxRetries"};
	int64_t response_ms = plan_integer(terms, "responseTimeoutMs", 0);
	if (response_ms == 0)
		response_ms = plan_integer(x->api, "responseTimeoutMs", 0);
	if (response_ms == 0)
		response_ms =
			plan_integer(service, "responseTimeoutMs", LIMIT_UPSTREAM_RESPONSE_MS);
	printf("          seconds: connect %g, first byte %g, idle connection %g\n",
		(double)plan_integer(service, "connectTimeoutMs", LIMIT_CONNECT_MS) / 1000,
		(double)response_ms / 1000,
		(double)plan_integer(service, "idleTimeoutMs", LIMIT_UPSTREAM_IDLE_MS) / 1000);
	for (size_t i = 0; i < ARRAY_COUNT(thresholds); i++)
		if (plan_get(service, thresholds[i]))
			printf("          circuit breaker: %s %lld\n", thresholds[i],
				(long long)plan_integer(service, thresholds[i], 0));
}

static void print_destination(
	struct explain *x, const struct plan_node *destination, const struct plan_node *terms)
{
	const struct plan_node *service =
		explain_service(x, plan_integer(destination, "service", -1));
	struct str address = explain_address(x, service);
	printf("       to %.*s", STR_ARG(address));
	printf("%.*s%.*s  service %.*s/%.*s", STR_ARG(explain_text(service, "path")),
		STR_ARG(explain_text(destination, "destinationPath")),
		STR_ARG(explain_text(service, "namespace")),
		STR_ARG(explain_text(service, "name")));
	if (plan_get(destination, "weight"))
		printf("  weight %lld", (long long)plan_integer(destination, "weight", 1));
	putchar('\n');
	print_service_limits(x, service, terms);
}

static void print_terms(const struct plan_node *terms)
{
	struct str rewrite = explain_text(terms, "hostRewrite");
	int64_t idle_ms = plan_integer(terms, "streamIdleTimeoutMs", 0);
	if (rewrite.n > 0)
		printf("          Host: %.*s %.*s\n", STR_ARG(rewrite),
			STR_ARG(explain_text(terms, "host")));
	if (idle_ms > 0)
		printf("          seconds: idle exchange %g\n", (double)idle_ms / 1000);
}

static void print_mirror(struct explain *x, const struct plan_node *mirror)
{
	if (!mirror)
		return;
	const struct plan_node *service = explain_service(x, plan_integer(mirror, "service", -1));
	struct str address = explain_address(x, service);
	printf("  copies to %.*s%.*s  service %.*s/%.*s  %g %%\n", STR_ARG(address),
		STR_ARG(explain_text(service, "path")), STR_ARG(explain_text(service, "namespace")),
		STR_ARG(explain_text(service, "name")),
		(double)plan_integer(mirror, "millionths", 1000000) / 10000);
}

static void print_routes(struct explain *x)
{
	const struct plan_node *routes = plan_get(x->api, "routes");
	printf("routes, the first that matches is taken%s\n", plan_count(routes) ? "" : ": none");
	for (size_t i = 0; i < plan_count(routes); i++) {
		const struct plan_node *route = plan_at(routes, i);
		const struct plan_node *destinations = plan_get(route, "destinations");
		printf("  %2zu  order %-4lld  %.*s", i + 1,
			(long long)plan_integer(route, "order", 50),
			STR_ARG(explain_text(route, "name")));
		print_place(route);
		putchar('\n');
		print_rules(route);
		for (size_t k = 0; k < plan_count(destinations); k++)
			print_destination(x, plan_at(destinations, k), plan_get(route, "terms"));
		print_terms(plan_get(route, "terms"));
		print_mirror(x, plan_at(plan_get(route, "mirrors"), 0));
	}
}

/* --- limits ---------------------------------------------------------------------------------- */

static bool is_time(const struct plan_limit_row *row)
{
	struct str member = str_of(row->member);
	return member.n > 2 && str_eq(str_from(member, member.n - 2), STR("Ms"));
}

static void print_limit(const struct plan_node *limits, enum plan_limit id)
{
	const struct plan_limit_row *row = plan_limit_row(id);
	const struct plan_node *own = plan_get(limits, row->member);
	int64_t n = plan_limit_get(limits, id);
	printf("  %-26s ", row->name);
	if (n == PLAN_UNLIMITED)
		printf("%-10s", "any");
	else if (is_time(row))
		printf("%-10g", (double)n / 1000);
	else
		printf("%-10lld", (long long)n);
	printf("  excess: %s", row->excess);
	if (own)
		print_place(own);
	putchar('\n');
}

static void print_limits(const struct explain *x)
{
	const struct plan_node *all = plan_get(plan_get(x->root, "settings"), "limits");
	const struct plan_node *own = plan_get(x->api, "limits");
	printf("limits, a place where they are set\n");
	for (int id = 0; id < PLAN_LIMIT_COUNT; id++)
		print_limit(id < PLAN_LIMITS_OF_CONNECTIONS ? all : own, (enum plan_limit)id);
}

void explain_print_api(struct explain *x)
{
	printf("API %.*s/%.*s at %.*s", STR_ARG(explain_text(x->api, "namespace")),
		STR_ARG(explain_text(x->api, "name")), STR_ARG(explain_text(x->api, "address")));
	print_place(x->api);
	putchar('\n');
	const struct plan_node *error = plan_get(x->api, "error");
	if (error)
		printf("answers 503 to everything: %.*s\n",
			STR_ARG(explain_text(error, "message")));
	if (plan_bool(x->api, "blocked", false))
		printf("answers 403 to everything: access-block\n");
	print_chain(x);
	print_routes(x);
	print_limits(x);
}

/* --- all ------------------------------------------------------------------------------------- */

static int explain_all(struct explain *x)
{
	int code = EXIT_GOOD;
	if (x->api && !x->options->json)
		explain_print_api(x);
	if (x->options->request)
		code = explain_request(x);
	return code == EXIT_GOOD && x->api && plan_get(x->api, "error") ? EXIT_ERRORS : code;
}

static int explain_plan(const struct compile_options *o, const struct plan *plan)
{
	struct explain x = {.options = o, .root = plan_root(plan)};
	if (o->api) {
		x.api = find_api(x.root, o->api);
		if (!x.api)
			return tell_unknown(x.root, o->api);
	}
	struct pool *pool = pool_new();
	arena_init(&x.arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	int code = explain_all(&x);
	arena_reset(&x.arena);
	pool_free(pool);
	return code;
}

int command_explain(const struct compile_options *o)
{
	char message[200];
	struct buffer bytes;
	struct diagnostics diagnostics;
	struct plan *plan = NULL;
	int code = EXIT_BROKEN;
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
	diagnostics_init(&diagnostics);
	if (compile_paths(o, &bytes, &diagnostics) == RC_OK) {
		if (plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)) == RC_OK)
			code = explain_plan(o, plan);
		else
			fprintf(stderr, "the plan cannot be read: %s\n", message);
	}
	print_findings(&diagnostics);
	plan_free(plan);
	diagnostics_deinit(&diagnostics);
	buffer_deinit(&bytes);
	return code;
}
