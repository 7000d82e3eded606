/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as a request target. A canonical path is canonical: it stays as it is when it is made
 * canonical again, begins with a slash, and has no dot segment, empty segment or needless escape.
 */
#include "base/check.h"
#include "base/limits.h"
#include "http/scan.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_segments(struct str path)
{
	CHECK(path.n > 0 && path.p[0] == '/');
	struct str rest = str_from(path, 1);
	while (rest.p) {
		struct str segment = str_cut(&rest, '/');
		CHECK(!str_eq(segment, STR(".")) && !str_eq(segment, STR("..")));
		CHECK(!str_starts(segment, STR(".;")) && !str_starts(segment, STR("..;")));
		CHECK(segment.n > 0 || rest.p == NULL);
	}
}

static void check_bytes(struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		unsigned char c = (unsigned char)path.p[i];
		CHECK(c > 0x20 && c < 0x7f && c != '\\' && c != '#' && c != '?');
		if (c != '%')
			continue;
		CHECK(i + 2 < path.n);
		int escaped = hex_value(path.p[i + 1]) << 4 | hex_value(path.p[i + 2]);
		CHECK(escaped >= 0x20 && escaped != '/' && escaped != '\\' && escaped != 0x7f);
		CHECK(!byte_is((char)escaped, BYTE_WORD) && escaped != '.' && escaped != '_' &&
			escaped != '~');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pool *pool = pool_new();
	struct arena arena;
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	struct str path, again, query, host;
	bool has_query;
	struct str target = {(const char *)bytes, n};
	if (uri_parse_origin_form(target, &arena, &path, &query, &has_query) == RC_OK) {
		check_segments(path);
		check_bytes(path);
		CHECK(uri_canonical_path(path, &arena, &again) == RC_OK && str_eq(path, again));
		CHECK(uri_query_is_valid(query) && (has_query || query.n == 0));
	}
	if (uri_check_authority(target, &arena, &host) == RC_OK) {
		CHECK(uri_check_authority(host, &arena, &again) == RC_OK && str_eq(host, again));
		CHECK(str_eq_nocase(host, target));
	}
	struct uri uri;
	if (uri_parse_absolute(target, &uri) == RC_OK)
		CHECK(uri.host.n > 0 && uri.host.p >= target.p &&
			uri.host.p + uri.host.n <= target.p + target.n);
	arena_reset(&arena);
	pool_free(pool);
	return 0;
}
