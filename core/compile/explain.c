/* SPDX-License-Identifier: Apache-2.0 */
/* What a request to an API meets, from the same plan and the same matcher as the gateway's. */
#include "compile/commands.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "http/message.h"
#include "http/uri.h"
#include "plan/plan.h"
#include "plan/plan_limits.h"
#include "route/route_table.h"

#include <stdio.h>
#include <stdlib.h>

struct explain {
	const struct compile_options *options;
	const struct plan_node *root;
	const struct plan_node *api;
	struct arena arena;
	struct http_request request;
};

static struct str text_of(const struct plan_node *n, const char *key)
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
	struct str space = text_of(api, "namespace"), plain = text_of(api, "name");
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
		names[i] = heap_strndup(text_of(plan_at(apis, i), "name"));
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

static void print_chain(const struct explain *x)
{
	const struct plan_node *chain = plan_get(x->api, "chain");
	printf("policies, in the order of the request%s\n", plan_count(chain) ? "" : ": none");
	for (size_t i = 0; i < plan_count(chain); i++) {
		const struct plan_node *entry = plan_at(chain, i);
		printf("  %2zu  order %-4lld  %-9.*s  %.*s  %.*s  (%.*s)", i + 1,
			(long long)plan_integer(entry, "order", 50),
			STR_ARG(text_of(entry, "stage")), STR_ARG(text_of(entry, "policy")),
			STR_ARG(text_of(entry, "id")), STR_ARG(text_of(entry, "source")));
		print_place(entry);
		if (plan_get(entry, "orderedBy"))
			printf("  order set by %.*s", STR_ARG(text_of(entry, "orderedBy")));
		putchar('\n');
		print_rules(entry);
	}
}

static const struct plan_node *service_at(const struct explain *x, int64_t index)
{
	return plan_at(plan_get(x->root, "services"), (size_t)index);
}

static void print_address(const struct plan_node *service)
{
	struct str scheme = plan_string(service, "scheme", STR("http"));
	struct str host = text_of(service, "host"), unix_path = text_of(service, "unix");
	bool is_ip6 = str_index(host, ':') < host.n;
	if (unix_path.n > 0)
		printf("%.*s+unix://%.*s", STR_ARG(scheme), STR_ARG(unix_path));
	else
		printf("%.*s://%s%.*s%s:%lld", STR_ARG(scheme), is_ip6 ? "[" : "", STR_ARG(host),
			is_ip6 ? "]" : "", (long long)plan_integer(service, "port", 0));
}

