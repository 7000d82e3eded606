/* SPDX-License-Identifier: Apache-2.0 */
#include "services/expr_scope.h"

#include "base/check.h"
#include "base/prng.h"
#include "expr/expr_json.h"
#include "http/uri.h"
#include "policy/breadcrumb.h"
#include "policy/claims.h"
#include "policy/run.h"
#include "services/services_priv.h"

#include "sluice/expr.h"

#include <stdlib.h>

static const struct expr_exchange *of(const struct expr_scope *s)
{
	return CONTAINER_OF(s, const struct expr_exchange, scope);
}

static bool give_string(struct expr_value *out, struct str s)
{
	*out = (struct expr_value){.type = EXPR_STRING, .u.string = s};
	return true;
}

/* Absent in the exchange is null in the expression. */
static bool give_present(struct expr_value *out, struct str s)
{
	return s.n > 0 && give_string(out, s);
}

/* --- headers --------------------------------------------------------------------------------- */
static const struct fields *fields_of(const struct expr_exchange *e)
{
	return e->is_response ? &e->x->response->fields : &e->x->request->fields;
}

static bool has_host(const struct expr_exchange *e)
{
	return !e->is_response && e->x->request->authority.n > 0;
}

/* All values of a name, from the one at `at`, joined; one alone is a view. */
static struct str joined_values(
	const struct fields *fields, struct str name, uint32_t at, struct arena *arena)
{
	const struct field *first = fields_next(fields, name, &at), *f;
	if (!first)
		return STR_EMPTY;
	size_t bytes = first->value.n;
	for (uint32_t i = at; (f = fields_next(fields, name, &i));)
		bytes += 2 + f->value.n;
	if (bytes == first->value.n)
		return first->value;
	char *text = arena_alloc(arena, bytes);
	if (!text)
		return STR_EMPTY;
	size_t n = first->value.n;
	memcpy(text, first->value.p, n);
	for (uint32_t i = at; (f = fields_next(fields, name, &i));) {
		memcpy(text + n, ", ", 2);
		memcpy(text + n + 2, f->value.p, f->value.n);
		n += 2 + f->value.n;
	}
	return str_n(text, n);
}

static bool header(
	const struct expr_exchange *e, struct str name, struct arena *arena, struct expr_value *out)
{
	if (has_host(e) && str_eq_nocase(name, STR("host")))
		return give_string(out, e->x->request->authority);
	const struct fields *fields = fields_of(e);
	if (!fields_get(fields, name))
		return false;
	return give_string(out, joined_values(fields, name, 0, arena));
}

static struct str lower_copy(struct arena *arena, struct str s)
{
	char *text = arena_alloc(arena, s.n ? s.n : 1);
	if (!text)
		return STR_EMPTY;
	for (size_t i = 0; i < s.n; i++)
		text[i] = ascii_lower(s.p[i]);
	return str_n(text, s.n);
}

static bool stands_before(const struct fields *fields, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (fields->items[k].id == fields->items[i].id &&
			str_eq_nocase(fields->items[k].name, fields->items[i].name))
			return true;
	return false;
}

/* At most LIMIT_FIELDS stand in a head, so comparing each with each is bounded. */
static bool all_headers(const struct expr_exchange *e, struct arena *arena, struct expr_value *out)
{
	const struct fields *fields = fields_of(e);
	struct expr_member *members = arena_alloc(arena, (fields->count + 1) * sizeof(*members));
	uint32_t count = 0;
	if (!members)
		return false;
	if (has_host(e)) {
		members[count].key = STR("host");
		give_string(&members[count++].value, e->x->request->authority);
	}
	for (uint32_t i = 0; i < fields->count; i++) {
		struct str name = fields->items[i].name;
		if (stands_before(fields, i))
			continue;
		members[count].key = lower_copy(arena, name);
		give_string(&members[count++].value, joined_values(fields, name, i, arena));
	}
	*out = (struct expr_value){
		.type = EXPR_OBJECT, .u.object = {.members = members, .count = count}};
	return !arena->failed;
}

/* --- query parameters ------------------------------------------------------------------------ */
static bool query_param(
	const struct expr_exchange *e, struct str name, struct arena *arena, struct expr_value *out)
{
	struct str query = e->x->request->query, key, value;
	while (uri_query_next(&query, &key, &value))
		if (str_eq(uri_query_decode(key, arena), name))
			return give_string(out, uri_query_decode(value, arena));
	return false;
}

struct param {
	struct str key, value;
	uint32_t at; /* in the query */
	bool is_first;
};

