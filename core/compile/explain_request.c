/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of one request, as far as the configuration alone decides it: in the order in which
 * the gateway decides (proxy/request.c), with the words of its access record. */
#include "compile/explain_priv.h"

#include "base/limits.h"
#include "http/query_mask.h"
#include "http/uri.h"
#include "plan/plan_limits.h"
#include "route/route_table.h"

#include <stdio.h>

/* X(id, status, reason of the access record) */
#define OUTCOMES(X)                                                                                \
	X(UPSTREAM, 0, "ok")                                                                       \
	X(NO_API, 404, "no_api")                                                                   \
	X(BAD_REQUEST, 400, "bad_request")                                                         \
	X(METHOD, 405, "method_not_allowed")                                                       \
	X(UNAVAILABLE, 503, "api_unavailable")                                                     \
	X(BLOCKED, 403, "access_blocked")                                                          \
	X(TOO_LARGE, 413, "body_too_large")                                                        \
	X(REDIRECTED, 308, "redirected")                                                           \
	X(RULE_LIMIT, 503, "rule_limit")                                                           \
	X(NO_ROUTE, 404, "no_route")                                                               \
	X(REWRITE, 500, "rewrite_failed")

enum outcome {
#define X(id, status, reason) OUTCOME_##id,
	OUTCOMES(X)
#undef X
};

static const struct {
	int status;
	const char *reason;
} outcomes[] = {
#define X(id, status, reason) {status, reason},
	OUTCOMES(X)
#undef X
};

/* What the request meets. */
struct prediction {
	enum outcome outcome;
	int status;          /* 0: the upstream's */
	const char *detail;  /* or NULL */
	struct str location; /* of a redirect */
	const struct plan_node *api;
	bool has_active; /* the bindings were judged */
	uint64_t active;
	const struct plan_node *route, *service; /* NULL: none was chosen */
	size_t destinations;                     /* that the route draws from */
	struct str target;                       /* what goes upstream */
	struct str allowed;                      /* methods */
};

static void decide(struct prediction *p, enum outcome outcome, const char *detail)
{
	p->outcome = outcome;
	p->status = outcomes[outcome].status;
	p->detail = detail;
}

/* --- the request ----------------------------------------------------------------------------- */
static bool refuse_request(const char *message, const char *text)
{
	fprintf(stderr, "%s: '%s'\n", message, text);
	return false;
}

static bool add_header(struct http_request *r, const char *text)
{
	struct str value = str_of(text);
	struct str name = str_cut(&value, ':');
	uint64_t length;
	if (!value.p)
		return refuse_request("a header is 'name: value', not", text);
	value = str_trim(value);
	if (str_eq_nocase(name, STR("host"))) {
		r->authority = value;
	} else if (str_eq_nocase(name, STR("content-length"))) {
		if (str_to_u64(value, INT64_MAX, &length) != RC_OK)
			return refuse_request("not a length", text);
		r->content_length = (int64_t)length;
	} else if (fields_add(&r->fields, name, value) != RC_OK) {
		return refuse_request("not a header that a request can have", text);
	}
	return true;
}

static const struct plan_node *listener_at(const struct explain *x, int64_t index)
{
	return plan_at(plan_get(x->root, "listeners"), (size_t)index);
}

static bool is_any(struct str address)
{
	return str_eq(address, STR("0.0.0.0")) || str_eq(address, STR("::"));
}

/* Of that port: the one at that address, else one at any address, else the first. */
static int64_t find_listener(const struct explain *x, struct str host, uint16_t port)
{
	const struct plan_node *all = plan_get(x->root, "listeners");
	int64_t found = -1, rank = 0;
	for (size_t i = 0; i < plan_count(all); i++) {
		struct str address = explain_text(plan_at(all, i), "address");
		if (plan_integer(plan_at(all, i), "port", 0) != port)
			continue;
		int64_t r = str_eq(address, host) ? 3 : is_any(address) ? 2 : 1;
		if (r > rank) {
			found = (int64_t)i;
			rank = r;
		}
	}
	return found;
}

/* "http://host:port/path?query" becomes the listener, the authority and the target. */
static bool take_absolute(struct explain *x, struct str *target, int64_t *listener)
{
	struct uri uri;
	struct http_request *r = &x->request;
	if (uri_parse_absolute(*target, &uri) != RC_OK)
		return refuse_request("not a URL that a client could ask for", x->options->request);
	bool is_https = str_eq(uri.scheme, STR("https"));
	uint16_t port = uri.port ? uri.port : is_https ? 443 : 80;
	size_t start = str_find(*target, STR("://")) + 3;
	struct str behind = str_from(*target, start);
	size_t slash = str_index(behind, '/'), mark = str_index(behind, '?');
	size_t end = slash < mark ? slash : mark;
	r->authority = str_slice(behind, 0, end);
	*target = str_from(behind, end);
	if (target->n == 0 || target->p[0] != '/')
		*target = arena_concat(&x->arena, STR("/"), *target);
	*listener = find_listener(x, uri.host, port);
	if (*listener < 0) {
		fprintf(stderr, "nothing listens on port %u: the connection is refused\n", port);
		return false;
	}
	bool has_tls = plan_get(listener_at(x, *listener), "tls") != NULL;
	if (has_tls != is_https)
		return refuse_request(has_tls ? "that port speaks https alone, so this fails"
					      : "that port speaks http alone, so this fails",
			x->options->request);
	return true;
}

