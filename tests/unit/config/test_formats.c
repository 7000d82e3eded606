/* SPDX-License-Identifier: Apache-2.0 */
/* What `format` and `pattern` mean in a policy's schema. */
#include "config/formats.h"

#include "guide.h"
#include "unit.h"

#include <stdint.h>

struct row {
	const char *format;
	const char *value;
	bool is_good;
};

static const struct row rows[] = {
	{"expression", "plain text", true},
	{"expression", "#[attributes.method]", true},
	{"expression", "#[attributes.method", false},
	{"expression", "#[attributes.method ++]", false},
	{"dataweave", "#[1 +]", false},
	{"regex", "a(b|c)*", true},
	{"regex", "a(b", false},
	{"duration", "500ms", true},
	{"duration", "10s", true},
	{"duration", "1d", true},
	{"duration", "10", false},
	{"duration", "s", false},
	{"duration", "10 s", false},
	{"duration", "-1s", false},
	{"duration", "1234567890123456s", false},
	{"bytes", "512", true},
	{"bytes", "64KiB", true},
	{"bytes", "64kb", false},
	{"ip-range", "192.168.1.7", true},
	{"ip-range", "10.0.0.0/8", true},
	{"ip-range", "10.1.", true},
	{"ip-range", "10.1", true},
	{"ip-range", "2001:db8::/32", true},
	{"ip-range", "::1", true},
	{"ipRange", "::1", true},
	{"ip-range", "10.0.0.0/33", false},
	{"ip-range", "10.0.0/8", false},
	{"ip-range", "::/129", false},
	{"ip-range", "10..1", false},
	{"ip-range", "256", false},
	{"ip-range", "", false},
	{"ip-range", "a.b", false},
	{"ip-range", "10.0.0.0/", false},
	{"ip-range", "10.0.0.1-10.0.0.2", false},
	{"origin", "*", true},
	{"origin", "https://a.test:8443", true},
	{"origin", "http://[::1]", true},
	{"origin", "https://a.test/", false},
	{"origin", "https://*.a.test", false},
	{"origin", "a.test", false},
	{"origin", "null", false},
	{"instant", "2027-01-31", true},
	{"instant", "2027-01-31T12:00:00Z", true},
	{"instant", "2027-01-31t12:00:00.25+01:00", true},
	{"instant", "2027-01-31T12:00:00", false},
	{"instant", "2027-01-31T12:00:00.Z", false},
	{"instant", "2027-1-31", false},
	{"instant", "tomorrow", false},
	{"instant", "", false},
	{"ip-ranges", "", false},
	{"ip-ranges", "10.1", true},
	{"ip-ranges", " 10.1,10.2.\n# no\n::1-::9 # yes\r\n\t10.0.0.1-10.0.0.1", true},
	{"ip-ranges", "#", false},
	{"ip-ranges", "10.0.0.2-10.0.0.1", false},
	{"ip-ranges", "10.0.0.2-::1", false},
	{"ip-ranges", "10.0.0.2-", false},
	{"ip-ranges", "-10.0.0.2", false},
	{"ip-ranges", "10.1, ten", false},
	{"uri", "https://a.test/x?y", true},
	{"uri", "a.test", false},
	{"service", "h2://a.test:50051", true},
	{"service", "ftp://a.test", false},
	{"service", "auth", true},
	{"service", "shared/auth-2.a_b", true},
	{"service", "a/b/c", false},
	{"service", "/auth", false},
	{"service", "auth/", false},
	{"service", "a b", false},
	{"service", "", false},
	{"services", "", false},
	{"services", "auth", true},
	{"services", "http://a.test/x,http://b.test/y", true},
	{"services", " auth ,\tshared/auth ", true},
	{"services", "auth,", false},
	{"services", ",auth", false},
	{"services", "http://a.test http://b.test", false},
	{"services", "auth, ftp://a.test", false},
	{"secret", "", true},
};

START_TEST(judges_formats)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char message[300] = "";
		const struct row *r = &rows[i];
		ck_assert(format_hooks.format_exists(NULL, str_of(r->format)));
		bool is_good = format_hooks.format_check(
			NULL, str_of(r->format), str_of(r->value), message, sizeof(message));
		ck_assert_msg(is_good == r->is_good, "%s %s: %s", r->format, r->value, message);
		ck_assert_msg(is_good || message[0], "%s %s: no message", r->format, r->value);
	}
	ck_assert(!format_hooks.format_exists(NULL, STR("colour")));
}
END_TEST

START_TEST(searches_with_patterns)
{
	char message[200] = "";
	void *pattern = format_hooks.pattern_new(NULL, STR("b+"), message, sizeof(message));
	ck_assert_ptr_nonnull(pattern);
	ck_assert_int_eq(format_hooks.pattern_match(NULL, pattern, STR("abbc")), RC_OK);
	ck_assert_int_eq(format_hooks.pattern_match(NULL, pattern, STR("ac")), RC_NOT_FOUND);
	format_hooks.pattern_free(NULL, pattern);
	ck_assert_ptr_null(format_hooks.pattern_new(NULL, STR("(b"), message, sizeof(message)));
	ck_assert(message[0]);
}
END_TEST

START_TEST(knows_where_an_expression_breaks)
{
	ck_assert_uint_eq(format_error_offset(STR("plain")), SIZE_MAX);
	ck_assert_uint_eq(format_error_offset(STR("#[1]")), SIZE_MAX);
	size_t offset = format_error_offset(STR("#[attributes.method ++ nowhere]"));
	ck_assert_uint_eq(offset, 23);
}
END_TEST

/* Every piece of code in the cell. */
static size_t judge(const char *format, struct str cell, bool is_good)
{
	size_t count = 0;
	for (const char *value; (value = guide_code(&cell)); count++) {
		char message[300] = "";
		bool is = format_hooks.format_check(
			NULL, str_of(format), str_of(value), message, sizeof(message));
		ck_assert_msg(is == is_good, "the guide: %s %s: %s", format, value, message);
	}
	return count;
}

START_TEST(the_guide_lists_all_formats_and_what_they_accept)
{
	struct guide guide = guide_open("## Formats");
	struct str cells[GUIDE_CELLS_MAX];
	size_t count = 0;
	for (; guide_next(&guide, cells); count++) {
		const char *format = guide_code(&cells[0]);
		ck_assert_str_eq(format, format_name(count));
		ck_assert_uint_gt(judge(format, cells[2], true), 0);
		size_t refused = judge(format, cells[3], false);
		ck_assert(refused > 0 || strcmp(format, "secret") == 0);
	}
	ck_assert_ptr_null(format_name(count));
	guide_close(&guide);
}
END_TEST

UNIT_SUITE(formats, judges_formats, the_guide_lists_all_formats_and_what_they_accept,
	searches_with_patterns, knows_where_an_expression_breaks)
