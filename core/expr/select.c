/* SPDX-License-Identifier: Apache-2.0 */
/* expr/select.c - roots, their members, and selectors on values. */
#include <math.h>

#include "expr/expr_priv.h"

/* --- what the scope has ---------------------------------------------------------------------- */
/* Parsed once, however often it is named. */
bool eval_payload(struct eval *v, const struct node *n, struct expr_value *out)
{
	if (!v->has_payload && !v->scope->payload(v->scope, v->arena, &v->payload))
		v->payload = value_null();
	v->has_payload = true;
	*out = v->payload;
	return true;
}

static bool fetch_member(
	struct eval *v, const struct node *n, struct str name, struct expr_value *out)
{
	if (!v->scope->member(v->scope, n->u.member.root, name, v->arena, out))
		*out = value_null();
	return true;
}

bool eval_member(struct eval *v, const struct node *n, struct expr_value *out)
{
	return fetch_member(v, n, n->u.member.name, out);
}

bool eval_vars_named(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value name;
	return eval_operand(v, n->args[0], "a selector", OPERAND_ONLY, TEXT, &name) &&
	       fetch_member(v, n, name.u.string, out);
}

static bool fetch_field(
	struct eval *v, const struct node *n, struct str name, struct expr_value *out)
{
	if (!v->scope->field(v->scope, n->u.member.is_query, name, v->arena, out))
		*out = value_null();
	return true;
}

bool eval_field(struct eval *v, const struct node *n, struct expr_value *out)
{
	return fetch_field(v, n, n->u.member.name, out);
}

bool eval_field_named(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value key;
	if (!eval_operand(v, n->args[0], "a selector", OPERAND_ONLY, TEXT, &key))
		return false;
	struct str name = key.u.string;
	if (!n->u.member.is_query) {
		char *lower = eval_alloc(v, name.n);
		if (!lower || !eval_charge_bytes(v, name.n))
			return false;
		for (size_t i = 0; i < name.n; i++)
			lower[i] = ascii_lower(name.p[i]);
		name.p = lower;
	}
	return fetch_field(v, n, name, out);
}

/* --- by name --------------------------------------------------------------------------------- */
/* Of an array: the values of all of its objects that have the member. */
static bool select_from_items(
	struct eval *v, const struct expr_value *array, struct str name, struct expr_value *out)
{
	struct items items = {.v = v};
	for (uint32_t i = 0; i < array->u.array.count; i++) {
		const struct expr_value *item = &array->u.array.items[i];
		if (item->type != EXPR_OBJECT)
			continue;
		if (!eval_charge(v, 1 + item->u.object.count))
			return false;
		const struct expr_value *found = object_get(item, name);
		if (found && !items_add(&items, *found))
			return false;
	}
	*out = items_value(&items);
	return eval_charge(v, array->u.array.count / 8);
}

static bool select_name(struct eval *v, const struct node *n, const struct expr_value *base,
	struct str name, struct expr_value *out)
{
	if (base->type == EXPR_ARRAY)
		return select_from_items(v, base, name, out);
	*out = value_null();
	if (base->type == EXPR_NULL)
		return true;
	if (base->type != EXPR_OBJECT)
		return eval_fail(v, n->at, "cannot select \"%.*s\" from a %s",
			name.n > 64 ? 64 : (int)name.n, name.p ? name.p : "",
			expr_type_name(base->type));
	const struct expr_value *found = object_get(base, name);
	if (found)
		*out = *found;
	return eval_charge(v, base->u.object.count / 8);
}

/* --- by position ----------------------------------------------------------------------------- */
/* The byte where character i begins; s.n behind the last. */
static size_t character_at(struct str s, size_t i)
{
	size_t at = 0;
	while (i-- > 0 && at < s.n)
		at += character_bytes(str_from(s, at));
	return at;
}

static size_t character_count(struct str s)
{
	size_t n = 0;
	for (size_t at = 0; at < s.n; n++)
		at += character_bytes(str_from(s, at));
	return n;
}

static size_t count_of(const struct expr_value *base)
{
	if (base->type == EXPR_ARRAY)
		return base->u.array.count;
	if (base->type == EXPR_OBJECT)
		return base->u.object.count;
	return base->type == EXPR_STRING ? character_count(base->u.string) : 0;
}

