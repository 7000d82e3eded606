/* SPDX-License-Identifier: Apache-2.0 */
#include "services/schema_formats.h"

#include "base/check.h"
#include "expr/schema_pattern.h"
#include "http/uri.h"

#include <arpa/inet.h>
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

static bool is_offset(struct str s)
{
	unsigned hour, minute;
	if (s.n == 1)
		return ascii_lower(s.p[0]) == 'z';
	if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-'))
		return false;
	s = str_from(s, 1);
	return take_number(&s, 2, ':', &hour) && take_number(&s, 2, 0, &minute) && hour < 24 &&
	       minute < 60;
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
	return is_offset(s);
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

static bool is_address(int family, struct str s)
{
	char text[64];
	unsigned char bits[16];
	if (s.n == 0 || s.n >= sizeof(text) || str_index(s, '\0') < s.n)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(family, text, bits) == 1;
}

static bool is_ip4(struct str s)
{
	return is_address(AF_INET, s);
}

static bool is_ip6(struct str s)
{
	return is_address(AF_INET6, s);
}

static bool is_label(struct str s)
{
	if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

static bool is_hostname(struct str s)
{
	if (s.n == 0 || s.n > 253)
		return false;
	while (s.p)
		if (!is_label(str_cut(&s, '.')))
			return false;
	return true;
}

/* Whatever delivers mail knows better: this much is sure. */
static bool is_email(struct str s)
{
	size_t at = str_index(s, '@');
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || (s.p[i] == '@' && i != at))
			return false;
	return at > 0 && at + 1 < s.n && s.n <= 320;
}

static bool is_uri(struct str s)
{
	struct uri uri;
	size_t colon = str_index(s, ':');
	if (uri_parse_absolute(s, &uri) == RC_OK)
		return true;
	/* mailto:, urn: and others that name no host. */
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f ||
			(i < colon && !is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '-' &&
				s.p[i] != '.'))
			return false;
	return colon > 0 && colon < s.n && !is_digit(s.p[0]) &&
	       !str_starts(str_from(s, colon + 1), STR("//"));
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
	{"ipv4", is_ip4, "an IPv4 address"},
	{"ipv6", is_ip6, "an IPv6 address"},
	{"hostname", is_hostname, "a host name"},
	{"email", is_email, "an email address"},
	{"uri", is_uri, "a URI"},
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
