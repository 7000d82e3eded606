/* SPDX-License-Identifier: Apache-2.0 */
/* A check either tells every problem or, when nobody listens (`if`, `not`, contains), ends at the
 * first.
 *
 * Alternatives collect the problems of each branch and tell those of one: no branch is walked
 * twice, so nesting them multiplies nothing. The steps are bounded all the same.
 */
#include "json/schema_priv.h"

#include "base/memory.h"

#include <stdlib.h>

#define TEXT_BYTES_MAX 4096
/* Alternatives collect the problems of all branches to tell those of one. */
#define PROBLEMS_OF_A_MESSAGE_MAX 200

typedef bool check_fn(struct check *c, const struct node *n, const struct place *p);

static bool check_node(struct check *c, const struct node *n, const struct place *p);

static struct place place_at(
	const struct place *up, const struct json_value *v, const struct node *n)
{
	return (struct place){.up = up,
		.value = v,
		.is_secret = up->is_secret || n->is_secret_here,
		.depth = up->depth + 1};
}

static bool check_member(
	struct check *c, const struct node *n, const struct place *up, const struct json_member *m)
{
	struct place p = place_at(up, &m->value, n);
	p.kind = PLACE_MEMBER;
	p.key = m->key;
	return check_node(c, n, &p);
}

static bool check_item(
	struct check *c, const struct node *n, const struct place *up, uint32_t index)
{
	struct place p = place_at(up, &up->value->u.array.items[index], n);
	p.kind = PLACE_ITEM;
	p.index = index;
	return check_node(c, n, &p);
}

/* Without telling, at the place where the check is. */
static bool accepts(struct check *c, const struct node *n, const struct place *p)
{
	struct problem_list *problems = c->problems;
	c->problems = NULL;
	bool ok = check_node(c, n, p);
	c->problems = problems;
	return ok;
}

/* --- arrays ---------------------------------------------------------------------------------- */
struct hashed_item {
	uint64_t hash;
	uint32_t index;
};

