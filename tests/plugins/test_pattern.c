/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "util/pattern.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

/* "start-end capture,capture" of a match; "none"; or what is wrong. */
static const char *found(const char *subject, const char *pattern)
{
	static char text[400];
	struct pattern_match m;
	const char *message = NULL;
	uint64_t steps = 100000;
	int32_t rc = pattern_find((struct sluice_str){subject, strlen(subject)},
		(struct sluice_str){pattern, strlen(pattern)}, 0, &steps, &m, &message);
	if (rc == SLUICE_E_NOT_FOUND)
		return "none";
	if (rc != SLUICE_OK)
		return message;
	int n = snprintf(text, sizeof(text), "%zu-%zu", m.start, m.end);
	for (unsigned i = 0; i < m.count; i++) {
		const struct pattern_capture *c = &m.captures[i];
		const char *separator = i > 0 ? "," : " ";
		if (c->is_position)
			n += snprintf(
				text + n, sizeof(text) - (size_t)n, "%s@%zu", separator, c->start);
		else
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%.*s", separator,
				(int)c->n, subject + c->start);
	}
	return text;
}

START_TEST(matches_as_the_manual_says)
{
	static const struct {
		const char *subject, *pattern, *expected;
	} rows[] = {
		{"hello", "", "0-0"},
		{"", "", "0-0"},
		{"hello", "l", "2-3"},
		{"hello", "l+", "2-4"},
		{"hello", "x*", "0-0"},
		{"hello", "^e", "none"},
		{"hello", "o$", "4-5"},
		{"a$b", "a$b", "0-3"},
		{"abc", "a.c", "0-3"},
		{"aXb", "%u", "1-2"},
		{"ab1", "%A", "2-3"},
		{"x=1", "(%w)=(%d)", "0-3 x,1"},
		{"<<a>>", "<(.-)>", "0-4 <a"},
		{"aaa", "a-", "0-0"},
		{"aaab", "a-b", "0-4"},
		{"ab", "ac?b", "0-2"},
		{"acb", "ac?b", "0-3"},
		{"[x]", "[]x]+", "1-3"},
		{"a-z", "[a%-]+", "0-2"},
		{"m", "[a-l]", "none"},
		{"m", "[^a-l]", "0-1"},
		{"f(a(b)c)d", "%b()", "1-8"},
		{"f(a(b", "%b()", "none"},
		{"the (quick) fox", "%f[%a]q%a+", "5-10"},
		{"abab", "(ab)%1", "0-4 ab"},
		{"abba", "(ab)%1", "none"},
		{"ab", "()b()", "1-2 @1,@2"},
		{"((a))", "%((%((.)%))%)", "0-5 (a),a"},
		{"a.b", "%.", "1-2"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_msg(
			strcmp(found(rows[i].subject, rows[i].pattern), rows[i].expected) == 0,
			"'%s' in '%s': %s, expected %s", rows[i].pattern, rows[i].subject,
			found(rows[i].subject, rows[i].pattern), rows[i].expected);
}
END_TEST

START_TEST(refuses_what_is_no_pattern)
{
	ck_assert_str_eq(found("a", "[a"), "a pattern's [ has no ]");
	ck_assert_str_eq(found("a", "[^"), "a pattern's [ has no ]");
	ck_assert_str_eq(found("a", "[%"), "a pattern's [ has no ]");
	ck_assert_str_eq(found("a", "a%"), "a pattern ends in %");
	ck_assert_str_eq(found("a", "(a"), "a pattern's ( has no )");
	ck_assert_str_eq(found("a", "a)"), "a pattern's ) has no (");
	ck_assert_str_eq(found("a", "%1"), "a pattern refers to a capture that it has not");
	ck_assert_str_eq(found("a", "(%1)"), "a pattern refers to a capture that it has not");
	ck_assert_str_eq(found("a", "%b("), "a pattern's %b needs two characters");
	ck_assert_str_eq(found("a", "%fa"), "a pattern's %f needs a set");
}
END_TEST

START_TEST(stops_when_its_steps_are_spent)
{
	struct pattern_match m;
	const char *message = NULL;
	uint64_t steps = 50000;
	int32_t rc = pattern_find(SLUICE_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		SLUICE_STR("a-a-a-a-a-a-a-a-a-a-a-a-b"), 0, &steps, &m, &message);
	ck_assert_int_eq(rc, SLUICE_E_FULL);
	ck_assert_uint_eq(steps, 0);
	ck_assert_str_eq(
		found("x", "((((((((((((((((((((((((((((((((((x))))))))))))))))))))))))))))))))))"),
		"a pattern has too many captures");
}
END_TEST

/* A set is looked through for each character that is tried. */
START_TEST(pays_for_long_sets)
{
	static char pattern[8002], subject[100];
	struct pattern_match m;
	const char *message = NULL;
	uint64_t steps = 100000;
	memset(pattern, 'a', sizeof(pattern));
	memset(subject, 'b', sizeof(subject));
	pattern[0] = '[';
	pattern[sizeof(pattern) - 1] = ']';
	int32_t rc = pattern_find((struct sluice_str){subject, sizeof(subject)},
		(struct sluice_str){pattern, sizeof(pattern)}, 0, &steps, &m, &message);
	ck_assert_int_eq(rc, SLUICE_E_FULL);
}
END_TEST

/* No byte string makes it read outside of what it is given (the sanitizers look). */
START_TEST(survives_any_pattern)
{
	static const char letters[] = "a%[]()^$*+-?.bf1";
	char pattern[7] = "";
	uint64_t random = 7;
	for (int round = 0; round < 20000; round++) {
		size_t n = 1 + (size_t)round % 6;
		for (size_t i = 0; i < n; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			pattern[i] = letters[(random >> 33) % (sizeof(letters) - 1)];
		}
		pattern[n] = '\0';
		ck_assert_ptr_nonnull(found("ab(a)[b]^a", pattern));
	}
}
END_TEST

UNIT_SUITE(pattern, matches_as_the_manual_says, refuses_what_is_no_pattern,
	stops_when_its_steps_are_spent, pays_for_long_sets, survives_any_pattern)
