/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of an API: which bindings are active, which route is taken, what path goes upstream. */
#include "route/route_table.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "http/uri.h"
#include "route/path_options.h"
#include "route/rule.h"

#include <stdio.h>
#include <stdlib.h>

/* A binding that has rules. */
struct conditional {
	unsigned binding; /* index in the chain */
	struct rule_list rules;
};

struct destination {
	size_t service;
	uint64_t weight;
	char *prefix; /* owned: service's path and destinationPath; canonical, no slash at its end
		       */
	size_t prefix_bytes;
};

struct route {
	char *name; /* owned */
	struct rule_list rules;
	struct destination *destinations; /* owned */
	size_t destination_count;
	uint64_t weight; /* of all */
};

struct route_api {
	uint64_t always;                  /* bindings without rules */
	struct conditional *conditionals; /* owned */
	size_t conditional_count;
	struct route *routes; /* owned */
	size_t route_count;
	bool is_plain; /* one route without rules to one destination without a prefix */
};

/* --- making ---------------------------------------------------------------------------------- */

struct compiler {
	struct route_api *api;
	const struct route_services *services;
	bool folds_case; /* the API sees paths in lower case */
	char *message;
	size_t size;
};

static enum rc refuse(const struct compiler *c, const char *what, struct str name, const char *why)
{
	char inner[320];
	snprintf(inner, sizeof(inner), "%s", why);
	snprintf(c->message, c->size, "%s%s%.*s: %s", what, name.n > 0 ? " " : "", STR_ARG(name),
		inner);
	return RC_INVALID;
}

static enum rc compile_bindings(struct compiler *c, const struct plan_node *chain)
{
	struct route_api *r = c->api;
	size_t count = plan_count(chain);
	if (count > LIMIT_BINDINGS_PER_CHAIN) {
		snprintf(c->message, c->size, "a chain has at most %d policies, found %zu",
			LIMIT_BINDINGS_PER_CHAIN, count);
		return RC_INVALID;
	}
	r->conditionals = heap_zalloc(count * sizeof(struct conditional));
	for (size_t i = 0; i < count; i++) {
		const struct plan_node *binding = plan_at(chain, i);
		struct conditional *k = &r->conditionals[r->conditional_count];
		char why[256] = "";
		if (rule_list_init(&k->rules, plan_get(binding, "rules"), c->folds_case, why,
			    sizeof(why)) != RC_OK)
			return refuse(c, "policy", plan_string(binding, "policy", STR_EMPTY), why);
		k->binding = (unsigned)i;
		if (k->rules.count == 0)
			r->always |= 1ull << i;
		else
			r->conditional_count++;
	}
	return RC_OK;
}

static struct str without_slashes(struct str path)
{
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

/* service's path ++ destinationPath, canonical, in the arena; "" when both are. */
static enum rc join_prefix(
	struct arena *arena, struct str service_path, struct str path, struct str *out)
{
	struct str parts[] = {without_slashes(service_path), without_slashes(path)};
	*out = STR_EMPTY;
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		struct str part = parts[i], canonical;
		if (part.n == 0)
			continue;
		if (part.p[0] != '/')
			part = arena_concat(arena, STR("/"), part);
		if (uri_canonical_path(part, arena, 0, &canonical) != RC_OK)
			return RC_INVALID;
		*out = arena_concat(arena, *out, without_slashes(canonical));
	}
	return arena->failed ? RC_INVALID : RC_OK;
}

static enum rc compile_prefix(
	struct compiler *c, const struct plan_node *node, struct destination *d)
{
	struct str service_path = c->services->path(c->services, d->service);
	struct str path = plan_string(node, "destinationPath", STR_EMPTY);
	struct str prefix;
	if (without_slashes(service_path).n == 0 && without_slashes(path).n == 0)
		return RC_OK;
	struct pool *pool = pool_new();
	struct arena arena;
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	enum rc rc = join_prefix(&arena, service_path, path, &prefix);
	if (rc == RC_OK && prefix.n > 0) {
		d->prefix = heap_strndup(prefix);
		d->prefix_bytes = prefix.n;
	}
	arena_reset(&arena);
	pool_free(pool);
	return rc == RC_OK ? rc : refuse(c, "destinationPath", path, "expected a path");
}

static enum rc compile_destination(
	struct compiler *c, const struct plan_node *node, struct route *route)
{
	struct destination *d = &route->destinations[route->destination_count++];
	int64_t service = plan_integer(node, "service", -1);
	int64_t weight = plan_integer(node, "weight", 1);
	if (service < 0 || (size_t)service >= c->services->count)
		return refuse(c, "service", STR_EMPTY, "there is none with this index");
	if (weight < 0 || weight > UINT32_MAX)
		return refuse(c, "weight", STR_EMPTY, "expected a number from 0 to 4294967295");
	d->service = (size_t)service;
	d->weight = (uint64_t)weight;
	route->weight += d->weight;
	return compile_prefix(c, node, d);
}

