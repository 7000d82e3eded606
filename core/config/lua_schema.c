/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schema for Lua: compile a policy's schema once, check configurations, put defaults in. */
#include "config/formats.h"
#include "config/lua_priv.h"

#include "base/utf8.h"

#define SCHEMA_TYPE "sluice.schema"

struct lua_schema {
	struct schema *schema; /* owned */
};

static struct lua_schema *check_schema(lua_State *L)
{
	return luaL_checkudata(L, 1, SCHEMA_TYPE);
}

/* A builder that Lua's garbage collector frees, also when an error jumps over us. */
static struct json_builder *new_builder(lua_State *L)
{
	struct json_builder **box = lua_newuserdata(L, sizeof(*box));
	*box = NULL;
	luaL_getmetatable(L, "sluice.builder");
	lua_setmetatable(L, -2);
	*box = json_builder_new();
	return *box;
}

static int collect_builder(lua_State *L)
{
	struct json_builder **box = lua_touserdata(L, 1);
	if (*box)
		json_builder_free(*box);
	*box = NULL;
	return 0;
}

/* Lua knows nothing of a builder's size and would let thousands lie about. */
static void drop_builder(lua_State *L, int index)
{
	struct json_builder **box = lua_touserdata(L, index);
	json_builder_free(*box);
	*box = NULL;
}

static int collect_schema(lua_State *L)
{
	struct lua_schema *s = lua_touserdata(L, 1);
	schema_free(s->schema);
	s->schema = NULL;
	return 0;
}

/* schema(node) -> handle; or nil, message */
static int compile(lua_State *L)
{
	struct json_value tree;
	char message[400] = "";
	luaL_checktype(L, 1, LUA_TTABLE);
	struct lua_schema *s = lua_newuserdata(L, sizeof(*s));
	s->schema = NULL;
	luaL_getmetatable(L, SCHEMA_TYPE);
	lua_setmetatable(L, -2);
	struct json_builder *b = new_builder(L);
	lua_node_to_json(L, 1, 0, b, &tree);
	if (schema_new(&tree, &format_hooks, &s->schema, message, sizeof(message)) == RC_OK) {
		drop_builder(L, -1);
		lua_pop(L, 1);
		return 1;
	}
	s->schema = NULL;
	lua_pushnil(L);
	lua_pushstring(L, message);
	return 2;
}

struct problem_list {
	lua_State *lua;
	int list;    /* index of the result */
	int origins; /* index of the node tables */
	int count;
};

static void set_str(lua_State *L, const char *name, struct str s)
{
	lua_pushlstring(L, s.p ? s.p : "", s.n);
	lua_setfield(L, -2, name);
}

/* Columns count characters; the offset of an expression's mistake counts bytes. */
static void set_offset(lua_State *L, const struct json_value *at)
{
	if (!at || at->type != JSON_STRING)
		return;
	size_t offset = format_error_offset(at->u.string);
	if (offset == SIZE_MAX)
		return;
	lua_pushinteger(L, (lua_Integer)utf8_length(str_slice(at->u.string, 0, offset)));
	lua_setfield(L, -2, "offset");
}

static void add_problem(void *arg, const struct schema_problem *p)
{
	struct problem_list *list = arg;
	lua_State *L = list->lua;
	const struct json_value *at = p->member ? &p->member->value : p->at;
	luaL_checkstack(L, 8, "a configuration");
	lua_newtable(L);
	set_str(L, "path", p->path);
	set_str(L, "message", p->message);
	if (at && at->origin) {
		lua_rawgeti(L, list->origins, (int)(uintptr_t)at->origin);
		lua_setfield(L, -2, "node");
	}
	if (p->member) {
		set_str(L, "key", p->member->key);
	} else {
		set_offset(L, p->at);
	}
	lua_rawseti(L, list->list, ++list->count);
}

static void add_path(void *arg, struct str path)
{
	struct problem_list *list = arg;
	lua_pushlstring(list->lua, path.p ? path.p : "", path.n);
	lua_rawseti(list->lua, list->list, ++list->count);
}

static void add_service(void *arg, struct str path, const struct json_value *at)
{
	struct problem_list *list = arg;
	lua_State *L = list->lua;
	luaL_checkstack(L, 8, "a configuration");
	lua_newtable(L);
	set_str(L, "path", path);
	set_str(L, "text", at->u.string);
	if (at->origin) {
		lua_rawgeti(L, list->origins, (int)(uintptr_t)at->origin);
		lua_setfield(L, -2, "node");
	}
	lua_rawseti(L, list->list, ++list->count);
}