static bool take_target(struct explain *x, struct str target, int64_t *listener)
{
	struct http_request *r = &x->request;
	bool is_absolute =
		str_starts(target, STR("http://")) || str_starts(target, STR("https://"));
	if (is_absolute) {
		if (!take_absolute(x, &target, listener))
			return false;
	} else if (x->api) {
		*listener = plan_integer(x->api, "listener", -1);
		r->authority = arena_printf(&x->arena, "%.*s:%lld",
			STR_ARG(explain_text(listener_at(x, *listener), "address")),
			(long long)plan_integer(listener_at(x, *listener), "port", 0));
	} else {
		return refuse_request("without --api a request is 'GET http://host:port/path', not",
			x->options->request);
	}
	r->target = target;
	r->scheme = plan_get(listener_at(x, *listener), "tls") ? STR("https") : STR("http");
	return true;
}

/* "GET /path?query", "/path", "GET http://host:port/path". */
static bool make_request(struct explain *x, int64_t *listener)
{
	struct http_request *r = &x->request;
	const struct compile_options *o = x->options;
	struct str target = str_of(o->request), method = STR("GET");
	if (target.n > 0 && target.p[0] != '/' && str_index(target, ' ') < target.n)
		method = str_cut(&target, ' ');
	http_request_init(r, &x->arena);
	r->method = http_method_of(method);
	r->method_name = method;
	r->version_major = r->version_minor = 1;
	if (!take_target(x, str_trim(target), listener))
		return false;
	for (size_t i = 0; i < o->header_count; i++)
		if (!add_header(r, o->headers[i]))
			return false;
	return true;
}

/* --- deciding -------------------------------------------------------------------------------- */
static bool has_canonical_path(struct explain *x)
{
	struct http_request *r = &x->request;
	return uri_parse_origin_form(r->target, &x->arena, &r->path, &r->query, &r->has_query,
		       &r->path_holds) == RC_OK;
}

/* The API of the listener that has the path. */
static bool find_api(struct explain *x, int64_t listener, struct prediction *p, struct str *rest)
{
	char message[200];
	struct route_table *table = NULL;
	struct route_match match;
	const struct plan_node *apis = plan_get(x->root, "apis");
	if (listener < 0 || route_table_of_plan(apis, (size_t)listener, &table, message,
				    sizeof(message)) != RC_OK) {
		decide(p, OUTCOME_NO_API, "no listener");
		return false;
	}
	enum rc rc = route_table_take(table, &x->request, &x->arena, &match);
	route_table_free(table);
	if (rc == RC_INVALID)
		decide(p, OUTCOME_BAD_REQUEST,
			"the API does not take an encoded slash, or parameters, in a path");
	else if (rc != RC_OK)
		decide(p, OUTCOME_NO_API, NULL);
	if (rc != RC_OK)
		return false;
	p->api = plan_at(apis, match.api);
	*rest = match.rest;
	return true;
}

static void redirect(struct explain *x, struct prediction *p, const struct plan_node *to)
{
	const struct http_request *r = &x->request;
	struct str host = plan_string(to, "host", STR_EMPTY);
	long long port = plan_integer(to, "port", 443);
	char text[16] = "";
	if (host.n == 0)
		host = r->authority.n > 0 && r->authority.p[0] == '['
			       ? str_slice(r->authority, 0, str_index(r->authority, ']') + 1)
			       : str_slice(r->authority, 0, str_index(r->authority, ':'));
	if (port != 443)
		snprintf(text, sizeof(text), ":%lld", port);
	decide(p, OUTCOME_REDIRECTED, NULL);
	p->status = (int)plan_integer(to, "status", 308);
	p->location = arena_printf(&x->arena, "https://%.*s%s%.*s%s%.*s", STR_ARG(host), text,
		STR_ARG(r->path), r->has_query ? "?" : "", STR_ARG(r->query));
}

