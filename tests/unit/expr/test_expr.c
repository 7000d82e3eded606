/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "support.h"

#define BIT(t) (1u << (t))

static struct expr *compiled(const char *source, unsigned want)
{
	struct expr *e;
	struct expr_error error;
	enum rc rc = expr_compile(str_of(source), want, &e, &error);
	ck_assert_msg(rc == RC_OK, "%s: %zu: %s", source, error.offset, error.message);
	return e;
}

/* Fails to compile: its message. */
static const char *refused(struct str source, unsigned want)
{
	static struct expr_error error;
	struct expr *e;
	ck_assert_int_eq(expr_compile(source, want, &e, &error), RC_INVALID);
	ck_assert_uint_le(error.offset, source.n);
	return error.message;
}

/* The rc of an evaluation, and its message where it fails. */
static enum rc evaluated(
	struct fixture *f, const char *source, struct expr_value *out, struct expr_error *error)
{
	struct expr *e = compiled(source, 0);
	enum rc rc = expr_eval(e, &f->scope, &f->arena, out, error);
	expr_free(e);
	return rc;
}

/* --- what is known before there is data ------------------------------------------------------ */
START_TEST(knows_an_expression_by_its_brackets)
{
	ck_assert(expr_is_expression(STR("#[1]")));
	ck_assert(expr_is_expression(STR("#[]")));
	ck_assert(!expr_is_expression(STR("#[")));
	ck_assert(!expr_is_expression(STR("[1]")));
	ck_assert(!expr_is_expression(STR("#[1] ")));
	ck_assert(!expr_is_expression(STR_EMPTY));
}
END_TEST

struct use {
	const char *source;
	unsigned uses;
	bool is_constant;
};

START_TEST(tells_what_an_expression_uses)
{
	static const struct use rows[] = {
		{"'a' ++ 1", 0, true},
		{"upper('a') matches /A/", 0, true},
		{"now()", 0, false},
		{"uuid()", 0, false},
		{"attributes.method", BIT(EXPR_ATTRIBUTES), false},
		{"attributes.headers.host", BIT(EXPR_ATTRIBUTES), false},
		{"attributes.headers", BIT(EXPR_ATTRIBUTES), false},
		{"authentication.clientId", BIT(EXPR_AUTHENTICATION), false},
		{"payload", BIT(EXPR_PAYLOAD), false},
		{"payload.a[0]", BIT(EXPR_PAYLOAD), false},
		{"vars.a ++ payload", BIT(EXPR_VARS) | BIT(EXPR_PAYLOAD), false},
		{"attributes.headers[vars.a]", BIT(EXPR_VARS) | BIT(EXPR_ATTRIBUTES), false},
		{"vars[payload]", BIT(EXPR_VARS) | BIT(EXPR_PAYLOAD), false},
		{"if (1 == 1) 'a' else payload", 0, true},
		{"'a' default payload", 0, true},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct expr *e = compiled(rows[i].source, 0);
		ck_assert_msg(expr_uses(e) == rows[i].uses, "%s: %x", rows[i].source, expr_uses(e));
		ck_assert_msg(expr_is_constant(e) == rows[i].is_constant, "%s", rows[i].source);
		expr_free(e);
	}
}
END_TEST

START_TEST(checks_the_wanted_type)
{
	struct fixture f;
	struct expr_value value;
	struct expr_error error;
	ck_assert_str_eq(refused(STR("1 + 2"), BIT(EXPR_STRING)),
		"its place expects a string, found number");
	ck_assert_str_eq(refused(STR("attributes.method"), BIT(EXPR_BOOL)),
		"its place expects a boolean, found null or string");
	expr_free(compiled("vars.x", BIT(EXPR_BOOL)));
	expr_free(compiled("attributes.method", BIT(EXPR_STRING)));
	fixture_init(&f);
	struct expr *e = compiled("vars.limit", BIT(EXPR_STRING));
	ck_assert_int_eq(expr_eval(e, &f.scope, &f.arena, &value, &error), RC_INVALID);
	ck_assert_str_eq(error.message, "its place expects a string, found number");
	expr_free(e);
	/* What is missing is for the caller to judge. */
	e = compiled("vars.none", BIT(EXPR_STRING));
	ck_assert_int_eq(expr_eval(e, &f.scope, &f.arena, &value, &error), RC_OK);
	ck_assert_int_eq(value.type, EXPR_NULL);
	expr_free(e);
	fixture_deinit(&f);
}
END_TEST

/* --- bounds of a source ---------------------------------------------------------------------- */
static struct str repeated(const char *first, const char *part, size_t count, const char *last)
{
	static char text[EXPR_SOURCE_BYTES_MAX * 2];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", first);
	for (; count > 0; count--)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", part);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", last);
	return str_n(text, n);
}

