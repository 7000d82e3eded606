/* SPDX-License-Identifier: Apache-2.0 */
/* What RFC 9111, 9110, 9211, 9213 and 5861 say of fields, as rows: the section stands beside each. */
#include "unit.h"

#include "http-caching/byte_range.h"
#include "http-caching/cache_status.h"
#include "http-caching/directives.h"
#include "http-caching/freshness.h"
#include "http-caching/http_date.h"
#include "http-caching/targeted.h"
#include "http-caching/validators.h"
#include "http-caching/vary.h"

#include <string.h>

#define NOW         INT64_C(1700000000)
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct sluice_str view(const char *text)
{
	return (struct sluice_str){text, strlen(text)};
}

static void assert_view(struct sluice_str actual, const char *expected)
{
	ck_assert_msg(actual.n == strlen(expected) && memcmp(actual.p, expected, actual.n) == 0,
		"'%.*s' instead of '%s'", (int)actual.n, actual.p, expected);
}

static struct cache_control control(const char *value)
{
	struct cache_control cc;
	cache_control_init(&cc);
	cache_control_add(&cc, view(value));
	return cc;
}

START_TEST(members_are_parted_by_commas_outside_of_quotes)
{
	struct sluice_str rest = view(" ,a, b=\"x,\\\",y\" ,,c,\"open, d"), member;
	const char *const expected[] = {"a", "b=\"x,\\\",y\"", "c", "\"open, d"};
	for (size_t i = 0; i < COUNT(expected); i++) {
		ck_assert_int_eq(member_next(&rest, &member), 1);
		assert_view(member, expected[i]);
	}
	ck_assert_int_eq(member_next(&rest, &member), 0);
}
END_TEST

START_TEST(seconds_are_digits_and_have_an_end)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
	} rows[] = {{"0", 0}, {"007", 7}, {"3600", 3600}, {"2147483648", SECONDS_MAX},
		{"99999999999999999999999", SECONDS_MAX}, {"", -1}, {"-1", -1}, {"+1", -1},
		{"1.0", -1}, {"a1", -1}, {"1a", -1}, {" 1", -1}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t seconds = -1;
		int ok = seconds_parse(view(rows[i].text), &seconds);
		ck_assert_msg(ok == (rows[i].seconds >= 0) && seconds == rows[i].seconds, "%s",
			rows[i].text);
	}
}
END_TEST

