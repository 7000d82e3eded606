/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "expr/regex.h"
#include "expr/regex_priv.h"

static struct regex *compiled(const char *pattern, unsigned flags)
{
	struct regex *r;
	size_t offset;
	char message[200];
	enum rc rc = regex_new(str_of(pattern), flags, &r, &offset, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s: %zu: %s", pattern, offset, message);
	return r;
}

static enum rc match(const char *pattern, const char *subject)
{
	struct regex *r = compiled(pattern, REGEX_WHOLE);
	enum rc rc = regex_match(r, str_of(subject), NULL);
	regex_free(r);
	return rc;
}

START_TEST(matches_the_whole_subject)
{
	ck_assert_int_eq(match("a|ab", "ab"), RC_OK);
	ck_assert_int_eq(match("GET|POST", "POST"), RC_OK);
	ck_assert_int_eq(match("GET|POST", "POSTS"), RC_NOT_FOUND);
	ck_assert_int_eq(match("/items/\\d+", "/items/42"), RC_OK);
	ck_assert_int_eq(match("/items/\\d+", "x/items/42"), RC_NOT_FOUND);
	ck_assert_int_eq(match("a$", "a\n"), RC_NOT_FOUND);
	ck_assert_int_eq(match("(?i)get", "GET"), RC_OK);
	ck_assert_int_eq(match("(?!/admin).*", "/shop"), RC_OK);
	ck_assert_int_eq(match("(?!/admin).*", "/admin/x"), RC_NOT_FOUND);
	ck_assert_int_eq(match("", ""), RC_OK);
}
END_TEST

START_TEST(gives_groups)
{
	struct str groups[3];
	struct regex *r = compiled("/(\\w+)(x)?/(.*)", REGEX_WHOLE);
	ck_assert_uint_eq(regex_group_count(r), 3);
	ck_assert_int_eq(regex_match(r, STR("/ab/c/d"), groups), RC_OK);
	assert_str(groups[0], "ab");
	ck_assert_ptr_null(groups[1].p);
	assert_str(groups[2], "c/d");
	regex_free(r);
	r = compiled("/items(/.*)?", REGEX_WHOLE);
	ck_assert_uint_eq(regex_group_count(r), 1);
	ck_assert_int_eq(regex_match(r, STR("/items/42"), groups), RC_OK);
	assert_str(groups[0], "/42");
	ck_assert_int_eq(regex_match(r, STR("/items"), groups), RC_OK);
	ck_assert_ptr_null(groups[0].p);
	regex_free(r);
}
END_TEST

START_TEST(searches_from_a_place)
{
	size_t from, to;
	static const char *const patterns[] = {"ab", "a[b]"};
	for (size_t i = 0; i < 2; i++) {
		struct regex *r = compiled(patterns[i], 0);
		ck_assert_int_eq(regex_search(r, STR("xabyab"), 0, &from, &to, NULL), RC_OK);
		ck_assert_uint_eq(from, 1);
		ck_assert_uint_eq(to, 3);
		ck_assert_int_eq(regex_search(r, STR("xabyab"), 2, &from, &to, NULL), RC_OK);
		ck_assert_uint_eq(from, 4);
		ck_assert_int_eq(regex_search(r, STR("xabyab"), 5, &from, &to, NULL), RC_NOT_FOUND);
		ck_assert_int_eq(regex_search(r, STR("ab"), 3, &from, &to, NULL), RC_NOT_FOUND);
		regex_free(r);
	}
}
END_TEST

START_TEST(takes_an_empty_view)
{
	size_t from, to;
	static const char *const patterns[] = {"", ".*", "a*", "[a]*", "(.*)", "(a)?"};
	for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
		struct str group;
		for (int anchored = 0; anchored < 2; anchored++) {
			struct regex *r = compiled(patterns[i], anchored);
			ck_assert_int_eq(regex_match(r, STR_EMPTY, &group), RC_OK);
			ck_assert_int_eq(regex_search(r, STR_EMPTY, 0, &from, &to, &group), RC_OK);
			ck_assert_uint_eq(to, 0);
			regex_free(r);
		}
	}
}
END_TEST

struct bad {
	const char *pattern;
	size_t offset;
	const char *message;
};

