/* SPDX-License-Identifier: Apache-2.0 */
/* One table of keywords: its name, how its value is read, and into which member of the node. */
#include "json/schema_priv.h"

#include "base/check.h"
#include "base/nearest.h"

#include <math.h>

struct keyword;
typedef bool take_fn(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place);

struct keyword {
	const char *name;
	take_fn *take;
	size_t offset; /* of what it sets in struct node; 0: nothing, or several members */
};

static void *member_of(struct node *n, const struct keyword *k)
{
	return (char *)n + k->offset;
}

/* --- values ---------------------------------------------------------------------------------- */
static bool take_value(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	*(const struct json_value **)member_of(n, k) = v;
	return true;
}

static bool take_number(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	static const struct json_value zero = {.type = JSON_INTEGER};
	if (!json_is_number(v))
		return compile_fail(c, place, "expected a number");
	if (k->offset == offsetof(struct node, multiple_of) && json_compare_numbers(v, &zero) <= 0)
		return compile_fail(c, place, "must be greater than 0");
	return take_value(c, k, n, v, place);
}

static bool take_count(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	uint64_t *count = member_of(n, k);
	if (v->type == JSON_INTEGER && v->u.integer >= 0)
		*count = (uint64_t)v->u.integer;
	else if (v->type == JSON_REAL && v->u.real >= 0 && v->u.real < 0x1p63 &&
		 v->u.real == floor(v->u.real))
		*count = (uint64_t)v->u.real;
	else
		return compile_fail(c, place, "expected a whole number of at least 0");
	return true;
}

static bool take_bool(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	if (v->type != JSON_BOOL)
		return compile_fail(c, place, "expected true or false");
	*(bool *)member_of(n, k) = v->u.boolean;
	return true;
}

static bool take_enum(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	if (v->type != JSON_ARRAY || v->u.array.count == 0)
		return compile_fail(c, place, "expected an array of at least one value");
	return take_value(c, k, n, v, place);
}

static bool take_names(
	struct compiler *c, const struct json_value *v, struct name_list *names, struct str place)
{
	if (v->type != JSON_ARRAY)
		return compile_fail(c, place, "expected an array of names");
	uint32_t count = v->u.array.count;
	names->items = json_builder_alloc(c->schema->memory, count * sizeof(struct str));
	names->count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct json_value *name = &v->u.array.items[i];
		if (name->type != JSON_STRING)
			return compile_fail(c, place, "expected an array of names");
		names->items[i] = name->u.string;
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(names->items[k], name->u.string))
				return compile_fail(
					c, place, "\"%.*s\" stands twice", STR_ARG(name->u.string));
	}
	return true;
}

static bool take_required(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	return take_names(c, v, &n->required, place);
}

static bool take_dependent_required(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	if (v->type != JSON_OBJECT)
		return compile_fail(c, place, "expected an object of names");
	uint32_t count = v->u.object.count;
	n->dependent_required =
		json_builder_alloc(c->schema->memory, count * sizeof(struct dependent_names));
	n->dependent_required_count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct json_member *m = &v->u.object.members[i];
		struct dependent_names *d = &n->dependent_required[i];
		d->name = m->key;
		if (!take_names(c, &m->value, &d->needs, place_join(c, place, m->key)))
			return false;
	}
	return true;
}

/* --- types ----------------------------------------------------------------------------------- */
static bool add_type(
	struct compiler *c, struct node *n, const struct json_value *v, struct str place)
{
	static const struct {
		const char *name;
		enum json_type type;
	} types[] = {{"null", JSON_NULL}, {"boolean", JSON_BOOL}, {"integer", JSON_INTEGER},
		{"number", JSON_REAL}, {"string", JSON_STRING}, {"array", JSON_ARRAY},
		{"object", JSON_OBJECT}};
	for (size_t i = 0; v->type == JSON_STRING && i < ARRAY_COUNT(types); i++)
		if (str_eq(v->u.string, str_of(types[i].name))) {
			n->types |= TYPE_BIT(types[i].type);
			return true;
		}
	return compile_fail(
		c, place, "expected null, boolean, integer, number, string, array or object");
}

