/* SPDX-License-Identifier: Apache-2.0 */
/* What operators read: what was expected, what was found, the nearest valid name. */
#include "json/schema_priv.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

/* Of a string that was found, and of a list of allowed values or known names. */
#define SHOWN_BYTES_MAX  60
#define SHOWN_VALUES_MAX 12

/* --- places ---------------------------------------------------------------------------------- */
static bool is_plain_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
			return false;
	}
	return s.n > 0;
}

static void put_path(const struct place *p, struct buffer *out)
{
	if (p->kind == PLACE_ROOT)
		return;
	put_path(p->up, out);
	if (p->kind == PLACE_ITEM) {
		buffer_addf(out, "[%u]", p->index);
	} else if (is_plain_name(p->key)) {
		if (out->n > 0)
			buffer_add_char(out, '.');
		buffer_add(out, p->key);
	} else {
		buffer_add_char(out, '[');
		buffer_add_json(out, p->key);
		buffer_add_char(out, ']');
	}
}

struct str place_path(const struct place *p, struct json_builder *memory)
{
	struct buffer path;
	buffer_init(&path, SIZE_MAX);
	put_path(p, &path);
	struct str copy = json_builder_copy(memory, buffer_str(&path));
	buffer_deinit(&path);
	return copy;
}

static void put_pointer(const struct place *p, struct buffer *out)
{
	if (p->kind == PLACE_ROOT)
		return;
	put_pointer(p->up, out);
	buffer_add_char(out, '/');
	if (p->kind == PLACE_ITEM) {
		buffer_addf(out, "%u", p->index);
		return;
	}
	for (size_t i = 0; i < p->key.n; i++) {
		if (p->key.p[i] == '~')
			buffer_add(out, STR("~0"));
		else if (p->key.p[i] == '/')
			buffer_add(out, STR("~1"));
		else
			buffer_add_char(out, p->key.p[i]);
	}
}

static struct str place_pointer(const struct place *p, struct json_builder *memory)
{
	struct buffer pointer;
	buffer_init(&pointer, SIZE_MAX);
	put_pointer(p, &pointer);
	struct str copy = json_builder_copy(memory, buffer_str(&pointer));
	buffer_deinit(&pointer);
	return copy;
}

/* --- lists of problems ----------------------------------------------------------------------- */
void problem_list_init(struct problem_list *list)
{
	*list = (struct problem_list){.tail = &list->head};
}

void problem_list_append(struct problem_list *list, struct problem_list *from)
{
	if (!from->head)
		return;
	*list->tail = from->head;
	list->tail = from->tail;
	list->count += from->count;
}

static struct problem *append_problem(struct check *c, const struct node *n, const struct place *p,
	enum problem_kind kind, const struct json_member *member)
{
	struct problem *problem = json_builder_alloc(c->memory, sizeof(*problem));
	*problem = (struct problem){.kind = kind, .node = n, .depth = p->depth};
	problem->told.path = place_path(p, c->memory);
	problem->told.pointer = place_pointer(p, c->memory);
	problem->told.keyword = c->keyword;
	if (c->room > 0)
		c->room--;
	problem->told.at = p->value;
	problem->told.member = member;
	problem->told.message = json_builder_copy(c->memory, buffer_str(&c->text));
	*c->problems->tail = problem;
	c->problems->tail = &problem->next;
	c->problems->count++;
	return problem;
}

bool problem_add(struct check *c, const struct node *n, const struct place *p,
	const struct json_member *member)
{
	append_problem(c, n, p, PROBLEM_OTHER, member);
	return false;
}

bool problem_addf(
	struct check *c, const struct node *n, const struct place *p, const char *format, ...)
{
	va_list args;
	if (!c->problems)
		return false;
	buffer_reset(&c->text);
	va_start(args, format);
	buffer_addv(&c->text, format, args);
	va_end(args);
	return problem_add(c, n, p, NULL);
}

