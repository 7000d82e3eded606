/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical path is found in two passes: one that decides whether the input is canonical
 * already (nearly always: one table look-up a byte, nothing allocated), and one that rewrites. */
#include "http/uri.h"

#include "base/check.h"
#include "base/limits.h"
#include "http/scan.h"

/* Classes of a raw path byte. */
enum { PLAIN, DOT, SLASH, PERCENT, SEMICOLON, BAD };

/* clang-format off */
static const uint8_t classes[256] = {
	[0 ... 255] = BAD,
	['a' ... 'z'] = PLAIN, ['A' ... 'Z'] = PLAIN, ['0' ... '9'] = PLAIN,
	['-'] = PLAIN, ['_'] = PLAIN, ['~'] = PLAIN,
	['!'] = PLAIN, ['$'] = PLAIN, ['&'] = PLAIN, ['\''] = PLAIN, ['('] = PLAIN, [')'] = PLAIN,
	['*'] = PLAIN, ['+'] = PLAIN, [','] = PLAIN, ['='] = PLAIN, [':'] = PLAIN,
	['@'] = PLAIN,
	/* Not in RFC 3986's pchar, but visible, unambiguous and seen in practice. */
	['|'] = PLAIN, ['['] = PLAIN, [']'] = PLAIN, ['{'] = PLAIN, ['}'] = PLAIN, ['"'] = PLAIN,
	['<'] = PLAIN, ['>'] = PLAIN, ['^'] = PLAIN, ['`'] = PLAIN,
	['/'] = SLASH, ['.'] = DOT, ['%'] = PERCENT, [';'] = SEMICOLON,
};
/* clang-format on */

static bool is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

enum verdict { CANONICAL, REWRITE, REFUSE };

/* Only dots and a slash behind a slash make a segment that needs a look. */
static enum verdict judge(struct str path, uint8_t *holds)
{
	if (path.n == 0 || path.p[0] != '/')
		return REFUSE;
	enum verdict verdict = CANONICAL;
	const char *p = path.p + 1, *end = path.p + path.n;
	for (;;) {
		/* Behind a slash. */
		if (p < end && (*p == '/' || *p == '.'))
			verdict = REWRITE;
		while (p < end && classes[(unsigned char)*p] <= DOT)
			p++;
		if (p == end)
			return verdict;
		uint8_t class = classes[(unsigned char)*p++];
		if (class == BAD)
			return REFUSE;
		if (class == PERCENT)
			verdict = REWRITE;
		if (class == SEMICOLON)
			*holds |= URI_PARAMETERS;
	}
}

/* Two octets that begin an overlong form of UTF-8 (RFC 3629 section 10): a lenient decoder sees a
 * slash or a dot in %C0%AF or %C0%AE. */
static bool is_overlong(unsigned char first, unsigned char second)
{
	if ((second & 0xc0) != 0x80)
		return false;
	return first == 0xc0 || first == 0xc1 || (first == 0xe0 && second < 0xa0) ||
	       (first == 0xf0 && second < 0x90);
}

/* Decodes what may be decoded into `to`; false when an escape is refused. */
static bool decode_escapes(struct str path, char *to, size_t *n)
{
	size_t out = 0;
	unsigned char before = 0; /* the escaped octet that stands directly before */
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '%') {
			to[out++] = path.p[i];
			before = 0;
			continue;
		}
		if (path.n - i < 3)
			return false;
		int high = hex_value(path.p[i + 1]), low = hex_value(path.p[i + 2]);
		if (high < 0 || low < 0)
			return false;
		unsigned char c = (unsigned char)(high << 4 | low);
		if (c == '\\' || c < 0x20 || c == 0x7f || is_overlong(before, c))
			return false;
		before = c;
		if (is_unreserved(c)) {
			to[out++] = (char)c;
		} else {
			static const char digits[] = "0123456789ABCDEF";
			to[out++] = '%';
			to[out++] = digits[high];
			to[out++] = digits[low];
		}
		i += 2;
	}
	*n = out;
	return true;
}

/* A second decoding would give another path: %25 followed by what completes an escape of an
 * unreserved octet, a slash, a backslash or a percent sign. */