/* What is in `whole` of the builder's memory, and so may be changed: the list of what stood there with commas between. */
struct splitting {
	struct problem_list *services;
	struct json_builder *memory;
};

static uint32_t count_parts(struct str text)
{
	uint32_t count = 0;
	for (; text.p; count++)
		str_cut(&text, ',');
	return count;
}

static void split_services(void *arg, struct str path, const struct json_value *at)
{
	const struct splitting *s = arg;
	struct json_value *list = (struct json_value *)(uintptr_t)at;
	struct str rest = at->u.string;
	uint32_t count = count_parts(rest);
	struct json_value *items = json_builder_alloc(s->memory, (count + 1) * sizeof(*items));
	for (uint32_t i = 0; i < count; i++) {
		struct json_value part = {.type = JSON_STRING,
			.u.string = str_trim(str_cut(&rest, ',')),
			.origin = at->origin};
		add_service(s->services, path, &part);
		part.origin = NULL; /* of a part there is no node */
		items[i] = part;
	}
	list->type = JSON_ARRAY;
	list->u.array.items = items;
	list->u.array.count = count;
}

/* A list of {path, text, node} on the stack. */
static void push_services(lua_State *L, const struct schema *schema, const struct json_value *whole,
	struct json_builder *b)
{
	lua_newtable(L);
	struct problem_list services = {.lua = L, .list = lua_gettop(L), .origins = 4};
	struct splitting splitting = {.services = &services, .memory = b};
	schema_each_format(schema, whole, STR("service"), add_service, &services);
	schema_each_format(schema, whole, STR("services"), split_services, &splitting);
}

/* schema_check(handle, node) -> problems: a list of {path, message, node, key, offset}, key being
 * that of an unknown member; the paths of secrets; and, when there is no problem, the node with the
 * defaults in it and a list for each `format: services`, and the names of services that stand in it: a list of {path,
 * text, node}. */
static int check(lua_State *L)
{
	struct lua_schema *s = check_schema(L);
	struct json_value tree;
	lua_settop(L, 2);
	struct json_builder *b = new_builder(L); /* 3 */
	lua_newtable(L);                         /* 4: origins */
	lua_newtable(L);                         /* 5: the problems */
	lua_node_to_json(L, 2, 4, b, &tree);
	struct problem_list problems = {.lua = L, .list = 5, .origins = 4};
	struct problem_list secrets = {.lua = L, .list = 6};
	bool is_valid = schema_check(s->schema, &tree, add_problem, &problems) == 0;
	const struct json_value *whole =
		is_valid ? schema_apply_defaults(s->schema, &tree, b) : &tree;
	lua_newtable(L); /* 6 */
	schema_each_secret(s->schema, whole, add_path, &secrets);
	if (is_valid) {
		push_services(L, s->schema, whole, b); /* 8, when what it changes is pushed */
		lua_push_json(L, whole, 4, 2);
		lua_insert(L, 7);
	}
	drop_builder(L, 3);
	return lua_gettop(L) - 4;
}

static void add_default(void *arg, struct str place, const struct schema_problem *p)
{
	struct problem_list *list = arg;
	lua_State *L = list->lua;
	luaL_checkstack(L, 8, "a schema");
	lua_newtable(L);
	set_str(L, "pointer", place);
	set_str(L, "path", p->path);
	set_str(L, "message", p->message);
	lua_rawseti(L, list->list, ++list->count);
}

/* schema_defaults(handle) -> the defaults that do not fit: a list of {pointer, path, message}, the
 * pointer to the default, the path in it. */
static int check_defaults(lua_State *L)
{
	struct lua_schema *s = check_schema(L);
	lua_settop(L, 1);
	lua_newtable(L);
	struct problem_list problems = {.lua = L, .list = 2};
	schema_check_defaults(s->schema, add_default, &problems);
	return 1;
}

static void new_type(lua_State *L, const char *name, lua_CFunction collect)
{
	luaL_newmetatable(L, name);
	lua_pushcfunction(L, collect);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "sandboxed");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void lua_register_schema(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"schema", compile},
		{"schema_check", check},
		{"schema_defaults", check_defaults},
		{NULL, NULL},
	};
	new_type(L, SCHEMA_TYPE, collect_schema);
	new_type(L, "sluice.builder", collect_builder);
	for (const luaL_Reg *f = functions; f->name; f++) {
		lua_pushcfunction(L, f->func);
		lua_setfield(L, -2, f->name);
	}
}
