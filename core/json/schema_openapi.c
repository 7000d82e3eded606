/* SPDX-License-Identifier: Apache-2.0 */
/* How OpenAPI's schemas differ from JSON Schema. */
#include "json/schema_priv.h"

#include "base/check.h"

/* To chains of $ref: a cycle of nothing but references was refused before. */
#define TYPES_DEPTH_MAX 8

static const struct json_value int32_min = {.type = JSON_INTEGER, .u.integer = INT32_MIN};
static const struct json_value int32_max = {.type = JSON_INTEGER, .u.integer = INT32_MAX};

static bool is_one_of(struct str name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(name, str_of(names[i])))
			return true;
	return false;
}

/* What must not be passed over: it would look as if it were enforced. */
static bool is_unsupported(struct str name)
{
	static const char *const names[] = {"$id", "$anchor", "$dynamicRef", "$dynamicAnchor",
		"$recursiveRef", "$recursiveAnchor", "unevaluatedItems", "unevaluatedProperties"};
	return is_one_of(name, names, ARRAY_COUNT(names));
}

static bool is_annotation(struct str name)
{
	static const char *const names[] = {"example", "examples", "externalDocs", "xml",
		"discriminator", "writeOnly", "readOnly", "nullable", "contentEncoding",
		"contentMediaType", "contentSchema", "$schema", "$vocabulary", "title",
		"description", "$comment", "deprecated", "summary"};
	return str_starts(name, STR("x-")) || is_one_of(name, names, ARRAY_COUNT(names));
}

static bool is_boolean_bound(const struct compiler *c, const struct json_member *m)
{
	return c->schema->dialect == SCHEMA_OPENAPI_30 && m->value.type == JSON_BOOL &&
	       (str_eq(m->key, STR("exclusiveMinimum")) || str_eq(m->key, STR("exclusiveMaximum")));
}

static bool is_unknown_format(const struct compiler *c, const struct json_member *m)
{
	const struct schema_hooks *hooks = &c->schema->hooks;
	if (!str_eq(m->key, STR("format")) || m->value.type != JSON_STRING)
		return false;
	/* A secret is nothing to those who send it. */
	return str_eq(m->value.u.string, STR("secret")) || !hooks->format_exists ||
	       !hooks->format_exists(hooks->arg, m->value.u.string);
}

bool compile_openapi_keyword(
	struct compiler *c, struct node *n, const struct json_member *m, bool *taken)
{
	bool is_true = m->value.type == JSON_BOOL && m->value.u.boolean;
	if (is_unsupported(m->key))
		return compile_fail(c, place_join(c, n->place, m->key), "is not supported");
	if (str_eq(m->key, STR("readOnly")))
		n->is_read_only = is_true;
	if (str_eq(m->key, STR("discriminator")))
		n->discriminator = &m->value;
	if (str_eq(m->key, STR("nullable")))
		n->is_nullable = is_true && c->schema->dialect == SCHEMA_OPENAPI_30;
	*taken = is_annotation(m->key) || is_boolean_bound(c, m) || is_unknown_format(c, m) ||
		 (!keyword_exists(m->key) && !keyword_nearest(m->key));
	return true;
}

static bool has_true(const struct json_value *v, struct str name)
{
	const struct json_value *value = json_get(v, name);
	return value && value->type == JSON_BOOL && value->u.boolean;
}

void compile_openapi_node(struct node *n, const struct json_value *v)
{
	const struct json_value *format = json_get(v, STR("format"));
	if (has_true(v, STR("exclusiveMinimum")) && n->minimum) {
		n->exclusive_minimum = n->minimum;
		n->minimum = NULL;
	}
	if (has_true(v, STR("exclusiveMaximum")) && n->maximum) {
		n->exclusive_maximum = n->maximum;
		n->maximum = NULL;
	}
	if (!format || format->type != JSON_STRING || !str_eq(format->u.string, STR("int32")))
		return;
	if (!n->minimum || json_compare_numbers(n->minimum, &int32_min) < 0)
		n->minimum = &int32_min;
	if (!n->maximum || json_compare_numbers(n->maximum, &int32_max) > 0)
		n->maximum = &int32_max;
}

static bool is_read_only(const struct node *n)
{
	for (unsigned depth = 0; n && depth < TYPES_DEPTH_MAX; depth++, n = n->ref)
		if (n->is_read_only)
			return true;
	return false;
}

/* --- discriminators -------------------------------------------------------------------------- */
static void selectable_add(struct node *n, struct str name, struct node *alternative)
{
	n->selectable.items[n->selectable.count++] =
		(struct named_node){.name = name, .node = alternative};
}

/* The alternative that a name, or a reference, of `mapping` means; NULL. Those without a $ref have
 * no name, and null needs none. */
static struct node *find_alternative(
	struct compiler *c, const struct node_list *alternatives, struct str to)
{
	bool is_ref = to.n > 0 && to.p[0] == '#';
	const struct json_value *target = is_ref ? find_target(c, str_from(to, 1)) : NULL;
	const struct node *meant = target ? compiled_node(c, target) : NULL;
	for (size_t i = 0; i < alternatives->count; i++) {
		struct node *ref = alternatives->items[i]->ref;
		if (ref && (is_ref ? ref == meant : str_eq(last_token(c, ref->place), to)))
			return ref;
	}
	return NULL;
}