static bool is_doubly_encoded(struct str path)
{
	for (size_t i = 0; i + 4 < path.n; i++) {
		if (path.p[i] != '%' || path.p[i + 1] != '2' || path.p[i + 2] != '5')
			continue;
		int high = hex_value(path.p[i + 3]), low = hex_value(path.p[i + 4]);
		if (high < 0 || low < 0)
			continue;
		unsigned char c = (unsigned char)(high << 4 | low);
		if (is_unreserved(c) || c == '/' || c == '\\' || c == '%' || c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

/* "..;x" and ".;x": some servers strip the parameter and see a dot segment. */
static bool is_disguised_dots(struct str segment)
{
	return str_starts(segment, STR("..;")) || str_starts(segment, STR(".;"));
}

/* Removes dot segments and empty segments in place; false above the root. */
static bool merge_segments(char *p, size_t *n)
{
	struct str rest = str_n(p + 1, *n - 1);
	size_t out = 0;
	bool ends_in_slash = true;
	while (rest.p) {
		struct str segment = str_cut(&rest, '/');
		bool is_last = rest.p == NULL;
		bool is_up = str_eq(segment, STR(".."));
		if (is_disguised_dots(segment))
			return false;
		if (is_up) {
			if (out == 0)
				return false;
			while (p[--out] != '/')
				;
		}
		bool is_kept = segment.n > 0 && !is_up && !str_eq(segment, STR("."));
		if (is_kept) {
			p[out++] = '/';
			memmove(p + out, segment.p, segment.n);
			out += segment.n;
		}
		if (is_last)
			ends_in_slash = !is_kept;
	}
	if (out == 0 || ends_in_slash)
		p[out++] = '/';
	*n = out;
	return true;
}

/* A server that decodes %2F before it looks for dot segments finds none. */
static bool has_hidden_dots(struct str path)
{
	struct str segment;
	for (size_t from = 0, i = 0; i <= path.n; i++) {
		bool is_encoded = str_starts(str_from(path, i), STR("%2F"));
		if (i < path.n && path.p[i] != '/' && !is_encoded)
			continue;
		segment = str_slice(path, from, i - from);
		if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")) ||
			is_disguised_dots(segment))
			return true;
		from = i + (is_encoded ? 3 : 1);
	}
	return false;
}

/* What went with a dot segment is gone. */
static uint8_t holds_of(struct str path)
{
	bool has_slash = str_find(path, STR("%2F")) < path.n;
	bool has_parameters = str_index(path, ';') < path.n;
	return (has_slash ? URI_ENCODED_SLASH : 0) | (has_parameters ? URI_PARAMETERS : 0);
}

enum rc uri_read_path(struct str path, struct arena *arena, struct str *out, uint8_t *holds)
{
	size_t n;
	*holds = 0;
	switch (judge(path, holds)) {
	case CANONICAL:
		*out = path;
		return RC_OK;
	case REFUSE:
		return RC_INVALID;
	case REWRITE:
		break;
	}
	char *p = arena_alloc(arena, path.n + 1);
	if (!p)
		return RC_FULL;
	if (!decode_escapes(path, p, &n) || is_doubly_encoded(str_n(p, n)) ||
		!merge_segments(p, &n))
		return RC_INVALID;
	*holds = holds_of(str_n(p, n));
	if (*holds & URI_ENCODED_SLASH && has_hidden_dots(str_n(p, n)))
		return RC_INVALID;
	*out = str_n(p, n);
	return RC_OK;
}

enum rc uri_canonical_path(struct str path, struct arena *arena, uint8_t allowed, struct str *out)
{
	uint8_t holds;
	enum rc rc = uri_read_path(path, arena, out, &holds);
	bool is_refused = holds & URI_ENCODED_SLASH & ~allowed;
	return rc == RC_OK && is_refused ? RC_INVALID : rc;
}

enum rc uri_strip_parameters(struct str path, struct arena *arena, struct str *out)
{
	char *p = arena_alloc(arena, path.n + 1);
	size_t n = 0;
	bool is_parameter = false;
	if (!p)
		return RC_FULL;
	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];
		is_parameter = c == ';' || (is_parameter && c != '/');
		if (!is_parameter)
			p[n++] = c;
	}
	/* "/;a/b" left an empty segment. No dot segment is left: "..;" is no canonical path. */
	CHECK(merge_segments(p, &n));
	*out = str_n(p, n);
	return RC_OK;
}

