/* SPDX-License-Identifier: Apache-2.0 */
#include "http/forwarded.h"

#include "http/message.h"

static bool is_port(struct str s)
{
	uint64_t port;
	return s.n <= 5 && str_to_u64(s, 65535, &port) == RC_OK;
}

static bool is_address_byte(char c)
{
	char lower = ascii_lower(c);
	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f') || c == '.' || c == ':';
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80"; whether the
 * literal is one is for whoever makes an address of it. */
static bool take_node(struct str text, struct str *node)
{
	struct str ip = text, port = STR_EMPTY;
	if (text.n > 0 && text.p[0] == '[') {
		size_t close = str_index(text, ']');
		ip = str_slice(text, 1, close - 1);
		port = str_from(text, close + 1);
		if (close == text.n || (port.n > 0 && port.p[0] != ':'))
			return false;
	} else {
		size_t colon = str_index(text, ':');
		if (colon < text.n && str_index(str_from(text, colon + 1), ':') + colon + 1 == text.n) {
			ip = str_slice(text, 0, colon);
			port = str_from(text, colon);
		}
	}
	if (port.n > 0 && !is_port(str_from(port, 1)))
		return false;
	for (size_t i = 0; i < ip.n; i++)
		if (!is_address_byte(ip.p[i]))
			return false;
	*node = ip;
	return ip.n > 0;
}

/* The last element that is not empty (RFC 9110 5.6.1), where a comma inside of quotes is none. A
 * backslash has no use in what these lists hold, so it is left to the reader of the element to
 * refuse it. False: there is none. */
static bool pop_element(struct str *list, bool has_quotes, struct str *element)
{
	while (list->n > 0) {
		size_t at = list->n;
		bool is_quoted = false;
		while (at > 0 && (is_quoted || list->p[at - 1] != ',')) {
			at--;
			is_quoted ^= has_quotes && list->p[at] == '"';
		}
		*element = str_trim(str_from(*list, at));
		list->n = at > 0 ? at - 1 : 0;
		if (element->n > 0)
			return true;
	}
	return false;
}

enum forwarded_step forwarded_for_pop(struct str *list, struct forwarded_hop *hop)
{
	struct str element;
	*hop = (struct forwarded_hop){0};
	if (!pop_element(list, false, &element))
		return FORWARDED_END;
	return take_node(element, &hop->node) ? FORWARDED_HOP : FORWARDED_MALFORMED;
}

static bool unquote(struct str *value)
{
	if (value->n == 0 || value->p[0] != '"')
		return field_name_is_valid(*value);
	if (value->n < 2 || value->p[value->n - 1] != '"')
		return false;
	*value = str_slice(*value, 1, value->n - 2);
	return str_index(*value, '"') == value->n && str_index(*value, '\\') == value->n;
}

/* The next name=value of an element, at whose end *rest has p == NULL. */
static bool next_pair(struct str *rest, struct str *name, struct str *value)
{
	*name = *value = STR_EMPTY;
	size_t end = 0;
	bool is_quoted = false;
	for (; end < rest->n && (is_quoted || rest->p[end] != ';'); end++)
		is_quoted ^= rest->p[end] == '"';
	struct str pair = str_trim(str_slice(*rest, 0, end));
	*rest = end < rest->n ? str_from(*rest, end + 1) : STR_EMPTY;
	if (pair.n == 0) /* allowed, and nothing */
		return true;
	*name = str_cut(&pair, '=');
	*value = pair;
	return field_name_is_valid(*name) && pair.p && unquote(value);
}

/* Each parameter at most once (RFC 7239 4). */
static bool take_pair(struct forwarded_hop *hop, struct str name, struct str value)
{
	struct str *to = NULL;
	if (str_eq_nocase(name, STR("for")))
		to = &hop->node;
	else if (str_eq_nocase(name, STR("proto")))
		to = &hop->proto;
	else if (str_eq_nocase(name, STR("host")))
		to = &hop->host;
	if (!to)
		return true;
	if (to->n > 0 || value.n == 0)
		return false;
	*to = value;
	return true;
}

enum forwarded_step forwarded_pop(struct str *list, struct forwarded_hop *hop)
{
	struct str element, name, value;
	*hop = (struct forwarded_hop){0};
	if (!pop_element(list, true, &element))
		return FORWARDED_END;
	while (element.p)
		if (!next_pair(&element, &name, &value) || !take_pair(hop, name, value))
			return FORWARDED_MALFORMED;
	return take_node(hop->node, &hop->node) ? FORWARDED_HOP : FORWARDED_MALFORMED;
}
