/* SPDX-License-Identifier: Apache-2.0 */
/* expr/functions_text.c - functions on strings. */
#include "expr/expr_priv.h"

/* --- searching ------------------------------------------------------------------------------- */
static bool fail_limit(struct eval *v, const struct node *call)
{
	error_set(v->error, call->at, "the regular expression takes too many steps");
	v->rc = RC_FULL;
	return false;
}

/* *found; false: failed. What was looked at is paid for. */
static bool search(struct eval *v, const struct node *call, struct str text, size_t start,
	size_t *from, size_t *to, struct str *groups, bool *found)
{
	enum rc rc = regex_search(call->regex, text, start, from, to, groups);
	if (rc == RC_FULL)
		return fail_limit(v, call);
	*found = rc == RC_OK;
	return eval_charge(v, 1) && eval_charge_bytes(v, (*found ? *to : text.n) - start);
}

bool call_matches(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct str text = args[0].u.string;
	if (!eval_charge_bytes(v, text.n))
		return false;
	enum rc rc = regex_match(call->regex, text, NULL);
	*out = value_bool(rc == RC_OK);
	return rc != RC_FULL || fail_limit(v, call);
}

static bool find_item(
	struct eval *v, const struct expr_value *array, const struct expr_value *item, uint32_t *i)
{
	bool equal = false;
	for (*i = 0; *i < array->u.array.count; ++*i) {
		if (!eval_equal(v, &array->u.array.items[*i], item, &equal))
			return false;
		if (equal)
			return true;
	}
	return true;
}

static bool need_text(struct eval *v, const struct node *call, const struct expr_value *arg)
{
	if (arg->type == EXPR_STRING)
		return true;
	return eval_fail_type(
		v, call->args[1], call->u.function->name, OPERAND_ARGUMENT + 1, TEXT, arg->type);
}

bool call_contains(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	uint32_t i;
	size_t from, to;
	bool found;
	struct str text = args[0].u.string;
	if (args[0].type == EXPR_ARRAY) {
		if (call->regex)
			return eval_fail(v, call->args[0]->offset,
				"contains expects a string before a regular expression, found "
				"array");
		if (!find_item(v, &args[0], &args[1], &i))
			return false;
		found = i < args[0].u.array.count;
	} else if (call->regex) {
		if (!search(v, call, text, 0, &from, &to, NULL, &found))
			return false;
	} else {
		struct str part = args[1].u.string;
		if (!need_text(v, call, &args[1]) || !eval_charge_bytes(v, text.n))
			return false;
		found = part.n == 0 || str_find(text, part) < text.n;
	}
	*out = value_bool(found);
	return true;
}

static size_t characters_before(struct str text, size_t end)
{
	size_t n = 0;
	for (size_t at = 0; at < end; n++)
		at += character_bytes(str_from(text, at));
	return n;
}

bool call_index_of(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	uint32_t i;
	*out = value_number(-1);
	if (args[0].type == EXPR_NULL)
		return true;
	if (args[0].type == EXPR_ARRAY) {
		if (!find_item(v, &args[0], &args[1], &i))
			return false;
		if (i < args[0].u.array.count)
			*out = value_number(i);
		return true;
	}
	struct str text = args[0].u.string, part = args[1].u.string;
	if (!need_text(v, call, &args[1]) || !eval_charge(v, text.n / 32))
		return false;
	size_t at = str_find(text, part);
	if (at < text.n || part.n == 0)
		*out = value_number((double)characters_before(text, at));
	return true;
}

bool call_starts_with(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	*out = value_bool(str_starts(args[0].u.string, args[1].u.string));
	return eval_charge_bytes(v, args[1].u.string.n);
}

bool call_ends_with(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	*out = value_bool(str_ends(args[0].u.string, args[1].u.string));
	return eval_charge_bytes(v, args[1].u.string.n);
}

/* --- parts ----------------------------------------------------------------------------------- */
/* text.n when absent; `part` is not empty. */
static size_t find_last(struct str text, struct str part)
{
	for (size_t at = text.n - part.n; part.n <= text.n; at--) {
		if (memcmp(text.p + at, part.p, part.n) == 0)
			return at;
		if (at == 0)
			break;
	}
	return text.n;
}

bool call_substring_before(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct str text = args[0].u.string, part = args[1].u.string;
	size_t at = str_find(text, part);
	*out = value_string(str_slice(text, 0, at < text.n ? at : 0));
	return eval_charge_bytes(v, text.n);
}

bool call_substring_after(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct str text = args[0].u.string, part = args[1].u.string;
	size_t at = str_find(text, part);
	*out = value_string(str_from(text, at + part.n));
	return eval_charge_bytes(v, text.n);
}

/* An empty separator ends behind the last character but one, as in DataWeave. */
bool call_substring_before_last(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct str text = args[0].u.string, part = args[1].u.string;
	size_t at = 0;
	if (part.n > 0) {
		at = find_last(text, part);
		at = at < text.n ? at : 0;
	} else {
		for (size_t next = 0; next < text.n; next += character_bytes(str_from(text, next)))
			at = next;
	}
	*out = value_string(str_slice(text, 0, at));
	return eval_charge(v, text.n / 32);
}

/* null where the separator is empty, as in DataWeave. */
bool call_substring_after_last(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct str text = args[0].u.string, part = args[1].u.string;
	*out = value_null();
	if (args[0].type == EXPR_NULL || part.n == 0)
		return true;
	*out = value_string(str_from(text, find_last(text, part) + part.n));
	return eval_charge(v, text.n / 32);
}

