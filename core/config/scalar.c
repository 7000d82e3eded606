/* SPDX-License-Identifier: Apache-2.0 */
/* Plain scalars by the core schema of YAML 1.2 (10.3.2), minus what YAML 1.1 reads otherwise. */
#include "config/document.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define INTEGER_MAX 9007199254740991 /* 2^53 - 1: what JSON readers agree on (RFC 7493) */

static bool is_one_of(struct str s, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(s, str_of(*words)))
			return true;
	return false;
}

static size_t count_digits(struct str s, size_t from)
{
	size_t i = from;
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - from;
}

static size_t skip_sign(struct str s)
{
	return s.n > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
}

static bool is_decimal_integer(struct str s)
{
	size_t at = skip_sign(s);
	return at < s.n && at + count_digits(s, at) == s.n;
}

/* [-+]? ( . digits | digits ( . digits? )? ) ( [eE] [-+]? digits )? */
static bool is_real(struct str s)
{
	size_t at = skip_sign(s);
	size_t whole = count_digits(s, at), fraction = 0;
	at += whole;
	if (at < s.n && s.p[at] == '.') {
		fraction = count_digits(s, at + 1);
		at += 1 + fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
		at++;
		if (at < s.n && (s.p[at] == '-' || s.p[at] == '+'))
			at++;
		size_t exponent = count_digits(s, at);
		if (exponent == 0)
			return false;
		at += exponent;
	}
	return at == s.n;
}

/* 0x1F and 0o17, without a sign. */
static int prefixed_base(struct str s)
{
	if (s.n < 3 || s.p[0] != '0' || (s.p[1] != 'x' && s.p[1] != 'o'))
		return 0;
	const char *digits = s.p[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
	for (size_t i = 2; i < s.n; i++)
		if (!strchr(digits, s.p[i]))
			return 0;
	return s.p[1] == 'x' ? 16 : 8;
}

static bool set_integer(struct str digits, int base, struct node *out, const char **message)
{
	char text[32];
	*message = "a number beyond 9007199254740991, which not every reader can hold; "
		   "put it in quotes if it is a text";
	if (digits.n >= sizeof(text))
		return false;
	memcpy(text, digits.p, digits.n);
	text[digits.n] = '\0';
	errno = 0;
	long long value = strtoll(text, NULL, base);
	if (errno != 0 || value > INTEGER_MAX || value < -INTEGER_MAX)
		return false;
	out->type = NODE_INTEGER;
	out->u.integer = value;
	return true;
}

static bool set_real(struct str s, struct node *out, const char **message)
{
	char text[64];
	*message = "a number that does not fit; put it in quotes if it is a text";
	if (s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	double value = strtod(text, NULL);
	if (!isfinite(value))
		return false;
	out->type = NODE_REAL;
	out->u.real = value;
	return true;
}

static bool has_leading_zero(struct str s)
{
	size_t at = skip_sign(s);
	return s.n > at + 1 && s.p[at] == '0';
}

static bool resolve_number(struct str s, struct node *out, const char **message)
{
	int base = prefixed_base(s);
	if (base)
		return set_integer(str_from(s, 2), base, out, message);
	if (!is_decimal_integer(s))
		return set_real(s, out, message);
	if (has_leading_zero(s)) {
		*message =
			"a number with leading zeros, octal to some readers; write 0o17 for octal, "
			"or put it in quotes if it is a text";
		return false;
	}
	return set_integer(s, 10, out, message);
}

bool scalar_resolve(struct str s, struct node *out, const char **message)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	static const char *const endless[] = {".inf", ".Inf", ".INF", "-.inf", "-.Inf", "-.INF",
		"+.inf", "+.Inf", "+.INF", ".nan", ".NaN", ".NAN", NULL};
	if (is_one_of(s, nulls)) {
		out->type = NODE_NULL;
	} else if (is_one_of(s, trues) || is_one_of(s, falses)) {
		out->type = NODE_BOOL;
		out->u.boolean = ascii_lower(s.p[0]) == 't';
	} else if (is_one_of(s, endless)) {
		*message = "infinity and not-a-number are no values here";
		return false;
	} else if (is_real(s) || prefixed_base(s)) {
		return resolve_number(s, out, message);
	} else {
		out->type = NODE_STRING;
		out->u.string = s;
	}
	return true;
}