/* Before any rule is judged. */
static bool is_decided_by_api(struct explain *x, struct prediction *p)
{
	const struct plan_node *limits = plan_get(p->api, "limits"), *to;
	if (plan_get(p->api, "error"))
		decide(p, OUTCOME_UNAVAILABLE, "its configuration has errors");
	else if (plan_bool(p->api, "blocked", false))
		decide(p, OUTCOME_BLOCKED, "access-block");
	else if (x->request.content_length > plan_limit_get(limits, PLAN_LIMIT_REQUEST_BODY_BYTES))
		decide(p, OUTCOME_TOO_LARGE, "more than the API's requestBodyBytes");
	else if ((to = plan_get(p->api, "redirect")) && !str_eq(x->request.scheme, STR("https")))
		redirect(x, p, to);
	else
		return false;
	return true;
}

static void take_choice(struct explain *x, struct prediction *p, const struct route_choice *choice)
{
	p->route = plan_at(plan_get(p->api, "routes"), choice->route);
	p->destinations = plan_count(plan_get(p->route, "destinations"));
	p->service = explain_service(x, (int64_t)choice->service);
	p->target = arena_printf(&x->arena, "%.*s%.*s%s%.*s",
		STR_ARG(explain_address(x, p->service)), STR_ARG(choice->path),
		x->request.has_query ? "?" : "", STR_ARG(x->request.query));
	decide(p, OUTCOME_UPSTREAM, NULL);
}

static void decide_route(
	struct explain *x, struct prediction *p, const struct route_api *compiled, struct str rest)
{
	struct route_choice choice;
	if (route_api_active(compiled, &x->request, rest, &p->active) != RC_OK) {
		decide(p, OUTCOME_RULE_LIMIT, "a binding's rule exceeded its limits");
		return;
	}
	p->has_active = true;
	switch (route_api_choose(compiled, &x->request, rest, 0, &x->arena, &choice, &p->allowed)) {
	case RC_OK:
		take_choice(x, p, &choice);
		break;
	case RC_REFUSED:
		decide(p, OUTCOME_METHOD, NULL);
		break;
	case RC_NOT_FOUND:
		decide(p, OUTCOME_NO_ROUTE, NULL);
		break;
	case RC_INVALID:
		decide(p, OUTCOME_REWRITE, "a rewrite made something that is no path");
		break;
	default:
		decide(p, OUTCOME_RULE_LIMIT, "a route's rule exceeded its limits");
	}
}

static void predict(struct explain *x, int64_t listener, struct prediction *p)
{
	char message[200];
	struct str rest;
	struct route_api *compiled = NULL;
	struct route_services services = route_services_of_plan(plan_get(x->root, "services"));
	if (x->request.method == METHOD_CONNECT)
		decide(p, OUTCOME_METHOD, "CONNECT is not served");
	else if (!has_canonical_path(x))
		decide(p, OUTCOME_BAD_REQUEST, "not a path that the gateway takes");
	else if (!find_api(x, listener, p, &rest) || is_decided_by_api(x, p))
		return;
	else if (route_api_new(p->api, &services, &compiled, message,
			 sizeof(message)) != RC_OK)
		decide(p, OUTCOME_UNAVAILABLE, "its rules cannot be used");
	else
		decide_route(x, p, compiled, rest);
	route_api_free(compiled);
}

/* A policy may yet have another opinion. */
static bool is_open(const struct prediction *p)
{
	return p->has_active && p->active != 0;
}

/* --- how an error is worded ------------------------------------------------------------------ */
/* The narrowest range that holds the status. */
static const struct plan_node *page_in(const struct plan_node *errors, int status)
{
	const struct plan_node *best = NULL;
	int64_t width = INT64_MAX;
	for (size_t i = 0; i < plan_count(errors); i++) {
		const struct plan_node *entry = plan_at(errors, i);
		int64_t low = plan_integer(entry, "low", 0), high = plan_integer(entry, "high", 0);
		if (status < low || status > high || high - low >= width)
			continue;
		best = entry;
		width = high - low;
	}
	return best;
}

static const struct plan_node *page_of(const struct explain *x, const struct prediction *p)
{
	const struct plan_node *edge = plan_get(plan_get(x->root, "settings"), "edge");
	if (p->status < 400)
		return NULL;
	const struct plan_node *own = page_in(plan_get(p->api, "errors"), p->status);
	return own ? own : page_in(plan_get(edge, "errors"), p->status);
}

/* --- printing -------------------------------------------------------------------------------- */
static struct str name_of(struct explain *x, const struct plan_node *n)
{
	return arena_printf(&x->arena, "%.*s/%.*s", STR_ARG(explain_text(n, "namespace")),
		STR_ARG(explain_text(n, "name")));
}

/* What a policy calls secret it says when it runs, and no policy runs here: where there is one that
 * might, no value of a query is shown. What is printed ends in logs of pipelines. */
static struct str shown(struct explain *x, const struct prediction *p, struct str target)
{
	bool is_open =
		p->api && !plan_get(p->api, "error") && plan_count(plan_get(p->api, "chain")) == 0;
	char *text = is_open ? NULL : arena_alloc(&x->arena, target.n + 2);
	return text ? query_mask_all(target, text, target.n + 2) : is_open ? target : STR_EMPTY;
}

