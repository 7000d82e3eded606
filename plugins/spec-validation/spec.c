/* SPDX-License-Identifier: Apache-2.0 */
/* The description is walked as the host's values, with the JSON pointer of where the walk is beside
 * it: a schema is compiled by its pointer, and an error names it. */
#include "spec.h"

#include "yaml.h"

#include "util/content.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define JSON_BYTES_MAX (32u << 20)
/* References to references. */
#define REFERENCES_MAX 16

/* A value and where it is: "#/paths/~1users/get". */
struct at {
	const struct sluice_value *value;
	struct sluice_str pointer; /* in the pool */
};

struct builder {
	struct spec *spec;
	const struct sluice_host *host;
	struct sluice_instance *instance;
	char *message;
	size_t message_size;
};

/* --- the walk -------------------------------------------------------------------------------- */
static int fail(struct builder *b, struct at at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(struct builder *b, struct at at, const char *format, ...)
{
	va_list args;
	int n = snprintf(b->message, b->message_size, "%.*s: ", (int)at.pointer.n, at.pointer.p);
	if (n < 0 || (size_t)n >= b->message_size)
		return 0;
	va_start(args, format);
	vsnprintf(b->message + n, b->message_size - (size_t)n, format, args);
	va_end(args);
	return 0;
}

static int fail_memory(struct builder *b)
{
	snprintf(b->message, b->message_size, "the policy has no memory left");
	return 0;
}

/* pointer/key, escaped (RFC 6901), and the percent sign for the fragment that it is. A NULL pointer
 * when there is no memory: no schema is compiled at it. */
static struct sluice_str pointer_join(
	struct builder *b, struct sluice_str pointer, struct sluice_str key)
{
	char *p = pointer.p ? pool_alloc(&b->spec->pool, pointer.n + 3 * key.n + 2) : NULL;
	size_t n = pointer.n;
	if (!p)
		return (struct sluice_str){NULL, 0};
	memcpy(p, pointer.p, n);
	p[n++] = '/';
	for (size_t i = 0; i < key.n; i++) {
		const char *escape = key.p[i] == '~'   ? "~0"
				     : key.p[i] == '/' ? "~1"
				     : key.p[i] == '%' ? "%25"
						       : NULL;
		if (!escape)
			p[n++] = key.p[i];
		for (; escape && *escape; escape++)
			p[n++] = *escape;
	}
	return (struct sluice_str){p, n};
}

static struct at member(struct builder *b, struct at at, struct sluice_str key)
{
	const struct sluice_value *value = b->host->value_get(at.value, key);
	if (!value)
		return (struct at){NULL, at.pointer};
	return (struct at){value, pointer_join(b, at.pointer, key)};
}

static struct at element(struct builder *b, struct at at, size_t i)
{
	char index[24];
	int n = snprintf(index, sizeof(index), "%zu", i);
	return (struct at){b->host->value_at(at.value, i, NULL),
		pointer_join(b, at.pointer, (struct sluice_str){index, (size_t)n})};
}

static struct at member_at(struct builder *b, struct at at, size_t i, struct sluice_str *key)
{
	const struct sluice_value *value = b->host->value_at(at.value, i, key);
	return (struct at){value, pointer_join(b, at.pointer, *key)};
}

static struct sluice_str text_of(struct builder *b, struct at at, struct sluice_str key)
{
	return b->host->value_string(b->host->value_get(at.value, key), SLUICE_STR(""));
}

static int flag_of(struct builder *b, struct at at, struct sluice_str key, int fallback)
{
	return b->host->value_bool(b->host->value_get(at.value, key), fallback);
}

static int is_object(struct builder *b, struct at at)
{
	return at.value && b->host->value_type(at.value) == SLUICE_OBJECT;
}

static int is_extension(struct sluice_str key)
{
	return key.n >= 2 && memcmp(key.p, "x-", 2) == 0;
}

static unsigned hex(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* One token of a fragment: percent and then ~0, ~1; in the pool. */
static struct sluice_str token_decode(struct builder *b, struct sluice_str token)
{
	char *p = pool_alloc(&b->spec->pool, token.n + 1);
	size_t n = 0;
	for (size_t i = 0; p && i < token.n; i++) {
		char c = token.p[i];
		if (c == '%' && i + 2 < token.n) {
			c = (char)(hex(token.p[i + 1]) << 4 | hex(token.p[i + 2]));
			i += 2;
		}
		if (n && p[n - 1] == '~' && (c == '0' || c == '1'))
			p[n - 1] = c == '0' ? '\x01' : '/';
		else
			p[n++] = c;
	}
	for (size_t i = 0; p && i < n; i++)
		if (p[i] == '\x01')
			p[i] = '~';
	return (struct sluice_str){p ? p : "", n};
}

static const struct sluice_value *target_of(struct builder *b, struct sluice_str ref)
{
	const struct sluice_value *v = b->spec->service->document_root(b->spec->document);
	if (ref.n < 2 || ref.p[0] != '#' || ref.p[1] != '/')
		return NULL;
	struct sluice_str rest = {ref.p + 2, ref.n - 2};
	while (v && rest.p) {
		struct sluice_str token = token_decode(b, str_cut(&rest, '/'));
		size_t index = 0;
		for (size_t i = 0; i < token.n && index < 1000000; i++)
			index = 10 * index + (size_t)(token.p[i] - '0');
		v = b->host->value_type(v) == SLUICE_ARRAY ? b->host->value_at(v, index, NULL)
							   : b->host->value_get(v, token);
	}
	return v;
}

/* What stands beside a $ref is passed over by some readers of descriptions, and taken by others. */
static int stands_alone(struct builder *b, struct at at)
{
	size_t count = b->host->value_count(at.value);
	for (size_t i = 0; i < count; i++) {
		struct sluice_str key = {0};
		b->host->value_at(at.value, i, &key);
		if (!str_equal(key, SLUICE_STR("$ref")) && !str_equal(key, SLUICE_STR("summary")) &&
			!str_equal(key, SLUICE_STR("description")) && !is_extension(key))
			return fail(b, at, "\"%.*s\" beside a $ref", (int)key.n, key.p);
	}
	return 1;
}

/* Follows the $ref of what is no schema: parameters, bodies, path items. */
static int resolve(struct builder *b, struct at *at)
{
	for (int i = 0; i < REFERENCES_MAX; i++) {
		if (!is_object(b, *at))
			return fail(b, *at, "expected an object");
		struct sluice_str ref = text_of(b, *at, SLUICE_STR("$ref"));
		if (ref.n == 0)
			return 1;
		const struct sluice_value *target = target_of(b, ref);
		if (!stands_alone(b, *at))
			return 0;
		if (!target)
			return fail(b, *at, "nothing is at \"%.*s\"", (int)ref.n, ref.p);
		*at = (struct at){target, ref};
	}
	return fail(b, *at, "references that go in circles");
}

/* --- schemas --------------------------------------------------------------------------------- */
/* `at.value` NULL: *schema stays NULL. */
static int compile_schema(struct builder *b, struct at at, struct sluice_schema **schema)
{
	struct sluice_str why;
	if (!at.value)
		return 1;
	struct schema_link *link = pool_alloc(&b->spec->pool, sizeof(*link));
	if (!link || !at.pointer.p)
		return fail_memory(b);
	*schema = b->spec->service->compile(
		b->instance, b->spec->document, at.pointer, b->spec->dialect, &why);
	if (!*schema) {
		snprintf(b->message, b->message_size, "%.*s", (int)why.n, why.p);
		return 0;
	}
	*link = (struct schema_link){b->spec->schemas, *schema};
	b->spec->schemas = link;
	return 1;
}

/* --- parameters ------------------------------------------------------------------------------ */
static int read_place(struct builder *b, struct at at, enum place *place)
{
	static const char *const names[] = {"path", "query", "header", "cookie"};
	struct sluice_str in = text_of(b, at, SLUICE_STR("in"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_equal(in, (struct sluice_str){names[i], strlen(names[i])})) {
			*place = (enum place)i;
			return 1;
		}
	return fail(b, at, "in: expected path, query, header or cookie");
}

/* Each place has its styles; the first is the default. */
static int read_style(struct builder *b, struct at at, struct parameter *p)
{
	static const struct {
		enum place place;
		const char *name;
		enum style style;
	} styles[] = {
		{IN_PATH, "simple", STYLE_SIMPLE},
		{IN_HEADER, "simple", STYLE_SIMPLE},
		{IN_COOKIE, "form", STYLE_FORM},
		{IN_QUERY, "form", STYLE_FORM},
		{IN_QUERY, "spaceDelimited", STYLE_SPACES},
		{IN_QUERY, "pipeDelimited", STYLE_PIPES},
		{IN_QUERY, "deepObject", STYLE_DEEP_OBJECT},
	};
	struct sluice_str style = text_of(b, at, SLUICE_STR("style"));
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		struct sluice_str name = {styles[i].name, strlen(styles[i].name)};
		if (styles[i].place != p->place || (style.n && !str_equal(style, name)))
			continue;
		p->style = styles[i].style;
		p->is_exploded = flag_of(b, at, SLUICE_STR("explode"), p->style == STYLE_FORM);
		/* Exploded there is nothing to delimit: a value for each item. */
		if (p->is_exploded && (p->style == STYLE_SPACES || p->style == STYLE_PIPES))
			p->style = STYLE_FORM;
		return 1;
	}
	return fail(b, at, "the style \"%.*s\" is not supported here", (int)style.n, style.p);
}

/* The schema in the one entry of `content`, which is about JSON. */
static int read_parameter_content(
	struct builder *b, struct at content, struct parameter *p, struct at *schema)
{
	struct sluice_str type;
	if (!is_object(b, content) || b->host->value_count(content.value) != 1)
		return fail(b, content, "expected one media type");
	struct at entry = member_at(b, content, 0, &type);
	if (content_kind_of(type) != CONTENT_JSON)
		return fail(b, entry, "only JSON can be checked in a parameter");
	p->is_json = 1;
	*schema = member(b, entry, SLUICE_STR("schema"));
	return 1;
}

/* `schema`, or that of `content`: of neither nothing would be checked. */
static int read_parameter_schema(struct builder *b, struct at at, struct parameter *p)
{
	struct at schema = member(b, at, SLUICE_STR("schema"));
	struct at content = member(b, at, SLUICE_STR("content"));
	if (content.value && schema.value)
		return fail(b, at, "expected a schema or content, not both");
	if (content.value && !read_parameter_content(b, content, p, &schema))
		return 0;
	if (!schema.value)
		return fail(b, at, "a parameter without a schema");
	if (!compile_schema(b, schema, &p->schema))
		return 0;
	p->types = b->spec->service->types(p->schema);
	if (p->style == STYLE_DEEP_OBJECT && p->types && !(p->types & SLUICE_SCHEMA_OBJECT))
		return fail(b, at, "the style \"deepObject\" is for objects");
	return 1;
}

/* OpenAPI: definitions of these header fields shall be ignored. */
static int is_ignored(const struct parameter *p)
{
	return p->place == IN_HEADER &&
	       (content_equal(p->name, SLUICE_STR("accept")) ||
		       content_equal(p->name, SLUICE_STR("content-type")) ||
		       content_equal(p->name, SLUICE_STR("authorization")));
}

static int find_ordinal(
	struct builder *b, struct at at, struct parameter *p, const struct template_values *names)
{
	if (p->place != IN_PATH)
		return 1;
	for (p->ordinal = 0; p->ordinal < names->count; p->ordinal++)
		if (str_equal(names->items[p->ordinal], p->name))
			return 1;
	return fail(b, at, "the path has no {%.*s}", (int)p->name.n, p->name.p);
}

static int read_parameter(
	struct builder *b, struct at at, const struct template_values *names, struct parameter *p)
{
	if (!resolve(b, &at) || !read_place(b, at, &p->place))
		return 0;
	p->name = text_of(b, at, SLUICE_STR("name"));
	if (p->name.n == 0)
		return fail(b, at, "a parameter without a name");
	p->is_required = flag_of(b, at, SLUICE_STR("required"), 0) || p->place == IN_PATH;
	p->allows_empty = flag_of(b, at, SLUICE_STR("allowEmptyValue"), 0);
	if (is_ignored(p))
		return 1;
	return find_ordinal(b, at, p, names) && read_style(b, at, p) &&
	       read_parameter_schema(b, at, p);
}

/* Names of fields have no case. */
static int is_same_parameter(const struct parameter *a, const struct parameter *b)
{
	return a->place == b->place && (a->place == IN_HEADER ? content_equal(a->name, b->name)
							      : str_equal(a->name, b->name));
}

/* Adds those of a list; one of the same place and name takes the other's, which stood there before
 * the list. */
static int read_parameters(
	struct builder *b, struct at list, const struct template_values *names, struct operation *o)
{
	size_t count = list.value ? b->host->value_count(list.value) : 0;
	size_t before = o->parameter_count;
	if (list.value && b->host->value_type(list.value) != SLUICE_ARRAY)
		return fail(b, list, "expected an array");
	for (size_t i = 0; i < count; i++) {
		struct parameter *p = pool_alloc(&b->spec->pool, sizeof(*p));
		size_t k = 0;
		if (!p)
			return fail_memory(b);
		if (!read_parameter(b, element(b, list, i), names, p))
			return 0;
		if (is_ignored(p))
			continue;
		while (k < o->parameter_count && !is_same_parameter(o->parameters[k], p))
			k++;
		if (k >= before && k < o->parameter_count)
			return fail(b, list, "\"%.*s\" stands twice", (int)p->name.n, p->name.p);
		o->parameters[k] = p;
		o->parameter_count += k == o->parameter_count;
	}
	return 1;
}

/* --- operations ------------------------------------------------------------------------------ */
/* How a form writes its properties: the default is what is read, others would be read wrongly. */
static int read_encoding(struct builder *b, struct at media, struct sluice_str type)
{
	struct at encoding = member(b, media, SLUICE_STR("encoding"));
	if (!encoding.value || content_kind_of(type) != CONTENT_FORM)
		return 1;
	size_t count = b->host->value_count(encoding.value);
	for (size_t i = 0; i < count; i++) {
		struct sluice_str property = {0};
		struct at at = member_at(b, encoding, i, &property);
		struct sluice_str style = text_of(b, at, SLUICE_STR("style"));
		struct sluice_str content = text_of(b, at, SLUICE_STR("contentType"));
		int is_default = (!style.n || str_equal(style, SLUICE_STR("form"))) &&
				 (!content.n || content_kind_of(content) == CONTENT_TEXT) &&
				 flag_of(b, at, SLUICE_STR("explode"), 1);
		if (!is_default)
			return fail(
				b, at, "only the style \"form\", exploded, is supported in forms");
	}
	return 1;
}

static int read_body(struct builder *b, struct at at, struct operation *o)
{
	if (!at.value)
		return 1;
	if (!resolve(b, &at))
		return 0;
	o->has_body = 1;
	o->body_is_required = flag_of(b, at, SLUICE_STR("required"), 0);
	struct at content = member(b, at, SLUICE_STR("content"));
	if (!is_object(b, content))
		return fail(b, at, "a body without content");
	size_t count = b->host->value_count(content.value);
	o->media = pool_alloc(&b->spec->pool, (count + 1) * sizeof(*o->media));
	if (!o->media)
		return fail_memory(b);
	for (size_t i = 0; i < count; i++) {
		struct media *m = &o->media[o->media_count++];
		struct at entry = member_at(b, content, i, &m->type);
		m->type = content_essence(m->type);
		for (const struct media *other = o->media; other < m; other++)
			if (content_equal(other->type, m->type))
				return fail(b, entry,
					"the same media type as another, but for parameters");
		if (!read_encoding(b, entry, m->type) ||
			!compile_schema(b, member(b, entry, SLUICE_STR("schema")), &m->schema))
			return 0;
	}
	return 1;
}

/* A part of the path that no parameter describes could be anything. */
static int has_all_names(struct builder *b, struct at at, const struct operation *o,
	const struct template_values *names)
{
	for (size_t i = 0; i < names->count; i++) {
		size_t k = 0;
		while (k < o->parameter_count &&
			(o->parameters[k]->place != IN_PATH || o->parameters[k]->ordinal != i))
			k++;
		if (k == o->parameter_count)
			return fail(b, at, "{%.*s} has no parameter", (int)names->items[i].n,
				names->items[i].p);
	}
	return 1;
}

static int read_operation(struct builder *b, struct at item_at, struct at at,
	const struct template_values *names, struct operation **out)
{
	struct at shared = member(b, item_at, SLUICE_STR("parameters"));
	struct at own = member(b, at, SLUICE_STR("parameters"));
	struct operation *o = pool_alloc(&b->spec->pool, sizeof(*o));
	if (!is_object(b, at))
		return fail(b, at, "expected an object");
	size_t count = (shared.value ? b->host->value_count(shared.value) : 0) +
		       (own.value ? b->host->value_count(own.value) : 0);
	if (!o)
		return fail_memory(b);
	o->parameters = pool_alloc(&b->spec->pool, (count + 1) * sizeof(struct parameter *));
	if (!o->parameters)
		return fail_memory(b);
	*out = o;
	return read_parameters(b, shared, names, o) && read_parameters(b, own, names, o) &&
	       has_all_names(b, at, o, names) &&
	       read_body(b, member(b, at, SLUICE_STR("requestBody")), o);
}

enum method method_of(struct sluice_str name)
{
	static const char *const names[METHOD_COUNT] = {
		"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"};
	for (size_t i = 0; i < METHOD_COUNT; i++)
		if (str_equal(name, (struct sluice_str){names[i], strlen(names[i])}))
			return (enum method)i;
	return METHOD_COUNT;
}

static int is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~", c));
}

static int is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static void put_escape(struct sluice_str *out, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";
	char *p = (char *)(uintptr_t)out->p + out->n;
	p[0] = '%';
	p[1] = digits[c >> 4];
	p[2] = digits[c & 15];
	out->n += 3;
}

/* Literals as requests have them (the gateway's canonical form), names in braces as they are; in
 * the pool. A NULL pointer: no memory. */
static struct sluice_str path_canonical(struct builder *b, struct sluice_str path)
{
	char *p = pool_alloc(&b->spec->pool, 3 * path.n + 1);
	struct sluice_str out = {p, 0};
	int is_name = 0;
	for (size_t i = 0; p && i < path.n; i++) {
		char c = path.p[i];
		is_name = c == '{' || (is_name && c != '}');
		int is_escape = !is_name && c == '%' && i + 2 < path.n && is_hex(path.p[i + 1]) &&
				is_hex(path.p[i + 2]);
		if (is_escape) {
			c = (char)(hex(path.p[i + 1]) << 4 | hex(path.p[i + 2]));
			i += 2;
		}
		/* The same bytes as in http/uri.c. */
		int is_plain = is_unreserved(c) ||
			       (!is_escape && c && strchr("!$&'()*+,=:@|[]{}\"<>^`/;", c));
		if (is_name || is_plain)
			p[out.n++] = c;
		else
			put_escape(&out, (unsigned char)c);
	}
	return out;
}

/* A path that is never a request's: the gateway merges slashes and takes dot segments out. */
static const char *why_unreachable(struct sluice_str path)
{
	if (memchr(path.p, '?', path.n) || memchr(path.p, '#', path.n))
		return "a path has no query and no fragment";
	str_cut(&path, '/');
	while (path.p) {
		struct sluice_str segment = str_cut(&path, '/');
		if ((segment.n == 0 && path.p) || str_equal(segment, SLUICE_STR(".")) ||
			str_equal(segment, SLUICE_STR("..")))
			return "no request has an empty segment, or one of dots";
	}
	return NULL;
}

static int read_path(struct builder *b, struct at at, struct sluice_str path)
{
	static const char *const keys[METHOD_COUNT] = {
		"get", "put", "post", "delete", "options", "head", "patch", "trace"};
	struct template_values names;
	const char *why = why_unreachable(path);
	struct at place = at;
	if (why)
		return fail(b, at, "%s", why);
	path = path_canonical(b, path);
	if (!path.p)
		return fail_memory(b);
	struct template_node *node =
		template_add(&b->spec->pool, &b->spec->root, path, &names, &why);
	if (!node)
		return fail(b, at, "%s", why);
	if (node->item)
		return fail(b, at, "the same as another path, but for names");
	struct path_item *paths = node->item = pool_alloc(&b->spec->pool, sizeof(*paths));
	if (!paths)
		return fail_memory(b);
	if (!resolve(b, &place))
		return 0;
	for (size_t i = 0; i < METHOD_COUNT; i++) {
		struct sluice_str key = {keys[i], strlen(keys[i])};
		struct at operation = member(b, place, key);
		if (operation.value &&
			!read_operation(b, place, operation, &names, &paths->operations[i]))
			return 0;
	}
	return 1;
}

/* --- the description ------------------------------------------------------------------------- */
static int read_version(struct builder *b, struct at root)
{
	struct sluice_str version = text_of(b, root, SLUICE_STR("openapi"));
	if (version.n >= 3 && memcmp(version.p, "3.0", 3) == 0)
		b->spec->dialect = SLUICE_SCHEMA_OPENAPI_30;
	else if (version.n >= 3 && memcmp(version.p, "3.1", 3) == 0)
		b->spec->dialect = SLUICE_SCHEMA_OPENAPI_31;
	else
		return fail(b, root, "openapi: expected 3.0 or 3.1, as a string");
	return 1;
}

/* Schemas of another dialect would be read as if they were of this one. */
static int read_dialect(struct builder *b, struct at root)
{
	struct sluice_str dialect = text_of(b, root, SLUICE_STR("jsonSchemaDialect"));
	if (dialect.n == 0 ||
		str_equal(dialect, SLUICE_STR("https://spec.openapis.org/oas/3.1/dialect/base")) ||
		str_equal(dialect, SLUICE_STR("https://json-schema.org/draft/2020-12/schema")))
		return 1;
	return fail(b, root, "jsonSchemaDialect: expected that of OpenAPI 3.1, or draft 2020-12");
}

static int read_paths(struct builder *b)
{
	struct at root = {b->spec->service->document_root(b->spec->document), SLUICE_STR("#")};
	if (!is_object(b, root))
		return fail(b, root, "expected an OpenAPI description");
	if (!read_version(b, root) || !read_dialect(b, root))
		return 0;
	struct at paths = member(b, root, SLUICE_STR("paths"));
	if (!is_object(b, paths))
		return fail(b, root, "paths: expected an object");
	size_t count = b->host->value_count(paths.value);
	for (size_t i = 0; i < count; i++) {
		struct sluice_str path = {0};
		struct at at = member_at(b, paths, i, &path);
		if (is_extension(path))
			continue;
		if (path.n == 0 || path.p[0] != '/')
			return fail(b, at, "a path starts with a slash");
		if (!read_path(b, at, path))
			return 0;
	}
	return 1;
}

static int looks_like_json(struct sluice_str text)
{
	size_t i = 0;
	while (i < text.n &&
		(text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\r' || text.p[i] == '\t'))
		i++;
	return i < text.n && text.p[i] == '{';
}

static int read_document(
	struct builder *b, const struct sluice_call *call, struct sluice_str description)
{
	struct text json;
	struct sluice_str why;
	int is_json = looks_like_json(description);
	text_init(&json, call, JSON_BYTES_MAX);
	if (!is_json && yaml_to_json(description, &json, b->message, b->message_size) != 0) {
		text_deinit(&json);
		return 0;
	}
	b->spec->document = b->spec->service->document_new(
		call->instance, is_json ? description : text_str(&json), &why);
	if (!b->spec->document)
		snprintf(b->message, b->message_size, "%.*s", (int)why.n, why.p);
	text_deinit(&json);
	return b->spec->document != NULL;
}

int32_t spec_init(struct spec *spec, const struct sluice_call *call, struct sluice_str text,
	char *message, size_t message_size)
{
	struct builder b = {spec, call->host, call->instance, message, message_size};
	*spec = (struct spec){.service = call->host->service(SLUICE_SCHEMA_SERVICE),
		.request = call->host->service(SLUICE_REQUEST_SERVICE),
		.pool = {.host = call->host, .instance = call->instance}};
	message[0] = '\0';
	if (read_document(&b, call, text) && read_paths(&b))
		return SLUICE_OK;
	spec_free(spec);
	return SLUICE_E_INVALID;
}

void spec_free(struct spec *spec)
{
	struct sluice_instance *instance = spec->pool.instance;
	for (struct schema_link *l = spec->schemas; l; l = l->next)
		spec->service->free(instance, l->schema);
	spec->service->document_free(instance, spec->document);
	pool_free(&spec->pool);
}
