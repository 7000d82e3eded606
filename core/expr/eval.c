/* SPDX-License-Identifier: Apache-2.0 */
/* expr/eval.c - the operators, and what every evaluation pays. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "expr/expr_priv.h"

/* --- failing --------------------------------------------------------------------------------- */
bool eval_fail(struct eval *v, size_t offset, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(v->error->message, sizeof(v->error->message), format, args);
	va_end(args);
	v->error->offset = offset;
	v->rc = RC_INVALID;
	return false;
}

bool eval_fail_type(struct eval *v, const struct node *operand, const char *who, unsigned place,
	unsigned expected, enum expr_type found)
{
	error_set_type(v->error, operand->offset, who, place, expected, 1u << found);
	v->rc = RC_INVALID;
	return false;
}

bool eval_fail_full(struct eval *v, const char *what)
{
	error_set(v->error, 0, "%s", what);
	v->rc = RC_FULL;
	return false;
}

bool eval_charge(struct eval *v, size_t n)
{
	if (UNLIKELY(v->steps < n)) {
		v->steps = 0;
		return eval_fail_full(v, "the evaluation takes too many steps");
	}
	v->steps -= n;
	return true;
}

bool eval_charge_bytes(struct eval *v, size_t bytes)
{
	return eval_charge(v, bytes / EXPR_BYTES_PER_STEP);
}

void *eval_alloc(struct eval *v, size_t size)
{
	/* What the arena makes of it (base/arena.h). */
	size = size ? (size + 15) & ~(size_t)15 : 16;
	if (v->bytes < size) {
		eval_fail_full(v, "the evaluation needs too much memory");
		return NULL;
	}
	v->bytes -= size;
	void *p = arena_alloc(v->arena, size);
	if (!p)
		eval_fail_full(v, "the memory of the exchange is spent");
	return p;
}

bool eval_node(struct eval *v, const struct node *n, struct expr_value *out)
{
	if (!eval_charge(v, 1))
		return false;
	return n->eval(v, n, out);
}

bool eval_operand(struct eval *v, const struct node *operand, const char *who, unsigned place,
	unsigned expected, struct expr_value *out)
{
	if (!eval_node(v, operand, out))
		return false;
	if (LIKELY(1u << out->type & expected))
		return true;
	return eval_fail_type(v, operand, who, place, expected, out->type);
}

/* --- growing --------------------------------------------------------------------------------- */
bool text_add(struct text *t, struct str s)
{
	if (s.n > t->capacity - t->n) {
		size_t capacity = t->capacity ? t->capacity * 2 : 64;
		while (capacity < t->n + s.n)
			capacity *= 2;
		/* Doubling may ask for more than is left where the exact size would do. */
		if (capacity > t->v->bytes)
			capacity = t->n + s.n;
		char *p = eval_alloc(t->v, capacity);
		if (!p)
			return false;
		if (t->n)
			memcpy(p, t->p, t->n);
		t->p = p;
		t->capacity = capacity;
	}
	if (s.n)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
	return eval_charge_bytes(t->v, s.n);
}

bool text_add_scalar(struct text *t, const struct expr_value *value)
{
	char number[NUMBER_TEXT_BYTES];
	if (value->type == EXPR_NUMBER)
		return text_add(t, str_n(number, number_write(value->u.number, number)));
	if (value->type == EXPR_BOOL)
		return text_add(t, value->u.boolean ? STR("true") : STR("false"));
	return text_add(t, value->u.string);
}

bool items_add(struct items *items, struct expr_value value)
{
	if (items->n == items->capacity) {
		uint32_t capacity = items->capacity ? items->capacity * 2 : 4;
		struct expr_value *p = eval_alloc(items->v, capacity * sizeof(*p));
		if (!p)
			return false;
		if (items->n)
			memcpy(p, items->p, items->n * sizeof(*p));
		items->p = p;
		items->capacity = capacity;
	}
	items->p[items->n++] = value;
	return eval_charge(items->v, 1);
}

struct expr_value items_value(const struct items *items)
{
	return (struct expr_value){.type = EXPR_ARRAY, .u.array = {items->p, items->n}};
}

/* --- literals -------------------------------------------------------------------------------- */
bool eval_constant(struct eval *v, const struct node *n, struct expr_value *out)
{
	*out = n->u.value;
	return true;
}

bool eval_array(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct items items = {.v = v};
	struct expr_value item;
	for (uint32_t i = 0; i < n->count; i++)
		if (!eval_node(v, n->args[i], &item) || !items_add(&items, item))
			return false;
	*out = items_value(&items);
	return true;
}

bool eval_object(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_member *members = eval_alloc(v, n->count * sizeof(*members));
	if (!members)
		return false;
	for (uint32_t i = 0; i < n->count; i++) {
		members[i].key = n->u.keys[i];
		if (!eval_node(v, n->args[i], &members[i].value))
			return false;
	}
	*out = (struct expr_value){.type = EXPR_OBJECT, .u.object = {members, n->count}};
	return true;
}