static bool take_type(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	if (v->type != JSON_ARRAY)
		return add_type(c, n, v, place);
	for (uint32_t i = 0; i < v->u.array.count; i++)
		if (!add_type(c, n, &v->u.array.items[i], place))
			return false;
	return v->u.array.count > 0 || compile_fail(c, place, "expected at least one type");
}

/* --- patterns and formats -------------------------------------------------------------------- */
static void *new_pattern(struct compiler *c, struct str text, struct str place)
{
	struct schema *s = c->schema;
	char message[160] = "patterns are not supported here";
	void *pattern = NULL;
	if (s->hooks.pattern_new)
		pattern = s->hooks.pattern_new(s->hooks.arg, text, message, sizeof(message));
	if (!pattern) {
		compile_fail(c, place, "no regular expression: %s", message);
		return NULL;
	}
	struct pattern_link *link = json_builder_alloc(s->memory, sizeof(*link));
	*link = (struct pattern_link){s->patterns, pattern};
	s->patterns = link;
	return pattern;
}

static bool take_pattern(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	if (v->type != JSON_STRING)
		return compile_fail(c, place, "expected a string");
	n->pattern_text = v->u.string;
	n->pattern = new_pattern(c, v->u.string, place);
	return n->pattern != NULL;
}

static bool take_format(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	const struct schema_hooks *hooks = &c->schema->hooks;
	if (v->type != JSON_STRING)
		return compile_fail(c, place, "expected a string");
	if (str_eq(v->u.string, STR("secret"))) {
		n->is_secret = true;
		return true;
	}
	if (!hooks->format_exists || !hooks->format_exists(hooks->arg, v->u.string))
		return compile_fail(c, place, "unknown format \"%.*s\"", STR_ARG(v->u.string));
	n->format = v->u.string;
	return true;
}

/* --- schemas in schemas ---------------------------------------------------------------------- */
static bool take_schema(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	struct node *node = compile_node(c, v, place);
	*(struct node **)member_of(n, k) = node;
	return node != NULL;
}

static bool take_schemas(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	struct node_list *list = member_of(n, k);
	if (v->type != JSON_ARRAY || v->u.array.count == 0)
		return compile_fail(c, place, "expected an array of at least one schema");
	uint32_t count = v->u.array.count;
	list->items = json_builder_alloc(c->schema->memory, count * sizeof(struct node *));
	for (uint32_t i = 0; i < count; i++) {
		struct str item = place_join_index(c, place, i);
		list->items[i] = compile_node(c, &v->u.array.items[i], item);
		if (!list->items[i])
			return false;
	}
	list->count = count;
	return true;
}

static bool take_named_schemas(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	bool are_patterns = k->offset == offsetof(struct node, pattern_properties);
	if (v->type != JSON_OBJECT)
		return compile_fail(c, place, "expected an object of schemas");
	uint32_t count = v->u.object.count;
	struct named_list list = {
		json_builder_alloc(c->schema->memory, count * sizeof(struct named_node)), count};
	for (uint32_t i = 0; i < count; i++) {
		const struct json_member *m = &v->u.object.members[i];
		struct str at = place_join(c, place, m->key);
		list.items[i] = (struct named_node){.name = m->key};
		if (are_patterns && !(list.items[i].pattern = new_pattern(c, m->key, at)))
			return false;
		list.items[i].node = compile_node(c, &m->value, at);
		if (!list.items[i].node)
			return false;
	}
	/* $defs only check what they hold. */
	if (k->offset)
		*(struct named_list *)member_of(n, k) = list;
	return true;
}

static bool take_ref(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	return compile_ref(c, n, v, place);
}

/* --- annotations ----------------------------------------------------------------------------- */
static bool take_text(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	return v->type == JSON_STRING || compile_fail(c, place, "expected a string");
}

static bool take_title(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	if (!take_text(c, k, n, v, place))
		return false;
	n->title = v->u.string;
	return true;
}

static bool take_deprecated(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	return v->type == JSON_BOOL || compile_fail(c, place, "expected true or false");
}

static bool take_examples(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	return v->type == JSON_ARRAY || compile_fail(c, place, "expected an array");
}

