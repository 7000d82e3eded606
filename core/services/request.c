/* SPDX-License-Identifier: Apache-2.0 */
/* services/request.c - "sluice.request/1": query parameters and cookies. */
#include "sluice/request.h"

#include "base/limits.h"
#include "http/query_mask.h"
#include "http/uri.h"
#include "policy/chain.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "policy/secrets.h"
#include "services/services_priv.h"

enum { QUERY_NEXT, COOKIE_NEXT, QUERY_REMOVE, COOKIE_REMOVE, QUERY_REDACT, SECRET_DEFINE,
	QUERY_RAW_NEXT, QUERY_SET, QUERY_ADD };
static const struct policy_call calls[] = {
	[QUERY_NEXT] = {"sluice.request/1 query_next", IN_EXCHANGE},
	[COOKIE_NEXT] = {"sluice.request/1 cookie_next", IN_EXCHANGE},
	[QUERY_REMOVE] = {"sluice.request/1 query_remove", IN(REQUEST_HEAD)},
	[COOKIE_REMOVE] = {"sluice.request/1 cookie_remove", IN(REQUEST_HEAD)},
	[QUERY_REDACT] = {"sluice.request/1 query_redact", IN(REQUEST_HEAD)},
	[SECRET_DEFINE] = {"sluice.request/1 secret_define", IN(CONFIGURE)},
	[QUERY_RAW_NEXT] = {"sluice.request/1 query_raw_next", IN_EXCHANGE},
	[QUERY_SET] = {"sluice.request/1 query_set", IN(REQUEST_HEAD)},
	[QUERY_ADD] = {"sluice.request/1 query_add", IN(REQUEST_HEAD)},
};


static bool may_change(const struct policy_call *call, const struct sluice_exchange *x)
{
	if (!policy_allows_exchange(call, x))
		return false;
	if (!x->request_sent)
		return true;
	policy_refuse_late(call, "the request has been sent on");
	return false;
}

static void give(struct str name, struct str value, struct sluice_str *name_out,
	struct sluice_str *value_out)
{
	if (name_out)
		*name_out = str_out(name);
	*value_out = str_out(value);
}

/* What is left of a list when some of its parts are taken out. */
struct rest {
	char *p; /* in the arena; room for the whole list */
	size_t n;
	int32_t removed;
};

static void rest_add(struct rest *r, struct str part, char separator)
{
	if (r->n)
		r->p[r->n++] = separator;
	memcpy(r->p + r->n, part.p, part.n);
	r->n += part.n;
}

/* --- the query ------------------------------------------------------------------------------- */
static int32_t query_next(struct sluice_exchange *x, struct sluice_str name, uint32_t *at,
	struct sluice_str *name_out, struct sluice_str *value_out)
{
	if (!policy_allows_exchange(&calls[QUERY_NEXT], x))
		return SLUICE_E_WRONG_CALLBACK;
	struct str query = x->request->query;
	struct str left = str_from(query, *at), key, value;
	while (uri_query_next(&left, &key, &value)) {
		*at = (uint32_t)(left.p ? query.n - left.n : query.n);
		key = uri_query_decode(key, x->arena);
		if (name.n && !str_eq(key, str_in(name)))
			continue;
		value = uri_query_decode(value, x->arena);
		if (x->arena->failed)
			return SLUICE_E_FULL;
		give(key, value, name_out, value_out);
		return SLUICE_OK;
	}
	return x->arena->failed ? SLUICE_E_FULL : SLUICE_E_NOT_FOUND;
}

static int32_t query_remove(struct sluice_exchange *x, struct sluice_str name)
{
	if (!may_change(&calls[QUERY_REMOVE], x))
		return SLUICE_E_WRONG_CALLBACK;
	struct http_request *r = x->request;
	struct str left = r->query;
	struct rest rest = {.p = arena_alloc(x->arena, left.n + 1)};
	while (left.n && !x->arena->failed) {
		struct str pair = str_cut(&left, '&'), value = pair;
		struct str key = uri_query_decode(str_cut(&value, '='), x->arena);
		if (pair.n && str_eq(key, str_in(name)))
			rest.removed++;
		else
			rest_add(&rest, pair, '&');
	}
	if (x->arena->failed)
		return SLUICE_E_FULL;
	if (rest.removed) {
		r->query = str_n(rest.p, rest.n);
		r->has_query = rest.n > 0;
	}
	return rest.removed;
}

