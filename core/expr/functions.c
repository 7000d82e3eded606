/* SPDX-License-Identifier: Apache-2.0 */
/* expr/functions.c - the table of functions, and those that are not about text. */
#include <math.h>

#include "base/clock.h"
#include "expr/expr_priv.h"

/* --- coercion -------------------------------------------------------------------------------- */
static bool coerce_text(struct eval *v, const struct node *operand, struct str s,
	enum expr_type target, struct expr_value *out)
{
	double number;
	struct str shown = str_slice(s, 0, 40);
	const char *dots = shown.n < s.n ? "..." : "";
	*out = value_string(s);
	if (target == EXPR_STRING)
		return true;
	if (target == EXPR_NUMBER) {
		if (number_read(s, &number) != RC_OK)
			return eval_fail(v, operand->offset, "\"%.*s%s\" is not a number",
				STR_ARG(shown), dots);
		*out = value_number(number);
		return true;
	}
	bool is_true = str_eq(s, STR("true"));
	if (!is_true && !str_eq(s, STR("false")))
		return eval_fail(v, operand->offset, "\"%.*s%s\" is neither true nor false",
			STR_ARG(shown), dots);
	*out = value_bool(is_true);
	return true;
}

static unsigned coercible_to(enum expr_type target)
{
	if (target == EXPR_NUMBER)
		return NUL | NUM | TEXT;
	return target == EXPR_BOOL ? NUL | BOOL | TEXT : NUL | SCALAR;
}

bool eval_coerce(struct eval *v, const struct node *operand, const struct expr_value *value,
	enum expr_type target, struct expr_value *out)
{
	static const char *const names[] = {
		[EXPR_NUMBER] = "toNumber", [EXPR_STRING] = "toString", [EXPR_BOOL] = "toBoolean"};
	struct text t = {.v = v};
	if (!(1u << value->type & coercible_to(target)))
		return eval_fail_type(
			v, operand, names[target], OPERAND_ONLY, coercible_to(target), value->type);
	*out = *value;
	if (value->type == EXPR_NULL || value->type == target)
		return true;
	if (value->type == EXPR_STRING)
		return coerce_text(v, operand, value->u.string, target, out);
	if (!text_add_scalar(&t, value))
		return false;
	*out = value_string(str_n(t.p, t.n));
	return true;
}

static bool call_to_number(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	return eval_coerce(v, call->args[0], &args[0], EXPR_NUMBER, out);
}

static bool call_to_string(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	return eval_coerce(v, call->args[0], &args[0], EXPR_STRING, out);
}

static bool call_to_boolean(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	return eval_coerce(v, call->args[0], &args[0], EXPR_BOOL, out);
}

/* --- numbers --------------------------------------------------------------------------------- */
static bool call_mod(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	if (args[1].u.number == 0)
		return eval_fail(v, call->args[1]->offset, "division by zero");
	*out = value_number(fmod(args[0].u.number, args[1].u.number));
	return true;
}

static bool call_abs(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	*out = value_number(fabs(args[0].u.number));
	return true;
}

static bool call_ceil(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	*out = value_number(ceil(args[0].u.number));
	return true;
}

static bool call_floor(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	*out = value_number(floor(args[0].u.number));
	return true;
}

static bool call_round(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	*out = value_number(round(args[0].u.number));
	return true;
}

/* --- arrays of comparable items -------------------------------------------------------------- */
static bool check_item(
	struct eval *v, const struct node *call, const struct expr_value *item, unsigned takes)
{
	if (1u << item->type & takes)
		return eval_charge(v, 1);
	return eval_fail(v, call->args[0]->offset, "%s expects %s, found %s among them",
		call->u.function->name,
		takes == NUM    ? "an array of numbers"
		: takes == TEXT ? "an array of strings"
				: "an array of numbers or of strings",
		expr_type_name(item->type));
}

static int order_of(const struct expr_value *a, const struct expr_value *b)
{
	if (a->type == EXPR_STRING)
		return str_compare(a->u.string, b->u.string);
	return (a->u.number > b->u.number) - (a->u.number < b->u.number);
}

/* The item that no other one exceeds in the direction of `sign`; null of none. */
static bool find_extreme(struct eval *v, const struct node *call, const struct expr_value *array,
	int sign, struct expr_value *out)
{
	*out = value_null();
	for (uint32_t i = 0; i < array->u.array.count; i++) {
		const struct expr_value *item = &array->u.array.items[i];
		if (!check_item(v, call, item, i == 0 ? NUM | TEXT : 1u << out->type))
			return false;
		if (i == 0 || sign * order_of(item, out) > 0)
			*out = *item;
	}
	return true;
}

