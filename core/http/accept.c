/* SPDX-License-Identifier: Apache-2.0 */
#include "http/accept.h"

#include "http/scan.h"

#define WEIGHT_MAX 1000

/* How well a range fits. One with parameters of its own is about another form of the type, if it
 * means anything at all ("charset=utf-8" is what many clients send): it fits what has none less than
 * one without. */
enum fit { FIT_NONE, FIT_ANY, FIT_TYPE, FIT_PARAMETERS, FIT_EXACT };

/* "0.5", "1", "1.000": thousandths; false for anything else. */
static bool weight_of(struct str s, unsigned *weight)
{
	unsigned value = 0, scale = WEIGHT_MAX;
	if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
		return false;
	for (size_t i = 0; i < s.n; i += i == 0 ? 2 : 1) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		value += (unsigned)(s.p[i] - '0') * scale;
		scale /= 10;
	}
	*weight = value;
	return value <= WEIGHT_MAX;
}

/* str_cut for what may hold quoted strings (RFC 9110 5.6.4); an open one goes on to the end. */
static struct str cut(struct str *s, char separator)
{
	bool is_quoted = false;
	size_t i = 0;
	for (; i < s->n && (is_quoted || s->p[i] != separator); i++) {
		if (s->p[i] == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && s->p[i] == '\\' && i + 1 < s->n)
			i++;
	}
	struct str part = str_n(s->p, i);
	*s = i < s->n ? str_from(*s, i + 1) : STR_EMPTY;
	return part;
}

static bool is_token(struct str s)
{
	return s.n > 0 && scan_token(s.p, s.p + s.n) == s.p + s.n;
}

static bool is_range(struct str s)
{
	struct str subtype = s, type = str_cut(&subtype, '/');
	bool is_any_type = str_eq(type, STR("*"));
	return is_token(type) && is_token(subtype) && (!is_any_type || str_eq(subtype, STR("*")));
}

static enum fit fit_of(struct str range, bool has_parameters, struct str type)
{
	size_t slash = str_index(type, '/');
	if (str_eq_nocase(range, type))
		return has_parameters ? FIT_PARAMETERS : FIT_EXACT;
	if (str_eq(range, STR("*/*")))
		return FIT_ANY;
	bool is_of_type = range.n == slash + 2 && str_ends(range, STR("/*")) &&
			  str_eq_nocase(str_slice(range, 0, slash), str_slice(type, 0, slash));
	return is_of_type ? FIT_TYPE : FIT_NONE;
}

/* One element: how its range fits, and its weight; false when it is malformed. */
static bool judge(struct str element, struct str type, enum fit *fit, unsigned *weight)
{
	struct str range = str_trim(cut(&element, ';'));
	bool has_parameters = false, is_fine = is_range(range);
	*weight = WEIGHT_MAX;
	while (element.p) {
		struct str value = str_trim(cut(&element, ';')), name = str_cut(&value, '=');
		if (str_eq_nocase(name, STR("q"))) {
			is_fine &= weight_of(value, weight);
			break;
		}
		has_parameters |= name.n > 0;
	}
	*fit = fit_of(range, has_parameters, type);
	return is_fine;
}

unsigned accept_weight(const struct fields *f, struct str media_type)
{
	unsigned weight = WEIGHT_MAX, own;
	enum fit best = FIT_NONE, fit;
	bool has_any = false;
	for (uint32_t i = 0; i < f->count; i++) {
		if (f->items[i].id != FIELD_ACCEPT)
			continue;
		for (struct str list = f->items[i].value; list.p;) {
			if (!judge(cut(&list, ','), media_type, &fit, &own))
				continue;
			has_any = true;
			if (fit > best)
				weight = own;
			best = fit > best ? fit : best;
		}
	}
	return has_any && best == FIT_NONE ? 0 : weight;
}
