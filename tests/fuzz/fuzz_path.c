/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as a request target. A canonical path is canonical: it stays as it is when it is made
 * canonical again, begins with a slash, and has no dot segment, empty segment or needless escape.
 * What it holds that servers disagree on is said, and a server that decodes what stands between its
 * slashes finds no dots. */
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

static void check_bytes(struct str path, uint8_t holds)
{
	CHECK((str_index(path, ';') < path.n) == !!(holds & URI_PARAMETERS));
	for (size_t i = 0; i < path.n; i++) {
		unsigned char c = (unsigned char)path.p[i];
		CHECK(c > 0x20 && c < 0x7f && c != '\\' && c != '#' && c != '?');
		if (c != '%')
			continue;
		CHECK(i + 2 < path.n);
		int escaped = hex_value(path.p[i + 1]) << 4 | hex_value(path.p[i + 2]);
		CHECK(escaped >= 0x20 && escaped != '\\' && escaped != 0x7f);
		CHECK(escaped != '/' || holds & URI_ENCODED_SLASH);
		CHECK(!byte_is((char)escaped, BYTE_WORD) && escaped != '.' && escaped != '_' &&
			escaped != '~');
	}
}

static void check_changes(struct str path, uint8_t holds, struct arena *arena)
{
	struct str out, again;
	uint8_t holds_again;
	CHECK(uri_read_path(path, arena, &again, &holds_again) == RC_OK && str_eq(path, again));
	CHECK(holds == holds_again);
	bool is_plain = !(holds & URI_ENCODED_SLASH);
	CHECK((uri_canonical_path(path, arena, 0, &again) == RC_OK) == is_plain);

	CHECK(uri_strip_parameters(path, arena, &out) == RC_OK);
	check_segments(out);
	CHECK(str_index(out, ';') == out.n);
	CHECK(uri_read_path(out, arena, &again, &holds_again) == RC_OK && str_eq(out, again));

	CHECK(uri_lower_path(path, arena, &out) == RC_OK && str_eq_nocase(out, path));
	CHECK(uri_read_path(out, arena, &again, &holds_again) == RC_OK && str_eq(out, again));
}

/* %2F decoded: no dots between the slashes that are there now. */
static void check_decoded(struct str path, struct arena *arena)
{
	struct str decoded;
	CHECK(uri_percent_decode(path, arena, &decoded) == RC_OK);
	struct str rest = str_from(decoded, 1);
	while (rest.p) {
		struct str segment = str_cut(&rest, '/');
		CHECK(!str_eq(segment, STR(".")) && !str_eq(segment, STR("..")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pool *pool = pool_new();
	struct arena arena;
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	struct str path, again, query, host;
	bool has_query;
	uint8_t holds;
	struct str target = {(const char *)bytes, n};
	if (uri_parse_origin_form(target, &arena, &path, &query, &has_query, &holds) == RC_OK) {
		check_segments(path);
		check_bytes(path, holds);
		check_changes(path, holds, &arena);
		check_decoded(path, &arena);
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
