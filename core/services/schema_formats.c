/* SPDX-License-Identifier: Apache-2.0 */
#include "services/schema_formats.h"

#include "base/check.h"
#include "expr/schema_pattern.h"
#include "services/address_formats.h"

#include <stdio.h>

/* --- dates ----------------------------------------------------------------------------------- */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes `digits` digits and then `behind` (0: nothing); false when they are not there. */
static bool take_number(struct str *s, unsigned digits, char behind, unsigned *value)
{
	size_t n = digits + (behind ? 1 : 0);
	*value = 0;
	if (s->n < n)
		return false;
	for (unsigned i = 0; i < digits; i++) {
		if (!is_digit(s->p[i]))
			return false;
		*value = 10 * *value + (unsigned)(s->p[i] - '0');
	}
	if (behind && s->p[digits] != behind)
		return false;
	*s = str_from(*s, n);
	return true;
}

static bool take_date(struct str *s)
{
	static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned year, month, day;
	if (!take_number(s, 4, '-', &year) || !take_number(s, 2, '-', &month) ||
		!take_number(s, 2, 0, &day) || month < 1 || month > 12 || day < 1 ||
		day > days[month - 1])
		return false;
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month != 2 || day < 29 || is_leap;
}

/* In minutes, east of Greenwich. */
static bool take_offset(struct str s, int *offset)
{
	unsigned hour, minute;
	*offset = 0;
	if (s.n == 1)
		return ascii_lower(s.p[0]) == 'z';
	if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-'))
		return false;
	int sign = s.p[0] == '+' ? 1 : -1;
	s = str_from(s, 1);
	if (!take_number(&s, 2, ':', &hour) || !take_number(&s, 2, 0, &minute) || hour > 23 ||
		minute > 59)
		return false;
	*offset = sign * (int)(60 * hour + minute);
	return true;
}

static bool is_time(struct str s)
{
	unsigned hour, minute, second;
	if (!take_number(&s, 2, ':', &hour) || !take_number(&s, 2, ':', &minute) ||
		!take_number(&s, 2, 0, &second) || hour > 23 || minute > 59 || second > 60)
		return false;
	if (str_starts(s, STR("."))) {
		s = str_from(s, 1);
		size_t digits = 0;
		while (digits < s.n && is_digit(s.p[digits]))
			digits++;
		if (digits == 0)
			return false;
		s = str_from(s, digits);
	}
	int offset, day = 24 * 60;
	if (!take_offset(s, &offset))
		return false;
	/* Leap seconds are at the end of a day in Greenwich. */
	int utc = ((int)(60 * hour + minute) - offset + day) % day;
	return second < 60 || utc == day - 1;
}

static bool is_date(struct str s)
{
	return take_date(&s) && s.n == 0;
}

static bool is_date_time(struct str s)
{
	if (!take_date(&s) || s.n == 0 || (ascii_lower(s.p[0]) != 't' && s.p[0] != ' '))
		return false;
	return is_time(str_from(s, 1));
}

/* --- names ----------------------------------------------------------------------------------- */
static bool is_hex(char c)
{
	c = ascii_lower(c);
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_alnum(char c)
{
	c = ascii_lower(c);
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool is_uuid(struct str s)
{
	if (s.n != 36)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (is_dash ? s.p[i] != '-' : !is_hex(s.p[i]))
			return false;
	}
	return true;
}

static bool is_base64(struct str s)
{
	size_t n = s.n;
	while (n > 0 && s.n - n < 2 && s.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '/')
			return false;
	return s.n % 4 == 0;
}

static const struct format {
	const char *name;
	bool (*holds)(struct str value);
	const char *expected;
} formats[] = {
	{"date", is_date, "a date such as 2024-02-29"},
	{"time", is_time, "a time such as 23:59:59Z"},
	{"date-time", is_date_time, "a time such as 2024-02-29T23:59:59Z"},
	{"uuid", is_uuid, "a UUID"},
	{"ipv4", is_format_ip4, "an IPv4 address"},
	{"ipv6", is_format_ip6, "an IPv6 address"},
	{"hostname", is_format_hostname, "a host name"},
	{"email", is_format_email, "an email address"},
	{"uri", is_format_uri, "a URI"},
	{"byte", is_base64, "base64"},
};

static const struct format *find_format(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(formats); i++)
		if (str_eq(name, str_of(formats[i].name)))
			return &formats[i];
	return NULL;
}

static bool format_exists(void *arg, struct str format)
{
	return find_format(format) != NULL;
}

static bool format_check(void *arg, struct str format, struct str value, char *message, size_t size)
{
	const struct format *f = find_format(format);
	if (!f || f->holds(value))
		return true;
	snprintf(message, size, "%s", f->expected);
	return false;
}

const struct schema_hooks message_hooks = {
	.pattern_new = schema_pattern_new,
	.pattern_match = schema_pattern_match,
	.pattern_free = schema_pattern_free,
	.format_exists = format_exists,
	.format_check = format_check,
};
