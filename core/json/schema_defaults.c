/* SPDX-License-Identifier: Apache-2.0 */
/* Branches are chosen by the instance as it was written: that is what schema_check judged, too.
 *
 * A default may be an object whose members have defaults, and a schema may contain itself: a node
 * whose default is being filled is not filled within it again.
 */
#include "json/schema_priv.h"

struct filling {
	const struct filling *up;
	const struct node *node;
};

struct defaults {
	const struct schema *schema;
	struct json_builder *memory;
	uint64_t steps;
};

/* What is known of one value: as it was written (or came from a default), and with defaults so far.
 */
struct filled {
	const struct json_value *written;
	const struct json_value *now;
	const struct filling *filling;
	unsigned depth;
};

static const struct json_value *fill(struct defaults *d, const struct node *n, struct filled v);

static const struct json_value *default_of(const struct node *n)
{
	const struct json_value *v = n->fallback;
	if (!v && n->ref)
		v = default_of(n->ref);
	for (size_t i = 0; !v && i < n->all_of.count; i++)
		v = default_of(n->all_of.items[i]);
	return v;
}

static bool is_filling(const struct filling *f, const struct node *n)
{
	while (f && f->node != n)
		f = f->up;
	return f != NULL;
}

/* --- children -------------------------------------------------------------------------------- */
static const struct json_value *fill_field(
	struct defaults *d, const struct node *n, struct str name, struct filled v)
{
	const struct node *property = node_property(n, name);
	bool is_known = property != NULL;
	if (property)
		v.now = fill(d, property, v);
	for (size_t i = 0; i < n->pattern_properties.count; i++)
		if (name_match(d->schema, &n->pattern_properties.items[i], name) == RC_OK) {
			is_known = true;
			v.now = fill(d, n->pattern_properties.items[i].node, v);
		}
	return is_known || !n->additional ? v.now : fill(d, n->additional, v);
}

/* A copy of an object whose members may be changed, made at the first change. */
struct object_edit {
	const struct json_value *object;
	struct json_member *members; /* NULL: nothing changed yet */
	uint32_t count;
	uint32_t capacity;
};

static void edit_object(struct defaults *d, struct object_edit *e)
{
	if (e->members)
		return;
	e->members = json_builder_alloc(d->memory, e->capacity * sizeof(*e->members));
	if (e->count > 0)
		memcpy(e->members, e->object->u.object.members, e->count * sizeof(*e->members));
}

static void fill_members(
	struct defaults *d, const struct node *n, struct filled v, struct object_edit *e)
{
	for (uint32_t i = 0; i < v.now->u.object.count; i++) {
		const struct json_member *m = &v.now->u.object.members[i];
		const struct json_value *written = json_get(v.written, m->key);
		struct filled child = {
			written ? written : &m->value, &m->value, v.filling, v.depth + 1};
		const struct json_value *now = fill_field(d, n, m->key, child);
		if (now == &m->value)
			continue;
		edit_object(d, e);
		e->members[i].value = *now;
	}
}

static void add_default(struct defaults *d, const struct named_node *property, struct filled v,
	struct object_edit *e)
{
	const struct json_value *fallback = default_of(property->node);
	if (!fallback || json_get(v.now, property->name))
		return;
	edit_object(d, e);
	struct json_member *m = &e->members[e->count++];
	*m = (struct json_member){.key = json_builder_copy(d->memory, property->name)};
	if (!json_copy_tree(d->memory, fallback, &m->value, v.depth + 1)) {
		e->count--;
		return;
	}
	struct filling filling = {v.filling, property->node};
	struct filled child = {&m->value, &m->value, &filling, v.depth + 1};
	if (!is_filling(v.filling, property->node))
		m->value = *fill(d, property->node, child);
}

static const struct json_value *fill_object(
	struct defaults *d, const struct node *n, struct filled v)
{
	struct object_edit e = {.object = v.now, .count = v.now->u.object.count};
	e.capacity = e.count + (uint32_t)n->properties.count;
	fill_members(d, n, v, &e);
	for (size_t i = 0; i < n->properties.count; i++)
		add_default(d, &n->properties.items[i], v, &e);
	if (!e.members)
		return v.now;
	struct json_value *changed = json_builder_alloc(d->memory, sizeof(*changed));
	*changed = *v.now;
	changed->u.object.members = e.members;
	changed->u.object.count = e.count;
	return changed;
}

static const struct json_value *fill_array(
	struct defaults *d, const struct node *n, struct filled v)
{
	uint32_t count = v.now->u.array.count;
	const struct json_value *items = v.now->u.array.items;
	struct json_value *edited = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const struct node *item =
			i < n->prefix_items.count ? n->prefix_items.items[i] : n->items;
		if (!item)
			break;
		/* Only defaults of this array's own schemas change it: its length stays. */
		struct filled child = {
			&v.written->u.array.items[i], &items[i], v.filling, v.depth + 1};
		const struct json_value *now = fill(d, item, child);
		if (now == &items[i])
			continue;
		if (!edited) {
			edited = json_builder_alloc(d->memory, count * sizeof(*edited));
			memcpy(edited, items, count * sizeof(*edited));
		}
		edited[i] = *now;
	}
	if (!edited)
		return v.now;
	struct json_value *changed = json_builder_alloc(d->memory, sizeof(*changed));
	*changed = *v.now;
	changed->u.array.items = edited;
	return changed;
}

/* --- schemas for the same value -------------------------------------------------------------- */
static const struct node *first_fitting(
	struct defaults *d, const struct node_list *list, const struct json_value *v)
{
	for (size_t i = 0; i < list->count; i++)
		if (schema_accepts(d->schema, list->items[i], v))
			return list->items[i];
	return NULL;
}

static const struct json_value *fill_in_place(
	struct defaults *d, const struct node *n, struct filled v)
{
	const struct node *taken[3] = {NULL};
	if (n->ref)
		v.now = fill(d, n->ref, v);
	for (size_t i = 0; i < n->all_of.count; i++)
		v.now = fill(d, n->all_of.items[i], v);
	if (n->when && (n->then || n->otherwise))
		taken[0] = schema_accepts(d->schema, n->when, v.written) ? n->then : n->otherwise;
	taken[1] = first_fitting(d, &n->any_of, v.written);
	taken[2] = first_fitting(d, &n->one_of, v.written);
	for (size_t i = 0; i < 3; i++)
		if (taken[i])
			v.now = fill(d, taken[i], v);
	return v.now;
}

static const struct json_value *fill(struct defaults *d, const struct node *n, struct filled v)
{
	if (d->steps == 0 || v.depth > JSON_DEPTH_MAX)
		return v.now;
	d->steps--;
	v.now = fill_in_place(d, n, v);
	if (v.now->type == JSON_OBJECT)
		return fill_object(d, n, v);
	return v.now->type == JSON_ARRAY ? fill_array(d, n, v) : v.now;
}

const struct json_value *schema_apply_defaults(
	const struct schema *s, const struct json_value *instance, struct json_builder *b)
{
	struct defaults d = {s, b, SCHEMA_STEPS_MAX};
	struct filled v = {instance, instance, NULL, 0};
	return fill(&d, s->root, v);
}
