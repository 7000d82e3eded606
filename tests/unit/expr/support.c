/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"

#define OWNER(s) ((struct fixture *)(s)->arg)

struct pair {
	const char *name;
	const char *value;
};

static const struct pair headers[] = {
	{"host", "shop.example.com"},
	{"x-tenant", "acme"},
	{"accept", "text/html, application/json"},
	{"authorization", "Bearer abc.def.ghi"},
	{"content-length", "42"},
};

static const struct pair query[] = {{"id", "7"}, {"tag", "new"}, {"Tag", "Old"}, {"none", ""}};

static const struct pair attributes[] = {
	{"method", "GET"},
	{"queryString", "id=7&tag=new&Tag=Old&none="},
	{"requestPath", "/shop/items/42"},
	{"requestUri", "/shop/items/42?id=7&tag=new&Tag=Old&none="},
	{"localAddress", "192.0.2.1:8081"},
	{"remoteAddress", "198.51.100.7"},
	{"scheme", "https"},
	{"version", "HTTP/1.1"},
};

static const struct pair authentication[] = {
	{"clientId", "client-1"}, {"clientName", "Storefront"}, {"principal", "ann"}};

static const char *const literals[] = {
	"{items: [{name: 'tea', price: 3.5}, {name: 'cup', price: 12, tags: ['new']}], total: "
	"15.5, "
	"paid: false, note: null, 'two words': 'x', user: {name: 'Ann', id: 9007199254740991}}",
	"{claims: {sub: 'u1', roles: ['admin', 'dev']}}",
	"{claimSet: {client_id: 'c9'}, limit: 10, enabled: true, empty: '', name: 'x-tenant', "
	"list: [3, 1, 2], words: ['b', 'a'], text: 'Grüße, 世界', lines: 'a\nb'}",
};

static bool find_pair(const struct pair *from, size_t n, struct str name, struct arena *arena,
	struct expr_value *out)
{
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(name, str_of(from[i].name)))
			continue;
		*out = (struct expr_value){
			.type = EXPR_STRING, .u.string = arena_copy(arena, str_of(from[i].value))};
		return true;
	}
	return false;
}

static void all_pairs(
	const struct pair *from, size_t n, struct arena *arena, struct expr_value *out)
{
	struct expr_member *members = arena_alloc(arena, n * sizeof(*members));
	CHECK(members);
	for (size_t i = 0; i < n; i++) {
		members[i].key = str_of(from[i].name);
		CHECK(find_pair(from, n, members[i].key, arena, &members[i].value));
	}
	*out = (struct expr_value){.type = EXPR_OBJECT, .u.object = {members, (uint32_t)n}};
}

static bool find_member(const struct expr_value *object, struct str name, struct expr_value *out)
{
	for (uint32_t i = 0; i < object->u.object.count; i++) {
		if (!str_eq(object->u.object.members[i].key, name))
			continue;
		*out = object->u.object.members[i].value;
		return true;
	}
	return false;
}

static bool attribute(struct str name, struct arena *arena, struct expr_value *out)
{
	if (str_eq(name, STR("statusCode"))) {
		*out = (struct expr_value){.type = EXPR_NUMBER, .u.number = 404};
		return true;
	}
	if (str_eq(name, STR("headers")))
		all_pairs(headers, ARRAY_COUNT(headers), arena, out);
	else if (str_eq(name, STR("queryParams")))
		all_pairs(query, ARRAY_COUNT(query), arena, out);
	else
		return find_pair(attributes, ARRAY_COUNT(attributes), name, arena, out);
	return true;
}

static bool member(const struct expr_scope *s, enum expr_root root, struct str name,
	struct arena *arena, struct expr_value *out)
{
	OWNER(s)->member_calls++;
	if (root == EXPR_ATTRIBUTES)
		return attribute(name, arena, out);
	if (root == EXPR_VARS)
		return find_member(&OWNER(s)->vars, name, out);
	CHECK(root == EXPR_AUTHENTICATION);
	if (str_eq(name, STR("properties"))) {
		*out = OWNER(s)->properties;
		return true;
	}
	return find_pair(authentication, ARRAY_COUNT(authentication), name, arena, out);
}