/* --- logic ----------------------------------------------------------------------------------- */
bool eval_if(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value condition;
	if (!eval_operand(v, n->args[0], "if", OPERAND_ONLY, BOOL, &condition))
		return false;
	return eval_node(v, n->args[condition.u.boolean ? 1 : 2], out);
}

bool eval_not(struct eval *v, const struct node *n, struct expr_value *out)
{
	const struct node *operand = n->args[0];
	if (!eval_operand(v, operand, n->u.operation->name, OPERAND_ONLY, BOOL, out))
		return false;
	out->u.boolean = !out->u.boolean;
	return true;
}

static bool eval_logic(struct eval *v, const struct node *n, bool decisive, struct expr_value *out)
{
	const char *name = n->u.operation->name;
	for (uint32_t i = 0; i < n->count; i++) {
		unsigned place = i == 0 ? OPERAND_LEFT : OPERAND_RIGHT;
		if (!eval_operand(v, n->args[i], name, place, BOOL, out))
			return false;
		if (out->u.boolean == decisive)
			return true;
	}
	return true;
}

bool eval_and(struct eval *v, const struct node *n, struct expr_value *out)
{
	return eval_logic(v, n, false, out);
}

bool eval_or(struct eval *v, const struct node *n, struct expr_value *out)
{
	return eval_logic(v, n, true, out);
}

bool eval_default(struct eval *v, const struct node *n, struct expr_value *out)
{
	if (!eval_node(v, n->args[0], out))
		return false;
	return out->type != EXPR_NULL || eval_node(v, n->args[1], out);
}

/* --- numbers and comparisons ----------------------------------------------------------------- */
bool eval_negate(struct eval *v, const struct node *n, struct expr_value *out)
{
	if (!eval_operand(v, n->args[0], "-", OPERAND_ONLY, NUM, out))
		return false;
	out->u.number = -out->u.number;
	return true;
}

bool eval_arithmetic(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value a, b;
	const char *name = n->u.operation->name;
	if (!eval_operand(v, n->args[0], name, OPERAND_LEFT, NUM, &a) ||
		!eval_operand(v, n->args[1], name, OPERAND_RIGHT, NUM, &b))
		return false;
	double x = a.u.number, y = b.u.number, result = x + y;
	switch (n->u.operation->code) {
	case '-':
		result = x - y;
		break;
	case '*':
		result = x * y;
		break;
	case '/':
		if (y == 0)
			return eval_fail(v, n->args[1]->offset, "division by zero");
		result = x / y;
		break;
	}
	if (!isfinite(result))
		return eval_fail(v, n->at, "the result of %s is too large for a number", name);
	*out = value_number(result);
	return true;
}

static bool is_ordered(enum comparison comparison, int order)
{
	switch (comparison) {
	case IS_LESS:
		return order < 0;
	case IS_LESS_OR_EQUAL:
		return order <= 0;
	case IS_GREATER:
		return order > 0;
	case IS_GREATER_OR_EQUAL:
		return order >= 0;
	}
	return false;
}

bool eval_comparison(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value a, b;
	const char *name = n->u.operation->name;
	if (!eval_operand(v, n->args[0], name, OPERAND_LEFT, NUM | TEXT, &a) ||
		!eval_operand(v, n->args[1], name, OPERAND_RIGHT, 1u << a.type, &b))
		return false;
	int order = 0;
	if (a.type == EXPR_NUMBER)
		order = (a.u.number > b.u.number) - (a.u.number < b.u.number);
	else
		order = str_compare(a.u.string, b.u.string);
	*out = value_bool(is_ordered((enum comparison)n->u.operation->code, order));
	return a.type == EXPR_NUMBER || eval_charge_bytes(v, a.u.string.n);
}

bool eval_equality(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value a, b;
	bool equal;
	if (!eval_node(v, n->args[0], &a) || !eval_node(v, n->args[1], &b) ||
		!eval_equal(v, &a, &b, &equal))
		return false;
	*out = value_bool(equal == (bool)n->u.operation->code);
	return true;
}

bool eval_coercion(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value value;
	if (!eval_node(v, n->args[0], &value))
		return false;
	return eval_coerce(v, n->args[0], &value, (enum expr_type)n->u.operation->code, out);
}

/* --- ++ and -- ------------------------------------------------------------------------------- */
static bool concat_text(
	struct eval *v, const struct node *n, struct expr_value part, struct expr_value *out)
{
	struct text t = {.v = v};
	if (!text_add_scalar(&t, &part))
		return false;
	for (uint32_t i = 1; i < n->count; i++)
		if (!eval_operand(v, n->args[i], "++", OPERAND_RIGHT, SCALAR, &part) ||
			!text_add_scalar(&t, &part))
			return false;
	*out = value_string(str_n(t.p, t.n));
	return true;
}