/* A digit of an escape is upper-case in a canonical path. */
static char lower_at(struct str path, size_t i)
{
	bool is_digit = (i >= 1 && path.p[i - 1] == '%') || (i >= 2 && path.p[i - 2] == '%');
	return is_digit ? path.p[i] : ascii_lower(path.p[i]);
}

enum rc uri_lower_path(struct str path, struct arena *arena, struct str *out)
{
	size_t i = 0;
	while (i < path.n && path.p[i] == lower_at(path, i))
		i++;
	*out = path;
	if (i == path.n)
		return RC_OK;
	char *p = arena_alloc(arena, path.n);
	if (!p)
		return RC_FULL;
	for (i = 0; i < path.n; i++)
		p[i] = lower_at(path, i);
	*out = str_n(p, path.n);
	return RC_OK;
}

bool uri_query_is_valid(struct str query)
{
	return query.n == 0 || scan_query(query.p, query.p + query.n) == query.p + query.n;
}

enum rc uri_parse_origin_form(struct str target, struct arena *arena, struct str *path,
	struct str *query, bool *has_query, uint8_t *holds)
{
	const char *mark = memchr(target.p, '?', target.n);
	struct str part = {target.p, mark ? (size_t)(mark - target.p) : target.n};
	struct str after = STR_EMPTY;
	if (mark)
		after = (struct str){mark + 1, target.n - part.n - 1};
	if (!uri_query_is_valid(after))
		return RC_INVALID;
	enum rc rc = uri_read_path(part, arena, path, holds);
	if (rc != RC_OK)
		return rc;
	*has_query = mark != NULL;
	*query = after;
	return RC_OK;
}

/* --- authority ------------------------------------------------------------------------------- */

/* RFC 3986 reg-name without escapes, and without the comma that makes a list of Host. */
enum { HOST_CHAR = 1, HOST_UPPER = 2 };

/* clang-format off */
static const uint8_t host_classes[256] = {
	['a' ... 'z'] = HOST_CHAR, ['0' ... '9'] = HOST_CHAR,
	['A' ... 'Z'] = HOST_CHAR | HOST_UPPER,
	['-'] = HOST_CHAR, ['.'] = HOST_CHAR, ['_'] = HOST_CHAR, ['~'] = HOST_CHAR,
	['!'] = HOST_CHAR, ['$'] = HOST_CHAR, ['&'] = HOST_CHAR, ['\''] = HOST_CHAR,
	['('] = HOST_CHAR, [')'] = HOST_CHAR, ['*'] = HOST_CHAR, ['+'] = HOST_CHAR,
	[';'] = HOST_CHAR, ['='] = HOST_CHAR,
};
/* clang-format on */

static bool port_of(struct str text, uint16_t *port)
{
	unsigned value = 0;
	if (text.n == 0 || text.n > 5)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		unsigned digit = (unsigned char)text.p[i] - '0';
		if (digit > 9)
			return false;
		value = value * 10 + digit;
	}
	*port = (uint16_t)value;
	return value > 0 && value <= 65535;
}

/* host or [v6], then the rest from ':' on; `seen` is what the host's bytes are, together. */
static bool split_host(
	struct str in, struct str *host, struct str *rest, bool *is_ip6, unsigned *seen)
{
	*seen = 0;
	*is_ip6 = in.n > 0 && in.p[0] == '[';
	if (*is_ip6) {
		size_t end = str_index(in, ']');
		if (end == in.n || end < 3)
			return false;
		*host = str_slice(in, 1, end - 1);
		*rest = str_from(in, end + 1);
		for (size_t i = 0; i < host->n; i++) {
			*seen |= host_classes[(unsigned char)host->p[i]];
			if (hex_value(host->p[i]) < 0 && host->p[i] != ':' && host->p[i] != '.')
				return false;
		}
		return true;
	}
	size_t end = 0;
	for (unsigned class; end < in.n && (class = host_classes[(unsigned char)in.p[end]]); end++)
		*seen |= class;
	*host = (struct str){in.p, end};
	*rest = (struct str){in.p + end, in.n - end};
	return end > 0;
}