static int32_t query_raw_next(struct sluice_exchange *x, uint32_t *at,
	struct sluice_str *name_out, struct sluice_str *value_out)
{
	if (!policy_allows_exchange(&calls[QUERY_RAW_NEXT], x))
		return SLUICE_E_WRONG_CALLBACK;
	struct str query = x->request->query;
	struct str left = str_from(query, *at), key, value;
	if (!uri_query_next(&left, &key, &value))
		return SLUICE_E_NOT_FOUND;
	*at = (uint32_t)(left.p ? query.n - left.n : query.n);
	give(key, value, name_out, value_out);
	return SLUICE_OK;
}

/* RFC 3986 2.3; everything else is escaped. */
static bool is_unreserved(char c)
{
	char lower = ascii_lower(c);
	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

static void rest_add_encoded(struct rest *r, struct str s)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (is_unreserved(s.p[i])) {
			r->p[r->n++] = s.p[i];
			continue;
		}
		r->p[r->n++] = '%';
		r->p[r->n++] = digits[c >> 4];
		r->p[r->n++] = digits[c & 15];
	}
}

static void rest_add_pair(struct rest *r, struct str name, struct str value)
{
	if (r->n)
		r->p[r->n++] = '&';
	rest_add_encoded(r, name);
	r->p[r->n++] = '=';
	rest_add_encoded(r, value);
}

/* The query with one more parameter, at the place of the first of its name when it replaces them,
 * else at the end. */
static struct rest query_with(struct sluice_exchange *x, struct str name, struct str value, bool replaces)
{
	struct str left = x->request->query;
	struct rest rest = {.p = arena_alloc(x->arena, left.n + 3 * (name.n + value.n) + 3)};
	bool is_in = false;
	while (left.n && !x->arena->failed) {
		struct str pair = str_cut(&left, '&'), after = pair;
		struct str key = uri_query_decode(str_cut(&after, '='), x->arena);
		bool is_it = replaces && pair.n && str_eq(key, name);
		if (!is_it)
			rest_add(&rest, pair, '&');
		else if (!is_in)
			rest_add_pair(&rest, name, value);
		is_in |= is_it;
	}
	if (!is_in && !x->arena->failed)
		rest_add_pair(&rest, name, value);
	return rest;
}

static int32_t query_put(const struct policy_call *call, struct sluice_exchange *x,
	struct sluice_str name, struct sluice_str value, bool replaces)
{
	struct http_request *r = x->request;
	if (!may_change(call, x))
		return SLUICE_E_WRONG_CALLBACK;
	if (name.n == 0)
		return SLUICE_E_INVALID;
	if (name.n > LIMIT_TARGET_BYTES || value.n > LIMIT_TARGET_BYTES)
		return SLUICE_E_FULL;
	struct rest rest = query_with(x, str_in(name), str_in(value), replaces);
	if (x->arena->failed || rest.n + r->path.n > LIMIT_TARGET_BYTES)
		return SLUICE_E_FULL;
	r->query = str_n(rest.p, rest.n);
	r->has_query = true;
	return SLUICE_OK;
}

static int32_t query_set(
	struct sluice_exchange *x, struct sluice_str name, struct sluice_str value)
{
	return query_put(&calls[QUERY_SET], x, name, value, true);
}

static int32_t query_add(
	struct sluice_exchange *x, struct sluice_str name, struct sluice_str value)
{
	return query_put(&calls[QUERY_ADD], x, name, value, false);
}

static bool is_named(void *name, struct str other)
{
	return str_eq(*(const struct str *)name, other);
}

static int32_t query_redact(struct sluice_exchange *x, struct sluice_str name)
{
	if (!may_change(&calls[QUERY_REDACT], x))
		return SLUICE_E_WRONG_CALLBACK;
	struct http_request *r = x->request;
	struct str secret = str_in(name);
	int32_t masked;
	if (!r->query.n)
		return 0;
	r->target = query_mask(r->target, is_named, &secret, x->arena, &masked);
	return masked < 0 ? SLUICE_E_FULL : masked;
}