START_TEST(explains_what_is_wrong_with_a_pattern)
{
	static const struct bad rows[] = {
		{"(a", 2, "missing closing parenthesis"},
		{"a)", 1, "unmatched closing parenthesis"},
		{"[a", 2, "missing terminating ]"},
		{"*a", 0, "quantifier does not follow a repeatable item"},
		{"a\\", 2, "\\ at end of pattern"},
		{"\\C", 2, "using \\C is disabled"},
		{"(*UTF)a", 6, "using UTF is disabled"},
		{"(?<=a*)b", 7, "lookbehind assertion"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct regex *r;
		size_t offset;
		char message[200];
		ck_assert_int_eq(regex_new(str_of(rows[i].pattern), REGEX_WHOLE, &r, &offset,
					 message, sizeof(message)),
			RC_INVALID);
		ck_assert_msg(strstr(message, rows[i].message) != NULL, "%s: %s", rows[i].pattern,
			message);
		ck_assert_msg(
			offset <= strlen(rows[i].pattern), "%s: %zu", rows[i].pattern, offset);
		if (i < 5)
			ck_assert_msg(offset == rows[i].offset, "%s: %zu", rows[i].pattern, offset);
	}
}
END_TEST

START_TEST(bounds_the_size_of_a_pattern)
{
	struct regex *r;
	size_t offset;
	char message[200], groups[200] = "", *longest = malloc(REGEX_BYTES_MAX + 1);
	memset(longest, 'a', REGEX_BYTES_MAX + 1);
	for (int i = 0; i < REGEX_GROUPS_MAX; i++)
		memcpy(groups + 3 * i, "(a)", 4);
	ck_assert_int_eq(
		regex_new(str_of(groups), REGEX_WHOLE, &r, &offset, message, sizeof(message)),
		RC_OK);
	regex_free(r);
	memcpy(groups + 3 * REGEX_GROUPS_MAX, "(a)", 4);
	ck_assert_int_eq(
		regex_new(str_of(groups), REGEX_WHOLE, &r, &offset, message, sizeof(message)),
		RC_INVALID);
	ck_assert_str_eq(message, "a regular expression has at most 32 groups, found 33");
	struct str text = {longest, REGEX_BYTES_MAX};
	ck_assert_int_eq(
		regex_new(text, REGEX_WHOLE, &r, &offset, message, sizeof(message)), RC_OK);
	regex_free(r);
	text.n++;
	ck_assert_int_eq(
		regex_new(text, REGEX_WHOLE, &r, &offset, message, sizeof(message)), RC_INVALID);
	ck_assert_str_eq(message, "a regular expression has at most 4096 bytes, found 4097");
	free(longest);
}
END_TEST

/* --- bounded work ---------------------------------------------------------------------------- */
START_TEST(stops_a_match_that_explodes)
{
	static const char *const patterns[] = {
		"(a+)+b", "(a|aa)+b", "(.*)*b", "((a*)*)*b", "(?:a?){30}a{30}b"};
	char subject[41];
	memset(subject, 'a', sizeof(subject) - 1);
	subject[sizeof(subject) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
		int64_t start = clock_monotonic_ns();
		enum rc rc = match(patterns[i], subject);
		int64_t took_ms = (clock_monotonic_ns() - start) / 1000000;
		/* PCRE2 may see at once that there is no b. */
		ck_assert_msg(
			rc == RC_FULL || rc == RC_NOT_FOUND, "%s: %s", patterns[i], rc_name(rc));
		ck_assert_msg(took_ms < 1000, "%s: %d ms", patterns[i], (int)took_ms);
	}
	ck_assert_int_eq(match("(a+)+[bc]", subject), RC_FULL);
	ck_assert_int_eq(match("(*NO_JIT)(a+)+[bc]", subject), RC_FULL);
}
END_TEST

START_TEST(shares_its_steps_among_the_places_of_a_search)
{
	size_t n = 16384, from, to;
	char *subject = malloc(n);
	memset(subject, 'x', n);
	struct regex *r = compiled("(x+x+)+[yz]", 0);
	int64_t start = clock_monotonic_ns();
	ck_assert_int_eq(regex_search(r, str_n(subject, n), 0, &from, &to, NULL), RC_FULL);
	ck_assert_int_lt((clock_monotonic_ns() - start) / 1000000, 2000);
	regex_free(r);
	/* What an honest pattern needs is there. */
	subject[n - 1] = 'y';
	r = compiled("[xz]?y", 0);
	ck_assert_int_eq(regex_search(r, str_n(subject, n), 0, &from, &to, NULL), RC_OK);
	ck_assert_uint_eq(from, n - 2);
	regex_free(r);
	free(subject);
}
END_TEST

/* Texts below the bound of one match, as a body may hold by the ten thousand. */
START_TEST(slow_matches_share_a_budget)
{
	struct regex *slow = compiled("^(a+)+$", 0), *plain = compiled("[b]", 0);
	struct str text = STR("aaaaaaaaaaaaaab");
	size_t from, to, count = 0;
	enum rc rc;
	regex_budget_begin();
	do
		rc = regex_search(slow, text, 0, &from, &to, NULL);
	while (rc == RC_NOT_FOUND && ++count < 10000000);
	ck_assert_int_eq(rc, RC_FULL);
	ck_assert_uint_gt(count, 10);
	ck_assert_int_eq(regex_search(plain, text, 0, &from, &to, NULL), RC_OK);
	regex_budget_begin();
	ck_assert_int_eq(regex_search(slow, text, 0, &from, &to, NULL), RC_NOT_FOUND);
	regex_free(slow);
	regex_free(plain);
}
END_TEST

START_TEST(matches_long_subjects_with_nested_groups)
{
	static const char *const patterns[] = {"(?:a|b|[cd])*", "(*NO_JIT)(?:a|b|[cd])*"};
	size_t n = LIMIT_FIELD_VALUE_BYTES;
	char *subject = malloc(n);
	memset(subject, 'a', n);
	for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
		struct regex *r = compiled(patterns[i], REGEX_WHOLE);
		ck_assert_int_eq(regex_match(r, str_n(subject, i == 0 ? n : n / 4), NULL), RC_OK);
		regex_free(r);
	}
	free(subject);
}
END_TEST