/* --- other forms ----------------------------------------------------------------------------- */
static bool map_bytes(struct eval *v, struct str s, char from, char to, struct expr_value *out)
{
	char *p = eval_alloc(v, s.n);
	if (!p || !eval_charge_bytes(v, s.n))
		return false;
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= from && s.p[i] <= to ? s.p[i] ^ 0x20 : s.p[i]);
	*out = value_string(str_n(p, s.n));
	return true;
}

bool call_lower(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	return map_bytes(v, args[0].u.string, 'A', 'Z', out);
}

bool call_upper(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	return map_bytes(v, args[0].u.string, 'a', 'z', out);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool call_trim(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct str s = args[0].u.string;
	while (s.n > 0 && is_space(s.p[0]))
		s = str_from(s, 1);
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	*out = value_string(s);
	return eval_charge_bytes(v, args[0].u.string.n);
}

/* --- splitting and joining ------------------------------------------------------------------- */
static bool split_characters(struct items *items, struct str text)
{
	for (size_t n; text.n > 0; text = str_from(text, n)) {
		n = character_bytes(text);
		if (!items_add(items, value_string(str_slice(text, 0, n))))
			return false;
	}
	return true;
}

static bool split_at_text(struct items *items, struct str text, struct str separator)
{
	for (;;) {
		size_t at = str_find(text, separator);
		if (!items_add(items, value_string(str_slice(text, 0, at))))
			return false;
		if (at == text.n)
			return true;
		text = str_from(text, at + separator.n);
	}
}

/* As Java's split: what is empty at the end is left out, and so is an empty match at the start. */
static bool split_at_pattern(struct items *items, const struct node *call, struct str text)
{
	size_t piece = 0, start = 0, from, to;
	bool found;
	for (;;) {
		if (!search(items->v, call, text, start, &from, &to, NULL, &found))
			return false;
		if (!found || from >= text.n)
			break;
		if (to > 0 && !items_add(items, value_string(str_slice(text, piece, from - piece))))
			return false;
		piece = to;
		start = to > from ? to : to + 1;
	}
	if (!items_add(items, value_string(str_from(text, piece))))
		return false;
	while (items->n > 1 && items->p[items->n - 1].u.string.n == 0)
		items->n--;
	return true;
}

bool call_split_by(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct items items = {.v = v};
	struct str text = args[0].u.string;
	bool ok;
	if (call->regex)
		ok = split_at_pattern(&items, call, text);
	else if (args[1].u.string.n == 0)
		ok = split_characters(&items, text);
	else
		ok = split_at_text(&items, text, args[1].u.string);
	*out = items_value(&items);
	return ok && eval_charge_bytes(v, text.n);
}

bool call_join_by(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct text t = {.v = v};
	for (uint32_t i = 0; i < args[0].u.array.count; i++) {
		const struct expr_value *item = &args[0].u.array.items[i];
		if (!(1u << item->type & SCALAR))
			return eval_fail(v, call->args[0]->offset,
				"joinBy expects strings, numbers or booleans, found %s among them",
				expr_type_name(item->type));
		if ((i > 0 && !text_add(&t, args[1].u.string)) || !eval_charge(v, 1) ||
			!text_add_scalar(&t, item))
			return false;
	}
	*out = value_string(str_n(t.p, t.n));
	return true;
}

/* --- replacing ------------------------------------------------------------------------------- */
/* $0 is the match, $1 to $9 are its groups, $$ is a dollar; another dollar is one. */
static bool add_expanded(struct text *t, struct str by, struct str match, const struct str *groups,
	unsigned group_count)
{
	while (by.n > 0) {
		size_t dollar = str_index(by, '$');
		if (!text_add(t, str_slice(by, 0, dollar)))
			return false;
		by = str_from(by, dollar);
		if (by.n == 0)
			return true;
		char c = by.n > 1 ? by.p[1] : '\0';
		struct str part = STR("$");
		bool is_group = c >= '0' && c <= '9' && (unsigned)(c - '0') <= group_count;
		if (is_group)
			part = c == '0' ? match : groups[c - '1'];
		if (!text_add(t, part))
			return false;
		by = str_from(by, is_group || c == '$' ? 2 : 1);
	}
	return true;
}

static bool replace_pattern(struct text *t, const struct node *call, struct str text, struct str by)
{
	struct str groups[REGEX_GROUPS_MAX];
	size_t start = 0, kept = 0, from, to;
	bool found, is_template = call->args[2]->kind == NODE_CONSTANT;
	unsigned group_count = regex_group_count(call->regex);
	while (start <= text.n) {
		if (!search(t->v, call, text, start, &from, &to, groups, &found))
			return false;
		if (!found)
			break;
		struct str match = str_slice(text, from, to - from);
		if (!text_add(t, str_slice(text, kept, from - kept)) ||
			!(is_template ? add_expanded(t, by, match, groups, group_count)
				      : text_add(t, by)))
			return false;
		kept = to;
		start = to > from ? to : to + 1;
	}
	return text_add(t, str_from(text, kept));
}

static bool replace_text(struct text *t, struct str text, struct str what, struct str by)
{
	while (what.n > 0) {
		size_t at = str_find(text, what);
		if (at == text.n)
			break;
		if (!eval_charge(t->v, 1) || !text_add(t, str_slice(text, 0, at)) ||
			!text_add(t, by))
			return false;
		text = str_from(text, at + what.n);
	}
	return text_add(t, text);
}

bool call_replace(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out)
{
	struct text t = {.v = v};
	struct str text = args[0].u.string, by = args[2].u.string;
	bool ok = call->regex ? replace_pattern(&t, call, text, by)
			      : replace_text(&t, text, args[1].u.string, by);
	*out = value_string(str_n(t.p, t.n));
	return ok && eval_charge_bytes(v, text.n);
}
