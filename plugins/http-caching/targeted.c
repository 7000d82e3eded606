/* SPDX-License-Identifier: Apache-2.0 */
/* Reads by descent over the view, which shrinks. Of values only what directives can have is kept: an integer,
 * true, or a string; all other kinds are read in order to know where they end. */
#include "targeted.h"

#include "directives.h"
#include "sluice/text.h"

#define INTEGER_DIGITS_MAX 15

enum value_kind { VALUE_TRUE, VALUE_FALSE, VALUE_INTEGER, VALUE_STRING, VALUE_OTHER };

struct value {
	enum value_kind kind;
	int64_t integer;
	struct sluice_str string;
};

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_alpha(char c)
{
	c = sluice_lower(c);
	return c >= 'a' && c <= 'z';
}

static int is_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static int take(struct sluice_str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return 0;
	s->p++, s->n--;
	return 1;
}

static void skip_spaces(struct sluice_str *s, int tabs_too)
{
	while (s->n && (s->p[0] == ' ' || (tabs_too && s->p[0] == '\t')))
		s->p++, s->n--;
}

static int key_take(struct sluice_str *s, struct sluice_str *key)
{
	size_t n = 0;
	while (n < s->n && ((s->p[n] >= 'a' && s->p[n] <= 'z') || s->p[n] == '*' ||
				   (n > 0 && (is_digit(s->p[n]) || is_in(s->p[n], "_-.")))))
		n++;
	*key = (struct sluice_str){s->p, n};
	s->p += n;
	s->n -= n;
	return n > 0;
}

static int digits_take(struct sluice_str *s, int64_t *n)
{
	int digits = 0;
	*n = 0;
	for (; s->n && is_digit(s->p[0]); s->p++, s->n--, digits++)
		*n = digits < INTEGER_DIGITS_MAX ? *n * 10 + (s->p[0] - '0') : *n;
	return digits;
}

static int number_take(struct sluice_str *s, struct value *v)
{
	int64_t fraction, sign = take(s, '-') ? -1 : 1;
	int digits = digits_take(s, &v->integer);
	v->integer *= sign;
	v->kind = VALUE_INTEGER;
	if (digits < 1 || digits > INTEGER_DIGITS_MAX)
		return 0;
	if (!take(s, '.'))
		return 1;
	v->kind = VALUE_OTHER;
	int decimals = digits_take(s, &fraction);
	return digits <= 12 && decimals >= 1 && decimals <= 3;
}

static int string_take(struct sluice_str *s, struct value *v)
{
	take(s, '"');
	for (size_t i = 0; i < s->n; i++) {
		char c = s->p[i];
		if (c == '"') {
			*v = (struct value){.kind = VALUE_STRING, .string = {s->p, i}};
			s->p += i + 1;
			s->n -= i + 1;
			return 1;
		}
		if (c < ' ' || c > '~')
			return 0;
		if (c == '\\' && (++i == s->n || !is_in(s->p[i], "\"\\")))
			return 0;
	}
	return 0;
}

static int bytes_take(struct sluice_str *s, struct value *v)
{
	take(s, ':');
	v->kind = VALUE_OTHER;
	while (s->n && (is_alpha(s->p[0]) || is_digit(s->p[0]) || is_in(s->p[0], "+/=")))
		s->p++, s->n--;
	return take(s, ':');
}

static int token_take(struct sluice_str *s, struct value *v)
{
	v->kind = VALUE_OTHER;
	while (s->n && (sluice_is_token((struct sluice_str){s->p, 1}) || is_in(s->p[0], ":/")))
		s->p++, s->n--;
	return 1;
}

static int boolean_take(struct sluice_str *s, struct value *v)
{
	take(s, '?');
	v->kind = s->n && s->p[0] == '1' ? VALUE_TRUE : VALUE_FALSE;
	return take(s, '1') || take(s, '0');
}

static int bare_take(struct sluice_str *s, struct value *v)
{
	char c = s->n ? s->p[0] : '\0';
	if (c == '-' || is_digit(c))
		return number_take(s, v);
	if (c == '"')
		return string_take(s, v);
	if (c == ':')
		return bytes_take(s, v);
	if (c == '?')
		return boolean_take(s, v);
	return (is_alpha(c) || c == '*') && token_take(s, v);
}

/* They say nothing to us, but must be well-formed. */
static int parameters_take(struct sluice_str *s)
{
	struct sluice_str key;
	struct value v;
	while (take(s, ';')) {
		skip_spaces(s, 0);
		if (!key_take(s, &key) || (take(s, '=') && !bare_take(s, &v)))
			return 0;
	}
	return 1;
}

static int inner_list_take(struct sluice_str *s, struct value *v)
{
	struct value item;
	for (;;) {
		skip_spaces(s, 0);
		v->kind = VALUE_OTHER;
		if (take(s, ')'))
			return 1;
		if (!bare_take(s, &item) || !parameters_take(s) || s->n == 0 ||
			!is_in(s->p[0], " )"))
			return 0;
	}
}

static int value_take(struct sluice_str *s, struct value *v)
{
	*v = (struct value){.kind = VALUE_TRUE};
	if (take(s, '=') && !(take(s, '(') ? inner_list_take(s, v) : bare_take(s, v)))
		return 0;
	return parameters_take(s);
}

/* Of a key that comes again the last value counts; a value of another type says nothing. */
static void value_apply(struct cache_control *cc, struct sluice_str key, const struct value *v)
{
	enum cache_control_time t = cache_control_time_of(key);
	uint32_t flag = cache_control_flag_of(key);
	cc->flags |= CC_PRESENT;
	if (t != CC_TIMES) {
		int64_t n = v->integer > SECONDS_MAX ? SECONDS_MAX : v->integer;
		cc->seconds[t] = v->kind == VALUE_INTEGER ? (n < 0 ? 0 : n) : -1;
		return;
	}
	cc->flags &= ~flag;
	/* no-cache="a": of a string the whole answer is meant here, which keeps less. */
	if (v->kind == VALUE_TRUE || v->kind == VALUE_STRING)
		cc->flags |= flag;
}

int targeted_parse(struct sluice_str value, struct cache_control *cc)
{
	struct sluice_str s = sluice_trim(value), key;
	struct value v;
	cache_control_init(cc);
	while (s.n) {
		if (!key_take(&s, &key) || !value_take(&s, &v))
			return 0;
		value_apply(cc, key, &v);
		skip_spaces(&s, 1);
		if (s.n == 0)
			return 1;
		if (!take(&s, ','))
			return 0;
		skip_spaces(&s, 1);
	}
	return 0;
}
