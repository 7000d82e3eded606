/* SPDX-License-Identifier: Apache-2.0 */
#include "services/address_formats.h"

#include <arpa/inet.h>

static bool is_alnum(char c)
{
	c = ascii_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool are_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* --- hosts ----------------------------------------------------------------------------------- */
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

bool is_format_ip4(struct str s)
{
	return is_address(AF_INET, s);
}

/* inet_pton takes "::ffff:01.2.3.4", and RFC 3986 does not. */
bool is_format_ip6(struct str s)
{
	size_t last = s.n;
	while (last > 0 && s.p[last - 1] != ':')
		last--;
	struct str tail = str_from(s, last);
	bool has_ip4 = str_index(tail, '.') < tail.n;
	return is_address(AF_INET6, s) && (!has_ip4 || is_format_ip4(tail));
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

bool is_format_hostname(struct str s)
{
	if (s.n == 0 || s.n > 253)
		return false;
	while (s.p)
		if (!is_label(str_cut(&s, '.')))
			return false;
	return true;
}

/* --- mailboxes ------------------------------------------------------------------------------- */
static bool is_dot_string(struct str s)
{
	while (s.p) {
		struct str atom = str_cut(&s, '.');
		if (atom.n == 0)
			return false;
		for (size_t i = 0; i < atom.n; i++)
			if (!is_alnum(atom.p[i]) && !is_one_of(atom.p[i], "!#$%&'*+-/=?^_`{|}~"))
				return false;
	}
	return true;
}

/* With its quotes. */
static bool is_quoted_string(struct str s)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	s = str_slice(s, 1, s.n - 2);
	for (size_t i = 0; i < s.n; i++) {
		bool is_escaped = s.p[i] == '\\';
		if (is_escaped && ++i == s.n)
			return false;
		if (s.p[i] < ' ' || s.p[i] == 0x7f || (s.p[i] == '"' && !is_escaped))
			return false;
	}
	return true;
}

static bool is_address_literal(struct str s)
{
	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	s = str_slice(s, 1, s.n - 2);
	if (s.n > 5 && str_eq_nocase(str_slice(s, 0, 5), STR("IPv6:")))
		return is_format_ip6(str_from(s, 5));
	return is_format_ip4(s);
}

bool is_format_email(struct str s)
{
	size_t at = s.n;
	while (at > 0 && s.p[at - 1] != '@')
		at--;
	if (at < 2 || s.n > 320)
		return false;
	struct str local = str_slice(s, 0, at - 1), domain = str_from(s, at);
	bool is_local_good = local.p[0] == '"' ? is_quoted_string(local) : is_dot_string(local);
	return is_local_good && (is_format_hostname(domain) || is_address_literal(domain));
}

/* --- URIs ------------------------------------------------------------------------------------ */
static bool is_hex(char c)
{
	c = ascii_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Of unreserved, sub-delims, %XX, and `more`. */
static bool is_made_of(struct str s, const char *more)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%') {
			if (i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
				return false;
			i += 2;
		} else if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], "-._~!$&'()*+,;=") &&
			   !is_one_of(s.p[i], more)) {
			return false;
		}
	}
	return true;
}

static bool is_scheme(struct str s)
{
	if (s.n == 0 || !is_alnum(s.p[0]) || are_digits(str_slice(s, 0, 1)))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], "+-."))
			return false;
	return true;
}

/* IPvFuture: v1.fe:80 */
static bool is_future_address(struct str s)
{
	size_t dot = str_index(s, '.');
	if (s.n < 4 || ascii_lower(s.p[0]) != 'v' || dot < 2 || dot + 1 >= s.n ||
		str_index(s, '%') < s.n)
		return false;
	for (size_t i = 1; i < dot; i++)
		if (!is_hex(s.p[i]))
			return false;
	return is_made_of(str_from(s, dot + 1), ":");
}

static bool is_host_and_port(struct str s)
{
	size_t end = str_index(s, ']');
	if (s.n > 0 && s.p[0] == '[') {
		if (end == s.n)
			return false;
		struct str literal = str_slice(s, 1, end - 1);
		s = str_from(s, end + 1);
		if (!is_format_ip6(literal) && !is_future_address(literal))
			return false;
		return s.n == 0 || (s.p[0] == ':' && are_digits(str_from(s, 1)));
	}
	struct str host = str_cut(&s, ':');
	return is_made_of(host, "") && (!s.p || are_digits(s));
}

static bool is_authority(struct str s)
{
	size_t at = str_index(s, '@');
	if (at == s.n)
		return is_host_and_port(s);
	return is_made_of(str_slice(s, 0, at), ":") && is_host_and_port(str_from(s, at + 1));
}

bool is_format_uri(struct str s)
{
	size_t colon = str_index(s, ':');
	if (colon == s.n || !is_scheme(str_slice(s, 0, colon)))
		return false;
	struct str fragment = str_from(s, colon + 1);
	struct str query = str_cut(&fragment, '#');
	struct str path = str_cut(&query, '?');
	if (str_starts(path, STR("//"))) {
		path = str_from(path, 2);
		size_t slash = str_index(path, '/');
		if (!is_authority(str_slice(path, 0, slash)))
			return false;
		path = str_from(path, slash);
	}
	return is_made_of(path, ":@/") && is_made_of(query, ":@/?") && is_made_of(fragment, ":@/?");
}