static int compare_hashed(const void *a, const void *b)
{
	const struct hashed_item *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Else what stands around the pattern, `not` or patternProperties, would let pass what it forbids.
 */
bool check_matches(struct check *c, enum rc match)
{
	if (match != RC_OK && match != RC_NOT_FOUND)
		c->steps = 0;
	return match == RC_OK;
}

static bool spend_step(struct check *c)
{
	if (c->steps == 0 || c->room == 0)
		return false;
	c->steps--;
	return true;
}

/* Equal items have equal hashes: only those are compared. */
static bool find_repeated(
	struct check *c, const struct json_value *v, uint32_t *first, uint32_t *second)
{
	uint32_t count = v->u.array.count;
	const struct json_value *items = v->u.array.items;
	struct hashed_item *hashed = heap_alloc(count * sizeof(*hashed));
	bool found = false;
	for (uint32_t i = 0; i < count; i++)
		hashed[i] = (struct hashed_item){json_hash(&items[i]), i};
	qsort(hashed, count, sizeof(*hashed), compare_hashed);
	for (uint32_t i = 0; i < count && !found; i++)
		for (uint32_t k = i + 1; k < count && hashed[k].hash == hashed[i].hash; k++) {
			*first = hashed[i].index;
			*second = hashed[k].index;
			found = spend_step(c) && json_is_equal(&items[*first], &items[*second]);
			if (found || c->steps == 0)
				break;
		}
	free(hashed);
	return found;
}

static bool check_unique(struct check *c, const struct node *n, const struct place *p)
{
	uint32_t first, second;
	if (!n->unique_items || p->value->u.array.count < 2 ||
		!find_repeated(c, p->value, &first, &second))
		return true;
	c->keyword = "uniqueItems";
	return problem_addf(
		c, n, p, "must not repeat items: [%u] and [%u] are equal", first, second);
}

static bool check_items(struct check *c, const struct node *n, const struct place *p)
{
	uint32_t count = p->value->u.array.count;
	bool ok = true;
	if (!n->items && n->prefix_items.count == 0)
		return true;
	for (uint32_t i = 0; i < count && (ok || c->problems); i++) {
		bool is_prefix = i < n->prefix_items.count;
		const struct node *item = is_prefix ? n->prefix_items.items[i] : n->items;
		if (!item)
			break;
		ok = check_item(c, item, p, i) && ok;
	}
	return ok;
}

static bool check_contains(struct check *c, const struct node *n, const struct place *p)
{
	struct problem_list *problems = c->problems;
	uint64_t found = 0;
	if (!n->contains)
		return true;
	c->problems = NULL;
	for (uint32_t i = 0; i < p->value->u.array.count; i++)
		found += check_item(c, n->contains, p, i);
	c->problems = problems;
	if (range_holds(n->contains_count, found))
		return true;
	bool is_low = found < n->contains_count.min;
	uint64_t bound = is_low ? n->contains_count.min : n->contains_count.max;
	c->keyword = !is_low ? "maxContains" : bound == 1 ? "contains" : "minContains";
	return problem_addf(c, n, p, "must contain at %s %llu item%s of a certain form, found %llu",
		is_low ? "least" : "most", (unsigned long long)bound, bound == 1 ? "" : "s",
		(unsigned long long)found);
}

static bool check_array(struct check *c, const struct node *n, const struct place *p)
{
	if (p->value->type != JSON_ARRAY)
		return true;
	uint64_t count = p->value->u.array.count;
	bool ok = range_holds(n->item_count, count) ||
		  tell_count(c, n, p, n->item_count, count, "item");
	ok = check_items(c, n, p) && ok;
	ok = check_contains(c, n, p) && ok;
	return check_unique(c, n, p) && ok;
}

/* --- objects --------------------------------------------------------------------------------- */
enum rc name_match(const struct schema *s, const struct named_node *pattern, struct str name)
{
	return s->hooks.pattern_match(s->hooks.arg, pattern->pattern, name);
}

struct node *node_property(const struct node *n, struct str name)
{
	for (size_t i = 0; i < n->properties.count; i++)
		if (str_eq(n->properties.items[i].name, name))
			return n->properties.items[i].node;
	return NULL;
}

static bool check_required(struct check *c, const struct node *n, const struct place *p)
{
	bool ok = true;
	for (size_t i = 0; i < n->required.count; i++) {
		if (json_get(p->value, n->required.items[i]))
			continue;
		c->keyword = "required";
		ok = problem_addf(c, n, p, "missing field \"%.*s\"", STR_ARG(n->required.items[i]));
	}
	return ok;
}

static bool check_needs(struct check *c, const struct node *n, const struct place *p,
	const struct dependent_names *d)
{
	bool ok = true;
	if (!json_get(p->value, d->name))
		return true;
	for (size_t i = 0; i < d->needs.count; i++) {
		if (json_get(p->value, d->needs.items[i]))
			continue;
		c->keyword = "dependentRequired";
		ok = problem_addf(c, n, p, "missing field \"%.*s\", which \"%.*s\" asks for",
			STR_ARG(d->needs.items[i]), STR_ARG(d->name));
	}
	return ok;
}

static bool check_dependent(struct check *c, const struct node *n, const struct place *p)
{
	bool ok = true;
	for (size_t i = 0; i < n->dependent_required_count; i++)
		ok = check_needs(c, n, p, &n->dependent_required[i]) && ok;
	for (size_t i = 0; i < n->dependent_schemas.count; i++) {
		const struct named_node *d = &n->dependent_schemas.items[i];
		if (json_get(p->value, d->name))
			ok = check_node(c, d->node, p) && ok;
	}
	return ok;
}

/* A field's name is judged as a string at the place of its object. */
static bool check_name(
	struct check *c, const struct node *n, const struct place *p, const struct json_member *m)
{
	const struct json_value name = {.type = JSON_STRING, .u.string = m->key};
	struct place at = *p;
	struct problem_list list, *problems = c->problems;
	at.value = &name;
	problem_list_init(&list);
	c->problems = problems ? &list : NULL;
	bool ok = check_node(c, n->property_names, &at);
	c->problems = problems;
	for (const struct problem *q = list.head; q; q = q->next) {
		buffer_reset(&c->text);
		buffer_add(&c->text, STR("the name of a field "));
		buffer_add(&c->text, q->told.message);
		c->keyword = "propertyNames";
		problem_add(c, n, p, m);
	}
	return ok;
}

static bool check_field(
	struct check *c, const struct node *n, const struct place *p, const struct json_member *m)
{
	const struct node *property = node_property(n, m->key);
	bool is_known = property != NULL;
	bool ok = !property || check_member(c, property, p, m);
	for (size_t i = 0; i < n->pattern_properties.count; i++) {
		const struct named_node *pattern = &n->pattern_properties.items[i];
		if (!check_matches(c, name_match(c->schema, pattern, m->key)))
			continue;
		is_known = true;
		ok = check_member(c, pattern->node, p, m) && ok;
	}
	if (!is_known && n->additional && n->additional->is_false)
		ok = tell_unknown(c, n, p, m);
	else if (!is_known && n->additional)
		ok = check_member(c, n->additional, p, m);
	if (n->property_names)
		ok = check_name(c, n, p, m) && ok;
	return ok;
}

static bool check_object(struct check *c, const struct node *n, const struct place *p)
{
	if (p->value->type != JSON_OBJECT)
		return true;
	uint32_t count = p->value->u.object.count;
	bool ok = range_holds(n->member_count, count) ||
		  tell_count(c, n, p, n->member_count, count, "field");
	ok = check_required(c, n, p) && ok;
	for (uint32_t i = 0; i < count && (ok || c->problems); i++)
		ok = check_field(c, n, p, &p->value->u.object.members[i]) && ok;
	return check_dependent(c, n, p) && ok;
}

/* --- schemas for the same value -------------------------------------------------------------- */
/* How many of the alternatives fit; `first` and `second` are the first two. When somebody listens
 * and none fits, the problems of each are in branches[]. */
static size_t count_fitting(struct check *c, const struct node_list *list, const struct place *p,
	size_t fitting[2], struct problem_list *branches)
{
	struct problem_list *problems = c->problems;
	size_t count = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (branches)
			problem_list_init(&branches[i]);
		c->problems = branches ? &branches[i] : NULL;
		if (check_node(c, list->items[i], p) && count++ < 2)
			fitting[count - 1] = i;
	}
	c->problems = problems;
	return count;
}