static bool take_dialect(struct compiler *c, const struct keyword *k, struct node *n,
	const struct json_value *v, struct str place)
{
	struct str uri = v->type == JSON_STRING ? v->u.string : STR_EMPTY;
	if (str_ends(uri, STR("#")))
		uri.n--;
	return str_eq(uri, STR("https://json-schema.org/draft/2020-12/schema")) ||
	       compile_fail(c, place, "expected \"https://json-schema.org/draft/2020-12/schema\"");
}

/* --- the table ------------------------------------------------------------------------------- */
#define AT(member) offsetof(struct node, member)
static const struct keyword keywords[] = {
	{"type", take_type, 0},
	{"enum", take_enum, AT(values)},
	{"const", take_value, AT(constant)},
	{"multipleOf", take_number, AT(multiple_of)},
	{"minimum", take_number, AT(minimum)},
	{"maximum", take_number, AT(maximum)},
	{"exclusiveMinimum", take_number, AT(exclusive_minimum)},
	{"exclusiveMaximum", take_number, AT(exclusive_maximum)},
	{"minLength", take_count, AT(length.min)},
	{"maxLength", take_count, AT(length.max)},
	{"pattern", take_pattern, 0},
	{"format", take_format, 0},
	{"items", take_schema, AT(items)},
	{"prefixItems", take_schemas, AT(prefix_items)},
	{"contains", take_schema, AT(contains)},
	{"minContains", take_count, AT(contains_count.min)},
	{"maxContains", take_count, AT(contains_count.max)},
	{"minItems", take_count, AT(item_count.min)},
	{"maxItems", take_count, AT(item_count.max)},
	{"uniqueItems", take_bool, AT(unique_items)},
	{"properties", take_named_schemas, AT(properties)},
	{"patternProperties", take_named_schemas, AT(pattern_properties)},
	{"additionalProperties", take_schema, AT(additional)},
	{"propertyNames", take_schema, AT(property_names)},
	{"required", take_required, 0},
	{"dependentRequired", take_dependent_required, 0},
	{"dependentSchemas", take_named_schemas, AT(dependent_schemas)},
	{"minProperties", take_count, AT(member_count.min)},
	{"maxProperties", take_count, AT(member_count.max)},
	{"allOf", take_schemas, AT(all_of)},
	{"anyOf", take_schemas, AT(any_of)},
	{"oneOf", take_schemas, AT(one_of)},
	{"not", take_schema, AT(negated)},
	{"if", take_schema, AT(when)},
	{"then", take_schema, AT(then)},
	{"else", take_schema, AT(otherwise)},
	{"$ref", take_ref, 0},
	{"$defs", take_named_schemas, 0},
	{"definitions", take_named_schemas, 0},
	{"default", take_value, AT(fallback)},
	{"x-secret", take_bool, AT(is_secret)},
	{"title", take_title, 0},
	{"description", take_text, 0},
	{"$comment", take_text, 0},
	{"examples", take_examples, 0},
	{"deprecated", take_deprecated, 0},
	{"$schema", take_dialect, 0},
};

const char *schema_keyword_name(size_t i)
{
	return i < ARRAY_COUNT(keywords) ? keywords[i].name : NULL;
}

const char *keyword_nearest(struct str name)
{
	const char *names[ARRAY_COUNT(keywords)];
	for (size_t i = 0; i < ARRAY_COUNT(keywords); i++)
		names[i] = keywords[i].name;
	return nearest_name(name, names, ARRAY_COUNT(names));
}

bool keyword_exists(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(keywords); i++)
		if (str_eq(name, str_of(keywords[i].name)))
			return true;
	return false;
}

static bool fail_unknown(struct compiler *c, struct str place, struct str name)
{
	const char *nearest = keyword_nearest(name);
	if (nearest)
		return compile_fail(c, place, "unknown keyword \"%.*s\"; did you mean \"%s\"?",
			STR_ARG(name), nearest);
	return compile_fail(c, place, "unknown keyword \"%.*s\"", STR_ARG(name));
}

bool compile_keyword(struct compiler *c, struct node *n, const struct json_member *m)
{
	for (size_t i = 0; i < ARRAY_COUNT(keywords); i++) {
		const struct keyword *k = &keywords[i];
		if (str_eq(m->key, str_of(k->name)))
			return k->take(c, k, n, &m->value, place_join(c, n->place, m->key));
	}
	return fail_unknown(c, n->place, m->key);
}
