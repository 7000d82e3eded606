/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling recurses into the text, whose depth is bounded; a $ref is noted and followed
 * afterwards, so that a chain of references costs no stack.
 */
#include "json/schema_priv.h"

#include "base/map.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool compile_fail(struct compiler *c, struct str place, const char *format, ...)
{
	va_list args;
	int n = snprintf(c->message, c->message_size, "%.*s: ", STR_ARG(place));
	if (n < 0 || (size_t)n >= c->message_size)
		return false;
	va_start(args, format);
	vsnprintf(c->message + n, c->message_size - (size_t)n, format, args);
	va_end(args);
	return false;
}

struct str place_join(struct compiler *c, struct str place, struct str key)
{
	char *p = json_builder_alloc(c->schema->memory, place.n + 2 * key.n + 2);
	size_t n = place.n;
	memcpy(p, place.p, n);
	p[n++] = '/';
	for (size_t i = 0; i < key.n; i++) {
		bool is_escaped = key.p[i] == '~' || key.p[i] == '/';
		if (is_escaped)
			p[n++] = '~';
		p[n++] = is_escaped ? (key.p[i] == '~' ? '0' : '1') : key.p[i];
	}
	return str_n(p, n);
}

struct str place_join_index(struct compiler *c, struct str place, size_t index)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%zu", index);
	return place_join(c, place, str_n(text, (size_t)n));
}

static struct str address_key(const struct json_value *const *v)
{
	return str_n((const char *)v, sizeof(*v));
}

static bool compile_object(struct compiler *c, struct node *n, const struct json_value *v)
{
	enum schema_dialect dialect = c->schema->dialect;
	const struct json_value *ref = json_get(v, STR("$ref"));
	if (ref && dialect == SCHEMA_OPENAPI_30)
		return compile_ref(c, n, ref, place_join(c, n->place, STR("$ref")));
	for (uint32_t i = 0; i < v->u.object.count; i++) {
		const struct json_member *m = &v->u.object.members[i];
		bool taken = false;
		if (dialect != SCHEMA_CONFIGURATION && !compile_openapi_keyword(c, n, m, &taken))
			return false;
		if (!taken && !compile_keyword(c, n, m))
			return false;
	}
	if (dialect != SCHEMA_CONFIGURATION)
		compile_openapi_node(n, v);
	return true;
}

struct node *compile_node(struct compiler *c, const struct json_value *v, struct str place)
{
	struct node *n = map_get(c->nodes, address_key(&v));
	if (n)
		return n;
	n = json_builder_alloc(c->schema->memory, sizeof(*n));
	*n = (struct node){.place = place};
	n->length.max = n->item_count.max = n->member_count.max = UINT64_MAX;
	n->contains_count = (struct range){1, UINT64_MAX};
	map_put(c->nodes, address_key(&v), n);
	*c->last = n;
	c->last = &n->next_made;
	if (v->type == JSON_BOOL) {
		n->is_false = !v->u.boolean;
		return n;
	}
	if (v->type != JSON_OBJECT) {
		compile_fail(c, place, "expected a schema: an object, true or false");
		return NULL;
	}
	return compile_object(c, n, v) ? n : NULL;
}

struct node *compiled_node(struct compiler *c, const struct json_value *v)
{
	return map_get(c->nodes, address_key(&v));
}

/* --- chains ---------------------------------------------------------------------------------- */
static void add_in_place(struct node_list *list, struct node *n)
{
	if (n)
		list->items[list->count++] = n;
}

static void collect_in_place(struct compiler *c, struct node *n)
{
	size_t count = 5 + n->all_of.count + n->any_of.count + n->one_of.count +
		       n->dependent_schemas.count;
	struct node_list list = {
		json_builder_alloc(c->schema->memory, count * sizeof(struct node *)), 0};
	const struct node_list *lists[] = {&n->all_of, &n->any_of, &n->one_of};
	add_in_place(&list, n->ref);
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < lists[i]->count; k++)
			add_in_place(&list, lists[i]->items[k]);
	add_in_place(&list, n->negated);
	add_in_place(&list, n->when);
	add_in_place(&list, n->then);
	add_in_place(&list, n->otherwise);
	for (size_t i = 0; i < n->dependent_schemas.count; i++)
		add_in_place(&list, n->dependent_schemas.items[i].node);
	n->in_place = list;
}