/* --- cookies --------------------------------------------------------------------------------- */
/* The pair that begins at *offset of a Cookie field; what has no '=' is none. */
static bool pair_next(struct str field, size_t *offset, struct str *name, struct str *value)
{
	while (*offset < field.n) {
		struct str left = str_from(field, *offset);
		struct str pair = str_cut(&left, ';');
		*offset += pair.n + 1;
		if (str_index(pair, '=') == pair.n)
			continue;
		*name = str_trim(str_cut(&pair, '='));
		*value = str_trim(pair);
		return true;
	}
	return false;
}

/* *at counts bytes over all Cookie fields, each with one more behind it. */
static int32_t cookie_next(struct sluice_exchange *x, struct sluice_str name, uint32_t *at,
	struct sluice_str *name_out, struct sluice_str *value_out)
{
	if (!policy_allows_exchange(&calls[COOKIE_NEXT], x))
		return SLUICE_E_WRONG_CALLBACK;
	const struct fields *fields = &x->request->fields;
	struct str key, value;
	size_t before = 0;
	for (uint32_t i = 0; i < fields->count; i++) {
		if (fields->items[i].id != FIELD_COOKIE)
			continue;
		struct str field = fields->items[i].value;
		size_t offset = *at > before ? *at - before : 0;
		while (pair_next(field, &offset, &key, &value)) {
			*at = (uint32_t)(before + offset);
			if (name.n && !str_eq(key, str_in(name)))
				continue;
			give(key, value, name_out, value_out);
			return SLUICE_OK;
		}
		before += field.n + 1;
	}
	return SLUICE_E_NOT_FOUND;
}

/* The field's value without the cookies of that name. */
static struct rest cookies_without(struct str field, struct str name, struct arena *arena)
{
	struct rest rest = {.p = arena_alloc(arena, field.n + 1)};
	struct str left = field;
	while (rest.p && left.n) {
		struct str part = str_cut(&left, ';'), pair = part;
		bool is_pair = str_index(pair, '=') < pair.n;
		if (is_pair && str_eq(str_trim(str_cut(&pair, '=')), name))
			rest.removed++;
		else
			rest_add(&rest, rest.n ? part : str_trim(part), ';');
	}
	rest.n = str_trim(str_n(rest.p, rest.n)).n;
	return rest;
}

static int32_t cookie_remove(struct sluice_exchange *x, struct sluice_str name)
{
	if (!may_change(&calls[COOKIE_REMOVE], x))
		return SLUICE_E_WRONG_CALLBACK;
	struct fields *fields = &x->request->fields;
	uint32_t kept = 0;
	int32_t removed = 0;
	for (uint32_t i = 0; i < fields->count; i++) {
		struct field field = fields->items[i];
		struct rest rest = {0};
		if (field.id == FIELD_COOKIE)
			rest = cookies_without(field.value, str_in(name), x->arena);
		if (rest.removed)
			field.value = str_n(rest.p, rest.n);
		removed += rest.removed;
		if (!rest.removed || rest.n)
			fields->items[kept++] = field;
	}
	fields->count = kept;
	return x->arena->failed ? SLUICE_E_FULL : removed;
}

/* --- secrets --------------------------------------------------------------------------------- */
_Static_assert((int)SLUICE_PART_QUERY == SECRET_QUERY && (int)SLUICE_PART_HEADER == SECRET_HEADER &&
		       (int)SLUICE_PART_COOKIE == SECRET_COOKIE,
	"the SDK's parts are those of enum secret_part");

static int32_t secret_define(
	struct sluice_instance *instance, uint32_t part, struct sluice_str name)
{
	if (!policy_allows(&calls[SECRET_DEFINE], instance))
		return SLUICE_E_WRONG_CALLBACK;
	enum rc rc = policy_secret_add(instance, part, str_in(name));
	return rc == RC_OK ? SLUICE_OK : rc == RC_FULL ? SLUICE_E_FULL : SLUICE_E_INVALID;
}

const void *services_request_table(void)
{
	static const struct sluice_request_service table = {
		.size = sizeof(table),
		.query_next = query_next,
		.cookie_next = cookie_next,
		.query_remove = query_remove,
		.cookie_remove = cookie_remove,
		.query_redact = query_redact,
		.secret_define = secret_define,
		.query_raw_next = query_raw_next,
		.query_set = query_set,
		.query_add = query_add,
	};
	return &table;
}
