/* SPDX-License-Identifier: Apache-2.0 */
/* The keywords that look at one value alone. */
#include "json/schema_priv.h"

#include "base/utf8.h"

#include <float.h>
#include <math.h>

static bool has_type(unsigned types, const struct json_value *v)
{
	if (types & TYPE_BIT(v->type))
		return true;
	if (v->type == JSON_INTEGER)
		return (types & TYPE_BIT(JSON_REAL)) != 0;
	return v->type == JSON_REAL && (types & TYPE_BIT(JSON_INTEGER)) &&
	       v->u.real == floor(v->u.real);
}

bool check_type(struct check *c, const struct node *n, const struct place *p)
{
	return n->types == 0 || has_type(n->types, p->value) || tell_type(c, n, p);
}

static bool is_one_of(const struct json_value *values, const struct json_value *v)
{
	for (uint32_t i = 0; i < values->u.array.count; i++)
		if (json_is_equal(&values->u.array.items[i], v))
			return true;
	return false;
}

bool check_value(struct check *c, const struct node *n, const struct place *p)
{
	if (n->constant && !json_is_equal(n->constant, p->value))
		return tell_value(c, n, p);
	if (n->values && !is_one_of(n->values, p->value))
		return tell_value(c, n, p);
	return true;
}

/* --- numbers --------------------------------------------------------------------------------- */
static bool is_multiple(const struct json_value *v, const struct json_value *of)
{
	if (v->type == JSON_INTEGER && of->type == JSON_INTEGER)
		return v->u.integer % of->u.integer == 0;
	double value = v->type == JSON_INTEGER ? (double)v->u.integer : v->u.real;
	double step = of->type == JSON_INTEGER ? (double)of->u.integer : of->u.real;
	double quotient = value / step;
	if (!isfinite(quotient))
		return fmod(value, step) == 0;
	/* 0.0075 / 0.0001 is not quite 75: both are rounded already. */
	double error = 4 * DBL_EPSILON * fmax(1, fabs(quotient));
	return fabs(quotient - nearbyint(quotient)) <= error;
}

bool check_number(struct check *c, const struct node *n, const struct place *p)
{
	const struct json_value *v = p->value;
	bool ok = true;
	if (!json_is_number(v))
		return true;
	if (n->minimum && json_compare_numbers(v, n->minimum) < 0)
		ok = tell_bound(c, n, p, "minimum", "at least", n->minimum);
	if (n->maximum && json_compare_numbers(v, n->maximum) > 0)
		ok = tell_bound(c, n, p, "maximum", "at most", n->maximum);
	if (n->exclusive_minimum && json_compare_numbers(v, n->exclusive_minimum) <= 0)
		ok = tell_bound(c, n, p, "exclusiveMinimum", "greater than", n->exclusive_minimum);
	if (n->exclusive_maximum && json_compare_numbers(v, n->exclusive_maximum) >= 0)
		ok = tell_bound(c, n, p, "exclusiveMaximum", "less than", n->exclusive_maximum);
	if (n->multiple_of && !is_multiple(v, n->multiple_of))
		ok = tell_bound(c, n, p, "multipleOf", "a multiple of", n->multiple_of);
	return ok;
}

/* --- strings --------------------------------------------------------------------------------- */
static bool check_length(struct check *c, const struct node *n, const struct place *p)
{
	if (n->length.min == 0 && n->length.max == UINT64_MAX)
		return true;
	size_t length = utf8_length(p->value->u.string);
	return range_holds(n->length, length) ||
	       tell_count(c, n, p, n->length, length, "character");
}

bool check_string(struct check *c, const struct node *n, const struct place *p)
{
	const struct schema_hooks *hooks = &c->schema->hooks;
	char message[160] = "";
	if (p->value->type != JSON_STRING)
		return true;
	struct str s = p->value->u.string;
	bool ok = check_length(c, n, p);
	if (n->pattern && !check_matches(c, hooks->pattern_match(hooks->arg, n->pattern, s)))
		ok = tell_string(c, n, p, "pattern", "must match the pattern ", n->pattern_text);
	if (n->format.n > 0 &&
		!hooks->format_check(hooks->arg, n->format, s, message, sizeof(message)))
		ok = tell_string(c, n, p, "format", "expected ", str_of(message));
	return ok;
}
