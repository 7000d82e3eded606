/* SPDX-License-Identifier: Apache-2.0 */
#include "parameter.h"

#include "util/content.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMERIC        (SLUICE_SCHEMA_INTEGER | SLUICE_SCHEMA_NUMBER)
#define LISTED         (SLUICE_SCHEMA_ARRAY | SLUICE_SCHEMA_OBJECT)
#define TEXT_BYTES_MAX (8u << 20)

/* A text, where in the request it is, and whether %XX and + are escapes there. */
enum escapes { ESCAPES_NONE, ESCAPES_PERCENT, ESCAPES_FORM };

struct reading {
	struct check *c;
	const struct parameter *parameter;
	enum escapes escapes;
	int strings_only;
	struct text json;
};

void complain(struct complaint *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(c->text, sizeof(c->text), format, args);
	va_end(args);
	c->n = n < 0 ? 0 : (size_t)n < sizeof(c->text) ? (size_t)n : sizeof(c->text) - 1;
}

/* --- decoding -------------------------------------------------------------------------------- */
static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place where there is nothing to decode; a NULL pointer and a length: no memory. */
static struct sluice_str decode(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str s, enum escapes escapes)
{
	int has_escapes = s.n && (memchr(s.p, '%', s.n) ||
					 (escapes == ESCAPES_FORM && memchr(s.p, '+', s.n)));
	if (escapes == ESCAPES_NONE || !has_escapes)
		return s;
	char *p = call->host->exchange_alloc(x, s.n);
	size_t n = 0;
	if (!p)
		return (struct sluice_str){NULL, s.n};
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '+' && escapes == ESCAPES_FORM)
			c = ' ';
		if (c == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			c = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
			i += 2;
		}
		p[n++] = c;
	}
	return (struct sluice_str){p, n};
}

int pairs_parse(const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str text,
	struct pairs *out)
{
	size_t count = 1;
	for (size_t i = 0; i < text.n; i++)
		count += text.p[i] == '&';
	out->count = 0;
	out->items = call->host->exchange_alloc(x, count * sizeof(*out->items));
	if (!out->items)
		return 0;
	while (text.n) {
		struct sluice_str value = str_cut(&text, '&');
		if (value.n == 0)
			continue;
		struct sluice_str name = decode(call, x, str_cut(&value, '='), ESCAPES_FORM);
		if (!name.p && name.n)
			return 0;
		if (!value.p)
			value = SLUICE_STR("");
		uint32_t order = (uint32_t)out->count;
		out->items[out->count++] =
			(struct pair){.name = name, .value = value, .order = order};
	}
	return 1;
}

/* --- as JSON --------------------------------------------------------------------------------- */
/* An empty view, and the JSON failed, when there is no memory. */
static struct sluice_str decoded(struct reading *r, struct sluice_str raw)
{
	struct sluice_str s = decode(r->c->call, r->c->exchange, raw, r->escapes);
	if (s.p || s.n == 0)
		return s;
	r->json.failed = 1;
	return SLUICE_STR("");
}

static void put_value(struct reading *r, struct sluice_str raw, uint32_t types)
{
	struct sluice_str s = decoded(r, raw);
	int is_word = str_equal(s, SLUICE_STR("true")) || str_equal(s, SLUICE_STR("false"));
	if (types == 0)
		types = NUMERIC | SLUICE_SCHEMA_BOOLEAN;
	int is_literal = ((types & NUMERIC) && str_is_number(s)) ||
			 ((types & SLUICE_SCHEMA_BOOLEAN) && is_word) ||
			 ((types & SLUICE_SCHEMA_NULL) && str_equal(s, SLUICE_STR("null")));
	if (is_literal && !r->strings_only)
		text_add(&r->json, s);
	else if (s.n == 0 && (types & SLUICE_SCHEMA_NULL) && !(types & SLUICE_SCHEMA_STRING))
		text_add(&r->json, SLUICE_STR("null"));
	else
		text_add_json(&r->json, s);
}

static void put_separator(struct reading *r, char opening)
{
	if (r->json.n && r->json.p[r->json.n - 1] != opening)
		text_add_char(&r->json, ',');
}