START_TEST(directives_set_flags)
{
	static const struct {
		const char *value;
		uint32_t flags;
	} rows[] = {
		{"", 0},
		{" , ", 0},
		{"unknown", CC_PRESENT},
		{"no-store", CC_PRESENT | CC_NO_STORE}, /* 5.2.2.5 */
		{"NO-STORE", CC_PRESENT | CC_NO_STORE}, /* 5.2: any case */
		{"no-store=1", CC_PRESENT | CC_NO_STORE},
		{"no-store=\"", CC_PRESENT | CC_NO_STORE}, /* 4.2.1: keeps less */
		{"no-store = 1", CC_PRESENT | CC_NO_STORE},
		{"no-cache", CC_PRESENT | CC_NO_CACHE}, /* 5.2.2.4 */
		{"no-cache=\"a\"", CC_PRESENT},
		{"no-cache=a", CC_PRESENT}, /* token form */
		{"no-cache=\"\"", CC_PRESENT | CC_NO_CACHE},
		{"no-cache=\"a b\"", CC_PRESENT | CC_NO_CACHE},
		{"no-cache=\"a", CC_PRESENT | CC_NO_CACHE},
		{"no-cache=", CC_PRESENT | CC_NO_CACHE},
		{"no-cache=\"a\", no-cache", CC_PRESENT | CC_NO_CACHE},
		{"private", CC_PRESENT | CC_PRIVATE}, /* 5.2.2.7 */
		{"private=\"set-cookie, x\"", CC_PRESENT},
		{"private=\"", CC_PRESENT | CC_PRIVATE},
		{"public", CC_PRESENT | CC_PUBLIC}, /* 5.2.2.9 */
		{"public=\"", CC_PRESENT},          /* broken: opens nothing */
		{"x=\"public, no-store\"", CC_PRESENT},
		{"x=\"\\\", public\"", CC_PRESENT},
		{"must-revalidate", CC_PRESENT | CC_MUST_REVALIDATE},  /* 5.2.2.2 */
		{"proxy-revalidate", CC_PRESENT | CC_MUST_REVALIDATE}, /* 5.2.2.8 */
		{"must-understand, no-store", CC_PRESENT | CC_MUST_UNDERSTAND | CC_NO_STORE},
		{"immutable", CC_PRESENT | CC_IMMUTABLE},           /* RFC 8246 */
		{"no-transform", CC_PRESENT | CC_NO_TRANSFORM},     /* 5.2.2.6 */
		{"only-if-cached", CC_PRESENT | CC_ONLY_IF_CACHED}, /* 5.2.1.7 */
		{"max-stale", CC_PRESENT | CC_ANY_STALE},           /* 5.2.1.2 */
		{"max-stale=5", CC_PRESENT},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(control(rows[i].value).flags == rows[i].flags, "%s", rows[i].value);
}
END_TEST

START_TEST(directives_say_seconds)
{
	static const struct {
		const char *value;
		enum cache_control_time time;
		int64_t seconds;
	} rows[] = {
		{"", CC_MAX_AGE, -1},
		{"max-age=60", CC_MAX_AGE, 60},
		{"Max-Age=60", CC_MAX_AGE, 60},
		{"max-age=\"60\"", CC_MAX_AGE, 60}, /* 5.2: both forms */
		{"max-age='60'", CC_MAX_AGE, 0},
		{"max-age=-1", CC_MAX_AGE, 0}, /* 4.2.1: invalid is stale */
		{"max-age=1.5", CC_MAX_AGE, 0},
		{"max-age", CC_MAX_AGE, 0},
		{"max-age=", CC_MAX_AGE, 0},
		{"max-age =60", CC_MAX_AGE, 0},
		{"max-age= 60", CC_MAX_AGE, 0},
		{"max-age=9999999999", CC_MAX_AGE, SECONDS_MAX}, /* 1.2.2 */
		{"max-age=60, max-age=5", CC_MAX_AGE, 5},
		{"max-age=5, max-age=60", CC_MAX_AGE, 5},
		{"max-age=60, max-age=x", CC_MAX_AGE, 0},
		{"x=\"max-age=60\"", CC_MAX_AGE, -1},
		{"x-max-age=60", CC_MAX_AGE, -1},
		{"s-maxage=7", CC_S_MAXAGE, 7},
		{"stale-while-revalidate=7", CC_STALE_WHILE_REVALIDATE, 7},
		{"stale-if-error=7", CC_STALE_IF_ERROR, 7},
		{"max-stale=7", CC_MAX_STALE, 7},
		{"min-fresh=7", CC_MIN_FRESH, 7},
		{"min-fresh=7, min-fresh=9", CC_MIN_FRESH, 9},
		{"min-fresh=x", CC_MIN_FRESH, SECONDS_MAX},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(control(rows[i].value).seconds[rows[i].time] == rows[i].seconds, "%s",
			rows[i].value);
}
END_TEST

START_TEST(fields_that_are_named_are_withheld)
{
	struct cache_control cc = control("no-cache=\"A, b\", private=set-cookie, max-age=1");
	ck_assert_int_eq(cc.flags, CC_PRESENT);
	ck_assert_int_eq(cache_control_withholds(&cc, view("a")), 1);
	ck_assert_int_eq(cache_control_withholds(&cc, view("B")), 1);
	ck_assert_int_eq(cache_control_withholds(&cc, view("Set-Cookie")), 1);
	ck_assert_int_eq(cache_control_withholds(&cc, view("c")), 0);
	cc = control("private=a, private=b, private=c, private=d, private=e");
	ck_assert_int_eq(cc.flags, CC_PRESENT | CC_PRIVATE);
}
END_TEST

START_TEST(targeted_fields_are_dictionaries)
{
	static const struct {
		const char *value;
		int ok;
		uint32_t flags;
		int64_t max_age;
	} rows[] = {
		{"max-age=60", 1, CC_PRESENT, 60},
		{"max-age=60;x=1;y", 1, CC_PRESENT, 60}, /* parameters say nothing */
		{"max-age=60,  no-store", 1, CC_PRESENT | CC_NO_STORE, 60},
		{"max-age=5, max-age=60", 1, CC_PRESENT, 60}, /* RFC 8941: the last one */
		{"no-store, no-store=?0", 1, CC_PRESENT, -1},
		{"no-store=?1", 1, CC_PRESENT | CC_NO_STORE, -1},
		{"no-store=5", 1, CC_PRESENT, -1}, /* another type */
		{"private=\"a\"", 1, CC_PRESENT | CC_PRIVATE, -1},
		{"max-age=\"60\"", 1, CC_PRESENT, -1},
		{"max-age=6.0", 1, CC_PRESENT, -1},
		{"max-age=-5", 1, CC_PRESENT, 0},
		{"max-age=999999999999999", 1, CC_PRESENT, SECONDS_MAX},
		{"x=(a \"b\" 1;q=2);r, public", 1, CC_PRESENT | CC_PUBLIC, -1},
		{"x=:YQ==:, y=*a/b:c", 1, CC_PRESENT, -1},
		{"", 0, 0, 0},
		{"max-age=60,", 0, 0, 0},
		{"MAX-AGE=60", 0, 0, 0},
		{"max-age=60 no-store", 0, 0, 0},
		{"max-age=", 0, 0, 0},
		{"max-age=1234567890123456", 0, 0, 0},
		{"max-age=1.2345", 0, 0, 0},
		{"x=\"a", 0, 0, 0},
		{"x=\"\\a\"", 0, 0, 0},
		{"x=(a", 0, 0, 0},
		{"x=(a\"b\")", 0, 0, 0},
		{"x=?2", 0, 0, 0},
		{"x;=1", 0, 0, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cache_control cc;
		int ok = targeted_parse(view(rows[i].value), &cc);
		ck_assert_msg(ok == rows[i].ok, "%s", rows[i].value);
		if (ok)
			ck_assert_msg(cc.flags == rows[i].flags &&
					      cc.seconds[CC_MAX_AGE] == rows[i].max_age,
				"%s", rows[i].value);
	}
}
END_TEST

START_TEST(dates_have_three_forms)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: no date */
	} rows[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777}, /* RFC 9110 5.6.7 */
		{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
		{"Sun Nov  6 08:49:37 1994", 784111777},
		{"Sun Nov 16 08:49:37 1994", 784975777},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Thu, 29 Feb 2024 23:59:60 GMT", 1709251199}, /* a leap second */
		{"Sat, 29 Feb 2025 00:00:00 GMT", -1},
		{"Sun, 00 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 06 Foo 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 24:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:60:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:49:37 UTC", -1},
		{"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
		{"Sun, 6 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 94 08:49:37 GMT", -1},
		{"Su, 06-Nov-94 08:49:37 GMT", -1},
		{"0", -1},
		{"-1", -1},
		{"", -1},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t seconds = -1;
		http_date_parse(view(rows[i].text), NOW, &seconds);
		ck_assert_msg(
			seconds == rows[i].seconds, "%s: %lld", rows[i].text, (long long)seconds);
	}
	int64_t far = 0;
	/* 50 years ahead of 2023 is still to come, more is not. */
	ck_assert_int_eq(http_date_parse(view("Sunday, 01-Jan-73 00:00:00 GMT"), NOW, &far), 1);
	ck_assert_int_gt(far, NOW);
	ck_assert_int_eq(http_date_parse(view("Sunday, 01-Jan-74 00:00:00 GMT"), NOW, &far), 1);
	ck_assert_int_lt(far, NOW);
}
END_TEST

static struct answer answer(int status, const char *cache_control)
{
	return (struct answer){.cc = control(cache_control),
		.status = status,
		.received_s = NOW,
		.date_s = NOW,
		.expires_s = ANSWER_UNSAID,
		.last_modified_s = ANSWER_UNSAID,
		.age_s = ANSWER_UNSAID};
}

static struct asked asked(const char *cache_control)
{
	return (struct asked){.cc = control(cache_control), .is_get = 1};
}

START_TEST(lifetimes_are_explicit_before_heuristic)
{
	struct answer a = answer(200, "max-age=60");
	a.expires_s = NOW + 5;
	ck_assert_int_eq(freshness_lifetime_s(&a), 60); /* 5.3: max-age overrides Expires */
	a.cc = control("max-age=60, s-maxage=7");
	ck_assert_int_eq(freshness_lifetime_s(&a), 7); /* 5.2.2.10 */
	a.cc = control("");
	ck_assert_int_eq(freshness_lifetime_s(&a), 5);
	a.is_targeted = 1;
	ck_assert_int_eq(freshness_lifetime_s(&a), 0); /* RFC 9213 2.2 */
	a.is_targeted = 0;
	a.date_s = NOW - 10;
	ck_assert_int_eq(freshness_lifetime_s(&a), 15); /* 4.2.1: by the origin's clock */
	a.expires_s = 0;
	ck_assert_int_eq(freshness_lifetime_s(&a), 0);
	a.expires_s = ANSWER_UNSAID;
	a.last_modified_s = a.date_s - 1000;
	ck_assert_int_eq(freshness_lifetime_s(&a), 100); /* 4.2.2 */
	a.last_modified_s = a.date_s - 100000000;
	ck_assert_int_eq(freshness_lifetime_s(&a), 86400);
	a.last_modified_s = a.date_s + 1000;
	ck_assert_int_eq(freshness_lifetime_s(&a), 0);
	a.last_modified_s = a.date_s - 1000;
	a.status = 201;
	ck_assert_int_eq(freshness_lifetime_s(&a), 0);
	a.cc = control("public");
	ck_assert_int_eq(freshness_lifetime_s(&a), 100);
}
END_TEST

START_TEST(ages_are_the_larger_of_what_is_said_and_seen)
{
	struct answer a = answer(200, "");
	ck_assert_int_eq(freshness_age_s(&a), 0); /* 4.2.3 */
	a.age_s = 30;
	a.delay_s = 2;
	ck_assert_int_eq(freshness_age_s(&a), 32);
	a.date_s = NOW - 50;
	ck_assert_int_eq(freshness_age_s(&a), 50);
	a.date_s = NOW + 50; /* an origin whose clock is ahead */
	ck_assert_int_eq(freshness_age_s(&a), 32);
	a.date_s = ANSWER_UNSAID;
	a.delay_s = -5; /* a clock that jumped */
	ck_assert_int_eq(freshness_age_s(&a), 30);
}
END_TEST

START_TEST(answers_are_stored_when_nothing_forbids)
{
	static const struct {
		int status;
		const char *of_answer, *of_request;
		int authorization, validator;
		enum storing expected;
	} rows[] = {
		{200, "max-age=60", "", 0, 0, STORING_OK},
		{200, "", "", 0, 0, STORING_NO_LIFETIME},
		{200, "", "", 0, 1, STORING_OK}, /* 3: heuristic status, kept for validation */
		{200, "max-age=0", "", 0, 0, STORING_NO_LIFETIME},
		{200, "max-age=0", "", 0, 1, STORING_OK},
		{200, "no-cache", "", 0, 1, STORING_OK},
		{201, "", "", 0, 1, STORING_NO_LIFETIME},
		{201, "max-age=60", "", 0, 0, STORING_OK},
		{500, "max-age=60", "", 0, 0, STORING_OK},
		{599, "max-age=60", "", 0, 0, STORING_OK},
		{600, "max-age=60", "", 0, 0, STORING_STATUS},
		{103, "max-age=60", "", 0, 0, STORING_STATUS},
		{206, "max-age=60", "", 0, 0, STORING_STATUS},
		{304, "max-age=60", "", 0, 0, STORING_STATUS},
		{200, "no-store, max-age=60", "", 0, 0, STORING_NO_STORE},
		{200, "max-age=60", "no-store", 0, 0, STORING_NO_STORE}, /* 5.2.1.5 */
		{200, "private, max-age=60", "", 0, 0, STORING_PRIVATE},
		{200, "private=\"a\", max-age=60", "", 0, 0, STORING_OK},
		{200, "must-understand, no-store, max-age=60", "", 0, 0, STORING_OK}, /* 5.2.2.3 */
		{599, "must-understand, max-age=60", "", 0, 0, STORING_STATUS},
		{200, "max-age=60", "", 1, 0, STORING_AUTHORIZATION}, /* 3.5 */
		{200, "max-age=60, public", "", 1, 0, STORING_OK},
		{200, "max-age=60, must-revalidate", "", 1, 0, STORING_OK},
		{200, "s-maxage=60", "", 1, 0, STORING_OK},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answer a = answer(rows[i].status, rows[i].of_answer);
		struct asked q = asked(rows[i].of_request);
		q.has_authorization = rows[i].authorization;
		ck_assert_msg(freshness_storing(&q, &a, rows[i].validator) == rows[i].expected,
			"%d %s, %s", rows[i].status, rows[i].of_answer, rows[i].of_request);
	}
	struct answer a = answer(200, "max-age=60");
	struct asked q = asked("");
	a.varies_on_all = 1;
	ck_assert_int_eq(freshness_storing(&q, &a, 0), STORING_VARY);
	q.is_get = 0;
	ck_assert_int_eq(freshness_storing(&q, &a, 0), STORING_METHOD);
	assert_view(storing_name(STORING_NO_LIFETIME), "no-lifetime");
}
END_TEST

START_TEST(stored_answers_are_sent_as_both_sides_allow)
{
	static const struct {
		int64_t age; /* of a lifetime of 100 */
		const char *of_answer, *of_request;
		enum reuse expected;
	} rows[] = {
		{99, "", "", REUSE_FRESH},
		{100, "", "", REUSE_VALIDATE}, /* 4.2: fresh while its lifetime is longer */
		{5, "no-cache", "", REUSE_VALIDATE},
		{5, "", "no-cache", REUSE_VALIDATE}, /* 5.2.1.4 */
		{5, "", "max-age=5", REUSE_FRESH},   /* 5.2.1.1 */
		{6, "", "max-age=5", REUSE_VALIDATE},
		{0, "", "max-age=0", REUSE_VALIDATE},
		{89, "", "min-fresh=10", REUSE_FRESH}, /* 5.2.1.3 */
		{90, "", "min-fresh=10", REUSE_VALIDATE},
		{110, "", "max-stale=10", REUSE_STALE}, /* 5.2.1.2 */
		{111, "", "max-stale=10", REUSE_VALIDATE},
		{9999, "", "max-stale", REUSE_STALE},
		{101, "must-revalidate", "max-stale", REUSE_VALIDATE},
		{101, "proxy-revalidate", "max-stale", REUSE_VALIDATE},
		{101, "s-maxage=100", "max-stale", REUSE_VALIDATE},
		{101, "no-cache", "max-stale", REUSE_VALIDATE},
		{101, "", "max-stale, min-fresh=1", REUSE_VALIDATE},
		{110, "", "max-age=105, max-stale=10", REUSE_STALE},
		{110, "", "max-age=99, max-stale=10", REUSE_VALIDATE},
		{100, "stale-while-revalidate=10", "", REUSE_BACKGROUND}, /* RFC 5861 3 */
		{109, "stale-while-revalidate=10", "", REUSE_BACKGROUND},
		{110, "stale-while-revalidate=10", "", REUSE_VALIDATE},
		{105, "stale-while-revalidate=10, s-maxage=100", "", REUSE_BACKGROUND},
		{105, "stale-while-revalidate=10, must-revalidate", "", REUSE_VALIDATE},
		{105, "stale-while-revalidate=10", "max-age=200", REUSE_VALIDATE},
		{105, "stale-while-revalidate=10", "only-if-cached", REUSE_STALE},
		{99, "", "only-if-cached", REUSE_FRESH}, /* 5.2.1.7 */
		{100, "", "only-if-cached", REUSE_NEVER},
		{9, "", "only-if-cached, no-cache", REUSE_NEVER},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cache_control cc = control(rows[i].of_answer);
		struct stored s = {.lifetime_s = 100, .age_s = rows[i].age, .cc = &cc};
		struct asked q = asked(rows[i].of_request);
		ck_assert_msg(freshness_reuse(&q, &s) == rows[i].expected, "%d: %s, %s",
			(int)rows[i].age, rows[i].of_answer, rows[i].of_request);
	}
}
END_TEST

START_TEST(errors_are_covered_within_bounds)
{
	static const struct {
		int64_t age, otherwise;
		const char *of_answer, *of_request;
		int expected;
	} rows[] = {
		{105, 0, "", "", 0},
		{105, 10, "", "", 1},
		{110, 10, "", "", 0},
		{105, 0, "stale-if-error=10", "", 1}, /* RFC 5861 4 */
		{110, 0, "stale-if-error=10", "", 0},
		{105, 60, "stale-if-error=0", "", 0},
		{105, 0, "", "stale-if-error=10", 1},
		{105, 60, "must-revalidate, stale-if-error=10", "", 0},
		{105, 60, "no-cache", "", 0},
		{105, 60, "", "no-cache", 0},
		{105, 60, "s-maxage=100", "", 0},
		{105, 60, "s-maxage=100, stale-if-error=10", "", 1},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cache_control cc = control(rows[i].of_answer);
		struct stored s = {.lifetime_s = 100, .age_s = rows[i].age, .cc = &cc};
		struct asked q = asked(rows[i].of_request);
		ck_assert_msg(freshness_covers_error(&q, &s, rows[i].otherwise) == rows[i].expected,
			"%d: %s, %s", (int)rows[i].age, rows[i].of_answer, rows[i].of_request);
	}
}
END_TEST

/* The key of up to three parts; NULL is absent, "" after it is not. */
static size_t key_of(char *out, size_t bytes_max, const char *const *parts, size_t count)
{
	struct cache_key k = {.p = out, .bytes_max = bytes_max};
	for (size_t i = 0; i < count; i++) {
		if (parts[i])
			cache_key_add(&k, view(parts[i]));
		else
			cache_key_add_absent(&k);
	}
	return k.is_full ? 0 : k.n;
}

START_TEST(keys_of_different_parts_differ)
{
	static const char *const parts[][3] = {{"ab", "c", ""}, {"a", "bc", ""}, {"abc", "", ""},
		{"", "abc", ""}, {NULL, "abc", ""}, {"abc", NULL, ""}, {"abc", "", NULL},
		{"\1", "\1", "\1"}, {"\1\1", "\1", ""}, {"a\2b", "c", ""}};
	char keys[COUNT(parts)][32];
	size_t lengths[COUNT(parts)];
	for (size_t i = 0; i < COUNT(parts); i++) {
		lengths[i] = key_of(keys[i], sizeof(keys[i]), parts[i], 3);
		ck_assert_uint_gt(lengths[i], 0);
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(lengths[i] != lengths[j] ||
					      memcmp(keys[i], keys[j], lengths[i]) != 0,
				"%zu, %zu", i, j);
	}
	char small[4];
	ck_assert_uint_eq(key_of(small, sizeof(small), parts[0], 3), 0);
}
END_TEST

static size_t names_key(char *out, const char *first, const char *second)
{
	struct vary v = {.count = 0};
	struct cache_key k = {.p = out, .bytes_max = 128};
	vary_add(&v, view(first));
	vary_add(&v, view(second));
	ck_assert_int_eq(v.is_any, 0);
	vary_key_names(&v, &k);
	ck_assert_int_eq(k.is_full, 0);
	return k.n;
}

START_TEST(names_of_vary_have_one_order)
{
	char a[128], b[128];
	size_t n = names_key(a, "Accept, Origin", "accept,X-A");
	ck_assert_uint_eq(n, names_key(b, "x-a,,ORIGIN", " accept"));
	ck_assert_mem_eq(a, b, n);
	ck_assert_uint_ne(n, names_key(b, "accept", ""));
	struct vary v = {.count = 0};
	vary_add(&v, view("a, *")); /* 4.1 */
	ck_assert_int_eq(v.is_any, 1);
	v = (struct vary){.count = 0};
	vary_add(&v, view("a b"));
	ck_assert_int_eq(v.is_any, 1);
	v = (struct vary){.count = 0};
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	for (size_t i = 0; i < VARY_NAMES_MAX; i++)
		vary_add(&v, (struct sluice_str){letters + i, 1});
	ck_assert_int_eq(v.is_any, 0);
	vary_add(&v, (struct sluice_str){letters, 1}); /* again */
	ck_assert_int_eq(v.is_any, 0);
	vary_add(&v, (struct sluice_str){letters + VARY_NAMES_MAX, 1});
	ck_assert_int_eq(v.is_any, 1);
}
END_TEST

static int is_same_variant(const char *name, const char *const *one, const char *const *other)
{
	char text[2][64], keys[2][80];
	size_t lengths[2];
	for (int side = 0; side < 2; side++) {
		const char *const *lines = side ? other : one;
		struct variant_value value = {.text = text[side], .bytes_max = sizeof(text[side])};
		struct cache_key k = {.p = keys[side], .bytes_max = sizeof(keys[side])};
		for (; *lines; lines++)
			variant_value_add(&value, view(name), view(*lines));
		variant_value_key(&value, &k);
		ck_assert_int_eq(k.is_full, 0);
		lengths[side] = k.n;
	}
	return lengths[0] == lengths[1] && memcmp(keys[0], keys[1], lengths[0]) == 0;
}

START_TEST(values_of_variants_are_normalised_where_that_is_known_to_be_safe)
{
	static const struct {
		const char *name, *one[3], *other[3];
		int same;
	} rows[] = {
		{"Accept-Encoding", {"gzip, br"}, {"GZIP ,br"}, 1},
		{"Accept-Encoding", {"gzip", "br"}, {"gzip,br"}, 1}, /* 4.1: lines combine */
		{"Accept-Language", {"de, en"}, {"en, de"}, 0},
		{"Accept", {"a/b, c/d"}, {"a/b,c/d"}, 1},
		{"Accept", {"a/b;v=X"}, {"a/b;v=x"}, 0},
		{"Accept", {NULL}, {""}, 0}, /* absent is not empty */
		{"Accept", {NULL}, {NULL}, 1},
		{"Accept", {"\"a", "b\""}, {"\"a,b\""}, 0},
		{"User-Agent", {"a, b"}, {"a,b"}, 0},
		{"X", {"a"}, {" a "}, 1},
		{"X", {"a"}, {"A"}, 0},
		{"X", {"a", "b"}, {"a, b"}, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(
			is_same_variant(rows[i].name, rows[i].one, rows[i].other) == rows[i].same,
			"row %zu", i);
	char text[4], key[16];
	struct variant_value value = {.text = text, .bytes_max = sizeof(text)};
	struct cache_key k = {.p = key, .bytes_max = sizeof(key)};
	variant_value_add(&value, view("x"), view("abcd"));
	variant_value_key(&value, &k);
	ck_assert_int_eq(k.is_full, 1);
}
END_TEST

START_TEST(entity_tags_compare_weakly_and_strongly)
{
	static const struct {
		const char *a, *b;
		int weak, strong;
	} rows[] = {{"W/\"1\"", "W/\"1\"", 1, 0},
		{"W/\"1\"", "W/\"2\"", 0, 0}, /* RFC 9110 8.8.3.2 */
		{"W/\"1\"", "\"1\"", 1, 0}, {"\"1\"", "\"1\"", 1, 1}, {"1", "1", 0, 0},
		{"", "", 0, 0}, {"w/\"1\"", "\"1\"", 0, 0}, {"\"a\\\"", "\"a\\\"", 1, 1}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sluice_str a = view(rows[i].a), b = view(rows[i].b);
		ck_assert_msg(etag_equal_weak(a, b) == rows[i].weak &&
				      etag_equal_strong(a, b) == rows[i].strong,
			"%s %s", rows[i].a, rows[i].b);
	}
}
END_TEST

START_TEST(conditions_of_clients_hold_or_not)
{
	static const struct {
		const char *value, *tag;
		int holds;
	} rows[] = {{"\"a\"", "\"a\"", 1}, {"\"b\"", "\"a\"", 0}, {"\"b\", W/\"a\"", "\"a\"", 1},
		{"*", "", 1}, {" * ", "\"a\"", 1}, {"\"a\"", "", 0}, {"\"x,y\"", "\"x,y\"", 1},
		{"a", "\"a\"", 0}, {"a, \"a\"", "\"a\"", 0}, {"\"b\" \"a\"", "\"a\"", 0},
		{"\"a\", b", "\"a\"", 1}, {"", "\"a\"", 0}, {",,\"a\"", "\"a\"", 1}};
	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(if_none_match_holds(view(rows[i].value), view(rows[i].tag)) ==
				      rows[i].holds,
			"%s %s", rows[i].value, rows[i].tag);
	struct sluice_str date = view("Sun, 06 Nov 1994 08:49:37 GMT");
	struct validators v = {.last_modified_s = 784111777, .date_s = 784111778};
	ck_assert_int_eq(if_modified_since_holds(date, &v, NOW), 1); /* RFC 9110 13.1.3 */
	ck_assert_int_eq(if_range_holds(date, &v, NOW), 1);          /* 13.1.5 */
	v.date_s = 784111777;
	ck_assert_int_eq(if_range_holds(date, &v, NOW), 0);
	v.last_modified_s++;
	ck_assert_int_eq(if_modified_since_holds(date, &v, NOW), 0);
	ck_assert_int_eq(if_modified_since_holds(view("0"), &v, NOW), 0);
	v.tag = view("\"a\"");
	ck_assert_int_eq(if_range_holds(view("\"a\""), &v, NOW), 1);
	ck_assert_int_eq(if_range_holds(view("W/\"a\""), &v, NOW), 0);
	v.tag = view("W/\"a\"");
	ck_assert_int_eq(if_range_holds(view("W/\"a\""), &v, NOW), 0);
}
END_TEST

START_TEST(ranges_are_parts_of_ten_bytes)
{
	static const struct {
		const char *value;
		enum range_kind kind;
		uint64_t offset, length;
	} rows[] = {{"bytes=0-0", RANGE_PART, 0, 1},
		{"bytes=2-", RANGE_PART, 2, 8}, /* RFC 9110 14.1.2 */
		{"bytes=-3", RANGE_PART, 7, 3}, {"bytes=-30", RANGE_PART, 0, 10},
		{"bytes=5-99999999999999999999999", RANGE_PART, 5, 5},
		{"BYTES= 1 - 2 ", RANGE_PART, 1, 2}, {"bytes=10-", RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=-0", RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=18446744073709551615-", RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=3-2", RANGE_WHOLE, 0, 0}, {"bytes=0-1,3-4", RANGE_WHOLE, 0, 0},
		{"bytes=", RANGE_WHOLE, 0, 0}, {"bytes=-", RANGE_WHOLE, 0, 0},
		{"bytes", RANGE_WHOLE, 0, 0}, {"items=0-1", RANGE_WHOLE, 0, 0},
		{"bytes=a-b", RANGE_WHOLE, 0, 0}, {"bytes=--1", RANGE_WHOLE, 0, 0}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct byte_range r = {0, 0};
		enum range_kind kind = byte_range_parse(view(rows[i].value), 10, &r);
		ck_assert_msg(kind == rows[i].kind && r.offset == rows[i].offset &&
				      r.length == rows[i].length,
			"%s", rows[i].value);
	}
	char out[CONTENT_RANGE_BYTES_MAX];
	struct byte_range r = {2, 3};
	size_t n = content_range_write(out, RANGE_PART, &r, 10);
	assert_view((struct sluice_str){out, n}, "bytes 2-4/10");
	n = content_range_write(out, RANGE_UNSATISFIABLE, &r, 10);
	assert_view((struct sluice_str){out, n}, "bytes */10");
	r = (struct byte_range){UINT64_MAX - 1, 1};
	n = content_range_write(out, RANGE_PART, &r, UINT64_MAX);
	ck_assert_uint_lt(n, CONTENT_RANGE_BYTES_MAX);
}
END_TEST

START_TEST(what_the_cache_did_is_told)
{
	char out[CACHE_STATUS_BYTES_MAX];
	struct cache_status s = {.has_ttl = 1, .ttl_s = -7, .is_stored = 1};
	size_t n = cache_status_write(out, &s);
	assert_view((struct sluice_str){out, n}, "sluice; hit; ttl=-7"); /* RFC 9211 2 */
	s = (struct cache_status){.forward = FORWARD_STALE,
		.forward_status = 304,
		.is_stored = 1,
		.is_collapsed = 1,
		.detail = view("no-store")};
	n = cache_status_write(out, &s);
	assert_view((struct sluice_str){out, n},
		"sluice; fwd=stale; fwd-status=304; stored; collapsed; detail=\"no-store\"");
	s = (struct cache_status){.forward = FORWARD_BYPASS, .detail = view("a\"b")};
	n = cache_status_write(out, &s);
	assert_view((struct sluice_str){out, n}, "sluice; fwd=bypass");
}
END_TEST

UNIT_SUITE(http_caching, members_are_parted_by_commas_outside_of_quotes,
	seconds_are_digits_and_have_an_end, directives_set_flags, directives_say_seconds,
	fields_that_are_named_are_withheld, targeted_fields_are_dictionaries,
	dates_have_three_forms, lifetimes_are_explicit_before_heuristic,
	ages_are_the_larger_of_what_is_said_and_seen, answers_are_stored_when_nothing_forbids,
	stored_answers_are_sent_as_both_sides_allow, errors_are_covered_within_bounds,
	keys_of_different_parts_differ, names_of_vary_have_one_order,
	values_of_variants_are_normalised_where_that_is_known_to_be_safe,
	entity_tags_compare_weakly_and_strongly, conditions_of_clients_hold_or_not,
	ranges_are_parts_of_ten_bytes, what_the_cache_did_is_told)
