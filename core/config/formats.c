/* SPDX-License-Identifier: Apache-2.0 */
#include "config/formats.h"

#include "base/check.h"
#include "expr/expr.h"
#include "expr/regex.h"
#include "expr/schema_pattern.h"
#include "http/uri.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool say(char *message, size_t size, const char *text)
{
	snprintf(message, size, "%s", text);
	return false;
}

/* --- formats --------------------------------------------------------------------------------- */

static struct str expression_source(struct str text)
{
	return str_slice(text, 2, text.n - 3);
}

static bool check_expression(struct str value, char *message, size_t size)
{
	struct expr *e = NULL;
	struct expr_error error = {0};
	if (!expr_is_expression(value)) {
		if (str_starts(value, STR("#[")))
			return say(message, size,
				"an expression such as #[attributes.method], which ends with ]");
		return true;
	}
	if (expr_compile(expression_source(value), 0, &e, &error) != RC_OK) {
		snprintf(message, size, "an expression such as #[attributes.method] (%s)",
			error.message);
		return false;
	}
	expr_free(e);
	return true;
}

static bool check_regex(struct str value, char *message, size_t size)
{
	struct regex *r = NULL;
	size_t offset;
	char why[200] = "";
	if (regex_new(value, REGEX_WHOLE, &r, &offset, why, sizeof(why)) != RC_OK) {
		snprintf(message, size, "a regular expression such as [0-9]+ (%s)", why);
		return false;
	}
	regex_free(r);
	return true;
}

/* digits, then one of the units; an empty unit allows the bare number. */
static bool is_quantity(struct str value, const char *const *units)
{
	size_t digits = 0;
	while (digits < value.n && value.p[digits] >= '0' && value.p[digits] <= '9')
		digits++;
	if (digits == 0 || digits > 15)
		return false;
	for (; *units; units++)
		if (str_eq(str_from(value, digits), str_of(*units)))
			return true;
	return false;
}

static bool check_duration(struct str value, char *message, size_t size)
{
	static const char *const units[] = {"ms", "s", "m", "h", "d", NULL};
	return is_quantity(value, units) ||
	       say(message, size, "a duration such as 500ms, 10s, 5m or 1h");
}

static bool check_bytes(struct str value, char *message, size_t size)
{
	static const char *const units[] = {"", "B", "KiB", "MiB", "GiB", NULL};
	return is_quantity(value, units) || say(message, size, "a size such as 512, 64KiB or 1MiB");
}

/* "10", "10.1", "10.1.": one to three octets. */
static bool is_partial_ip4(struct str value)
{
	int octets = 0;
	if (str_ends(value, STR(".")))
		value.n--;
	while (value.p) {
		uint64_t octet;
		if (str_to_u64(str_cut(&value, '.'), 255, &octet) != RC_OK)
			return false;
		octets++;
	}
	return octets >= 1 && octets <= 3;
}

static bool check_ip_range(struct str value, char *message, size_t size)
{
	char host[64];
	unsigned char bits[16];
	struct str rest = value;
	struct str address = str_cut(&rest, '/');
	uint64_t prefix;
	int family = str_index(address, ':') < address.n ? AF_INET6 : AF_INET;
	bool has_prefix = rest.p != NULL;
	if (address.n < sizeof(host)) {
		memcpy(host, address.p ? address.p : "", address.n);
		host[address.n] = '\0';
		bool is_prefix_good = !has_prefix || str_to_u64(rest, family == AF_INET ? 32 : 128,
							     &prefix) == RC_OK;
		if (inet_pton(family, host, bits) == 1 && is_prefix_good)
			return true;
		if (!has_prefix && address.n > 0 && is_partial_ip4(address))
			return true;
	}
	return say(message, size,
		"an address or range such as 192.168.1.7, 10.0.0.0/8, 10.1. or 2001:db8::/32");
}

/* Two whole addresses of one family, the first not behind the second. */
static bool is_ip_span(struct str value)
{
	char host[2][64];
	unsigned char bits[2][16];
	struct str parts[2] = {str_cut(&value, '-'), value};
	int family = str_index(parts[0], ':') < parts[0].n ? AF_INET6 : AF_INET;
	for (int i = 0; i < 2; i++) {
		if (parts[i].n == 0 || parts[i].n >= sizeof(host[i]))
			return false;
		memcpy(host[i], parts[i].p, parts[i].n);
		host[i][parts[i].n] = '\0';
		if (inet_pton(family, host[i], bits[i]) != 1)
			return false;
	}
	return memcmp(bits[0], bits[1], family == AF_INET ? 4 : 16) <= 0;
}

static bool is_list_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

/* The next of a list, empty at its end. */
static struct str next_of_list(struct str *list)
{
	while (list->n && (is_list_space(list->p[0]) || list->p[0] == '#')) {
		if (list->p[0] == '#')
			str_cut(list, '\n');
		else
			*list = str_from(*list, 1);
	}
	size_t n = 0;
	while (n < list->n && !is_list_space(list->p[n]) && list->p[n] != '#')
		n++;
	struct str entry = str_slice(*list, 0, n);
	*list = str_from(*list, n);
	return entry;
}

