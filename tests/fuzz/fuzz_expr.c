/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links expr */
/* Any bytes as a source. It compiles, or its error lies within it; what compiles gives the same
 * result twice, of a type that the compiler foresaw, within the bounds of memory, and leaves what
 * it was given as it was. */
#include <stdlib.h>

#include "base/check.h"
#include "expr/expr_priv.h"

struct pair {
	const char *name;
	struct expr_value value;
};

#define TEXT_VALUE(s)                                                                              \
	{                                                                                          \
		.type = EXPR_STRING, .u.string = {(s), sizeof(s) - 1 }                             \
	}
#define NUMBER_VALUE(d)                                                                            \
	{                                                                                          \
		.type = EXPR_NUMBER, .u.number = (d)                                               \
	}

static const struct expr_value items[] = {NUMBER_VALUE(1), TEXT_VALUE("two"), NUMBER_VALUE(-3.5),
	{.type = EXPR_BOOL}, {.type = EXPR_NULL}};
static const struct expr_member members[] = {
	{{"a", 1}, NUMBER_VALUE(1)},
	{{"b", 1}, TEXT_VALUE("x")},
	{{"list", 4}, {.type = EXPR_ARRAY, .u.array = {items, ARRAY_COUNT(items)}}},
};
static const struct expr_member nested[] = {
	{{"a", 1}, {.type = EXPR_OBJECT, .u.object = {members, ARRAY_COUNT(members)}}},
	{{"items", 5}, {.type = EXPR_ARRAY, .u.array = {items, ARRAY_COUNT(items)}}},
};

static const struct pair pairs[] = {
	{"method", TEXT_VALUE("GET")},
	{"requestPath", TEXT_VALUE("/shop/items/42")},
	{"statusCode", NUMBER_VALUE(404)},
	{"headers", {.type = EXPR_OBJECT, .u.object = {members, ARRAY_COUNT(members)}}},
	{"properties", {.type = EXPR_OBJECT, .u.object = {nested, ARRAY_COUNT(nested)}}},
	{"a", NUMBER_VALUE(7)},
	{"b", TEXT_VALUE("Gr\xc3\xbc\xc3\x9f\x65 \xff,\n;a,b,c")},
	{"c", {.type = EXPR_BOOL, .u.boolean = true}},
	{"d", {.type = EXPR_ARRAY, .u.array = {items, 3}}},
	{"host", TEXT_VALUE("shop.example.com")},
};

static bool find(struct str name, struct expr_value *out)
{
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
		if (!str_eq(name, str_of(pairs[i].name)))
			continue;
		*out = pairs[i].value;
		return true;
	}
	return false;
}

static bool member(const struct expr_scope *s, enum expr_root root, struct str name,
	struct arena *arena, struct expr_value *out)
{
	return find(name, out);
}

static bool field(const struct expr_scope *s, bool is_query, struct str name, struct arena *arena,
	struct expr_value *out)
{
	for (size_t i = 0; !is_query && i < name.n; i++)
		CHECK(name.p[i] == ascii_lower(name.p[i]));
	return find(name, out) && out->type == EXPR_STRING;
}

static bool payload(const struct expr_scope *s, struct arena *arena, struct expr_value *out)
{
	*out = (struct expr_value){.type = EXPR_OBJECT, .u.object = {nested, ARRAY_COUNT(nested)}};
	return true;
}

static uint64_t fixed(void *arg)
{
	return 0x0123456789abcdef;
}

static const struct expr_scope scope = {.member = member,
	.field = field,
	.payload = payload,
	.now_ms = 1769851800123,
	.random = fixed};

struct outcome {
	struct arena arena;
	enum rc rc;
	struct expr_value value;
	struct expr_error error;
};

static void evaluate(const struct expr *e, struct pool *pool, struct str source, struct outcome *o)
{
	arena_init(&o->arena, pool, 4 * EXPR_BYTES_MAX);
	o->rc = expr_eval(e, &scope, &o->arena, &o->value, &o->error);
	CHECK(o->arena.bytes_used <= EXPR_BYTES_MAX);
	if (o->rc == RC_OK) {
		CHECK(e->root->types & 1u << o->value.type);
		return;
	}
	CHECK(o->rc == RC_INVALID || o->rc == RC_FULL);
	CHECK(o->error.offset <= source.n);
	CHECK(o->error.message[0] != '\0' && strlen(o->error.message) < sizeof(o->error.message));
}

static void evaluate_twice(const struct expr *e, struct str source)
{
	struct outcome first, second;
	struct pool *pool = pool_new();
	evaluate(e, pool, source, &first);
	evaluate(e, pool, source, &second);
	CHECK(first.rc == second.rc);
	if (first.rc == RC_OK)
		CHECK(expr_value_equal(&first.value, &second.value));
	else
		CHECK(first.error.offset == second.error.offset);
	if (expr_is_constant(e))
		CHECK(first.rc == RC_OK && expr_uses(e) == 0 && first.arena.bytes_used == 0);
	arena_reset(&first.arena);
	arena_reset(&second.arena);
	pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct expr *e = NULL;
	struct expr_error error = {.offset = 0};
	struct str source = {(const char *)bytes, n};
	if (expr_compile(source, 0, &e, &error) != RC_OK) {
		CHECK(error.offset <= n);
		CHECK(error.message[0] != '\0' && strlen(error.message) < sizeof(error.message));
		return 0;
	}
	evaluate_twice(e, source);
	expr_free(e);
	return 0;
}