START_TEST(refuses_subjects_beyond_the_bound)
{
	size_t n = REGEX_SUBJECT_BYTES_MAX + 1;
	char *subject = calloc(1, n);
	struct regex *r = compiled("[a]", REGEX_WHOLE);
	ck_assert_int_eq(regex_match(r, str_n(subject, n), NULL), RC_FULL);
	ck_assert_int_eq(regex_match(r, str_n(subject, n - 1), NULL), RC_NOT_FOUND);
	regex_free(r);
	free(subject);
}
END_TEST

/* --- the short ways -------------------------------------------------------------------------- */
/* The same pattern in a form that is left to the engine. */
static struct regex *compiled_for_engine(struct str pattern, unsigned flags)
{
	char text[300];
	struct regex *r;
	size_t offset;
	int n = snprintf(text, sizeof(text), "(?:%.*s)", STR_ARG(pattern));
	enum rc rc = regex_new(str_n(text, (size_t)n), flags, &r, &offset, text, sizeof(text));
	return rc == RC_OK ? r : NULL;
}

static void compare(
	const struct regex *a, const struct regex *b, struct str pattern, struct str subject)
{
	struct str of_a[REGEX_GROUPS_MAX], of_b[REGEX_GROUPS_MAX];
	enum rc rc_a = regex_match(a, subject, of_a), rc_b = regex_match(b, subject, of_b);
	ck_assert_msg(rc_a == rc_b, "\"%.*s\" on \"%.*s\": %s, but %s by the engine",
		STR_ARG(pattern), STR_ARG(subject), rc_name(rc_a), rc_name(rc_b));
	for (unsigned i = 0; rc_a == RC_OK && i < regex_group_count(a); i++) {
		ck_assert_msg(str_eq(of_a[i], of_b[i]),
			"\"%.*s\" on \"%.*s\": group %u is \"%.*s\"", STR_ARG(pattern),
			STR_ARG(subject), i + 1, STR_ARG(of_a[i]));
		ck_assert(of_a[i].n == 0 || of_a[i].p == of_b[i].p);
	}
}

static void compare_search(
	const struct regex *a, const struct regex *b, struct str pattern, struct str subject)
{
	size_t from_a = 0, to_a = 0, from_b = 0, to_b = 0;
	for (size_t start = 0; start <= subject.n; start++) {
		enum rc rc_a = regex_search(a, subject, start, &from_a, &to_a, NULL);
		enum rc rc_b = regex_search(b, subject, start, &from_b, &to_b, NULL);
		ck_assert_msg(rc_a == rc_b && from_a == from_b && to_a == to_b,
			"\"%.*s\" in \"%.*s\" from %zu", STR_ARG(pattern), STR_ARG(subject), start);
	}
}

static const char *const subjects[] = {"", "/", "/items", "/items/", "/items/42", "/itemsx",
	"/items/a/b", "/items/\n", "/items\n", "\n", "GET", "POST", "GETPOST", "get", "GET\n", "a",
	"ab", "abc", "b", "a.b", "axb", "/a/b", "api.example.com", "apixexample.com", "a|b", "a*",
	"a\nb", "aa"};

