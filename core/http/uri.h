/* SPDX-License-Identifier: Apache-2.0 */
/* http/uri.h - one path for routing, policy, log and upstream.
 *
 * The canonical form (RFC 3986 6.2.2, and stricter): unreserved octets decoded, other escapes in
 * upper-case hex, dot segments removed, doubled slashes merged. Refused with RC_INVALID, since
 * peers disagree on them: an encoded backslash (and slash, unless the API keeps it), encoded or raw control bytes, a raw
 * backslash, an invalid escape, an overlong form of UTF-8, `..` above the root, a segment that starts
 * with "..;" or ".;", a
 * fragment, bytes above 0x7f, and a path that would change again if decoded twice.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

/* What a canonical path may hold that servers disagree on, and an API decides about. */
enum uri_holds {
	URI_ENCODED_SLASH = 1, /* %2F; no segment between slashes of either kind is a dot segment */
	URI_PARAMETERS = 2,    /* a raw ';' */
};

/* `target` in origin-form: splits at the first '?', reads the path. */
MUST_USE enum rc uri_parse_origin_form(struct str target, struct arena *arena, struct str *path,
	struct str *query, bool *has_query, uint8_t *holds);
/* The path alone. It is the input itself where it was canonical already, else lives in the arena.
 * An encoded slash is taken and said in `holds` (enum uri_holds). */
MUST_USE enum rc uri_read_path(
	struct str path, struct arena *arena, struct str *out, uint8_t *holds);
/* The same for paths that are made or configured: an encoded slash is refused unless `allowed`
 * holds URI_ENCODED_SLASH. */
MUST_USE enum rc uri_canonical_path(
	struct str path, struct arena *arena, uint8_t allowed, struct str *out);
/* A canonical path without the parameters of its segments, "/a;b/c" as "/a/c". RC_FULL. */
MUST_USE enum rc uri_strip_parameters(struct str path, struct arena *arena, struct str *out);
/* A canonical path in lower case, but for the digits of escapes; the input itself where it is.
 * RC_FULL. */
MUST_USE enum rc uri_lower_path(struct str path, struct arena *arena, struct str *out);
/* Whether a byte string may stand as a query: visible ASCII without '#'. */
bool uri_query_is_valid(struct str query);

/* "http://host:port/path": an absolute URI of a service or listener. */
struct uri {
	struct str scheme; /* lower-case */
	struct str host;   /* without brackets; lower-case is not applied */
	uint16_t port;     /* 0 when absent */
	bool host_is_ip6;
	struct str path; /* "" when absent */
	struct str query;
};
/* Views into `in`. Refuses userinfo, fragments, empty hosts, ports outside 1..65535. */
MUST_USE enum rc uri_parse_absolute(struct str in, struct uri *out);

/* host[:port] of a Host field or :authority: RC_INVALID on userinfo, a list, spaces, bad ports.
 * `out` is the arena's lower-case copy, or `in` where it was lower-case already. */
MUST_USE enum rc uri_check_authority(struct str in, struct arena *arena, struct str *out);

/* Decodes %XX (not '+') into the arena; RC_INVALID on a bad escape. */
MUST_USE enum rc uri_percent_decode(struct str in, struct arena *arena, struct str *out);

/* Walks name=value pairs of a query, raw; *query shrinks; false at the end. */
bool uri_query_next(struct str *query, struct str *name, struct str *value);
/* A name or value of it: %XX and '+' decoded; what cannot be decoded stays as it is, as it does when
 * the arena is spent. A view of `raw` where nothing is to be decoded. */
struct str uri_query_decode(struct str raw, struct arena *arena);