static bool compile_mapping(struct compiler *c, struct node *n,
	const struct node_list *alternatives, const struct json_value *mapping, struct str place)
{
	uint32_t count = mapping && mapping->type == JSON_OBJECT ? mapping->u.object.count : 0;
	size_t room = count + alternatives->count;
	n->selectable.items =
		json_builder_alloc(c->schema->memory, (room + 1) * sizeof(*n->selectable.items));
	for (uint32_t i = 0; i < count; i++) {
		const struct json_member *m = &mapping->u.object.members[i];
		struct node *meant = m->value.type == JSON_STRING
					     ? find_alternative(c, alternatives, m->value.u.string)
					     : NULL;
		if (!meant)
			return compile_fail(c,
				place_join(c, place_join(c, place, STR("mapping")), m->key),
				"leads to none of the alternatives");
		selectable_add(n, m->key, meant);
	}
	for (size_t i = 0; i < alternatives->count; i++)
		if (alternatives->items[i]->ref)
			selectable_add(n, last_token(c, alternatives->items[i]->ref->place),
				alternatives->items[i]->ref);
	return true;
}

/* Which of oneOf or anyOf the upstream takes by the property. Without alternatives beside it the
 * schemas that refer to this one are meant, and they are for those who read. */
static bool compile_discriminator(struct compiler *c, struct node *n)
{
	const struct node_list *alternatives = n->one_of.count > 0 ? &n->one_of : &n->any_of;
	struct str place = place_join(c, n->place, STR("discriminator"));
	if (!n->discriminator || alternatives->count == 0)
		return true;
	const struct json_value *name = json_get(n->discriminator, STR("propertyName"));
	if (!name || name->type != JSON_STRING)
		return compile_fail(c, place, "expected an object with a propertyName");
	return compile_mapping(
		c, n, alternatives, json_get(n->discriminator, STR("mapping")), place);
}

bool compile_openapi_all(struct compiler *c)
{
	for (struct node *n = c->first; n; n = n->next_made) {
		size_t kept = 0;
		for (size_t i = 0; i < n->required.count; i++)
			if (!is_read_only(node_property(n, n->required.items[i])))
				n->required.items[kept++] = n->required.items[i];
		n->required.count = kept;
		if (!compile_discriminator(c, n))
			return false;
	}
	return true;
}

/* --- types ----------------------------------------------------------------------------------- */
typedef unsigned look_fn(const struct node *n, struct str name, unsigned depth);

/* What `look` finds of the schemas that judge the same value, together. */
static unsigned look_around(const struct node *n, struct str name, unsigned depth, look_fn *look)
{
	const struct node_list *lists[] = {&n->all_of, &n->any_of, &n->one_of};
	unsigned types = n->ref ? look(n->ref, name, depth + 1) : 0;
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		for (size_t k = 0; k < lists[i]->count; k++)
			types |= look(lists[i]->items[k], name, depth + 1);
	return types;
}

static unsigned types_of(const struct node *n, struct str name, unsigned depth)
{
	if (!n || depth > TYPES_DEPTH_MAX)
		return 0;
	unsigned null = n->is_nullable ? TYPE_BIT(JSON_NULL) : 0;
	return null | (n->types ? n->types : look_around(n, name, depth, types_of));
}

static unsigned item_types_of(const struct node *n, struct str name, unsigned depth)
{
	if (!n || depth > TYPES_DEPTH_MAX)
		return 0;
	return n->items ? types_of(n->items, name, depth)
			: look_around(n, name, depth, item_types_of);
}

static unsigned property_types_of(const struct node *n, struct str name, unsigned depth)
{
	if (!n || depth > TYPES_DEPTH_MAX)
		return 0;
	const struct node *property = node_property(n, name);
	if (property)
		return types_of(property, name, depth);
	unsigned types = look_around(n, name, depth, property_types_of);
	return types ? types : types_of(n->additional, name, depth);
}

static unsigned property_item_types_of(const struct node *n, struct str name, unsigned depth)
{
	if (!n || depth > TYPES_DEPTH_MAX)
		return 0;
	const struct node *property = node_property(n, name);
	if (property)
		return item_types_of(property, name, depth);
	unsigned types = look_around(n, name, depth, property_item_types_of);
	return types ? types : item_types_of(n->additional, name, depth);
}

unsigned schema_types(const struct schema *s)
{
	return types_of(s->root, STR_EMPTY, 0);
}

unsigned schema_item_types(const struct schema *s)
{
	return item_types_of(s->root, STR_EMPTY, 0);
}

unsigned schema_property_types(const struct schema *s, struct str name)
{
	return property_types_of(s->root, name, 0);
}

unsigned schema_property_item_types(const struct schema *s, struct str name)
{
	return property_item_types_of(s->root, name, 0);
}