/* --- words ----------------------------------------------------------------------------------- */
static void put_string(struct buffer *out, struct str s)
{
	size_t n = 0;
	while (n < s.n && n < SHOWN_BYTES_MAX) {
		size_t length = utf8_sequence(str_from(s, n));
		n += length ? length : 1;
	}
	buffer_add_json(out, str_n(s.p, n));
	if (n < s.n)
		buffer_add(out, STR("..."));
}

static void put_value(struct buffer *out, const struct json_value *v)
{
	if (v->type == JSON_STRING)
		put_string(out, v->u.string);
	else if (v->type == JSON_ARRAY)
		buffer_add(out, STR("an array"));
	else if (v->type == JSON_OBJECT)
		buffer_add(out, STR("an object"));
	else
		json_write(v, out);
}

static const char *const type_words[TYPE_COUNT] = {[JSON_NULL] = "null",
	[JSON_BOOL] = "true or false",
	[JSON_INTEGER] = "an integer",
	[JSON_REAL] = "a number",
	[JSON_STRING] = "a string",
	[JSON_ARRAY] = "an array",
	[JSON_OBJECT] = "an object"};

/* `shown` of `count` items have gone before. */
static void put_separator(struct buffer *out, size_t shown, size_t count)
{
	if (shown > 0)
		buffer_add(out, shown + 1 == count ? STR(" or ") : STR(", "));
}

static void put_types(struct buffer *out, unsigned types)
{
	size_t count = 0, shown = 0;
	if (types & TYPE_BIT(JSON_REAL))
		types &= ~TYPE_BIT(JSON_INTEGER);
	for (unsigned t = 0; t < TYPE_COUNT; t++)
		count += types >> t & 1;
	for (unsigned t = 0; t < TYPE_COUNT; t++)
		if (types & TYPE_BIT(t)) {
			put_separator(out, shown++, count);
			buffer_add(out, str_of(type_words[t]));
		}
}

/* The kind of value and, where it is short and no secret, the value. */
static void put_found(struct buffer *out, const struct place *p)
{
	const struct json_value *v = p->value;
	buffer_add(out, STR(", found "));
	if (p->is_secret) {
		buffer_add(out, str_of(type_words[v->type]));
		return;
	}
	if (v->type == JSON_STRING)
		buffer_add(out, STR("the string "));
	else if (json_is_number(v))
		buffer_add(out, STR("the number "));
	put_value(out, v);
}

/* The bare value, behind a sentence that says what kind it is. */
static void put_found_value(struct buffer *out, const struct place *p)
{
	if (p->is_secret)
		return;
	buffer_add(out, STR(", found "));
	put_value(out, p->value);
}

static void put_nearest(struct buffer *out, struct str name, const struct str *names, size_t count)
{
	const char **candidates = heap_alloc(count * sizeof(*candidates));
	for (size_t i = 0; i < count; i++)
		candidates[i] = names[i].p;
	const char *nearest = nearest_name(name, candidates, count);
	if (nearest)
		buffer_addf(out, "; did you mean \"%s\"?", nearest);
	free(candidates);
}

/* --- one sentence for each kind of problem --------------------------------------------------- */
static bool tell_types(struct check *c, const struct node *n, const struct place *p, unsigned types)
{
	buffer_reset(&c->text);
	buffer_add(&c->text, STR("expected "));
	put_types(&c->text, types);
	put_found(&c->text, p);
	c->keyword = "type";
	append_problem(c, n, p, PROBLEM_TYPE, NULL)->types = types;
	return false;
}

bool tell_type(struct check *c, const struct node *n, const struct place *p)
{
	return c->problems && tell_types(c, n, p, n->types);
}

struct value_set {
	const struct json_value **items; /* owned */
	size_t count;
};

static void add_values(struct value_set *set, const struct node *n)
{
	size_t more = n->constant ? 1 : n->values->u.array.count;
	set->items = heap_realloc(set->items, (set->count + more) * sizeof(*set->items));
	for (size_t i = 0; i < more; i++)
		set->items[set->count++] = n->constant ? n->constant : &n->values->u.array.items[i];
}

