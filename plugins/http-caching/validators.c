/* SPDX-License-Identifier: Apache-2.0 */
#include "validators.h"

#include "http_date.h"
#include "sluice/text.h"

/* How long the tag at the start is; 0: there is none. */
static size_t tag_length(struct sluice_str s)
{
	size_t i = s.n >= 2 && s.p[0] == 'W' && s.p[1] == '/' ? 2 : 0;
	if (i >= s.n || s.p[i] != '"')
		return 0;
	for (i++; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"')
			return i + 1;
		if (c <= ' ' || c == 127)
			return 0;
	}
	return 0;
}

int etag_is_valid(struct sluice_str tag)
{
	return tag.n > 0 && tag_length(tag) == tag.n;
}

int etag_is_weak(struct sluice_str tag)
{
	return tag.n > 0 && tag.p[0] == 'W';
}

static struct sluice_str opaque(struct sluice_str tag)
{
	return etag_is_weak(tag) ? (struct sluice_str){tag.p + 2, tag.n - 2} : tag;
}

int etag_equal_weak(struct sluice_str a, struct sluice_str b)
{
	return etag_is_valid(a) && etag_is_valid(b) && sluice_equal(opaque(a), opaque(b));
}

int etag_equal_strong(struct sluice_str a, struct sluice_str b)
{
	return !etag_is_weak(a) && !etag_is_weak(b) && etag_equal_weak(a, b);
}

int etag_next(struct sluice_str *rest, struct sluice_str *tag)
{
	while (rest->n && (*rest->p == ' ' || *rest->p == '\t' || *rest->p == ','))
		rest->p++, rest->n--;
	if (rest->n == 0)
		return 0;
	size_t n = tag_length(*rest);
	struct sluice_str behind = {rest->p + n, rest->n - n};
	behind = sluice_trim(behind);
	if (n == 0 || (behind.n && behind.p[0] != ','))
		return -1;
	*tag = (struct sluice_str){rest->p, n};
	*rest = behind;
	return 1;
}

int if_none_match_holds(struct sluice_str value, struct sluice_str tag)
{
	struct sluice_str one;
	if (sluice_equal(sluice_trim(value), SLUICE_STR("*")))
		return 1;
	while (etag_next(&value, &one) == 1)
		if (etag_equal_weak(one, tag))
			return 1;
	return 0;
}

int if_modified_since_holds(struct sluice_str value, const struct validators *v, int64_t now_s)
{
	int64_t since;
	if (!http_date_parse(sluice_trim(value), now_s, &since))
		return 0;
	return (v->last_modified_s ? v->last_modified_s : v->date_s) <= since;
}

int if_range_holds(struct sluice_str value, const struct validators *v, int64_t now_s)
{
	int64_t date;
	value = sluice_trim(value);
	if (etag_is_valid(value))
		return etag_equal_strong(value, v->tag);
	/* Within one second something may have changed twice. */
	return http_date_parse(value, now_s, &date) && v->last_modified_s &&
	       date == v->last_modified_s && v->date_s > date;
}
