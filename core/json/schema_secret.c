/* SPDX-License-Identifier: Apache-2.0 */
/* What schemas say about the strings of an instance beyond judging them: which are secret, which
 * have a format. All schemas that may judge a value are walked together, whether their branch is the
 * one taken or not: what is secret in any of them is secret.
 */
#include "json/schema_priv.h"

#include "base/memory.h"

#include <stdlib.h>

struct node_set {
	const struct node **items; /* owned */
	size_t count;
	size_t capacity;
};

struct search {
	const struct schema *schema;
	struct str format; /* that is looked for; empty: secrets are */
	void (*secret)(void *arg, struct str path);
	void (*found)(void *arg, struct str path, const struct json_value *at);
	void *arg;
	struct json_builder *memory;
};

static void visit(struct search *s, const struct node_set *set, const struct place *p);

static void add_node(struct node_set *set, const struct node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i] == n)
			return;
	if (set->count == set->capacity) {
		set->capacity = set->capacity ? set->capacity * 2 : 8;
		set->items = heap_realloc(set->items, set->capacity * sizeof(struct node *));
	}
	set->items[set->count++] = n;
}

/* With the nodes that judge the same value, and so on. */
static void close_set(struct node_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct node *n = set->items[i];
		for (size_t k = 0; k < n->in_place.count; k++)
			add_node(set, n->in_place.items[k]);
	}
}

static void add_field_nodes(
	struct search *s, struct node_set *set, const struct node *n, struct str name)
{
	const struct node *property = node_property(n, name);
	bool is_known = property != NULL;
	add_node(set, property);
	for (size_t i = 0; i < n->pattern_properties.count; i++) {
		enum rc match = name_match(s->schema, &n->pattern_properties.items[i], name);
		is_known |= match == RC_OK;
		if (match != RC_NOT_FOUND)
			add_node(set, n->pattern_properties.items[i].node);
	}
	if (!is_known)
		add_node(set, n->additional);
}

static void add_item_nodes(struct node_set *set, const struct node *n, uint32_t index)
{
	add_node(set, index < n->prefix_items.count ? n->prefix_items.items[index] : n->items);
	add_node(set, n->contains);
}

static void visit_child(
	struct search *s, struct node_set *children, struct place *child, const struct place *p)
{
	child->up = p;
	child->is_secret = p->is_secret;
	child->depth = p->depth + 1;
	close_set(children);
	visit(s, children, child);
	free(children->items);
}

static void visit_object(struct search *s, const struct node_set *set, const struct place *p)
{
	for (uint32_t i = 0; i < p->value->u.object.count; i++) {
		const struct json_member *m = &p->value->u.object.members[i];
		struct node_set children = {0};
		struct place child = {.kind = PLACE_MEMBER, .key = m->key, .value = &m->value};
		for (size_t k = 0; k < set->count; k++)
			add_field_nodes(s, &children, set->items[k], m->key);
		visit_child(s, &children, &child, p);
	}
}

static void visit_array(struct search *s, const struct node_set *set, const struct place *p)
{
	for (uint32_t i = 0; i < p->value->u.array.count; i++) {
		struct node_set children = {0};
		struct place child = {
			.kind = PLACE_ITEM, .index = i, .value = &p->value->u.array.items[i]};
		for (size_t k = 0; k < set->count; k++)
			add_item_nodes(&children, set->items[k], i);
		visit_child(s, &children, &child, p);
	}
}

static bool has_format(const struct node_set *set, struct str format)
{
	for (size_t i = 0; i < set->count; i++)
		if (str_eq(set->items[i]->format, format))
			return true;
	return false;
}

static void visit_string(struct search *s, const struct node_set *set, const struct place *p)
{
	if (s->format.n > 0 && has_format(set, s->format))
		s->found(s->arg, place_path(p, s->memory), p->value);
	else if (s->format.n == 0 && p->is_secret)
		s->secret(s->arg, place_path(p, s->memory));
}

static void visit(struct search *s, const struct node_set *set, const struct place *p)
{
	struct place here = *p;
	for (size_t i = 0; i < set->count; i++)
		here.is_secret = here.is_secret || set->items[i]->is_secret;
	if (here.depth > JSON_DEPTH_MAX)
		return;
	if (here.value->type == JSON_OBJECT)
		visit_object(s, set, &here);
	else if (here.value->type == JSON_ARRAY)
		visit_array(s, set, &here);
	else if (here.value->type == JSON_STRING)
		visit_string(s, set, &here);
}

static void search_all(struct search *s, const struct json_value *instance)
{
	struct place root = {.kind = PLACE_ROOT, .value = instance};
	struct node_set set = {0};
	s->memory = json_builder_new();
	add_node(&set, s->schema->root);
	close_set(&set);
	visit(s, &set, &root);
	free(set.items);
	json_builder_free(s->memory);
}

void schema_each_secret(const struct schema *s, const struct json_value *instance,
	void (*fn)(void *arg, struct str path), void *arg)
{
	struct search search = {.schema = s, .secret = fn, .arg = arg};
	search_all(&search, instance);
}

void schema_each_format(const struct schema *s, const struct json_value *instance, struct str format,
	void (*fn)(void *arg, struct str path, const struct json_value *at), void *arg)
{
	struct search search = {.schema = s, .format = format, .found = fn, .arg = arg};
	search_all(&search, instance);
}