static void put_nearest_value(
	struct buffer *out, const struct place *p, const struct value_set *set)
{
	struct str *names = heap_alloc(set->count * sizeof(*names));
	size_t count = 0;
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i]->type == JSON_STRING)
			names[count++] = set->items[i]->u.string;
	if (p->value->type == JSON_STRING && !p->is_secret)
		put_nearest(out, p->value->u.string, names, count);
	free(names);
}

static void put_values(struct check *c, const struct place *p, const struct value_set *set)
{
	size_t shown = set->count < SHOWN_VALUES_MAX ? set->count : SHOWN_VALUES_MAX;
	buffer_reset(&c->text);
	buffer_add(&c->text, set->count > 1 ? STR("must be one of ") : STR("must be "));
	for (size_t i = 0; i < shown; i++) {
		put_separator(&c->text, i, set->count);
		put_value(&c->text, set->items[i]);
	}
	if (shown < set->count)
		buffer_add(&c->text, STR(", ..."));
	put_found_value(&c->text, p);
	put_nearest_value(&c->text, p, set);
}

bool tell_value(struct check *c, const struct node *n, const struct place *p)
{
	struct value_set set = {0};
	if (!c->problems)
		return false;
	add_values(&set, n);
	put_values(c, p, &set);
	free(set.items);
	c->keyword = n->constant ? "const" : "enum";
	append_problem(c, n, p, PROBLEM_VALUE, NULL);
	return false;
}

bool tell_bound(struct check *c, const struct node *n, const struct place *p, const char *keyword,
	const char *relation, const struct json_value *bound)
{
	if (!c->problems)
		return false;
	c->keyword = keyword;
	buffer_reset(&c->text);
	buffer_addf(&c->text, "must be %s ", relation);
	put_value(&c->text, bound);
	put_found_value(&c->text, p);
	return problem_add(c, n, p, NULL);
}

bool tell_count(struct check *c, const struct node *n, const struct place *p, struct range allowed,
	uint64_t found, const char *what)
{
	bool is_low = found < allowed.min;
	uint64_t bound = is_low ? allowed.min : allowed.max;
	if (what[0] == 'i')
		c->keyword = is_low ? "minItems" : "maxItems";
	else if (what[0] == 'c')
		c->keyword = is_low ? "minLength" : "maxLength";
	else
		c->keyword = is_low ? "minProperties" : "maxProperties";
	return problem_addf(c, n, p, "must have at %s %llu %s%s, found %llu",
		is_low ? "least" : "most", (unsigned long long)bound, what, bound == 1 ? "" : "s",
		(unsigned long long)found);
}

bool tell_string(struct check *c, const struct node *n, const struct place *p, const char *keyword,
	const char *expected, struct str detail)
{
	if (!c->problems)
		return false;
	c->keyword = keyword;
	buffer_reset(&c->text);
	buffer_add(&c->text, str_of(expected));
	buffer_add(&c->text, detail);
	put_found_value(&c->text, p);
	return problem_add(c, n, p, NULL);
}

static void put_known(struct buffer *out, const struct node *n)
{
	size_t count = n->properties.count;
	if (count == 0 || count > SHOWN_VALUES_MAX)
		return;
	buffer_add(out, count == 1 ? STR("; expected ") : STR("; expected one of "));
	for (size_t i = 0; i < count; i++) {
		put_separator(out, i, count);
		put_string(out, n->properties.items[i].name);
	}
}

bool tell_unknown(
	struct check *c, const struct node *n, const struct place *p, const struct json_member *m)
{
	if (!c->problems)
		return false;
	struct str *names = heap_alloc(n->properties.count * sizeof(*names));
	for (size_t i = 0; i < n->properties.count; i++)
		names[i] = n->properties.items[i].name;
	buffer_reset(&c->text);
	buffer_add(&c->text, STR("unknown field "));
	put_string(&c->text, m->key);
	size_t before = c->text.n;
	put_nearest(&c->text, m->key, names, n->properties.count);
	if (c->text.n == before)
		put_known(&c->text, n);
	free(names);
	c->keyword = "additionalProperties";
	return problem_add(c, n, p, m);
}