static void print_bindings(const struct prediction *p)
{
	const struct plan_node *chain = plan_get(p->api, "chain");
	for (size_t i = 0; p->has_active && i < plan_count(chain); i++) {
		const struct plan_node *entry = plan_at(chain, i);
		printf("  %s  %.*s  %.*s\n", (p->active >> i) & 1 ? "runs " : "skips",
			STR_ARG(explain_text(entry, "policy")), STR_ARG(explain_text(entry, "id")));
	}
}

static void print_page(const struct explain *x, const struct prediction *p)
{
	const struct plan_node *page = page_of(x, p);
	if (!page)
		return;
	printf("  worded as an error page says");
	if (page->position.file)
		printf("  %s:%u", page->position.file, page->position.line);
	putchar('\n');
}

static void print_text(struct explain *x, const struct prediction *p)
{
	struct str request = shown(x, p, x->request.target);
	printf("request %.*s %.*s\n", STR_ARG(x->request.method_name), STR_ARG(request));
	if (p->api) {
		struct str name = name_of(x, p->api);
		printf("  meets API %.*s\n", STR_ARG(name));
	}
	print_bindings(p);
	if (p->route)
		printf("  takes route %.*s", STR_ARG(explain_text(p->route, "name")));
	if (p->destinations > 1)
		printf(", which draws one of %zu services; for example", p->destinations);
	if (p->route) {
		struct str name = name_of(x, p->service), target = shown(x, p, p->target);
		printf("\n  goes to %.*s  service %.*s\n", STR_ARG(target), STR_ARG(name));
		return;
	}
	printf("  answers %d %s", p->status, outcomes[p->outcome].reason);
	if (p->detail)
		printf(": %s", p->detail);
	if (p->allowed.n > 0)
		printf(": the route is for %.*s", STR_ARG(p->allowed));
	if (p->location.n > 0) {
		struct str location = shown(x, p, p->location);
		printf(" to %.*s", STR_ARG(location));
	}
	if (is_open(p))
		printf(", unless a policy answers before");
	putchar('\n');
	print_page(x, p);
}

static void add_text(struct buffer *b, const char *key, struct str value)
{
	if (value.n == 0)
		return;
	buffer_addf(b, ",\"%s\":", key);
	buffer_add_json(b, value);
}

static void add_bindings(
	struct buffer *b, const struct prediction *p, const char *key, uint64_t mask)
{
	const struct plan_node *chain = plan_get(p->api, "chain");
	bool any = false;
	buffer_addf(b, ",\"%s\":[", key);
	for (size_t i = 0; p->has_active && i < plan_count(chain); i++) {
		if (!(mask >> i & 1))
			continue;
		if (any)
			buffer_add_char(b, ',');
		buffer_add_json(b, explain_text(plan_at(chain, i), "id"));
		any = true;
	}
	buffer_add_char(b, ']');
}

static void print_json(struct explain *x, const struct prediction *p)
{
	struct buffer b;
	buffer_init(&b, SIZE_MAX);
	buffer_addf(&b, "{\"reason\":\"%s\"", outcomes[p->outcome].reason);
	if (p->status > 0)
		buffer_addf(&b, ",\"status\":%d", p->status);
	add_text(&b, "detail", str_of(p->detail));
	if (p->api)
		add_text(&b, "api", name_of(x, p->api));
	add_bindings(&b, p, "runs", p->active);
	add_bindings(&b, p, "skips", ~p->active);
	if (p->route) {
		add_text(&b, "route", explain_text(p->route, "name"));
		add_text(&b, "service", name_of(x, p->service));
		add_text(&b, "upstream", shown(x, p, p->target));
	}
	add_text(&b, "location", shown(x, p, p->location));
	add_text(&b, "allowed", p->allowed);
	buffer_addf(&b, ",\"errorPage\":%s,\"policiesMayAnswer\":%s}\n",
		page_of(x, p) ? "true" : "false", is_open(p) ? "true" : "false");
	fwrite(b.p, 1, b.n, stdout);
	buffer_deinit(&b);
}

int explain_request(struct explain *x)
{
	int64_t listener = -1;
	struct prediction p = {.outcome = OUTCOME_NO_API};
	if (!make_request(x, &listener))
		return EXIT_BROKEN;
	predict(x, listener, &p);
	if (x->options->json) {
		print_json(x, &p);
		return EXIT_GOOD;
	}
	if (!x->api && p.api) {
		x->api = p.api;
		explain_print_api(x);
	}
	print_text(x, &p);
	if (x->api && p.api && p.api != x->api)
		printf("  which is not the API that was asked about\n");
	return EXIT_GOOD;
}
