/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/check.h"
#include "sluice/regex.h"

#include <stdio.h>
#include <stdlib.h>

#define REQ CHAIN_REQUEST

/* A policy that compiles its configuration's "pattern", and frees it at the end. */
struct state {
	struct sluice_regex *regex;
};

static const struct sluice_regex_service *service;
static const struct sluice_regex *compiled; /* by the last configure */
static struct sluice_regex *late;           /* what compiling in a callback gave */

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	service = host->service(SLUICE_REGEX_SERVICE);
	const struct sluice_value *at = host->value_get(config, SLUICE_STR("pattern"));
	const struct sluice_value *flags = host->value_get(config, SLUICE_STR("flags"));
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	s->regex = service->compile(call->instance, host->value_string(at, SLUICE_STR("")),
		(uint32_t)host->value_integer(flags, 0), at);
	compiled = s->regex;
	if (s->regex) {
		*out = s;
		return SLUICE_OK;
	}
	host->instance_free(call->instance, s);
	return SLUICE_E_INVALID;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	service->free(call->instance, s->regex);
	service->free(call->instance, NULL);
	call->host->instance_free(call->instance, s);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	late = service->compile(call->instance, SLUICE_STR("a"), 0, NULL);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "matching",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
};

static struct rig *bound(const char *pattern, unsigned flags)
{
	char config[300];
	snprintf(config, sizeof(config), "{\"pattern\":\"%s\",\"flags\":%u}", pattern, flags);
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &policy), "matching", config);
	return r;
}

static int32_t match(const char *pattern, unsigned flags, const char *subject)
{
	struct rig *r = bound(pattern, flags);
	int32_t rc =
		service->match(compiled, (struct sluice_str){subject, strlen(subject)}, NULL, 0);
	rig_free(r);
	return rc;
}

#define assert_view(view, literal) assert_str(str_n((view).p, (view).n), literal)