static enum rc compile_route(struct compiler *c, const struct plan_node *node, struct route *route)
{
	struct str name = plan_string(node, "name", STR_EMPTY);
	const struct plan_node *list = plan_get(node, "destinations");
	route->name = heap_strndup(name);
	char why[256] = "";
	if (rule_list_init(&route->rules, plan_get(node, "rules"), c->folds_case, why,
		    sizeof(why)) != RC_OK)
		return refuse(c, "route", name, why);
	route->destinations = heap_zalloc(plan_count(list) * sizeof(struct destination));
	for (size_t i = 0; i < plan_count(list); i++)
		if (compile_destination(c, plan_at(list, i), route) != RC_OK)
			return refuse(c, "route", name, c->message);
	if (route->weight == 0)
		return refuse(c, "route", name, "it has no destination with a weight");
	return RC_OK;
}

static enum rc compile_routes(struct compiler *c, const struct plan_node *routes)
{
	struct route_api *r = c->api;
	r->routes = heap_zalloc(plan_count(routes) * sizeof(struct route));
	for (size_t i = 0; i < plan_count(routes); i++) {
		enum rc rc = compile_route(c, plan_at(routes, i), &r->routes[r->route_count++]);
		if (rc != RC_OK)
			return rc;
	}
	const struct route *first = r->routes;
	r->is_plain = r->route_count > 0 && first->rules.count == 0 &&
		      first->destination_count == 1 && !first->destinations[0].prefix;
	return RC_OK;
}

static struct str path_in_plan(const struct route_services *s, size_t i)
{
	return plan_string(plan_at(s->owner, i), "path", STR_EMPTY);
}

struct route_services route_services_of_plan(const struct plan_node *list)
{
	return (struct route_services){plan_count(list), path_in_plan, list};
}

enum rc route_api_new(const struct plan_node *api, const struct route_services *services,
	struct route_api **out, char *message, size_t message_size)
{
	struct compiler c = {
		.api = heap_zalloc(sizeof(struct route_api)),
		.services = services,
		.folds_case = path_options_of(api) & PATHS_LOWER,
		.message = message,
		.size = message_size,
	};
	enum rc rc = compile_bindings(&c, plan_get(api, "chain"));
	if (rc == RC_OK)
		rc = compile_routes(&c, plan_get(api, "routes"));
	if (rc == RC_OK)
		*out = c.api;
	else
		route_api_free(c.api);
	return rc;
}

static void route_deinit(struct route *route)
{
	free(route->name);
	rule_list_deinit(&route->rules);
	for (size_t i = 0; i < route->destination_count; i++)
		free(route->destinations[i].prefix);
	free(route->destinations);
}

void route_api_free(struct route_api *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->conditional_count; i++)
		rule_list_deinit(&r->conditionals[i].rules);
	for (size_t i = 0; i < r->route_count; i++)
		route_deinit(&r->routes[i]);
	free(r->conditionals);
	free(r->routes);
	free(r);
}

/* --- bindings -------------------------------------------------------------------------------- */

/* What path rules see. */
static struct str subject_of(struct str rest)
{
	return rest.n > 0 ? rest : STR("/");
}

bool route_api_is_unconditional(const struct route_api *r, uint64_t *active)
{
	if (r->conditional_count > 0)
		return false;
	*active = r->always;
	return true;
}

enum rc route_api_active(const struct route_api *r, const struct http_request *request,
	struct str rest, uint64_t *active)
{
	uint64_t bits = r->always;
	for (size_t i = 0; i < r->conditional_count; i++) {
		const struct conditional *k = &r->conditionals[i];
		enum rc rc = rule_list_match(&k->rules, request, subject_of(rest), NULL);
		if (rc == RC_FULL)
			return rc;
		if (rc == RC_OK)
			bits |= 1ull << k->binding;
	}
	*active = bits;
	return RC_OK;
}

/* --- routes ---------------------------------------------------------------------------------- */

static size_t choose_destination(const struct route *route, uint64_t random)
{
	size_t last = route->destination_count - 1;
	uint64_t at = last > 0 ? random % route->weight : 0;
	size_t i = 0;
	for (; i < last && at >= route->destinations[i].weight; i++)
		at -= route->destinations[i].weight;
	return i;
}

/* The groups one after the other, with a slash before them. */
static enum rc join_groups(const struct rule_groups *groups, struct arena *arena, struct str *out)
{
	size_t n = 1;
	for (unsigned i = 0; i < groups->count; i++)
		n += groups->items[i].n;
	char *p = arena_alloc(arena, n);
	if (!p)
		return RC_FULL;
	*p = '/';
	n = 1;
	for (unsigned i = 0; i < groups->count; i++) {
		if (groups->items[i].n > 0)
			memcpy(p + n, groups->items[i].p, groups->items[i].n);
		n += groups->items[i].n;
	}
	bool has_slash = n > 1 && p[1] == '/';
	struct str joined = has_slash ? str_n(p + 1, n - 1) : str_n(p, n);
	return uri_canonical_path(joined, arena, groups->holds, out);
}

/* Whether groups were there and all of them empty: then the prefix alone is the path. */
static bool are_groups_empty(const struct rule_groups *groups)
{
	for (unsigned i = 0; i < groups->count; i++)
		if (groups->items[i].n > 0)
			return false;
	return groups->count > 0;
}