static bool compare_pattern(struct str pattern)
{
	char message[200];
	size_t offset;
	struct regex *forms[2];
	struct plain plain;
	plain_init(&plain, pattern, false);
	bool is_plain = plain.kind != PLAIN_NONE;
	plain_deinit(&plain);
	for (unsigned flags = 0; flags < 4; flags++) {
		if (regex_new(pattern, flags, &forms[0], &offset, message, sizeof(message)) !=
			RC_OK) {
			ck_assert_msg(!is_plain, "\"%.*s\" is no pattern", STR_ARG(pattern));
			return false;
		}
		forms[1] = compiled_for_engine(pattern, flags);
		for (size_t i = 0; forms[1] && i < ARRAY_COUNT(subjects); i++) {
			if (flags & REGEX_WHOLE)
				compare(forms[0], forms[1], pattern, str_of(subjects[i]));
			else if (is_plain)
				compare_search(forms[0], forms[1], pattern, str_of(subjects[i]));
		}
		regex_free(forms[0]);
		regex_free(forms[1]);
	}
	return is_plain;
}

START_TEST(common_rules_need_no_engine)
{
	static const char *const plain[] = {"", ".*", ".+", "(.*)", "(.+)", "/", "/items",
		"/items/.*", "/items.*", "/items/.+", "/items(/.*)", "/items(/.*)?", "/items(.*)",
		"/items/(.*)", "(/items/.*)", "(/items)", "(/items)?", "/items()", "/items()?",
		"GET", "GET|POST", "GET|POST|", "|GET", "api\\.example\\.com", "a\\|b",
		"\\/items\\/.*", "a\\*", "a\\.b|axb", "/items/(a.*)?", "(a.+)?"};
	static const char *const others[] = {"a.b", "a*", "a+.*", "ab?", "\\d+", "/items/.*x",
		"a{2}", "(?i)get", "(GET|POST)", "GET|P.*", "^/a", "/a$", "[a]", "(a)(b)", "(a",
		"a)", "\\", "a\\n", ".*.*", "(.*)+", "(.*)*", "(/.*)??", "(a)?b", "a(?#x)"};
	for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
		ck_assert_msg(compare_pattern(str_of(plain[i])), "%s", plain[i]);
	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		ck_assert_msg(!compare_pattern(str_of(others[i])), "%s", others[i]);
}
END_TEST

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

START_TEST(the_short_ways_agree_with_the_engine)
{
	static const char *const parts[] = {"/", "a", "b", "/items", "GET", "|", "(", ")", "(/",
		".*)", ".*", ".+", "?", ")?", "\\.", "\\/", ".", "*", "\n", "+"};
	uint32_t state = 7;
	unsigned plain = 0;
	for (int round = 0; round < 6000; round++) {
		char text[64];
		size_t n = 0;
		for (unsigned count = 1 + next(&state) % 5; count > 0; count--) {
			struct str part = str_of(parts[next(&state) % ARRAY_COUNT(parts)]);
			memcpy(text + n, part.p, part.n);
			n += part.n;
		}
		plain += compare_pattern(str_n(text, n));
	}
	ck_assert_uint_gt(plain, 500);
}
END_TEST

/* --- threads --------------------------------------------------------------------------------- */
static void *match_in_thread(void *arg)
{
	for (int i = 0; i < 100; i++) {
		struct str group;
		ck_assert_int_eq(regex_match(arg, STR("/x/12"), &group), RC_OK);
		assert_str(group, "12");
	}
	return NULL;
}

START_TEST(one_expression_serves_many_threads)
{
	pthread_t threads[4];
	struct regex *r = compiled("/x/(\\d+)", REGEX_WHOLE);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, match_in_thread, r), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	match_in_thread(r);
	regex_free(r);
}
END_TEST

UNIT_SUITE(regex, matches_the_whole_subject, gives_groups, searches_from_a_place,
	takes_an_empty_view, explains_what_is_wrong_with_a_pattern, bounds_the_size_of_a_pattern,
	stops_a_match_that_explodes, shares_its_steps_among_the_places_of_a_search,
	slow_matches_share_a_budget, matches_long_subjects_with_nested_groups,
	refuses_subjects_beyond_the_bound, common_rules_need_no_engine,
	the_short_ways_agree_with_the_engine, one_expression_serves_many_threads)
