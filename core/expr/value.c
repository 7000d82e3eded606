/* SPDX-License-Identifier: Apache-2.0 */
/* expr/value.c - numbers as text, characters, and what a value is outside of an evaluation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "expr/expr_priv.h"

/* --- numbers --------------------------------------------------------------------------------- */
/* Above, not every integer is a double, and all digits would pretend so. */
#define EXACT_INTEGER_MAX 9007199254740992.0

static size_t write_integer(int64_t i, char *out)
{
	char digits[24];
	size_t n = 0, length = 0;
	uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	do {
		digits[n++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (i < 0)
		out[length++] = '-';
	while (n > 0)
		out[length++] = digits[--n];
	return length;
}

size_t number_write(double d, char out[NUMBER_TEXT_BYTES])
{
	if (fabs(d) <= EXACT_INTEGER_MAX && d == (double)(int64_t)d)
		return write_integer((int64_t)d, out);
	int n = 0;
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(out, NUMBER_TEXT_BYTES, "%.*g", digits, d);
		if (strtod(out, NULL) == d)
			break;
	}
	return (size_t)n;
}

static size_t skip_digits(struct str s, size_t at)
{
	while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
		at++;
	return at;
}

static bool is_number(struct str s)
{
	size_t at = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
	size_t whole = skip_digits(s, at);
	if (whole == at)
		return false;
	at = whole;
	if (at < s.n && s.p[at] == '.') {
		whole = skip_digits(s, at + 1);
		if (whole == at + 1)
			return false;
		at = whole;
	}
	if (at < s.n && ascii_lower(s.p[at]) == 'e') {
		at += 1 + (at + 1 < s.n && (s.p[at + 1] == '-' || s.p[at + 1] == '+'));
		whole = skip_digits(s, at);
		if (whole == at)
			return false;
		at = whole;
	}
	return at == s.n;
}

enum rc number_read(struct str s, double *out)
{
	/* The longest decimal fraction that is exactly a double has 767 digits; nobody writes it.
	 */
	char text[400];
	if (s.n >= sizeof(text) || !is_number(s))
		return RC_INVALID;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	double d = strtod(text, NULL);
	if (!isfinite(d))
		return RC_INVALID;
	*out = d;
	return RC_OK;
}

size_t character_bytes(struct str s)
{
	size_t n = utf8_sequence(s);
	return n ? n : 1;
}

/* --- equality -------------------------------------------------------------------------------- */
const struct expr_value *object_get(const struct expr_value *object, struct str key)
{
	for (uint32_t i = 0; i < object->u.object.count; i++)
		if (str_eq(object->u.object.members[i].key, key))
			return &object->u.object.members[i].value;
	return NULL;
}

static bool equal_arrays(
	struct eval *v, const struct expr_value *a, const struct expr_value *b, bool *equal)
{
	*equal = a->u.array.count == b->u.array.count;
	for (uint32_t i = 0; *equal && i < a->u.array.count; i++)
		if (!eval_equal(v, &a->u.array.items[i], &b->u.array.items[i], equal))
			return false;
	return true;
}

/* Members mostly have the same order: look there first. */
static bool equal_objects(
	struct eval *v, const struct expr_value *a, const struct expr_value *b, bool *equal)
{
	uint32_t count = a->u.object.count;
	*equal = count == b->u.object.count;
	for (uint32_t i = 0; *equal && i < count; i++) {
		const struct expr_member *m = &a->u.object.members[i];
		const struct expr_value *other = &b->u.object.members[i].value;
		if (!str_eq(m->key, b->u.object.members[i].key)) {
			if (v && !eval_charge(v, count))
				return false;
			other = object_get(b, m->key);
		}
		*equal = other != NULL;
		if (other && !eval_equal(v, &m->value, other, equal))
			return false;
	}
	return true;
}

/* `v` NULL: free of charge. */
bool eval_equal(struct eval *v, const struct expr_value *a, const struct expr_value *b, bool *equal)
{
	if (v && !eval_charge(v, 1))
		return false;
	*equal = a->type == b->type;
	if (!*equal)
		return true;
	switch (a->type) {
	case EXPR_NULL:
		return true;
	case EXPR_BOOL:
		*equal = a->u.boolean == b->u.boolean;
		return true;
	case EXPR_NUMBER:
		*equal = a->u.number == b->u.number;
		return true;
	case EXPR_STRING:
		*equal = str_eq(a->u.string, b->u.string);
		return a->u.string.n != b->u.string.n || !v || eval_charge_bytes(v, a->u.string.n);
	case EXPR_ARRAY:
		return equal_arrays(v, a, b, equal);
	case EXPR_OBJECT:
		return equal_objects(v, a, b, equal);
	}
	return true;
}

bool expr_value_equal(const struct expr_value *a, const struct expr_value *b)
{
	bool equal = false;
	(void)eval_equal(NULL, a, b, &equal);
	return equal;
}

enum rc expr_to_text(const struct expr_value *v, struct arena *arena, struct str *out)
{
	char number[NUMBER_TEXT_BYTES];
	switch (v->type) {
	case EXPR_NULL:
		return RC_NOT_FOUND;
	case EXPR_BOOL:
		*out = v->u.boolean ? STR("true") : STR("false");
		return RC_OK;
	case EXPR_STRING:
		*out = v->u.string;
		return RC_OK;
	case EXPR_NUMBER: {
		struct str text =
			arena_copy(arena, str_n(number, number_write(v->u.number, number)));
		if (!text.p)
			return RC_FULL;
		*out = text;
		return RC_OK;
	}
	case EXPR_ARRAY:
	case EXPR_OBJECT:
		break;
	}
	return RC_INVALID;
}