static bool call_max(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	return find_extreme(v, call, &args[0], 1, out);
}

static bool call_min(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	return find_extreme(v, call, &args[0], -1, out);
}

static bool call_sum(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	*out = value_number(0);
	for (uint32_t i = 0; i < args[0].u.array.count; i++) {
		const struct expr_value *item = &args[0].u.array.items[i];
		if (!check_item(v, call, item, NUM))
			return false;
		out->u.number += item->u.number;
	}
	if (isfinite(out->u.number))
		return true;
	return eval_fail(v, call->at, "the result of sum is too large for a number");
}

/* --- sizes and members ----------------------------------------------------------------------- */
static bool call_size_of(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	size_t n = 0;
	if (args[0].type == EXPR_ARRAY) {
		n = args[0].u.array.count;
	} else if (args[0].type == EXPR_OBJECT) {
		n = args[0].u.object.count;
	} else {
		struct str s = args[0].u.string;
		if (!eval_charge(v, s.n / 32))
			return false;
		for (size_t at = 0; at < s.n; n++)
			at += character_bytes(str_from(s, at));
	}
	*out = value_number((double)n);
	return true;
}

static bool call_is_empty(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	const struct expr_value *a = &args[0];
	size_t n = a->type == EXPR_STRING  ? a->u.string.n
		   : a->type == EXPR_ARRAY ? a->u.array.count
					   : a->u.object.count;
	*out = value_bool(a->type == EXPR_NULL || n == 0);
	return true;
}

static bool call_keys_of(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct items items = {.v = v};
	for (uint32_t i = 0; i < args[0].u.object.count; i++)
		if (!items_add(&items, value_string(args[0].u.object.members[i].key)))
			return false;
	*out = items_value(&items);
	return true;
}

static bool call_values_of(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct items items = {.v = v};
	for (uint32_t i = 0; i < args[0].u.object.count; i++)
		if (!items_add(&items, args[0].u.object.members[i].value))
			return false;
	*out = items_value(&items);
	return true;
}

/* --- the moment ------------------------------------------------------------------------------ */
static bool call_now(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	char *p = eval_alloc(v, CLOCK_RFC3339_BYTES);
	if (!p)
		return false;
	clock_rfc3339(v->scope->now_ms * 1000, p);
	*out = value_string(str_n(p, CLOCK_RFC3339_BYTES));
	return true;
}