START_TEST(matches_a_part_or_the_whole)
{
	static const struct {
		const char *pattern;
		unsigned flags;
		const char *subject;
		int32_t expected;
	} rows[] = {
		{"b+", 0, "abba", SLUICE_OK},
		{"b+", SLUICE_REGEX_WHOLE, "abba", SLUICE_E_NOT_FOUND},
		{"a|ab", SLUICE_REGEX_WHOLE, "ab", SLUICE_OK},
		{"x-(a|b)", SLUICE_REGEX_WHOLE, "X-B", SLUICE_E_NOT_FOUND},
		{"x-(a|b)", SLUICE_REGEX_WHOLE | SLUICE_REGEX_IGNORE_CASE, "X-B", SLUICE_OK},
		{"a|b", SLUICE_REGEX_IGNORE_CASE, "xxB", SLUICE_OK},
		{"", SLUICE_REGEX_WHOLE, "", SLUICE_OK},
		{"", SLUICE_REGEX_WHOLE, "a", SLUICE_E_NOT_FOUND},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_msg(
			match(rows[i].pattern, rows[i].flags, rows[i].subject) == rows[i].expected,
			"row %zu", i);
}
END_TEST

START_TEST(gives_as_many_groups_as_there_is_room)
{
	struct rig *r = bound("(a)(b)?(c)", SLUICE_REGEX_WHOLE);
	struct sluice_str g[5];
	ck_assert_uint_eq(service->group_count(compiled), 3);
	ck_assert_int_eq(service->match(compiled, SLUICE_STR("ac"), g, 5), SLUICE_OK);
	assert_view(g[0], "a");
	assert_view(g[1], "");
	assert_view(g[2], "c");
	assert_view(g[3], "");
	ck_assert_uint_eq(g[4].n, 0);
	g[1] = SLUICE_STR("untouched");
	ck_assert_int_eq(service->match(compiled, SLUICE_STR("abc"), g, 1), SLUICE_OK);
	assert_view(g[1], "untouched");
	rig_free(r);
}
END_TEST

START_TEST(searches_on_from_a_place)
{
	struct rig *r = bound("\\\\d(\\\\d)", 0);
	size_t from = 99, to = 99;
	struct sluice_str g[1], subject = SLUICE_STR("a12b34");
	ck_assert_int_eq(service->search(compiled, subject, 0, &from, &to, g, 1), SLUICE_OK);
	ck_assert_uint_eq(from, 1);
	ck_assert_uint_eq(to, 3);
	assert_view(g[0], "2");
	ck_assert_int_eq(service->search(compiled, subject, to, &from, &to, g, 1), SLUICE_OK);
	ck_assert_uint_eq(from, 4);
	ck_assert_int_eq(
		service->search(compiled, subject, to, &from, &to, NULL, 0), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(
		service->search(compiled, subject, 7, &from, &to, NULL, 0), SLUICE_E_NOT_FOUND);
	rig_free(r);
}
END_TEST

/* Neither a match nor none: a policy that took it for either would let something through. */
START_TEST(gives_up_what_explodes)
{
	static const char *const patterns[] = {"(a+)+[bc]", "(a|aa)+[bc]", "((a*)*)*[bc]"};
	char subject[64];
	memset(subject, 'a', sizeof(subject));
	for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
		struct rig *r = bound(patterns[i], SLUICE_REGEX_WHOLE);
		ck_assert_int_eq(service->match(compiled,
					 (struct sluice_str){subject, sizeof(subject)}, NULL, 0),
			SLUICE_E_FULL);
		rig_free(r);
	}
	size_t n = (1u << 20) + 1;
	char *longer = calloc(1, n);
	struct rig *r = bound("[a]", 0);
	ck_assert_int_eq(
		service->match(compiled, (struct sluice_str){longer, n}, NULL, 0), SLUICE_E_FULL);
	rig_free(r);
	free(longer);
}
END_TEST

START_TEST(what_does_not_compile_is_an_error_at_its_place)
{
	static const struct {
		const char *config, *message;
	} rows[] = {
		{"{\"pattern\":\"a(b\"}",
			"invalid regular expression: missing closing parenthesis at character 4"},
		{"{\"pattern\":\"\u00e4)\",\"flags\":2}",
			"invalid regular expression: unmatched closing parenthesis at character 2"},
		{"{\"pattern\":\"a\",\"flags\":4}",
			"the policy asks for an unknown kind of pattern"},
	};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_policy(r, &policy);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		ck_assert_ptr_null(rig_try_bind(r, p, "matching", rows[i].config));
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
		ck_assert_str_eq(r->diagnostics.items[i].path, "config.pattern");
		ck_assert_str_eq(r->diagnostics.items[i].message, rows[i].message);
	}
	rig_free(r);
}
END_TEST

START_TEST(bounds_the_length_of_a_pattern)
{
	char *config = malloc(SLUICE_REGEX_BYTES_MAX + 100);
	struct rig *r = rig_new(1);
	struct plugin *p = rig_policy(r, &policy);
	for (int i = 0; i < 2; i++) {
		snprintf(config, SLUICE_REGEX_BYTES_MAX + 100,
			"{\"flags\":%d,\"pattern\":\"%0*d\"}", 2 * i, SLUICE_REGEX_BYTES_MAX + 1, 7);
		ck_assert_ptr_null(rig_try_bind(r, p, "matching", config));
	}
	ck_assert_uint_eq(r->diagnostics.count, 2);
	ck_assert_str_eq(r->diagnostics.items[0].message,
		"a regular expression has at most 4096 bytes, found 4097");
	rig_free(r);
	free(config);
}
END_TEST

START_TEST(is_compiled_in_configure_alone)
{
	struct rig *r = bound("a", 0);
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	late = (struct sluice_regex *)(void *)&late;
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	ck_assert_ptr_null(late);
	visit_free(v);
	rig_free(r);
}
END_TEST

UNIT_SUITE(regex_service, matches_a_part_or_the_whole, gives_as_many_groups_as_there_is_room,
	searches_on_from_a_place, gives_up_what_explodes,
	what_does_not_compile_is_an_error_at_its_place, bounds_the_length_of_a_pattern,
	is_compiled_in_configure_alone)
