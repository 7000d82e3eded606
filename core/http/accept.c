/* SPDX-License-Identifier: Apache-2.0 */
#include "http/accept.h"

#define WEIGHT_MAX 1000

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

/* How well a range fits: 0 not at all, 1 any, 2 any of the type, 3 exactly. */
static unsigned fit_of(struct str range, struct str type)
{
	size_t slash = str_index(type, '/');
	if (str_eq_nocase(range, type))
		return 3;
	if (str_eq(range, STR("*/*")))
		return 1;
	bool is_of_type = range.n == slash + 2 && str_ends(range, STR("/*")) &&
			  str_eq_nocase(str_slice(range, 0, slash), str_slice(type, 0, slash));
	return is_of_type ? 2 : 0;
}

/* One element: the range and its weight; false when it is malformed. */
static bool take_range(struct str element, struct str *range, unsigned *weight)
{
	*range = str_trim(str_cut(&element, ';'));
	*weight = WEIGHT_MAX;
	while (element.p) {
		struct str value = str_trim(str_cut(&element, ';')), name = str_cut(&value, '=');
		if (str_eq_nocase(name, STR("q")))
			return weight_of(value, weight);
	}
	return range->n > 0;
}

unsigned accept_weight(const struct fields *f, struct str media_type)
{
	unsigned best = 0, weight = WEIGHT_MAX, own;
	bool has_any = false;
	struct str range;
	for (uint32_t i = 0; i < f->count; i++) {
		if (f->items[i].id != FIELD_ACCEPT)
			continue;
		for (struct str list = f->items[i].value; list.p;) {
			if (!take_range(str_trim(str_cut(&list, ',')), &range, &own))
				continue;
			has_any = true;
			unsigned fit = fit_of(range, media_type);
			if (fit > best)
				weight = own;
			best = fit > best ? fit : best;
		}
	}
	return has_any && best == 0 ? 0 : weight;
}