/* Version 4 of RFC 9562: all bits are random but for the version and the variant. */
static bool call_uuid(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t bits[2] = {
		v->scope->random(v->scope->random_arg), v->scope->random(v->scope->random_arg)};
	bits[0] = (bits[0] & ~(uint64_t)0xf000) | 0x4000;
	bits[1] = (bits[1] & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
	char *p = eval_alloc(v, 36);
	if (!p)
		return false;
	for (unsigned digit = 0, at = 0; digit < 32; digit++) {
		if (digit == 8 || digit == 12 || digit == 16 || digit == 20)
			p[at++] = '-';
		p[at++] = hex[bits[digit / 16] >> (60 - 4 * (digit % 16)) & 0xf];
	}
	*out = value_string(str_n(p, 36));
	return true;
}

/* --- the table ------------------------------------------------------------------------------- */
static const struct function functions[] = {
	{"abs", 1, {NUM}, NUM, .call = call_abs},
	{"ceil", 1, {NUM}, NUM, .call = call_ceil},
	{"contains", 2, {NUL | TEXT | ARR, ANY | PATTERN}, BOOL, .on_null = NULL_GIVES_FALSE,
		.call = call_contains},
	{"endsWith", 2, {NUL | TEXT, TEXT}, BOOL, .on_null = NULL_GIVES_FALSE,
		.call = call_ends_with},
	{"floor", 1, {NUM}, NUM, .call = call_floor},
	{"indexOf", 2, {NUL | TEXT | ARR, ANY}, NUM, .call = call_index_of},
	{"isEmpty", 1, {NUL | TEXT | ARR | OBJ}, BOOL, .call = call_is_empty},
	{"joinBy", 2, {NUL | ARR, TEXT}, NUL | TEXT, .on_null = NULL_GIVES_NULL,
		.call = call_join_by},
	{"keysOf", 1, {NUL | OBJ}, NUL | ARR, .on_null = NULL_GIVES_NULL, .call = call_keys_of},
	{"lower", 1, {NUL | TEXT}, NUL | TEXT, .on_null = NULL_GIVES_NULL, .call = call_lower},
	{"matches", 2, {NUL | TEXT, PATTERN}, BOOL, .on_null = NULL_GIVES_FALSE,
		.call = call_matches, .is_anchored = true},
	{"max", 1, {ARR}, NUL | NUM | TEXT, .call = call_max},
	{"min", 1, {ARR}, NUL | NUM | TEXT, .call = call_min},
	{"mod", 2, {NUM, NUM}, NUM, .call = call_mod},
	{"now", 0, {0}, TEXT, .call = call_now, .is_volatile = true},
	{"replace", 3, {NUL | TEXT, TEXT | PATTERN, TEXT}, NUL | TEXT, .on_null = NULL_GIVES_NULL,
		.call = call_replace},
	{"round", 1, {NUM}, NUM, .call = call_round},
	{"sizeOf", 1, {NUL | TEXT | ARR | OBJ}, NUL | NUM, .on_null = NULL_GIVES_NULL,
		.call = call_size_of},
	{"splitBy", 2, {NUL | TEXT, TEXT | PATTERN}, NUL | ARR, .on_null = NULL_GIVES_NULL,
		.call = call_split_by},
	{"startsWith", 2, {NUL | TEXT, TEXT}, BOOL, .on_null = NULL_GIVES_FALSE,
		.call = call_starts_with},
	{"substringAfter", 2, {NUL | TEXT, TEXT}, NUL | TEXT, .on_null = NULL_GIVES_NULL,
		.call = call_substring_after},
	{"substringAfterLast", 2, {NUL | TEXT, TEXT}, NUL | TEXT,
		.call = call_substring_after_last},
	{"substringBefore", 2, {NUL | TEXT, TEXT}, NUL | TEXT, .on_null = NULL_GIVES_NULL,
		.call = call_substring_before},
	{"substringBeforeLast", 2, {NUL | TEXT, TEXT}, NUL | TEXT, .on_null = NULL_GIVES_NULL,
		.call = call_substring_before_last},
	{"sum", 1, {ARR}, NUM, .call = call_sum},
	{"toBoolean", 1, {NUL | BOOL | TEXT}, NUL | BOOL, .on_null = NULL_GIVES_NULL,
		.call = call_to_boolean},
	{"toNumber", 1, {NUL | NUM | TEXT}, NUL | NUM, .on_null = NULL_GIVES_NULL,
		.call = call_to_number},
	{"toString", 1, {NUL | SCALAR}, NUL | TEXT, .on_null = NULL_GIVES_NULL,
		.call = call_to_string},
	{"trim", 1, {NUL | TEXT}, NUL | TEXT, .on_null = NULL_GIVES_NULL, .call = call_trim},
	{"upper", 1, {NUL | TEXT}, NUL | TEXT, .on_null = NULL_GIVES_NULL, .call = call_upper},
	{"uuid", 0, {0}, TEXT, .call = call_uuid, .is_volatile = true},
	{"valuesOf", 1, {NUL | OBJ}, NUL | ARR, .on_null = NULL_GIVES_NULL, .call = call_values_of},
};

static const struct function *find(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(functions); i++)
		if (str_eq(name, str_of(functions[i].name)))
			return &functions[i];
	return NULL;
}

bool function_is_known(struct str name)
{
	return find(name) != NULL;
}

const struct function *function_find(struct str name, size_t offset, struct expr_error *error)
{
	const char *names[ARRAY_COUNT(functions)];
	const struct function *f = find(name);
	if (f)
		return f;
	for (size_t i = 0; i < ARRAY_COUNT(functions); i++)
		names[i] = functions[i].name;
	error_set_unknown(error, offset, "function", name, names, ARRAY_COUNT(names));
	return NULL;
}

bool eval_call(struct eval *v, const struct node *n, struct expr_value *out)
{
	struct expr_value args[FUNCTION_ARGS_MAX];
	const struct function *f = n->u.function;
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->args[i]->kind == NODE_PATTERN)
			continue;
		if (!eval_operand(
			    v, n->args[i], f->name, OPERAND_ARGUMENT + i, f->takes[i], &args[i]))
			return false;
		if (i > 0 || f->on_null == NULL_IS_ARGUMENT || args[0].type != EXPR_NULL)
			continue;
		*out = f->on_null == NULL_GIVES_NULL ? value_null() : value_bool(false);
		return true;
	}
	return f->call(v, n, args, out);
}