/* False when it lies outside; negative positions count from the end. */
static bool resolve_position(double position, size_t count, size_t *i)
{
	if (position < 0)
		position += (double)count;
	if (position < 0 || position >= (double)count)
		return false;
	*i = (size_t)position;
	return true;
}

static bool check_position(struct eval *v, const struct node *operand, double position)
{
	if (position == floor(position))
		return true;
	return eval_fail(v, operand->offset, "a position has to be a whole number");
}

static bool charge_characters(struct eval *v, const struct expr_value *base)
{
	/* Counting looks at every byte, slower than comparing does. */
	return base->type != EXPR_STRING || eval_charge(v, base->u.string.n / 32);
}

static bool select_position(struct eval *v, const struct node *n, const struct expr_value *base,
	double position, struct expr_value *out)
{
	size_t i;
	*out = value_null();
	if (base->type == EXPR_BOOL || base->type == EXPR_NUMBER)
		return eval_fail(
			v, n->at, "cannot select an item from a %s", expr_type_name(base->type));
	if (!check_position(v, n->args[1], position) || !charge_characters(v, base))
		return false;
	if (!resolve_position(position, count_of(base), &i))
		return true;
	if (base->type == EXPR_ARRAY) {
		*out = base->u.array.items[i];
	} else if (base->type == EXPR_OBJECT) {
		*out = base->u.object.members[i].value;
	} else {
		struct str rest = str_from(base->u.string, character_at(base->u.string, i));
		*out = value_string(str_slice(rest, 0, character_bytes(rest)));
	}
	return true;
}

bool eval_select(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value base, key;
	if (!eval_node(v, n->args[0], &base) ||
		!eval_operand(v, n->args[1], "a selector", OPERAND_ONLY, NUM | TEXT, &key))
		return false;
	if (key.type == EXPR_STRING)
		return select_name(v, n, &base, key.u.string, out);
	return select_position(v, n, &base, key.u.number, out);
}

/* --- ranges ---------------------------------------------------------------------------------- */
static bool range_of_items(struct eval *v, const struct expr_value *base, size_t from, size_t to,
	struct expr_value *out)
{
	struct items items = {.v = v};
	for (size_t i = from;; i += from <= to ? 1 : (size_t)-1) {
		if (!items_add(&items, base->u.array.items[i]))
			return false;
		if (i == to)
			break;
	}
	*out = items_value(&items);
	return true;
}

static bool range_of_text(
	struct eval *v, struct str s, size_t from, size_t to, struct expr_value *out)
{
	size_t low = from <= to ? from : to, count = (from <= to ? to - from : from - to) + 1;
	s = str_from(s, character_at(s, low));
	s = str_slice(s, 0, character_at(s, count));
	*out = value_string(s);
	if (from <= to)
		return true;
	char *p = eval_alloc(v, s.n);
	if (!p)
		return false;
	out->u.string.p = p;
	for (size_t at = 0, n; at < s.n; at += n) {
		n = character_bytes(str_from(s, at));
		memcpy(p + s.n - at - n, s.p + at, n);
	}
	return true;
}

bool eval_range(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value base, from, to;
	size_t first, last;
	if (!eval_node(v, n->args[0], &base) ||
		!eval_operand(v, n->args[1], "a selector", OPERAND_ONLY, NUM, &from) ||
		!eval_operand(v, n->args[2], "a selector", OPERAND_ONLY, NUM, &to) ||
		!check_position(v, n->args[1], from.u.number) ||
		!check_position(v, n->args[2], to.u.number))
		return false;
	if (!(1u << base.type & (NUL | ARR | TEXT)))
		return eval_fail(
			v, n->at, "cannot select a range from a %s", expr_type_name(base.type));
	*out = value_null();
	if (!charge_characters(v, &base))
		return false;
	size_t count = count_of(&base);
	if (!resolve_position(from.u.number, count, &first) ||
		!resolve_position(to.u.number, count, &last))
		return true;
	if (base.type == EXPR_ARRAY)
		return range_of_items(v, &base, first, last, out);
	return range_of_text(v, base.u.string, first, last, out);
}