START_TEST(bounds_how_deep_a_source_goes)
{
	static const char *const openers[] = {
		"(", "[", "{a:", "not ", "- ", "!", "lower(", "if (", "1 + ("};
	for (size_t i = 0; i < ARRAY_COUNT(openers); i++) {
		struct str source = repeated("", openers[i], 2000, "");
		ck_assert_str_eq(refused(source, 0), "more than 64 operations in one another");
	}
	struct fixture f;
	fixture_init(&f);
	ck_assert_str_eq(fixture_run(&f, repeated("", "(", 60,
						 "1)))))))))))))))))))))))))))))))))))"
						 ")))))))))))))))))))))))))")),
		"1");
	fixture_deinit(&f);
}
END_TEST

START_TEST(bounds_chains_of_operators)
{
	struct expr *e;
	struct expr_error error;
	ck_assert_str_eq(refused(repeated("vars.a", " - 1", 100, ""), 0),
		"more than 64 operations in one another");
	ck_assert_str_eq(refused(repeated("vars.a", ".b", 100, ""), 0),
		"more than 64 operations in one another");
	ck_assert_int_eq(expr_compile(repeated("vars.a", " - 1", 60, ""), 0, &e, &error), RC_OK);
	expr_free(e);
	/* These are one operation, however long; constants are none. */
	static const char *const long_ones[] = {" ++ vars.b", " and vars.b", " or vars.b"};
	for (size_t i = 0; i < ARRAY_COUNT(long_ones); i++) {
		struct str source = repeated("vars.a", long_ones[i], 1000, "");
		ck_assert_int_eq(expr_compile(source, 0, &e, &error), RC_OK);
		expr_free(e);
	}
	ck_assert_int_eq(expr_compile(repeated("1", " + 1", 1000, ""), 0, &e, &error), RC_OK);
	expr_free(e);
}
END_TEST

START_TEST(folds_long_chains_of_constants)
{
	static const char *const parts[] = {"'abc'", "[1]", "{a: 1}"};
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		char part[32];
		struct expr *e;
		struct expr_error error;
		snprintf(part, sizeof(part), " ++ %s", parts[i]);
		struct str source = repeated(parts[i], part, 1000, "");
		ck_assert_int_eq(expr_compile(source, 0, &e, &error), RC_OK);
		ck_assert(expr_is_constant(e));
		expr_free(e);
	}
}
END_TEST

START_TEST(bounds_the_length_of_a_source)
{
	struct expr *e;
	struct expr_error error;
	struct str source = repeated("'", "a", EXPR_SOURCE_BYTES_MAX - 2, "'");
	ck_assert_int_eq(expr_compile(source, 0, &e, &error), RC_OK);
	expr_free(e);
	source = repeated("'", "a", EXPR_SOURCE_BYTES_MAX - 1, "'");
	ck_assert_str_eq(refused(source, 0), "an expression has at most 16384 bytes");
}
END_TEST

/* Each in a heap block of its own, so that a read past the end shows. */
START_TEST(a_source_that_is_cut_anywhere_is_refused_or_read)
{
	static const char *const sources[] = {
		"if (attributes.headers['x-t'] matches /^a[\\/]+(b|c)$/) {k: [1, -2.5e3, "
		"'a\\u00e9']} else null",
		"replace(lower(payload.items[0 to -1].name), \"a\\\\\", 'b') with 'c' default not "
		"!true",
		"vars[\"a\"] ++ (1 <= 2 as String) -- authentication.properties . 'x y' splitBy "
		"/\\d/ joinBy ','",
	};
	for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
		for (size_t n = 0; n <= strlen(sources[i]); n++) {
			struct expr *e = NULL;
			struct expr_error error = {.offset = 0};
			char *copy = malloc(n ? n : 1);
			memcpy(copy, sources[i], n);
			enum rc rc = expr_compile(str_n(copy, n), 0, &e, &error);
			free(copy);
			ck_assert(rc == RC_OK || rc == RC_INVALID);
			ck_assert_uint_le(error.offset, n);
			ck_assert(rc == RC_OK || error.message[0] != '\0');
			if (rc == RC_OK)
				expr_free(e);
		}
	}
}
END_TEST

/* --- evaluation ------------------------------------------------------------------------------ */
START_TEST(asks_for_one_field_alone)
{
	struct fixture f;
	struct expr_value value;
	struct expr_error error;
	fixture_init(&f);
	ck_assert_int_eq(evaluated(&f, "attributes.headers['X-Tenant']", &value, &error), RC_OK);
	assert_str(value.u.string, "acme");
	ck_assert_uint_eq(f.field_calls, 1);
	ck_assert_uint_eq(f.member_calls, 0);
	struct expr *e = compiled("attributes.headers['X-Tenant']", 0);
	ck_assert_int_eq(expr_eval(e, &f.scope, &f.arena, &value, &error), RC_OK);
	assert_str(f.last_field, "x-tenant");
	expr_free(e);
	fixture_deinit(&f);
}
END_TEST