/* Takes the next item of a list; "%20", "+" and "%7C" separate as what they stand for. */
static struct sluice_str cut_item(struct sluice_str *list, enum style style)
{
	static const char *const separators[][4] = {
		[STYLE_SIMPLE] = {",", NULL},
		[STYLE_FORM] = {",", NULL},
		[STYLE_SPACES] = {"%20", "+", " ", NULL},
		[STYLE_PIPES] = {"|", "%7C", "%7c", NULL},
		[STYLE_DEEP_OBJECT] = {",", NULL},
	};
	for (size_t i = 0; i < list->n; i++)
		for (const char *const *s = separators[style]; *s; s++) {
			size_t n = strlen(*s);
			if (list->n - i < n || memcmp(list->p + i, *s, n) != 0)
				continue;
			struct sluice_str one = {list->p, i};
			*list = (struct sluice_str){list->p + i + n, list->n - i - n};
			return one;
		}
	struct sluice_str last = *list;
	*list = (struct sluice_str){NULL, 0};
	return last;
}

static struct sluice_str trim(struct sluice_str s, const struct parameter *p)
{
	if (p->place != IN_HEADER)
		return s;
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s.p++, s.n--;
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* a,b,c; nothing at all is one empty item only where there is a separator. */
static void put_list(struct reading *r, struct sluice_str list)
{
	const struct parameter *p = r->parameter;
	uint32_t types = p->schema ? r->c->spec->service->item_types(p->schema) : 0;
	text_add_char(&r->json, '[');
	while (list.p && (list.n || (r->json.n && r->json.p[r->json.n - 1] != '['))) {
		put_separator(r, '[');
		put_value(r, trim(cut_item(&list, p->style), p), types);
	}
	text_add_char(&r->json, ']');
}

static void put_property(struct reading *r, const struct sluice_schema *schema,
	struct sluice_str name, struct sluice_str value)
{
	uint32_t types = schema ? r->c->spec->service->property_types(schema, name) : 0;
	put_separator(r, '{');
	text_add_json(&r->json, name);
	text_add_char(&r->json, ':');
	put_value(r, value, types);
}

/* a,1,b,2 or, exploded, a=1,b=2 */
static void put_flat_object(struct reading *r, struct sluice_str list)
{
	const struct parameter *p = r->parameter;
	text_add_char(&r->json, '{');
	while (list.p && list.n) {
		struct sluice_str value = trim(cut_item(&list, p->style), p), name = value;
		if (p->is_exploded)
			name = str_cut(&value, '=');
		else
			value = list.p ? trim(cut_item(&list, p->style), p) : SLUICE_STR("");
		if (!value.p)
			value = SLUICE_STR("");
		put_property(r, p->schema, decoded(r, name), value);
	}
	text_add_char(&r->json, '}');
}

/* --- queries --------------------------------------------------------------------------------- */
/* All pairs of that name in [from, to): one value, or an array of them. */
static void put_repeated(struct reading *r, const struct pairs *pairs, size_t from, size_t to,
	uint32_t types, uint32_t item_types)
{
	struct sluice_str name = pairs->items[from].name;
	if (!(types & SLUICE_SCHEMA_ARRAY)) {
		put_value(r, pairs->items[from].value, types);
		return;
	}
	text_add_char(&r->json, '[');
	for (size_t i = from; i < to; i++) {
		if (!str_equal(pairs->items[i].name, name))
			continue;
		put_separator(r, '[');
		put_value(r, pairs->items[i].value, item_types);
	}
	text_add_char(&r->json, ']');
}

static size_t pair_find(const struct pairs *pairs, struct sluice_str name, size_t from)
{
	while (from < pairs->count && !str_equal(pairs->items[from].name, name))
		from++;
	return from;
}

static int compare_pairs(const void *one, const void *other)
{
	const struct pair *a = one, *b = other;
	if (a->name.n != b->name.n)
		return a->name.n < b->name.n ? -1 : 1;
	int names = a->name.n ? memcmp(a->name.p, b->name.p, a->name.n) : 0;
	return names ? names : (a->order > b->order) - (a->order < b->order);
}

static uint32_t item_types_of(
	const struct check *c, const struct sluice_schema *schema, struct sluice_str name)
{
	const struct sluice_schema_service *service = c->spec->service;
	return SLUICE_HAS(service, property_item_types) ? service->property_item_types(schema, name)
							: 0;
}

/* Sorted: a form has as many names as its client likes, and each is looked for among the rest. */
int pairs_to_json(const struct check *c, const struct sluice_schema *schema, struct pairs *pairs,
	int strings_only, struct text *json)
{
	struct check own = *c;
	struct reading r = {
		.c = &own, .escapes = ESCAPES_FORM, .strings_only = strings_only, .json = *json};
	qsort(pairs->items, pairs->count, sizeof(*pairs->items), compare_pairs);
	text_add_char(&r.json, '{');
	for (size_t i = 0, next; i < pairs->count; i = next) {
		struct sluice_str name = pairs->items[i].name;
		uint32_t types = c->spec->service->property_types(schema, name);
		uint32_t item_types =
			types & SLUICE_SCHEMA_ARRAY ? item_types_of(c, schema, name) : types;
		for (next = i + 1; next < pairs->count; next++)
			if (!str_equal(pairs->items[next].name, name))
				break;
		put_separator(&r, '{');
		text_add_json(&r.json, name);
		text_add_char(&r.json, ':');
		/* What comes twice where one is expected is an array, which does not fit. */
		put_repeated(
			&r, pairs, i, next, next - i > 1 ? SLUICE_SCHEMA_ARRAY : types, item_types);
	}
	text_add_char(&r.json, '}');
	*json = r.json;
	return !json->failed;
}

/* Whether a parameter of the query means this object, well or not: "filter", "filter[a]",
 * "filter[". */
static int means_deep(struct sluice_str name, const struct parameter *p)
{
	size_t n = p->name.n;
	return name.n >= n && memcmp(name.p, p->name.p, n) == 0 &&
	       (name.n == n || name.p[n] == '[');
}

/* The property in name[property]; an empty view: it is none. Upstreams read name[a][b] as an object
 * within the object, name[] as an array, and name[a as what they like. */
static struct sluice_str deep_property(struct sluice_str name, const struct parameter *p)
{
	size_t n = p->name.n;
	if (name.n < n + 3 || name.p[name.n - 1] != ']')
		return SLUICE_STR("");
	struct sluice_str property = {name.p + n + 1, name.n - n - 2};
	int is_plain = !memchr(property.p, '[', property.n) && !memchr(property.p, ']', property.n);
	return is_plain ? property : SLUICE_STR("");
}

static int is_declared(const struct operation *o, struct sluice_str name)
{
	for (size_t i = 0; i < o->parameter_count; i++)
		if (o->parameters[i]->place == IN_QUERY && str_equal(o->parameters[i]->name, name))
			return 1;
	return 0;
}

/* Whether some parameter of the query is this one, or an object that has it as a property. */
static int is_anothers(const struct operation *o, struct sluice_str name)
{
	for (size_t i = 0; i < o->parameter_count; i++) {
		const struct parameter *p = o->parameters[i];
		if (p->place == IN_QUERY && p->style == STYLE_DEEP_OBJECT && means_deep(name, p))
			return 1;
	}
	return is_declared(o, name);
}

/* Whether the pair belongs to an object that is spread over the query. */
static int is_spread_pair(const struct check *c, const struct parameter *p, struct sluice_str name)
{
	return p->style == STYLE_DEEP_OBJECT ? means_deep(name, p)
					     : !is_anothers(c->operation, name);
}

static int is_spread(const struct parameter *p)
{
	return p->place == IN_QUERY && !p->is_json &&
	       (p->style == STYLE_DEEP_OBJECT || (p->style == STYLE_FORM && p->is_exploded &&
							 (p->types & SLUICE_SCHEMA_OBJECT)));
}

/* How many pairs are its properties; the object goes into the JSON. -1: one is no property. */
static int put_spread_object(struct reading *r)
{
	struct check *c = r->c;
	const struct parameter *p = r->parameter;
	int count = 0;
	text_add_char(&r->json, '{');
	for (size_t i = 0; i < c->query.count; i++) {
		struct pair *pair = &c->query.items[i];
		struct sluice_str name = pair->name;
		if (!is_spread_pair(c, p, name))
			continue;
		if (p->style == STYLE_DEEP_OBJECT && (name = deep_property(name, p)).n == 0)
			return -1;
		pair->is_taken = 1;
		count++;
		put_property(r, p->schema, name, pair->value);
	}
	text_add_char(&r->json, '}');
	return count;
}

/* --- one parameter --------------------------------------------------------------------------- */
static const char *place_word(const struct parameter *p)
{
	static const char *const words[] = {
		"path parameter", "query parameter", "header", "cookie"};
	return words[p->place];
}

static int complain_about(const struct reading *r, const char *why)
{
	complain(r->c->complaint, "%s \"%.*s\" (%s)", place_word(r->parameter),
		(int)r->parameter->name.n, r->parameter->name.p, why);
	return 0;
}

/* The values of all fields of that name, as one list; how many, -1: no memory. */
static int field_values(
	const struct check *c, struct sluice_str name, struct sluice_str *value, size_t *count)
{
	const struct sluice_host *host = c->call->host;
	struct sluice_str one;
	size_t n = 0;
	uint32_t at = 0;
	*count = 0;
	while (host->field_next(c->exchange, SLUICE_REQUEST, name, &at, NULL, &one) == SLUICE_OK) {
		n += one.n + 1;
		*value = one;
		(*count)++;
	}
	if (*count < 2)
		return (int)*count;
	char *all = host->exchange_alloc(c->exchange, n);
	if (!all)
		return -1;
	n = 0;
	at = 0;
	while (host->field_next(c->exchange, SLUICE_REQUEST, name, &at, NULL, &one) == SLUICE_OK) {
		if (n)
			all[n++] = ',';
		memcpy(all + n, one.p, one.n);
		n += one.n;
	}
	*value = (struct sluice_str){all, n};
	return 1;
}

/* The raw value, or that of the first pair, or of how many fields; 0: absent, -1: no memory. */
static int raw_value(
	const struct reading *r, struct sluice_str *value, size_t *first, size_t *fields)
{
	const struct parameter *p = r->parameter;
	struct check *c = r->c;
	const struct pairs *pairs = p->place == IN_COOKIE ? &c->cookies : &c->query;
	if (p->place == IN_HEADER)
		return field_values(c, p->name, value, fields);
	if (p->place == IN_PATH) {
		*value = c->path.items[p->ordinal];
		return 1;
	}
	*first = pair_find(pairs, p->name, 0);
	if (*first == pairs->count)
		return 0;
	*value = pairs->items[*first].value;
	return 1;
}

/* Whether all values under its name are the one array that it is. */
static int is_repeatable(const struct parameter *p)
{
	return !p->is_json && (p->types & SLUICE_SCHEMA_ARRAY) && p->style == STYLE_FORM &&
	       p->is_exploded;
}

/* Of two values the upstream might take the one that was not judged. */
static int has_another(const struct reading *r, size_t first, size_t fields)
{
	const struct parameter *p = r->parameter;
	if (p->place == IN_HEADER)
		return fields > 1 && (p->is_json || !(p->types & LISTED));
	const struct pairs *pairs = p->place == IN_COOKIE ? &r->c->cookies : &r->c->query;
	return (p->place == IN_QUERY || p->place == IN_COOKIE) && !is_repeatable(p) &&
	       pair_find(pairs, p->name, first + 1) < pairs->count;
}

/* Of an array that comes in several values: an empty one says nothing of the others. */
static int is_repeated(const struct reading *r, size_t first)
{
	const struct parameter *p = r->parameter;
	const struct pairs *pairs = p->place == IN_COOKIE ? &r->c->cookies : &r->c->query;
	return is_repeatable(p) && pair_find(pairs, p->name, first + 1) < pairs->count;
}

static void put_parameter(struct reading *r, struct sluice_str raw, size_t first)
{
	const struct parameter *p = r->parameter;
	struct pairs *pairs = p->place == IN_COOKIE ? &r->c->cookies : &r->c->query;
	if (p->is_json)
		text_add(&r->json, decoded(r, raw));
	else if (is_repeatable(p))
		put_repeated(r, pairs, first, pairs->count, p->types,
			r->c->spec->service->item_types(p->schema));
	else if (p->types & SLUICE_SCHEMA_ARRAY)
		put_list(r, raw);
	else if (p->types & SLUICE_SCHEMA_OBJECT)
		put_flat_object(r, raw);
	else
		put_value(r, raw, p->types);
}

static const char *why_unreadable(const struct parameter *p)
{
	if (p->is_json)
		return "not JSON";
	return p->types & NUMERIC
		       ? "a number beyond 64 bits"
		       : "no UTF-8, a property that stands twice, or a number beyond 64 bits";
}

static int judge(struct reading *r)
{
	struct sluice_schema_problem problem = {.size = sizeof(problem)};
	char why[200];
	if (r->json.failed)
		return -1;
	int32_t rc = r->c->spec->service->check(
		r->parameter->schema, r->c->exchange, text_str(&r->json), &problem);
	if (rc == SLUICE_OK)
		return 1;
	if (rc == SLUICE_E_RUNTIME)
		return complain_about(r, why_unreadable(r->parameter));
	if (rc != SLUICE_E_INVALID)
		return -1;
	int n = snprintf(why, sizeof(why), "%.*s%s%.*s",
		(int)(problem.pointer.n < 120 ? problem.pointer.n : 120), problem.pointer.p,
		problem.pointer.n ? ": " : "", (int)problem.keyword.n, problem.keyword.p);
	return n < 0 ? -1 : complain_about(r, why);
}

/* Reads and judges it once. 2: it is absent. */
static int check_reading(struct reading *r)
{
	const struct parameter *p = r->parameter;
	struct sluice_str raw = SLUICE_STR("");
	size_t first = 0, fields = 0;
	if (is_spread(p)) {
		int count = put_spread_object(r);
		if (count < 0)
			return complain_about(r, "not name[property]");
		return count ? judge(r) : 2;
	}
	int has = raw_value(r, &raw, &first, &fields);
	if (has <= 0)
		return has < 0 ? -1 : 2;
	if (has_another(r, first, fields))
		return complain_about(r, "more than one value");
	if (p->allows_empty && raw.n == 0 && !is_repeated(r, first))
		return 1;
	put_parameter(r, raw, first);
	return judge(r);
}

static int check_parameter(struct check *c, const struct parameter *p)
{
	static const enum escapes escapes[] = {[IN_PATH] = ESCAPES_PERCENT,
		[IN_QUERY] = ESCAPES_FORM,
		[IN_HEADER] = ESCAPES_NONE,
		[IN_COOKIE] = ESCAPES_PERCENT};
	struct complaint first;
	int found = 0;
	for (int strings_only = 0; strings_only < 2; strings_only++) {
		struct reading r = {.c = c,
			.parameter = p,
			.escapes = escapes[p->place],
			.strings_only = strings_only};
		text_init(&r.json, c->call, TEXT_BYTES_MAX);
		found = check_reading(&r);
		text_deinit(&r.json);
		if (found != 0 || p->is_json)
			break;
		/* What is told is how it reads at first sight. */
		if (strings_only)
			*c->complaint = first;
		else
			first = *c->complaint;
	}
	if (found != 2)
		return found;
	if (!p->is_required)
		return 1;
	complain(c->complaint, "%s \"%.*s\" (required)", place_word(p), (int)p->name.n, p->name.p);
	return 0;
}

/* --- all of them ----------------------------------------------------------------------------- */
static int has_place(const struct operation *o, enum place place)
{
	for (size_t i = 0; i < o->parameter_count; i++)
		if (o->parameters[i]->place == place)
			return 1;
	return 0;
}

static int check_undeclared(struct check *c)
{
	for (size_t i = 0; i < c->query.count; i++)
		if (!c->query.items[i].is_taken &&
			!is_declared(c->operation, c->query.items[i].name)) {
			complain(c->complaint,
				"a query parameter that the description does not have");
			return 0;
		}
	return 1;
}

static int read_cookies(struct check *c)
{
	const struct sluice_request_service *request = c->spec->request;
	struct sluice_str name, value, all = SLUICE_STR("");
	uint32_t at = 0;
	size_t count = 0;
	while (request->cookie_next(c->exchange, all, &at, &name, &value) == SLUICE_OK)
		count++;
	c->cookies.items =
		c->call->host->exchange_alloc(c->exchange, (count + 1) * sizeof(*c->cookies.items));
	if (!c->cookies.items)
		return 0;
	at = 0;
	while (c->cookies.count < count &&
		request->cookie_next(c->exchange, all, &at, &name, &value) == SLUICE_OK)
		c->cookies.items[c->cookies.count++] = (struct pair){.name = name, .value = value};
	return 1;
}

int check_parameters(struct check *c, int is_strict)
{
	const struct operation *o = c->operation;
	struct sluice_str query = c->call->host->fact(c->exchange, SLUICE_FACT_QUERY);
	if ((is_strict || has_place(o, IN_QUERY)) &&
		!pairs_parse(c->call, c->exchange, query, &c->query))
		return -1;
	if (has_place(o, IN_COOKIE) && !read_cookies(c))
		return -1;
	for (size_t i = 0; i < o->parameter_count; i++) {
		int fits = check_parameter(c, o->parameters[i]);
		if (fits != 1)
			return fits;
	}
	return is_strict ? check_undeclared(c) : 1;
}