/* A name of 255 bytes, a colon and a port. */
#define AUTHORITY_BYTES_MAX 261

enum rc uri_check_authority(struct str in, struct arena *arena, struct str *out)
{
	struct str host, rest;
	bool is_ip6;
	unsigned seen;
	uint16_t port;
	if (in.n == 0 || in.n > AUTHORITY_BYTES_MAX ||
		!split_host(in, &host, &rest, &is_ip6, &seen))
		return RC_INVALID;
	if (rest.n > 0 && (rest.p[0] != ':' || !port_of(str_n(rest.p + 1, rest.n - 1), &port)))
		return RC_INVALID;
	if (LIKELY(!(seen & HOST_UPPER))) {
		*out = in;
		return RC_OK;
	}
	char *p = arena_alloc(arena, in.n);
	if (!p)
		return RC_FULL;
	for (size_t i = 0; i < in.n; i++)
		p[i] = ascii_lower(in.p[i]);
	*out = str_n(p, in.n);
	return RC_OK;
}

enum rc uri_parse_absolute(struct str in, struct uri *out)
{
	struct uri u = {0};
	size_t colon = str_find(in, STR("://"));
	if (colon == 0 || colon == in.n)
		return RC_INVALID;
	u.scheme = str_slice(in, 0, colon);
	for (size_t i = 0; i < u.scheme.n; i++) {
		char c = u.scheme.p[i];
		bool is_fine = (c >= 'a' && c <= 'z') || (i > 0 && c >= '0' && c <= '9');
		if (!is_fine)
			return RC_INVALID;
	}
	struct str rest = str_from(in, colon + 3);
	size_t end = 0;
	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
		end++;
	struct str authority = str_slice(rest, 0, end), port;
	unsigned seen;
	if (!split_host(authority, &u.host, &port, &u.host_is_ip6, &seen))
		return RC_INVALID;
	if (port.n > 0 && (port.p[0] != ':' || !port_of(str_from(port, 1), &u.port)))
		return RC_INVALID;
	rest = str_from(rest, end);
	if (str_index(rest, '#') < rest.n || !uri_query_is_valid(rest))
		return RC_INVALID;
	size_t mark = str_index(rest, '?');
	u.path = str_slice(rest, 0, mark);
	u.query = str_from(rest, mark + 1);
	*out = u;
	return RC_OK;
}

enum rc uri_percent_decode(struct str in, struct arena *arena, struct str *out)
{
	if (str_index(in, '%') == in.n) {
		*out = in;
		return RC_OK;
	}
	char *p = arena_alloc(arena, in.n);
	size_t n = 0;
	if (!p)
		return RC_FULL;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] != '%') {
			p[n++] = in.p[i];
			continue;
		}
		int high = i + 2 < in.n ? hex_value(in.p[i + 1]) : -1;
		int low = i + 2 < in.n ? hex_value(in.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return RC_INVALID;
		p[n++] = (char)(high << 4 | low);
		i += 2;
	}
	*out = str_n(p, n);
	return RC_OK;
}

bool uri_query_next(struct str *query, struct str *name, struct str *value)
{
	while (query->p && query->n > 0) {
		struct str pair = str_cut(query, '&');
		if (pair.n == 0)
			continue;
		*name = str_cut(&pair, '=');
		*value = pair;
		return true;
	}
	return false;
}

struct str uri_query_decode(struct str raw, struct arena *arena)
{
	if (str_index(raw, '+') == raw.n && str_index(raw, '%') == raw.n)
		return raw;
	char *text = arena_alloc(arena, raw.n);
	struct str out;
	if (!text)
		return raw;
	for (size_t i = 0; i < raw.n; i++)
		text[i] = raw.p[i] == '+' ? ' ' : raw.p[i];
	return uri_percent_decode(str_n(text, raw.n), arena, &out) == RC_OK ? out : raw;
}