START_TEST(asks_for_the_payload_once)
{
	struct fixture f;
	struct expr_value value;
	struct expr_error error;
	fixture_init(&f);
	ck_assert_int_eq(
		evaluated(&f, "payload.user.name ++ payload.total ++ payload.items[0].name", &value,
			&error),
		RC_OK);
	ck_assert_uint_eq(f.payload_calls, 1);
	ck_assert_int_eq(evaluated(&f, "vars.enabled or payload.paid", &value, &error), RC_OK);
	ck_assert_int_eq(evaluated(&f, "!vars.enabled and payload.paid", &value, &error), RC_OK);
	ck_assert_int_eq(evaluated(&f, "if (vars.enabled) 1 else payload", &value, &error), RC_OK);
	ck_assert_int_eq(evaluated(&f, "vars.limit default payload", &value, &error), RC_OK);
	ck_assert_uint_eq(f.payload_calls, 1);
	fixture_deinit(&f);
}
END_TEST

/* A scope whose payload is what the test says. */
struct large {
	struct fixture f;
	char *text;
	struct expr_value *items;
};

static void large_init(struct large *l, size_t bytes, size_t count)
{
	fixture_init(&l->f);
	l->text = malloc(bytes + 1);
	memset(l->text, 'a', bytes);
	l->items = calloc(count + 1, sizeof(*l->items));
	for (size_t i = 0; i < count; i++)
		l->items[i] = (struct expr_value){.type = EXPR_NUMBER, .u.number = (double)i};
	l->f.payload = (struct expr_value){.type = EXPR_STRING, .u.string = {l->text, bytes}};
	l->f.vars.u.object.count = 1;
	struct expr_member *list = arena_alloc(&l->f.arena, sizeof(*list));
	*list = (struct expr_member){
		STR("list"), {.type = EXPR_ARRAY, .u.array = {l->items, (uint32_t)count}}};
	l->f.vars.u.object.members = list;
}

static void large_deinit(struct large *l)
{
	free(l->text);
	free(l->items);
	fixture_deinit(&l->f);
}

static void check_full(struct large *l, const char *source, const char *message)
{
	struct expr_value value;
	struct expr_error error;
	size_t before = l->f.arena.bytes_used;
	enum rc rc = evaluated(&l->f, source, &value, &error);
	ck_assert_msg(rc == RC_FULL, "%s: %s", source, rc_name(rc));
	ck_assert_str_eq(error.message, message);
	ck_assert_uint_le(l->f.arena.bytes_used - before, EXPR_BYTES_MAX + (64u << 10));
}

START_TEST(bounds_the_memory_of_an_evaluation)
{
	struct large l;
	large_init(&l, 200u << 10, 20000);
	const char *too_much = "the evaluation needs too much memory";
	check_full(&l, "payload ++ payload", too_much);
	check_full(&l, "lower(payload) ++ 'x'", too_much);
	check_full(&l, "replace(payload, 'a', 'bb')", too_much);
	check_full(&l, "replace(payload, /a/, '$0$0')", too_much);
	check_full(&l, "payload splitBy ''", too_much);
	check_full(&l, "vars.list ++ vars.list", too_much);
	check_full(&l, "vars.list joinBy payload", too_much);
	large_deinit(&l);
}
END_TEST

START_TEST(bounds_the_steps_of_an_evaluation)
{
	struct large l;
	large_init(&l, 1u << 20, 10000);
	const char *too_long = "the evaluation takes too many steps";
	check_full(&l, "vars.list -- vars.list", too_long);
	check_full(&l, "sizeOf(payload) + sizeOf(payload) + sizeOf(payload) + sizeOf(payload)",
		too_long);
	check_full(&l,
		"[vars.list contains -1, sum(vars.list), sum(vars.list), sum(vars.list), "
		"sum(vars.list),"
		"sum(vars.list), sum(vars.list), sum(vars.list), sum(vars.list), sum(vars.list)]",
		too_long);
	check_full(
		&l, "payload matches /(a+)+[bc]/", "the regular expression takes too many steps");
	check_full(
		&l, "payload contains /(a+)+[bc]/", "the regular expression takes too many steps");
	large_deinit(&l);
}
END_TEST

