/* SPDX-License-Identifier: Apache-2.0 */
/* route/route_table.h - which API a path belongs to, which rules match, and where a request goes.
 *
 * A listener has a table of base paths: a radix tree with segment boundaries; the longest base path
 * wins ("/shop" serves "/shop" and "/shop/x", never "/shopping"). An API has its rules compiled: of
 * its bindings and of its routes.
 *
 *   rule = path AND methods AND host AND headers, each a bounded regular expression that has to
 * match the whole value; a list of rules matches when one of them does; an empty list always does.
 *   Header rules look at every value of the field: one value that matches is enough, and a field
 *   that is absent never matches.
 *   Hosts match as received or without their port; a rule on the header "host" means the same.
 *   path rules see the path without the base path, "/" at least, without the query.
 *   a path rule's groups, concatenated, replace the path; that is made canonical, so a rewrite can
 *   create no ".."; then destinationPath goes before it, and before that the path of the service's
 *   address. "*" (OPTIONS *) stays as it is, and belongs to the API at the root alone.
 *
 * Invariants   T1  immutable once made; answers without allocating (choose: from the given arena).
 *              T2  matching never runs longer than EXPR_MATCH_LIMIT steps: RC_FULL, which denies.
 * Threads      made on the main thread, read by all.
 */
#pragma once

#include "http/message.h"
#include "plan/plan.h"

struct route_table;

struct route_match {
	size_t api;      /* index in the plan's apis */
	struct str rest; /* the path behind the base path, as it stands in `path`; "" for the base
			    alone */
};

/* What a table knows of an API: all views are borrowed while it is made. */
struct route_base {
	struct str path;      /* a slash at its end does not count */
	struct str space, id; /* for messages: the namespace, empty where `id` has it, and the name */
	int64_t listener;     /* below 0: on none */
	uint8_t options;      /* enum path_options */
};

/* Of those of `bases`, the plan's apis, whose listener it is. One sentence in `message`: RC_EXISTS
 * when two have the same base path, RC_INVALID when one is no path. */
MUST_USE enum rc route_table_new(const struct route_base *bases, size_t count, size_t listener,
	struct route_table **out, char *message, size_t message_size);
/* The same of an API of the plan, and of a list of them. */
struct route_base route_base_of(const struct plan_node *api);
MUST_USE enum rc route_table_of_plan(const struct plan_node *apis, size_t listener,
	struct route_table **out, char *message, size_t message_size);
/* NULL is harmless. */
void route_table_free(struct route_table *t);
/* `path` is canonical (http/uri.h) or "*". */
bool route_table_find(const struct route_table *t, struct str authority, struct str path,
	struct route_match *match);
/* The API of a request, whose path becomes what that API takes: its spec.paths may refuse an
 * encoded slash or parameters, take the parameters out, or have no regard to case, and then the
 * path is looked up as it has become. RC_OK, RC_NOT_FOUND; RC_INVALID: refused, 400; RC_FULL: the
 * arena is spent. */
MUST_USE enum rc route_table_take(const struct route_table *t, struct http_request *request,
	struct arena *arena, struct route_match *match);

struct route_api;

/* The services that routes lead to, by their numbers in the plan. */
struct route_services {
	size_t count;
	/* The prefix in the address of one; empty: none. */
	struct str (*path)(const struct route_services *s, size_t i);
	const void *owner;
};
struct route_services route_services_of_plan(const struct plan_node *list);

/* Compiles an API of the plan (its "chain" and "routes"). Keeps nothing of the plan. RC_INVALID: one
 * sentence in `message`. */
MUST_USE enum rc route_api_new(const struct plan_node *api, const struct route_services *services,
	struct route_api **out, char *message, size_t message_size);
/* NULL is harmless. */
void route_api_free(struct route_api *r);

/* Which bindings' rules match: bit i for entry i of the chain. RC_FULL: a rule exceeded its limits.
 */
MUST_USE enum rc route_api_active(const struct route_api *r, const struct http_request *request,
	struct str rest, uint64_t *active);
/* Whether every binding is active on every request (no rules anywhere): `active` is constant. */
bool route_api_is_unconditional(const struct route_api *r, uint64_t *active);

struct route_choice {
	size_t route;       /* index in the API's routes */
	size_t destination; /* index in that route's destinations */
	size_t service;     /* index in the plan's services */
	struct str
		path; /* what goes upstream: canonical; in the arena, or a part of the request's */
};

/* The first route whose rules match, and by `random` one of its destinations by weight.
 * RC_NOT_FOUND: no rule matches. RC_REFUSED: rules match but for their methods (405); `allowed`
 * gets the methods that would ("GET, HEAD"), in the arena, where the patterns are plain lists.
 * RC_INVALID: the path that rules or policies made is none. RC_FULL: a rule exceeded its limits, or
 * the arena is spent. */
MUST_USE enum rc route_api_choose(const struct route_api *r, const struct http_request *request,
	struct str rest, uint64_t random, struct arena *arena, struct route_choice *choice,
	struct str *allowed);
/* Why: each route in turn until one is taken, as a JSON list of {"route","verdict"}: "taken", or
 * what of its rules the request does not meet. */
struct buffer;
void route_api_tell(const struct route_api *r, const struct http_request *request, struct str rest,
	struct buffer *out);