static bool check_ip_ranges(struct str value, char *message, size_t size)
{
	struct str entry;
	size_t number = 1;
	for (; (entry = next_of_list(&value)).n; number++) {
		if (is_ip_span(entry) || check_ip_range(entry, message, size))
			continue;
		if (number > 1 || value.n)
			snprintf(message, size,
				"addresses and ranges such as 192.168.1.7, 10.0.0.0/8, 10.1. or "
				"2001:db8::1-2001:db8::9 (number %zu is none)",
				number);
		return false;
	}
	return number > 1 || say(message, size, "at least one address or range");
}

static bool check_uri(struct str value, char *message, size_t size)
{
	struct uri uri;
	return uri_parse_absolute(value, &uri) == RC_OK ||
	       say(message, size, "a URI such as https://host:443/path");
}

/* As browsers send it, or "*" for all. */
static bool check_origin(struct str value, char *message, size_t size)
{
	struct uri uri;
	bool is_good = uri_parse_absolute(value, &uri) == RC_OK && uri.path.n == 0 &&
		       uri.query.n == 0 && str_index(uri.host, '*') == uri.host.n;
	return is_good || str_eq(value, STR("*")) ||
	       say(message, size, "an origin such as https://shop.example:8443 without path, or *");
}

/* Whether the text has the form: '0' stands for a digit, everything else for itself. */
static bool has_form(struct str value, const char *form)
{
	struct str f = str_of(form);
	bool same = value.n == f.n;
	for (size_t i = 0; same && i < f.n; i++)
		same = f.p[i] == '0' ? value.p[i] >= '0' && value.p[i] <= '9'
				     : ascii_lower(value.p[i]) == f.p[i];
	return same;
}

/* Without the fraction of a second. */
static struct str without_fraction(struct str value, char copy[40])
{
	size_t from = str_index(value, '.'), to = from + 1;
	while (to < value.n && value.p[to] >= '0' && value.p[to] <= '9')
		to++;
	if (from >= value.n || to == from + 1 || value.n >= 40)
		return value;
	memcpy(copy, value.p, from);
	memcpy(copy + from, value.p + to, value.n - to);
	return str_n(copy, from + value.n - to);
}

/* RFC 3339, or its date alone; the policy looks at the numbers. */
static bool check_instant(struct str value, char *message, size_t size)
{
	static const char *const forms[] = {"0000-00-00", "0000-00-00t00:00:00z",
		"0000-00-00t00:00:00+00:00", "0000-00-00t00:00:00-00:00"};
	char copy[40];
	struct str whole = without_fraction(value, copy);
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++)
		if (has_form(whole, forms[i]))
			return true;
	return say(message, size, "a time such as 2027-01-31T12:00:00Z, or a date");
}

/* "name" or "namespace/name". Whether there is one of that name, composition knows
 * (lua/sluice/targets.lua). */
static bool is_service_name(struct str value)
{
	size_t slashes = 0;
	bool is_good = value.n > 0 && value.p[0] != '/' && value.p[value.n - 1] != '/';
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9');
		slashes += c == '/';
		is_good = is_good && (is_alnum || c == '-' || c == '_' || c == '.' || c == '/');
	}
	return is_good && slashes <= 1;
}

static bool check_service(struct str value, char *message, size_t size)
{
	struct uri uri;
	bool is_good = is_service_name(value) ||
		       (uri_parse_absolute(value, &uri) == RC_OK &&
			       (str_eq(uri.scheme, STR("http")) || str_eq(uri.scheme, STR("https")) ||
				       str_eq(uri.scheme, STR("h2"))));
	return is_good ||
	       say(message, size, "the name of a Service, or an address such as http://host:8080");
}

static bool check_services(struct str value, char *message, size_t size)
{
	size_t number = 1;
	for (struct str rest = value; rest.p; number++) {
		if (check_service(str_trim(str_cut(&rest, ',')), message, size))
			continue;
		if (number > 1 || rest.p)
			snprintf(message, size,
				"names of Services, or addresses such as http://host:8080, with "
				"commas between (number %zu is none)",
				number);
		return false;
	}
	return number > 1 || say(message, size, "at least one service");
}

static bool check_nothing(struct str value, char *message, size_t size)
{
	return true;
}

static const struct format {
	const char *name;
	bool (*check)(struct str value, char *message, size_t size);
} formats[] = {
	{"expression", check_expression},
	{"dataweave", check_expression},
	{"regex", check_regex},
	{"duration", check_duration},
	{"bytes", check_bytes},
	{"ip-range", check_ip_range},
	{"ipRange", check_ip_range},
	{"ip-ranges", check_ip_ranges},
	{"uri", check_uri},
	{"origin", check_origin},
	{"instant", check_instant},
	{"service", check_service},
	{"services", check_services},
	{"secret", check_nothing},
};

const char *format_name(size_t i)
{
	return i < ARRAY_COUNT(formats) ? formats[i].name : NULL;
}

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
	return !f || f->check(value, message, size);
}

const struct schema_hooks format_hooks = {
	.pattern_new = schema_pattern_new,
	.pattern_match = schema_pattern_match,
	.pattern_free = schema_pattern_free,
	.format_exists = format_exists,
	.format_check = format_check,
};

size_t format_error_offset(struct str value)
{
	struct expr *e = NULL;
	struct expr_error error = {0};
	if (!expr_is_expression(value))
		return SIZE_MAX;
	if (expr_compile(expression_source(value), 0, &e, &error) == RC_OK) {
		expr_free(e);
		return SIZE_MAX;
	}
	return 2 + error.offset;
}