static bool field(const struct expr_scope *s, bool is_query, struct str name, struct arena *arena,
	struct expr_value *out)
{
	OWNER(s)->field_calls++;
	OWNER(s)->last_field = name;
	if (is_query)
		return find_pair(query, ARRAY_COUNT(query), name, arena, out);
	return find_pair(headers, ARRAY_COUNT(headers), name, arena, out);
}

static bool payload(const struct expr_scope *s, struct arena *arena, struct expr_value *out)
{
	OWNER(s)->payload_calls++;
	*out = OWNER(s)->payload;
	return true;
}

static uint64_t next_random(void *arg)
{
	struct fixture *f = arg;
	return f->random_state += 0x9e3779b97f4a7c15;
}

static void literal_init(struct fixture *f, size_t i, struct expr_value *out)
{
	struct expr_error error;
	struct str source = str_of(literals[i]);
	CHECK(expr_compile(source, 0, &f->literals[i], &error) == RC_OK);
	CHECK(expr_is_constant(f->literals[i]));
	CHECK(expr_eval(f->literals[i], &f->scope, &f->arena, out, &error) == RC_OK);
}

void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.pool = pool_new()};
	arena_init(&f->arena, f->pool, FIXTURE_ARENA_BYTES);
	f->scope = (struct expr_scope){.member = member,
		.field = field,
		.payload = payload,
		.now_ms = 1769851800123, /* 2026-01-31T09:30:00.123Z */
		.random = next_random,
		.random_arg = f,
		.arg = f};
	literal_init(f, 0, &f->payload);
	literal_init(f, 1, &f->properties);
	literal_init(f, 2, &f->vars);
}

void fixture_deinit(struct fixture *f)
{
	for (size_t i = 0; i < ARRAY_COUNT(f->literals); i++)
		expr_free(f->literals[i]);
	arena_reset(&f->arena);
	pool_free(f->pool);
}

/* --- results as text ------------------------------------------------------------------------- */
static void show(struct buffer *out, const struct expr_value *v, struct arena *arena)
{
	struct str text;
	switch (v->type) {
	case EXPR_NULL:
		buffer_add(out, STR("null"));
		return;
	case EXPR_STRING:
		buffer_add_json(out, v->u.string);
		return;
	case EXPR_ARRAY:
		buffer_add_char(out, '[');
		for (uint32_t i = 0; i < v->u.array.count; i++) {
			buffer_add(out, i ? STR(", ") : STR(""));
			show(out, &v->u.array.items[i], arena);
		}
		buffer_add_char(out, ']');
		return;
	case EXPR_OBJECT:
		buffer_add_char(out, '{');
		for (uint32_t i = 0; i < v->u.object.count; i++) {
			buffer_addf(out, "%s%.*s: ", i ? ", " : "",
				STR_ARG(v->u.object.members[i].key));
			show(out, &v->u.object.members[i].value, arena);
		}
		buffer_add_char(out, '}');
		return;
	case EXPR_BOOL:
	case EXPR_NUMBER:
		CHECK(expr_to_text(v, arena, &text) == RC_OK);
		buffer_add(out, text);
		return;
	}
}

const char *fixture_run(struct fixture *f, struct str source)
{
	static struct buffer out;
	struct expr *e;
	struct expr_error error;
	struct expr_value value;
	buffer_deinit(&out);
	buffer_init(&out, 1u << 20);
	if (expr_compile(source, 0, &e, &error) != RC_OK) {
		buffer_addf(&out, "compile error %zu: %s", error.offset, error.message);
	} else {
		if (expr_eval(e, &f->scope, &f->arena, &value, &error) == RC_OK)
			show(&out, &value, &f->arena);
		else
			buffer_addf(&out, "error %zu: %s", error.offset, error.message);
		expr_free(e);
	}
	buffer_add_char(&out, '\0');
	return out.p;
}