/* Recursion ends: a path of more than SCHEMA_CHAIN_MAX nodes is refused on the way down. */
static bool measure_chain(struct compiler *c, struct node *n, unsigned depth)
{
	if (n->is_on_path)
		return compile_fail(c, n->place, "refers to itself without end");
	if (depth + (n->height ? n->height : 1) > SCHEMA_CHAIN_MAX)
		return compile_fail(c, n->place, "more than %d schemas follow each other here",
			SCHEMA_CHAIN_MAX);
	if (n->height > 0)
		return true;
	unsigned highest = 0;
	n->is_on_path = true;
	n->is_secret_here = n->is_secret;
	for (size_t i = 0; i < n->in_place.count; i++) {
		struct node *next = n->in_place.items[i];
		if (!measure_chain(c, next, depth + 1))
			return false;
		highest = next->height > highest ? next->height : highest;
		n->is_secret_here = n->is_secret_here || next->is_secret_here;
	}
	n->is_on_path = false;
	n->height = highest + 1;
	return true;
}

bool compile_chains(struct compiler *c)
{
	for (struct node *n = c->first; n; n = n->next_made)
		collect_in_place(c, n);
	for (struct node *n = c->first; n; n = n->next_made)
		if (!measure_chain(c, n, 0))
			return false;
	return true;
}

/* --- schemas --------------------------------------------------------------------------------- */
static bool compile(struct compiler *c, const struct json_value *root, struct str place)
{
	struct schema *s = c->schema;
	s->root = compile_node(c, root, place);
	if (!s->root || !compile_pending(c) || !compile_chains(c))
		return false;
	s->first = c->first;
	return s->dialect == SCHEMA_CONFIGURATION || compile_openapi_all(c);
}

static struct schema *schema_make(enum schema_dialect dialect, const struct schema_hooks *hooks)
{
	struct schema *s = heap_zalloc(sizeof(*s));
	s->memory = json_builder_new();
	s->dialect = dialect;
	if (hooks)
		s->hooks = *hooks;
	return s;
}

static void compiler_init(
	struct compiler *c, struct schema *s, struct map *nodes, char *message, size_t message_size)
{
	*c = (struct compiler){
		.schema = s, .nodes = nodes, .message = message, .message_size = message_size};
	c->last = &c->first;
	map_init(nodes);
}

static enum rc schema_finish(struct schema *s, bool ok, struct schema **out)
{
	if (!ok) {
		schema_free(s);
		return RC_INVALID;
	}
	*out = s;
	return RC_OK;
}

enum rc schema_new(const struct json_value *schema, const struct schema_hooks *hooks,
	struct schema **out, char *message, size_t message_size)
{
	struct map nodes;
	struct compiler c;
	struct schema *s = schema_make(SCHEMA_CONFIGURATION, hooks);
	compiler_init(&c, s, &nodes, message, message_size);
	s->document = &s->text;
	bool ok = json_copy_tree(s->memory, schema, &s->text, 0)
			  ? compile(&c, &s->text, STR("#"))
			  : compile_fail(&c, STR("#"), "nested too deeply");
	map_deinit(&nodes);
	return schema_finish(s, ok, out);
}

enum rc schema_new_at(const struct json_value *document, struct str pointer,
	enum schema_dialect dialect, const struct schema_hooks *hooks, struct schema **out,
	char *message, size_t message_size)
{
	struct map nodes;
	struct compiler c;
	struct schema *s = schema_make(dialect, hooks);
	compiler_init(&c, s, &nodes, message, message_size);
	s->document = document;
	const struct json_value *root =
		str_starts(pointer, STR("#")) ? find_target(&c, str_from(pointer, 1)) : NULL;
	struct str place = json_builder_copy(s->memory, pointer);
	bool ok = root ? compile(&c, root, place) : compile_fail(&c, place, "nothing is there");
	map_deinit(&nodes);
	return schema_finish(s, ok, out);
}

void schema_free(struct schema *s)
{
	if (!s)
		return;
	for (struct pattern_link *p = s->patterns; p; p = p->next)
		s->hooks.pattern_free(s->hooks.arg, p->pattern);
	json_builder_free(s->memory);
	free(s);
}
