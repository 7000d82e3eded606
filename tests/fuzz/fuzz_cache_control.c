/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base */
/* fuzz: compiles plugins/http-caching/cache_control.c plugins/http-caching/directives.c */
/* fuzz: compiles plugins/http-caching/targeted.c plugins/http-caching/validators.c */
/* fuzz: compiles plugins/http-caching/http_date.c plugins/http-caching/byte_range.c */
/* The first byte says where the rest is cut into two fields: a second one never keeps more of an answer than the
 * first alone does, and no reader of fields leaves its bounds. */
#include "plugin_host.h"

#include "http-caching/byte_range.h"
#include "http-caching/directives.h"
#include "http-caching/http_date.h"
#include "http-caching/targeted.h"
#include "http-caching/validators.h"

#define KEEPS_LESS (CC_NO_STORE | CC_NO_CACHE | CC_PRIVATE | CC_MUST_REVALIDATE)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* More of a field keeps no more of the answer. */
static void check_order(const struct cache_control *less, const struct cache_control *more)
{
	CHECK((less->flags & KEEPS_LESS & ~more->flags) == 0);
	CHECK(more->field_lists >= less->field_lists &&
		more->field_lists <= CACHE_CONTROL_LISTS_MAX);
	for (int t = 0; t < CC_TIMES; t++) {
		CHECK(more->seconds[t] >= -1 && more->seconds[t] <= SECONDS_MAX);
		if (less->seconds[t] >= 0 && t != CC_MIN_FRESH)
			CHECK(more->seconds[t] >= 0 && more->seconds[t] <= less->seconds[t]);
	}
}

static void check_members(struct sluice_str text)
{
	struct sluice_str rest = text, member;
	const char *end = text.p;
	while (member_next(&rest, &member)) {
		CHECK(member.n > 0 && member.p >= end && member.p + member.n <= text.p + text.n);
		end = member.p + member.n;
	}
}

static void check_tags(struct sluice_str text)
{
	struct sluice_str rest = text, tag;
	while (etag_next(&rest, &tag) == 1)
		CHECK(etag_is_valid(tag) && etag_equal_weak(tag, tag) &&
			if_none_match_holds(text, tag));
}

static void check_others(struct sluice_str text)
{
	struct cache_control cc;
	struct byte_range r;
	int64_t seconds;
	if (targeted_parse(text, &cc))
		CHECK(cc.flags & CC_PRESENT);
	if (http_date_parse(text, 1700000000, &seconds))
		CHECK(text.n >= 24 && seconds < INT64_C(253402300800));
	if (byte_range_parse(text, 1000, &r) == RANGE_PART)
		CHECK(r.length > 0 && r.offset < 1000 && r.length <= 1000 - r.offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n < 1 || n > 4096)
		return 0;
	struct sluice_str text = {(const char *)bytes + 1, n - 1};
	size_t cut = text.n ? bytes[0] % (text.n + 1) : 0;
	struct cache_control first, both;
	cache_control_init(&first);
	cache_control_add(&first, (struct sluice_str){text.p, cut});
	both = first;
	cache_control_add(&both, (struct sluice_str){text.p + cut, text.n - cut});
	check_order(&first, &both);
	check_members(text);
	check_tags(text);
	check_others(text);
	return 0;
}