static int param_compare(const void *a, const void *b)
{
	const struct param *x = a, *y = b;
	int by_key = str_compare(x->key, y->key);
	return by_key ? by_key : (x->at > y->at) - (x->at < y->at);
}

static int param_compare_place(const void *a, const void *b)
{
	const struct param *x = a, *y = b;
	return (x->at > y->at) - (x->at < y->at);
}

/* Sorted to find the first of each name, then back into the order of the query. */
static void params_mark(struct param *params, uint32_t count)
{
	qsort(params, count, sizeof(*params), param_compare);
	for (uint32_t i = 0; i < count; i++)
		params[i].is_first = i == 0 || !str_eq(params[i].key, params[i - 1].key);
	qsort(params, count, sizeof(*params), param_compare_place);
}

static bool all_query_params(
	const struct expr_exchange *e, struct arena *arena, struct expr_value *out)
{
	struct str query = e->x->request->query, key, value;
	uint32_t pairs = 1;
	for (size_t i = 0; i < query.n; i++)
		pairs += query.p[i] == '&';
	struct param *params = arena_alloc(arena, pairs * sizeof(*params));
	struct expr_member *members = arena_alloc(arena, pairs * sizeof(*members));
	if (!params || !members)
		return false;
	uint32_t given = 0, count = 0;
	for (; given < pairs && uri_query_next(&query, &key, &value); given++)
		params[given] = (struct param){.key = uri_query_decode(key, arena),
			.value = uri_query_decode(value, arena),
			.at = given};
	params_mark(params, given);
	for (uint32_t i = 0; i < given; i++) {
		if (!params[i].is_first)
			continue;
		members[count].key = params[i].key;
		give_string(&members[count++].value, params[i].value);
	}
	*out = (struct expr_value){
		.type = EXPR_OBJECT, .u.object = {.members = members, .count = count}};
	return !arena->failed;
}

/* --- attributes ------------------------------------------------------------------------------ */
static struct str request_uri(const struct http_request *r, struct arena *arena)
{
	if (!r->has_query)
		return r->path;
	return arena_printf(arena, "%.*s?%.*s", STR_ARG(r->path), STR_ARG(r->query));
}

static struct str version_text(const struct http_request *r)
{
	if (r->version_major == 2)
		return STR("HTTP/2");
	return r->version_minor == 0 ? STR("HTTP/1.0") : STR("HTTP/1.1");
}

static bool attribute_status(const struct expr_exchange *e, struct expr_value *out)
{
	*out = (struct expr_value){
		.type = EXPR_NUMBER, .u.number = e->is_response ? e->x->response->status : 0};
	return e->is_response;
}

static bool attribute(
	const struct expr_exchange *e, struct str name, struct arena *arena, struct expr_value *out)
{
	const struct http_request *r = e->x->request;
	if (str_eq(name, STR("method")))
		return give_string(out, r->method_name);
	if (str_eq(name, STR("requestPath")))
		return give_string(out, r->path);
	if (str_eq(name, STR("requestUri")))
		return give_string(out, request_uri(r, arena));
	if (str_eq(name, STR("queryString")))
		return give_string(out, r->query);
	if (str_eq(name, STR("headers")))
		return all_headers(e, arena, out);
	if (str_eq(name, STR("queryParams")))
		return all_query_params(e, arena, out);
	if (str_eq(name, STR("remoteAddress")))
		return give_present(out, e->x->client_address);
	if (str_eq(name, STR("localAddress")))
		return give_present(out, e->x->local_address);
	if (str_eq(name, STR("scheme")))
		return give_string(out, r->scheme);
	if (str_eq(name, STR("version")))
		return give_string(out, version_text(r));
	return str_eq(name, STR("statusCode")) && attribute_status(e, out);
}

/* {claims: {...}} in the arena; NULL: it is spent. */
static const struct expr_value *properties_new(
	const struct exchange_claims *c, struct arena *arena)
{
	struct expr_value *v = arena_alloc(arena, sizeof(*v));
	struct expr_member *outer = arena_alloc(arena, sizeof(*outer));
	struct expr_member *members = arena_alloc(arena, c->count * sizeof(*members));
	if (!v || !outer || !members)
		return NULL;
	for (uint32_t i = 0; i < c->count; i++) {
		members[i].key = c->items[i].name;
		if (expr_from_json(c->items[i].json, arena, &members[i].value) != RC_OK)
			return NULL;
	}
	outer->key = STR("claims");
	outer->value = (struct expr_value){
		.type = EXPR_OBJECT, .u.object = {.members = members, .count = c->count}};
	*v = (struct expr_value){
		.type = EXPR_OBJECT, .u.object = {.members = outer, .count = 1}};
	return v;
}