static bool check_alternatives(struct check *c, const struct node *n, const struct place *p,
	const struct node_list *list, bool only_one)
{
	size_t fitting[2];
	struct problem_list *branches = NULL;
	if (list->count == 0)
		return true;
	if (c->problems)
		branches = json_builder_alloc(c->memory, list->count * sizeof(*branches));
	size_t count = count_fitting(c, list, p, fitting, branches);
	if (count == 0)
		return c->problems && tell_no_alternative(c, n, p, list, branches);
	if (count == 1 || !only_one)
		return true;
	c->keyword = "oneOf";
	return problem_addf(c, n, p,
		"fits more than one of %zu alternatives: number %zu and number %zu", list->count,
		fitting[0] + 1, fitting[1] + 1);
}

/* The alternative that the instance names by itself has to fit, since it is the one that is taken.
 */
static bool check_discriminator(struct check *c, const struct node *n, const struct place *p)
{
	if (n->selectable.count == 0 || p->value->type != JSON_OBJECT)
		return true;
	struct str property = json_get(n->discriminator, STR("propertyName"))->u.string;
	const struct json_value *name = json_get(p->value, property);
	for (size_t i = 0; name && name->type == JSON_STRING && i < n->selectable.count; i++)
		if (str_eq(n->selectable.items[i].name, name->u.string))
			return check_node(c, n->selectable.items[i].node, p);
	c->keyword = "discriminator";
	return problem_addf(
		c, n, p, "names none of the alternatives by \"%.*s\"", STR_ARG(property));
}

static bool check_in_place(struct check *c, const struct node *n, const struct place *p)
{
	bool ok = !n->ref || check_node(c, n->ref, p);
	for (size_t i = 0; i < n->all_of.count && (ok || c->problems); i++)
		ok = check_node(c, n->all_of.items[i], p) && ok;
	ok = check_alternatives(c, n, p, &n->any_of, false) && ok;
	ok = check_alternatives(c, n, p, &n->one_of, true) && ok;
	ok = check_discriminator(c, n, p) && ok;
	if (n->negated && accepts(c, n->negated, p))
		ok = tell_forbidden(c, n, p);
	if (n->when && (n->then || n->otherwise)) {
		const struct node *taken = accepts(c, n->when, p) ? n->then : n->otherwise;
		ok = (!taken || check_node(c, taken, p)) && ok;
	}
	return ok;
}