static void put_forbidden(struct buffer *out, const struct node *excluded)
{
	if (excluded->ref && excluded->title.n == 0)
		excluded = excluded->ref;
	if (excluded->title.n > 0) {
		buffer_add(out, STR("must not be "));
		buffer_add(out, excluded->title);
	} else if (excluded->constant) {
		buffer_add(out, STR("must not be "));
		put_value(out, excluded->constant);
	} else if (excluded->required.count > 0) {
		buffer_add(out, STR("must not have the field "));
		put_string(out, excluded->required.items[0]);
		for (size_t i = 1; i < excluded->required.count; i++) {
			buffer_add(out, STR(" together with "));
			put_string(out, excluded->required.items[i]);
		}
	} else if (excluded->pattern) {
		buffer_add(out, STR("must not match the pattern "));
		buffer_add(out, excluded->pattern_text);
	} else if (excluded->types) {
		buffer_add(out, STR("must not be "));
		put_types(out, excluded->types);
	} else {
		buffer_add(out, STR("has a form that is excluded here"));
	}
}

bool tell_forbidden(struct check *c, const struct node *n, const struct place *p)
{
	if (!c->problems)
		return false;
	buffer_reset(&c->text);
	put_forbidden(&c->text, n->negated);
	c->keyword = "not";
	return problem_add(c, n, p, NULL);
}

/* --- alternatives ---------------------------------------------------------------------------- */
/* Whether each branch fails for one reason of that kind, at this very value. */
static bool all_fail_by(const struct problem_list *branches, size_t count, const struct place *p,
	enum problem_kind kind)
{
	for (size_t i = 0; i < count; i++) {
		const struct problem *first = branches[i].head;
		if (branches[i].count != 1 || first->kind != kind || first->depth != p->depth)
			return false;
	}
	return true;
}

/* How far a branch is from what was written. Another type is farthest; a wrong constant one level
 * down is how alternatives tell themselves apart. */
static size_t distance_of(const struct problem_list *branch, const struct place *p)
{
	size_t distance = 0;
	for (const struct problem *q = branch->head; q; q = q->next) {
		if (q->kind == PROBLEM_TYPE && q->depth == p->depth)
			distance += 10000;
		else if (q->kind == PROBLEM_VALUE && q->depth == p->depth + 1)
			distance += 100;
		else
			distance++;
	}
	return distance;
}

static bool tell_nearest_branch(
	struct check *c, const struct place *p, struct problem_list *branches, size_t count)
{
	size_t best = 0, best_distance = SIZE_MAX;
	for (size_t i = 0; i < count; i++) {
		size_t distance = distance_of(&branches[i], p);
		if (distance < best_distance) {
			best = i;
			best_distance = distance;
		}
	}
	/* A check that ran out of room walks on without telling: a branch may have nothing to say.
	 */
	problem_list_append(c->problems, &branches[best]);
	return false;
}

bool tell_no_alternative(struct check *c, const struct node *n, const struct place *p,
	const struct node_list *alternatives, struct problem_list *branches)
{
	size_t count = alternatives->count;
	if (all_fail_by(branches, count, p, PROBLEM_TYPE)) {
		unsigned types = 0;
		for (size_t i = 0; i < count; i++)
			types |= branches[i].head->types;
		return tell_types(c, n, p, types);
	}
	if (all_fail_by(branches, count, p, PROBLEM_VALUE)) {
		struct value_set set = {0};
		for (size_t i = 0; i < count; i++)
			add_values(&set, branches[i].head->node);
		put_values(c, p, &set);
		free(set.items);
		c->keyword = "enum";
		return problem_add(c, n, p, NULL);
	}
	return tell_nearest_branch(c, p, branches, count);
}