/* Made once of the claims as they are; null where there are none. */
static bool properties(const struct expr_exchange *e, struct expr_value *out)
{
	struct exchange_claims *c = e->x->claims;
	struct arena *arena = e->x->arena;
	if (!c || c->count == 0)
		return false;
	if (!c->value)
		c->value = properties_new(c, arena);
	if (c->value)
		*out = *(const struct expr_value *)c->value;
	return c->value != NULL;
}

static bool authentication(const struct expr_exchange *e, struct str name, struct expr_value *out)
{
	if (str_eq(name, STR("properties")))
		return properties(e, out);
	if (str_eq(name, STR("principal")))
		return give_present(out, e->x->principal);
	if (str_eq(name, STR("clientId")))
		return give_present(out, e->x->client_id);
	return str_eq(name, STR("clientName")) && give_present(out, e->x->client_name);
}

/* vars.claimSet, the vendor's name of the claims. */
static bool claim_set(const struct expr_exchange *e, struct expr_value *out)
{
	struct expr_value all;
	if (!properties(e, &all))
		return false;
	*out = all.u.object.members[0].value;
	return true;
}

static bool variable(const struct expr_exchange *e, struct str name, struct expr_value *out)
{
	struct sluice_str given;
	struct str value;
	const struct sluice_expr_vars *vars = e->vars;
	if (vars && SLUICE_HAS(vars, get) &&
		vars->get(vars->size >= sizeof(*vars) ? vars->arg : NULL, e->x, str_out(name),
			&given) == SLUICE_OK)
		return give_string(out, str_in(given));
	if (policy_property(e->x, name, &value))
		return give_string(out, value);
	return str_eq(name, STR("claimSet")) && claim_set(e, out);
}

/* --- the scope ------------------------------------------------------------------------------- */
static bool scope_member(const struct expr_scope *s, enum expr_root root, struct str name,
	struct arena *arena, struct expr_value *out)
{
	switch (root) {
	case EXPR_ATTRIBUTES:
		return attribute(of(s), name, arena, out);
	case EXPR_AUTHENTICATION:
		return authentication(of(s), name, out);
	case EXPR_VARS:
		return variable(of(s), name, out);
	default:
		return false;
	}
}

static bool scope_field(const struct expr_scope *s, bool is_query, struct str name,
	struct arena *arena, struct expr_value *out)
{
	return is_query ? query_param(of(s), name, arena, out) : header(of(s), name, arena, out);
}

static bool is_json(const struct fields *fields)
{
	const struct field *f = fields_get_id(fields, FIELD_CONTENT_TYPE);
	struct str rest = f ? f->value : STR_EMPTY;
	struct str type = str_trim(str_cut(&rest, ';'));
	if (str_eq_nocase(type, STR("application/json")))
		return true;
	return type.n > 5 && str_eq_nocase(str_from(type, type.n - 5), STR("+json"));
}

/* A body that calls itself JSON and is none is seen as the string that it is. */
static bool scope_payload(const struct expr_scope *s, struct arena *arena, struct expr_value *out)
{
	const struct expr_exchange *e = of(s);
	bool has_body =
		e->x->callback == CALLBACK_REQUEST_BODY || e->x->callback == CALLBACK_RESPONSE_BODY;
	if (!has_body)
		return false;
	struct str body = e->x->body_at_hand;
	if (is_json(fields_of(e)) && expr_from_json(body, arena, out) == RC_OK)
		return true;
	return give_string(out, body);
}

/* For uuid(): unique, not secret. */
static uint64_t scope_random(void *arg)
{
	static _Thread_local struct prng prng;
	static _Thread_local bool is_seeded;
	if (!is_seeded)
		prng_seed(&prng);
	is_seeded = true;
	return prng_next(&prng);
}

static bool sees_response(const struct sluice_exchange *x)
{
	switch ((enum callback)x->callback) {
	case CALLBACK_REQUEST_HEAD:
	case CALLBACK_REQUEST_BODY:
	case CALLBACK_REQUEST_END:
		return false;
	default:
		return x->response != NULL;
	}
}

void expr_exchange_init(
	struct expr_exchange *e, struct sluice_exchange *x, const struct sluice_expr_vars *vars)
{
	*e = (struct expr_exchange){
		.scope = {.member = scope_member,
			.field = scope_field,
			.payload = scope_payload,
			.now_ms = loop_wall_us(x->loop) / 1000,
			.random = scope_random},
		.x = x,
		.vars = vars,
		.is_response = sees_response(x),
	};
}