static bool check_node(struct check *c, const struct node *n, const struct place *p)
{
	static check_fn *const steps[] = {
		check_value, check_number, check_string, check_array, check_object, check_in_place};
	bool ok = true;
	if (!spend_step(c))
		return true;
	if (p->depth > JSON_DEPTH_MAX) {
		c->keyword = "depth";
		return problem_addf(c, n, p, "nested too deeply");
	}
	if (n->is_false) {
		c->keyword = "false";
		return problem_addf(c, n, p, "is not allowed here");
	}
	if (n->is_nullable && p->value->type == JSON_NULL)
		return true;
	if (!check_type(c, n, p))
		return false;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && (ok || c->problems); i++)
		ok = steps[i](c, n, p) && ok;
	return ok;
}

/* --- whole instances ------------------------------------------------------------------------- */
static struct place root_place(const struct node *n, const struct json_value *v)
{
	return (struct place){.kind = PLACE_ROOT, .value = v, .is_secret = n->is_secret_here};
}

bool schema_accepts(const struct schema *s, const struct node *n, const struct json_value *v)
{
	struct check c = {.schema = s, .steps = SCHEMA_STEPS_MAX, .room = SIZE_MAX};
	struct place p = root_place(n, v);
	return check_node(&c, n, &p);
}

bool schema_is_valid(const struct schema *s, const struct json_value *instance)
{
	struct check c = {.schema = s, .steps = SCHEMA_MESSAGE_STEPS_MAX, .room = SIZE_MAX};
	struct place p = root_place(s->root, instance);
	return check_node(&c, s->root, &p) && c.steps > 0;
}

/* All problems up to `room` of them into c's list, which the caller gave. */
static void check_telling(struct check *c, const struct node *n, const struct json_value *instance)
{
	struct place p = root_place(n, instance);
	problem_list_init(c->problems);
	buffer_init(&c->text, TEXT_BYTES_MAX);
	check_node(c, n, &p);
	if (c->steps == 0 || (c->room == 0 && c->problems->count == 0)) {
		/* Whatever was found is not to be trusted. */
		problem_list_init(c->problems);
		c->keyword = "time";
		problem_addf(c, n, &p, "takes too long to check");
	}
	buffer_deinit(&c->text);
}

size_t schema_check(
	const struct schema *s, const struct json_value *instance, schema_problem_fn *fn, void *arg)
{
	struct problem_list problems;
	struct check c = {
		s, json_builder_new(), &problems, .steps = SCHEMA_STEPS_MAX, .room = SIZE_MAX};
	check_telling(&c, s->root, instance);
	for (const struct problem *q = problems.head; q; q = q->next)
		fn(arg, &q->told);
	json_builder_free(c.memory);
	return problems.count;
}

static size_t check_default(const struct schema *s, const struct node *n,
	void (*fn)(void *arg, struct str place, const struct schema_problem *p), void *arg)
{
	struct problem_list problems;
	struct check c = {
		s, json_builder_new(), &problems, .steps = SCHEMA_STEPS_MAX, .room = SIZE_MAX};
	check_telling(&c, n, n->fallback);
	struct buffer place;
	buffer_init(&place, SIZE_MAX);
	buffer_addf(&place, "%.*s/default", STR_ARG(n->place));
	for (const struct problem *q = problems.head; q; q = q->next)
		fn(arg, buffer_str(&place), &q->told);
	buffer_deinit(&place);
	json_builder_free(c.memory);
	return problems.count;
}

size_t schema_check_defaults(const struct schema *s,
	void (*fn)(void *arg, struct str place, const struct schema_problem *p), void *arg)
{
	size_t count = 0;
	for (const struct node *n = s->first; n; n = n->next_made)
		count += n->fallback ? check_default(s, n, fn, arg) : 0;
	return count;
}

void schema_tell_first(
	const struct schema *s, const struct json_value *instance, schema_problem_fn *fn, void *arg)
{
	struct problem_list problems;
	struct check c = {s, json_builder_new(), &problems, .steps = SCHEMA_MESSAGE_STEPS_MAX,
		.room = PROBLEMS_OF_A_MESSAGE_MAX};
	check_telling(&c, s->root, instance);
	if (problems.head)
		fn(arg, &problems.head->told);
	json_builder_free(c.memory);
}