START_TEST(a_spent_arena_is_an_ordinary_failure)
{
	struct fixture f;
	struct arena small;
	struct expr_value value;
	struct expr_error error;
	static const char *const sources[] = {"vars.name ++ 'x'", "[vars.name]", "{a: vars.name}",
		"upper(vars.name)", "uuid()", "now()", "vars.list -- [1]", "vars.claimSet -- ['a']",
		"vars.claimSet ++ {a: 1}", "attributes.headers[vars.name]", "vars.name[2 to 0]",
		"toString(vars.limit)", "keysOf(vars.claimSet)", "vars.name splitBy '-'"};
	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
		struct expr *e = compiled(sources[i], 0);
		arena_init(&small, f.pool, 0);
		ck_assert_msg(expr_eval(e, &f.scope, &small, &value, &error) == RC_FULL, "%s",
			sources[i]);
		ck_assert_str_eq(error.message, "the memory of the exchange is spent");
		arena_reset(&small);
		expr_free(e);
	}
	fixture_deinit(&f);
}
END_TEST

/* --- values ---------------------------------------------------------------------------------- */
START_TEST(writes_scalars_as_text)
{
	struct fixture f;
	struct expr_value value;
	struct expr_error error;
	struct str text;
	static const char *const rows[][2] = {{"'a'", "a"}, {"3", "3"}, {"-0.1", "-0.1"},
		{"1 / 3", "0.3333333333333333"}, {"true", "true"}, {"false", "false"}, {"''", ""},
		{"9007199254740993", "9007199254740992"}, {"0 * -1", "0"},
		{"5e-324", "4.94065645841247e-324"}, {"100000000000000000", "1e+17"}};
	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		ck_assert_int_eq(evaluated(&f, rows[i][0], &value, &error), RC_OK);
		/* A constant's string dies with its expression. */
		if (value.type == EXPR_STRING)
			continue;
		ck_assert_int_eq(expr_to_text(&value, &f.arena, &text), RC_OK);
		ck_assert_msg(
			str_eq(text, str_of(rows[i][1])), "%s: %.*s", rows[i][0], STR_ARG(text));
	}
	value = (struct expr_value){.type = EXPR_STRING, .u.string = STR("as it is")};
	ck_assert_int_eq(expr_to_text(&value, &f.arena, &text), RC_OK);
	assert_str(text, "as it is");
	value.type = EXPR_NULL;
	ck_assert_int_eq(expr_to_text(&value, &f.arena, &text), RC_NOT_FOUND);
	value = (struct expr_value){.type = EXPR_ARRAY};
	ck_assert_int_eq(expr_to_text(&value, &f.arena, &text), RC_INVALID);
	value.type = EXPR_OBJECT;
	ck_assert_int_eq(expr_to_text(&value, &f.arena, &text), RC_INVALID);
	fixture_deinit(&f);
}
END_TEST

START_TEST(numbers_survive_their_text)
{
	struct fixture f;
	uint64_t bits = 1;
	fixture_init(&f);
	for (int i = 0; i < 2000; i++) {
		struct expr_value in = {.type = EXPR_NUMBER}, out;
		struct expr_error error;
		struct str text;
		bits = bits * 6364136223846793005 + 1442695040888963407;
		/* Not an infinity, and no NaN. */
		uint64_t finite = bits & ~(1ull << 62);
		memcpy(&in.u.number, &finite, sizeof(finite));
		ck_assert_int_eq(expr_to_text(&in, &f.arena, &text), RC_OK);
		struct expr *e;
		ck_assert_int_eq(expr_compile(text, 0, &e, &error), RC_OK);
		ck_assert_int_eq(expr_eval(e, &f.scope, &f.arena, &out, &error), RC_OK);
		ck_assert_msg(in.u.number == out.u.number, "%.*s", STR_ARG(text));
		expr_free(e);
	}
	fixture_deinit(&f);
}
END_TEST

START_TEST(equality_looks_inside)
{
	struct expr_value a = {.type = EXPR_NUMBER, .u.number = 1},
			  b = {.type = EXPR_BOOL, .u.boolean = true};
	struct expr_value list_a = {.type = EXPR_ARRAY, .u.array = {&a, 1}};
	struct expr_value list_b = {.type = EXPR_ARRAY, .u.array = {&b, 1}};
	ck_assert(!expr_value_equal(&a, &b));
	ck_assert(expr_value_equal(&list_a, &list_a));
	ck_assert(!expr_value_equal(&list_a, &list_b));
}
END_TEST

UNIT_SUITE(expr, knows_an_expression_by_its_brackets, tells_what_an_expression_uses,
	checks_the_wanted_type, bounds_how_deep_a_source_goes, bounds_chains_of_operators,
	folds_long_chains_of_constants, bounds_the_length_of_a_source,
	a_source_that_is_cut_anywhere_is_refused_or_read, asks_for_one_field_alone,
	asks_for_the_payload_once, bounds_the_memory_of_an_evaluation,
	bounds_the_steps_of_an_evaluation, a_spent_arena_is_an_ordinary_failure,
	writes_scalars_as_text, numbers_survive_their_text, equality_looks_inside)
