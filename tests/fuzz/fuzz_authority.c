/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as Host. What is taken is host and port by the letter of RFC 3986, in lower case, and
 * reads as itself; as the host of an absolute URI it is the same host. */
#include "base/check.h"
#include "base/limits.h"
#include "http/uri.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~!$&'()*+;=", c) != NULL);
}

static bool is_port(struct str text)
{
	unsigned value = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || i >= 5)
			return false;
		value = value * 10 + (unsigned)(text.p[i] - '0');
	}
	return value >= 1 && value <= 65535;
}

/* Written down anew, and slowly. */
static bool is_authority(struct str in)
{
	size_t i = 0;
	if (in.n == 0 || in.n > 261)
		return false;
	if (in.p[0] == '[') {
		size_t end = str_index(in, ']');
		if (end == in.n || end < 3)
			return false;
		for (i = 1; i < end; i++)
			if (!memchr("0123456789abcdefABCDEF:.", in.p[i], 24))
				return false;
		i = end + 1;
	} else {
		while (i < in.n && is_host_char(in.p[i]))
			i++;
		if (i == 0)
			return false;
	}
	return i == in.n || (in.p[i] == ':' && is_port(str_from(in, i + 1)));
}

/* "http://" and the authority: the same host and port. */
static void check_as_uri(struct str authority, struct arena *arena)
{
	struct uri uri;
	struct str text = arena_concat(arena, STR("http://"), authority);
	CHECK(uri_parse_absolute(text, &uri) == RC_OK);
	CHECK(uri.path.n == 0 && uri.query.n == 0);
	size_t brackets = uri.host_is_ip6 ? 2 : 0;
	bool has_port = uri.port != 0;
	CHECK((uri.host.n + brackets == authority.n) == !has_port);
	CHECK(str_starts(str_from(authority, brackets / 2), uri.host));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pool *pool = pool_new();
	struct arena arena;
	struct str in = {(const char *)bytes, n}, out, again;
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	bool is_taken = uri_check_authority(in, &arena, &out) == RC_OK;
	CHECK(is_taken == is_authority(in));
	if (is_taken) {
		CHECK(str_eq_nocase(in, out));
		for (size_t i = 0; i < out.n; i++)
			CHECK(out.p[i] == ascii_lower(out.p[i]));
		CHECK(uri_check_authority(out, &arena, &again) == RC_OK && again.p == out.p);
		check_as_uri(out, &arena);
	}
	arena_reset(&arena);
	pool_free(pool);
	return 0;
}