/* Both parts of the path are canonical and each begins with a slash, so the whole is canonical. */
static enum rc make_path(const struct destination *d, const struct rule_groups *groups,
	struct str path, struct arena *arena, struct str *out)
{
	struct str prefix = {d->prefix, d->prefix_bytes};
	if (str_eq(path, STR("*"))) {
		*out = path;
		return RC_OK;
	}
	if (path.p[0] != '/')
		return RC_INVALID;
	if (groups->count > 0) {
		enum rc rc = join_groups(groups, arena, &path);
		if (rc != RC_OK)
			return rc;
	}
	if (prefix.n > 0)
		path = are_groups_empty(groups) ? prefix : arena_concat(arena, prefix, path);
	*out = path;
	return path.n > 0 ? RC_OK : RC_FULL;
}

/* "GET, HEAD" in the making. */
struct allowed_text {
	char text[512];
	size_t n;
};

static bool is_listed(const struct allowed_text *a, struct str method)
{
	struct str list = str_n(a->text, a->n);
	while (list.p)
		if (str_eq(str_trim(str_cut(&list, ',')), method))
			return true;
	return false;
}

/* `list` is "GET|HEAD"; what has no room is left out. */
static void add_allowed(struct allowed_text *a, struct str list)
{
	while (list.p) {
		struct str method = str_cut(&list, '|');
		if (is_listed(a, method) || method.n + 2 > sizeof(a->text) - a->n)
			continue;
		if (a->n > 0) {
			memcpy(a->text + a->n, ", ", 2);
			a->n += 2;
		}
		memcpy(a->text + a->n, method.p, method.n);
		a->n += method.n;
	}
}

/* The methods of every rule that only its methods kept from matching. */
static struct str list_allowed(const struct route_api *r, const struct http_request *request,
	struct str path, struct arena *arena)
{
	struct allowed_text a = {.n = 0};
	for (size_t i = 0; i < r->route_count; i++)
		for (size_t k = 0; k < r->routes[i].rules.count; k++) {
			const struct rule *rule = &r->routes[i].rules.rules[k];
			if (rule->methods_listed &&
				rule_match(rule, request, path, NULL) == RC_REFUSED)
				add_allowed(&a, str_of(rule->methods_listed));
		}
	return arena_copy(arena, str_n(a.text, a.n));
}

static enum rc take_route(const struct route_api *r, size_t i, const struct rule_groups *groups,
	struct str path, uint64_t random, struct arena *arena, struct route_choice *choice)
{
	const struct route *route = &r->routes[i];
	struct route_choice taken = {.route = i};
	taken.destination = choose_destination(route, random);
	const struct destination *d = &route->destinations[taken.destination];
	taken.service = d->service;
	enum rc rc = make_path(d, groups, path, arena, &taken.path);
	if (rc == RC_OK)
		*choice = taken;
	return rc;
}

/* Apart, so that plain APIs do not pay for the groups on the stack. */
static __attribute__((noinline)) enum rc choose_by_rules(const struct route_api *r,
	const struct http_request *request, struct str path, uint64_t random, struct arena *arena,
	struct route_choice *choice, struct str *allowed)
{
	struct rule_groups groups;
	bool is_refused = false;
	groups.holds = request->path_holds;
	for (size_t i = 0; i < r->route_count; i++) {
		enum rc rc = rule_list_match(&r->routes[i].rules, request, path, &groups);
		if (rc == RC_OK)
			return take_route(r, i, &groups, path, random, arena, choice);
		if (rc == RC_FULL)
			return rc;
		is_refused |= rc == RC_REFUSED;
	}
	if (!is_refused)
		return RC_NOT_FOUND;
	*allowed = list_allowed(r, request, path, arena);
	return RC_REFUSED;
}

enum rc route_api_choose(const struct route_api *r, const struct http_request *request,
	struct str rest, uint64_t random, struct arena *arena, struct route_choice *choice,
	struct str *allowed)
{
	struct str path = subject_of(rest);
	if (UNLIKELY(!r->is_plain || path.p[0] != '/'))
		return choose_by_rules(r, request, path, random, arena, choice, allowed);
	*choice = (struct route_choice){
		.service = r->routes[0].destinations[0].service,
		.path = path,
	};
	return RC_OK;
}

void route_api_tell(const struct route_api *r, const struct http_request *request, struct str rest,
	struct buffer *out)
{
	bool is_taken = false;
	buffer_add_char(out, '[');
	for (size_t i = 0; i < r->route_count && !is_taken; i++) {
		const char *verdict =
			rule_list_verdict(&r->routes[i].rules, request, subject_of(rest));
		is_taken = strcmp(verdict, "taken") == 0;
		buffer_add(out, i > 0 ? STR(",{\"route\":") : STR("{\"route\":"));
		buffer_add_json(out, str_of(r->routes[i].name));
		buffer_addf(out, ",\"verdict\":\"%s\"}", verdict);
	}
	buffer_add_char(out, ']');
}