/* What holds towards the service, and how long this API waits for it. */
static void print_service_limits(const struct explain *x, const struct plan_node *service)
{
	static const char *const thresholds[] = {
		"maxConnections", "maxPending", "maxRequests", "maxRetries"};
	int64_t response_ms = plan_integer(x->api, "responseTimeoutMs", 0);
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

static void print_destination(const struct explain *x, const struct plan_node *destination)
{
	const struct plan_node *service = service_at(x, plan_integer(destination, "service", -1));
	printf("       to ");
	print_address(service);
	printf("%.*s%.*s  service %.*s/%.*s", STR_ARG(text_of(service, "path")),
		STR_ARG(text_of(destination, "destinationPath")),
		STR_ARG(text_of(service, "namespace")), STR_ARG(text_of(service, "name")));
	if (plan_get(destination, "weight"))
		printf("  weight %lld", (long long)plan_integer(destination, "weight", 1));
	putchar('\n');
	print_service_limits(x, service);
}

static void print_routes(const struct explain *x)
{
	const struct plan_node *routes = plan_get(x->api, "routes");
	printf("routes, the first that matches is taken%s\n", plan_count(routes) ? "" : ": none");
	for (size_t i = 0; i < plan_count(routes); i++) {
		const struct plan_node *route = plan_at(routes, i);
		const struct plan_node *destinations = plan_get(route, "destinations");
		printf("  %2zu  order %-4lld  %.*s", i + 1,
			(long long)plan_integer(route, "order", 50),
			STR_ARG(text_of(route, "name")));
		print_place(route);
		putchar('\n');
		print_rules(route);
		for (size_t k = 0; k < plan_count(destinations); k++)
			print_destination(x, plan_at(destinations, k));
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

static void print_api(const struct explain *x)
{
	printf("API %.*s/%.*s at %.*s", STR_ARG(text_of(x->api, "namespace")),
		STR_ARG(text_of(x->api, "name")), STR_ARG(text_of(x->api, "address")));
	print_place(x->api);
	putchar('\n');
	const struct plan_node *error = plan_get(x->api, "error");
	if (error)
		printf("answers 503 to everything: %.*s\n", STR_ARG(text_of(error, "message")));
	if (plan_bool(x->api, "blocked", false))
		printf("answers 403 to everything: access-block\n");
	print_chain(x);
	print_routes(x);
	print_limits(x);
}

/* --- a request ------------------------------------------------------------------------------- */

static bool refuse_request(const char *message, const char *text)
{
	fprintf(stderr, "%s: '%s'\n", message, text);
	return false;
}

static bool add_header(struct http_request *r, const char *text)
{
	struct str value = str_of(text);
	struct str name = str_cut(&value, ':');
	if (!value.p)
		return refuse_request("a header is 'name: value', not", text);
	value = str_trim(value);
	if (str_eq_nocase(name, STR("host")))
		r->authority = value;
	else if (fields_add(&r->fields, name, value) != RC_OK)
		return refuse_request("not a header that a request can have", text);
	return true;
}

/* "GET /path?query" or "/path". */
static bool make_request(struct explain *x)
{
	struct http_request *r = &x->request;
	const struct compile_options *o = x->options;
	struct str target = str_of(o->request), method = STR("GET");
	if (target.n > 0 && target.p[0] != '/')
		method = str_cut(&target, ' ');
	target = str_trim(target);
	http_request_init(r, &x->arena);
	r->method = http_method_of(method);
	r->method_name = method;
	r->target = target;
	r->version_major = r->version_minor = 1;
	const struct plan_node *listener = plan_at(
		plan_get(x->root, "listeners"), (size_t)plan_integer(x->api, "listener", -1));
	r->authority = arena_printf(&x->arena, "%.*s:%lld", STR_ARG(text_of(listener, "address")),
		(long long)plan_integer(listener, "port", 0));
	r->scheme = plan_get(listener, "tls") ? STR("https") : STR("http");
	if (uri_parse_origin_form(
		    target, &x->arena, &r->path, &r->query, &r->has_query, &r->path_holds) != RC_OK)
		return refuse_request("not a path that the gateway would take (400)", o->request);
	for (size_t i = 0; i < o->header_count; i++)
		if (!add_header(r, o->headers[i]))
			return false;
	return true;
}

static void print_active(const struct explain *x, uint64_t active)
{
	const struct plan_node *chain = plan_get(x->api, "chain");
	for (size_t i = 0; i < plan_count(chain); i++) {
		const struct plan_node *entry = plan_at(chain, i);
		printf("  %s  %.*s  %.*s\n", (active >> i) & 1 ? "runs " : "skips",
			STR_ARG(text_of(entry, "policy")), STR_ARG(text_of(entry, "id")));
	}
}

static void print_choice(const struct explain *x, const struct route_choice *choice)
{
	const struct plan_node *route = plan_at(plan_get(x->api, "routes"), choice->route);
	const struct plan_node *service = service_at(x, (int64_t)choice->service);
	size_t count = plan_count(plan_get(route, "destinations"));
	printf("  takes route %.*s", STR_ARG(text_of(route, "name")));
	if (count > 1)
		printf(", which draws one of %zu services; for example", count);
	printf("\n  goes to ");
	print_address(service);
	printf("%.*s", STR_ARG(choice->path));
	if (x->request.has_query)
		printf("?%.*s", STR_ARG(x->request.query));
	printf("  service %.*s/%.*s\n", STR_ARG(text_of(service, "namespace")),
		STR_ARG(text_of(service, "name")));
}

static void print_decisions(struct explain *x, const struct route_api *compiled, struct str rest)
{
	uint64_t active = 0;
	struct route_choice choice;
	struct str allowed = STR_EMPTY;
	if (route_api_active(compiled, &x->request, rest, &active) != RC_OK) {
		printf("  503: a rule is too costly for this request\n");
		return;
	}
	if (plan_bool(x->api, "blocked", false)) {
		printf("  403: access-block\n");
		return;
	}
	print_active(x, active);
	switch (route_api_choose(compiled, &x->request, rest, 0, &x->arena, &choice, &allowed)) {
	case RC_OK:
		print_choice(x, &choice);
		break;
	case RC_REFUSED:
		printf("  405: the route is for %.*s\n", STR_ARG(allowed));
		break;
	case RC_NOT_FOUND:
		printf("  404: no route matches\n");
		break;
	default:
		printf("  503: a route's rule is too costly for this request\n");
	}
}

/* The API that the listener would choose may be another one. */
static bool find_rest(struct explain *x, struct str *rest)
{
	char message[200];
	struct route_table *table = NULL;
	struct route_match match;
	const struct plan_node *apis = plan_get(x->root, "apis");
	int64_t listener = plan_integer(x->api, "listener", -1);
	if (listener < 0) {
		printf("  no listener: nothing answers\n");
		return false;
	}
	if (route_table_new(apis, (size_t)listener, &table, message, sizeof(message)) != RC_OK) {
		printf("  %s\n", message);
		return false;
	}
	enum rc rc = route_table_take(table, &x->request, &x->arena, &match);
	route_table_free(table);
	if (rc == RC_INVALID) {
		printf("  400: the API does not take an encoded slash, or parameters, in a path\n");
		return false;
	}
	if (rc != RC_OK) {
		printf("  404: no API has this path\n");
		return false;
	}
	const struct plan_node *other = plan_at(apis, match.api);
	if (other != x->api) {
		printf("  goes to another API: %.*s/%.*s\n", STR_ARG(text_of(other, "namespace")),
			STR_ARG(text_of(other, "name")));
		return false;
	}
	*rest = match.rest;
	return true;
}

static int explain_request(struct explain *x)
{
	char message[200];
	struct str rest;
	struct route_api *compiled = NULL;
	if (!make_request(x))
		return EXIT_BROKEN;
	printf("request %.*s %.*s\n", STR_ARG(x->request.method_name), STR_ARG(x->request.target));
	if (!find_rest(x, &rest))
		return EXIT_GOOD;
	if (plan_get(x->api, "error")) {
		printf("  503: the API has errors\n");
		return EXIT_GOOD;
	}
	const struct plan_node *services = plan_get(x->root, "services");
	if (route_api_new(x->api, services, &compiled, message, sizeof(message)) != RC_OK) {
		printf("  503: %s\n", message);
		return EXIT_GOOD;
	}
	print_decisions(x, compiled, rest);
	route_api_free(compiled);
	return EXIT_GOOD;
}

/* --- all ------------------------------------------------------------------------------------- */

static int explain_plan(const struct compile_options *o, const struct plan *plan)
{
	struct explain x = {.options = o, .root = plan_root(plan)};
	x.api = find_api(x.root, o->api);
	if (!x.api)
		return tell_unknown(x.root, o->api);
	print_api(&x);
	int code = EXIT_GOOD;
	if (o->request) {
		struct pool *pool = pool_new();
		arena_init(&x.arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
		code = explain_request(&x);
		arena_reset(&x.arena);
		pool_free(pool);
	}
	return code == EXIT_GOOD && plan_get(x.api, "error") ? EXIT_ERRORS : code;
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