static bool items_add_all(struct items *items, const struct expr_value *array)
{
	for (uint32_t i = 0; i < array->u.array.count; i++)
		if (!items_add(items, array->u.array.items[i]))
			return false;
	return true;
}

static bool concat_arrays(
	struct eval *v, const struct node *n, struct expr_value part, struct expr_value *out)
{
	struct items items = {.v = v};
	if (!items_add_all(&items, &part))
		return false;
	for (uint32_t i = 1; i < n->count; i++)
		if (!eval_operand(v, n->args[i], "++", OPERAND_RIGHT, ARR, &part) ||
			!items_add_all(&items, &part))
			return false;
	*out = items_value(&items);
	return true;
}

/* b's members replace those of a with the same key, where they stand. */
static bool merge_objects(struct eval *v, const struct expr_value *a, const struct expr_value *b,
	struct expr_value *out)
{
	uint32_t n = a->u.object.count, before = n;
	struct expr_member *members =
		eval_alloc(v, ((size_t)n + b->u.object.count) * sizeof(*members));
	if (!members)
		return false;
	if (n)
		memcpy(members, a->u.object.members, n * sizeof(*members));
	for (uint32_t i = 0; i < b->u.object.count; i++) {
		const struct expr_member *added = &b->u.object.members[i];
		uint32_t at = 0;
		while (at < before && !str_eq(members[at].key, added->key))
			at++;
		if (!eval_charge(v, at + 1))
			return false;
		members[at < before ? at : n] = *added;
		n += at == before;
	}
	*out = (struct expr_value){.type = EXPR_OBJECT, .u.object = {members, n}};
	return true;
}

bool eval_concat(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value first, next;
	if (!eval_operand(v, n->args[0], "++", OPERAND_LEFT, SCALAR | ARR | OBJ, &first))
		return false;
	if (first.type == EXPR_ARRAY)
		return concat_arrays(v, n, first, out);
	if (first.type != EXPR_OBJECT)
		return concat_text(v, n, first, out);
	*out = first;
	for (uint32_t i = 1; i < n->count; i++) {
		first = *out;
		if (!eval_operand(v, n->args[i], "++", OPERAND_RIGHT, OBJ, &next) ||
			!merge_objects(v, &first, &next, out))
			return false;
	}
	return true;
}

static bool array_contains(struct eval *v, const struct expr_value *array,
	const struct expr_value *wanted, bool *found)
{
	*found = false;
	for (uint32_t i = 0; !*found && i < array->u.array.count; i++)
		if (!eval_equal(v, &array->u.array.items[i], wanted, found))
			return false;
	return true;
}

static bool remove_items(struct eval *v, const struct expr_value *a, const struct expr_value *b,
	struct expr_value *out)
{
	struct items items = {.v = v};
	for (uint32_t i = 0; i < a->u.array.count; i++) {
		bool found;
		if (!array_contains(v, b, &a->u.array.items[i], &found))
			return false;
		if (!found && !items_add(&items, a->u.array.items[i]))
			return false;
	}
	*out = items_value(&items);
	return true;
}

/* A member goes when b has its key (an array), or the same member (an object). */
static bool is_removed(
	struct eval *v, const struct expr_member *m, const struct expr_value *b, bool *removed)
{
	if (b->type == EXPR_ARRAY) {
		struct expr_value key = value_string(m->key);
		return array_contains(v, b, &key, removed);
	}
	const struct expr_value *other = object_get(b, m->key);
	*removed = false;
	return eval_charge(v, b->u.object.count) &&
	       (!other || eval_equal(v, &m->value, other, removed));
}

static bool remove_members(struct eval *v, const struct expr_value *a, const struct expr_value *b,
	struct expr_value *out)
{
	uint32_t n = 0, count = a->u.object.count;
	struct expr_member *members = eval_alloc(v, count * sizeof(*members));
	if (!members)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		bool removed;
		if (!is_removed(v, &a->u.object.members[i], b, &removed))
			return false;
		if (!removed)
			members[n++] = a->u.object.members[i];
	}
	*out = (struct expr_value){.type = EXPR_OBJECT, .u.object = {members, n}};
	return true;
}

bool eval_remove(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value a, b;
	if (!eval_operand(v, n->args[0], "--", OPERAND_LEFT, NUL | ARR | OBJ, &a))
		return false;
	unsigned takes = a.type == EXPR_NULL ? ANY : a.type == EXPR_ARRAY ? ARR : ARR | OBJ;
	if (!eval_operand(v, n->args[1], "--", OPERAND_RIGHT, takes, &b))
		return false;
	if (a.type == EXPR_ARRAY)
		return remove_items(v, &a, &b, out);
	*out = a;
	return a.type == EXPR_NULL || remove_members(v, &a, &b, out);
}
