/* SPDX-License-Identifier: Apache-2.0 */
/* Trees between the worlds: YAML nodes to Lua, Lua to JSON values and back, Lua to the plan. */
#include "config/lua_priv.h"

#include "base/check.h"
#include "plan/plan_fragment.h"

/* Twice what a document may nest: configurations of policies stand inside of chains inside of APIs.
 */
#define TREE_DEPTH_MAX 80

/* Of nearly every node: the size of table that nothing has to grow. One more would double it. */
#define FIELDS 8

static void push_str(lua_State *L, struct str s)
{
	lua_pushlstring(L, s.p ? s.p : "", s.n);
}

static void set_integer(lua_State *L, const char *name, uint32_t value)
{
	lua_pushinteger(L, (lua_Integer)value);
	lua_setfield(L, -2, name);
}

static const char *type_name(enum node_type type)
{
	static const char *const names[] = {
		"null", "boolean", "integer", "real", "string", "list", "map"};
	return names[type];
}

static void push_scalar(lua_State *L, const struct node *n)
{
	switch (n->type) {
	case NODE_BOOL:
		lua_pushboolean(L, n->u.boolean);
		break;
	case NODE_INTEGER:
		lua_pushnumber(L, (lua_Number)n->u.integer);
		break;
	case NODE_REAL:
		lua_pushnumber(L, n->u.real);
		break;
	case NODE_STRING:
		push_str(L, n->u.string);
		break;
	default:
		return;
	}
	lua_setfield(L, -2, "value");
	/* Of what has no quotes, the text mostly begins where the value does. */
	if (n->is_plain ? n->text_column != n->column : n->text_column != 0)
		set_integer(L, "text_column", n->text_column);
	if (n->is_plain) {
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, "plain");
	}
}

static void push_children(lua_State *L, const struct node *n, const char *file)
{
	int i = 0;
	if (n->type == NODE_LIST) {
		for (const struct node *c = n->u.list.first; c; c = c->next) {
			lua_push_node(L, c, file);
			lua_rawseti(L, -2, ++i);
		}
		return;
	}
	lua_createtable(L, (int)n->u.list.count, 0); /* keys */
	lua_createtable(L, 0, (int)n->u.list.count); /* members */
	for (const struct node *c = n->u.list.first; c; c = c->next) {
		push_str(L, c->key);
		lua_pushvalue(L, -1);
		lua_rawseti(L, -4, ++i);
		lua_push_node(L, c, file);
		lua_rawset(L, -3);
	}
	lua_setfield(L, -3, "members");
	lua_setfield(L, -2, "keys");
}

static void push_mistakes(lua_State *L, const struct mistake *m, const char *file)
{
	lua_newtable(L);
	for (int i = 1; m; m = m->next, i++) {
		lua_createtable(L, 0, 4);
		lua_pushstring(L, file);
		lua_setfield(L, -2, "file");
		set_integer(L, "line", m->line);
		set_integer(L, "column", m->column);
		push_str(L, m->message);
		lua_setfield(L, -2, "message");
		lua_rawseti(L, -2, i);
	}
	lua_setfield(L, -2, "mistakes");
}

void lua_push_node(lua_State *L, const struct node *n, const char *file)
{
	bool is_list = n->type == NODE_LIST || n->type == NODE_MAP;
	luaL_checkstack(L, 8, "a configuration");
	lua_createtable(L, n->type == NODE_LIST ? (int)n->u.list.count : 0, FIELDS);
	lua_pushstring(L, type_name(n->type));
	lua_setfield(L, -2, "type");
	lua_pushstring(L, file);
	lua_setfield(L, -2, "file");
	set_integer(L, "line", n->line);
	set_integer(L, "column", n->column);
	if (n->key_line) {
		set_integer(L, "key_line", n->key_line);
		set_integer(L, "key_column", n->key_column);
	}
	if (n->mistakes)
		push_mistakes(L, n->mistakes, file);
	if (n->is_doubled) {
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, "twice");
	}
	if (is_list)
		push_children(L, n, file);
	else
		push_scalar(L, n);
}

/* --- reading node tables --------------------------------------------------------------------- */

static int absolute(lua_State *L, int index)
{
	return index < 0 && index > LUA_REGISTRYINDEX ? lua_gettop(L) + 1 + index : index;
}

/* The first letter of a node's type tells all of them apart. */
static char type_letter(lua_State *L, int index)
{
	char letter = '?';
	if (lua_istable(L, index)) {
		lua_getfield(L, index, "type");
		const char *type = lua_tostring(L, -1);
		letter = type ? type[0] : '?';
		lua_pop(L, 1);
	}
	if (!strchr("nbirslmtf", letter))
		luaL_error(L, "not a node");
	return letter;
}

static uint32_t integer_field(lua_State *L, int index, const char *name)
{
	lua_getfield(L, index, name);
	lua_Integer value = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return value > 0 ? (uint32_t)value : 0;
}

struct position lua_node_position(lua_State *L, int index)
{
	lua_getfield(L, index, "file");
	struct position at = {.file = lua_tostring(L, -1)}; /* the table keeps it alive */
	lua_pop(L, 1);
	at.line = integer_field(L, index, "line");
	at.column = integer_field(L, index, "column");
	return at;
}

static struct str tolstr(lua_State *L, int index)
{
	size_t n = 0;
	const char *p = lua_tolstring(L, index, &n);
	return str_n(p, n);
}

/* --- to JSON --------------------------------------------------------------------------------- */

static void scalar_to_json(
	lua_State *L, int index, char letter, struct json_builder *b, struct json_value *out)
{
	lua_getfield(L, index, "value");
	if (letter == 'b') {
		out->type = JSON_BOOL;
		out->u.boolean = lua_toboolean(L, -1) != 0;
	} else if (letter == 'i') {
		out->type = JSON_INTEGER;
		out->u.integer = (int64_t)lua_tonumber(L, -1);
	} else if (letter == 'r') {
		out->type = JSON_REAL;
		out->u.real = lua_tonumber(L, -1);
	} else if (letter == 's') {
		out->type = JSON_STRING;
		out->u.string = json_builder_copy(b, tolstr(L, -1));
	}
	lua_pop(L, 1);
}

static void list_to_json(
	lua_State *L, int index, int origins, struct json_builder *b, struct json_value *out)
{
	uint32_t count = (uint32_t)lua_objlen(L, index);
	struct json_value *items = json_builder_alloc(b, (count + 1) * sizeof(*items));
	for (uint32_t i = 0; i < count; i++) {
		lua_rawgeti(L, index, (int)i + 1);
		lua_node_to_json(L, -1, origins, b, &items[i]);
		lua_pop(L, 1);
	}
	out->type = JSON_ARRAY;
	out->u.array.items = items;
	out->u.array.count = count;
}

static void map_to_json(
	lua_State *L, int index, int origins, struct json_builder *b, struct json_value *out)
{
	lua_getfield(L, index, "keys");
	lua_getfield(L, index, "members");
	uint32_t count = (uint32_t)lua_objlen(L, -2);
	struct json_member *members = json_builder_alloc(b, (count + 1) * sizeof(*members));
	for (uint32_t i = 0; i < count; i++) {
		lua_rawgeti(L, -2, (int)i + 1);
		members[i].key = json_builder_copy(b, tolstr(L, -1));
		lua_rawget(L, -2);
		lua_node_to_json(L, -1, origins, b, &members[i].value);
		members[i].key_origin = members[i].value.origin;
		lua_pop(L, 1);
	}
	lua_pop(L, 2);
	out->type = JSON_OBJECT;
	out->u.object.members = members;
	out->u.object.count = count;
}

static void remember_origin(lua_State *L, int index, int origins, struct json_value *out)
{
	int n = (int)lua_objlen(L, origins) + 1;
	lua_pushvalue(L, index);
	lua_rawseti(L, origins, n);
	out->origin = (const void *)(uintptr_t)n;
}

void lua_node_to_json(
	lua_State *L, int index, int origins, struct json_builder *b, struct json_value *out)
{
	index = absolute(L, index);
	luaL_checkstack(L, 8, "a configuration");
	if (lua_gettop(L) > TREE_DEPTH_MAX * 8)
		luaL_error(L, "a configuration is nested too deep");
	char letter = type_letter(L, index);
	memset(out, 0, sizeof(*out)); /* JSON_NULL */
	if (letter == 'l')
		list_to_json(L, index, origins, b, out);
	else if (letter == 'm')
		map_to_json(L, index, origins, b, out);
	else
		scalar_to_json(L, index, letter, b, out);
	if (origins)
		remember_origin(L, index, origins, out);
}

/* --- from JSON ------------------------------------------------------------------------------- */

static void copy_position(lua_State *L, int from)
{
	static const char *const names[] = {"file", "line", "column", "key_line", "key_column"};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		lua_getfield(L, from, names[i]);
		lua_setfield(L, -2, names[i]);
	}
}

static void push_json_scalar(lua_State *L, const struct json_value *v)
{
	if (v->type == JSON_BOOL)
		lua_pushboolean(L, v->u.boolean);
	else if (v->type == JSON_INTEGER)
		lua_pushnumber(L, (lua_Number)v->u.integer);
	else if (v->type == JSON_REAL)
		lua_pushnumber(L, v->u.real);
	else if (v->type == JSON_STRING)
		push_str(L, v->u.string);
	else
		lua_pushnil(L);
	lua_setfield(L, -2, "value");
}

static void push_json_children(lua_State *L, const struct json_value *v, int origins, int self)
{
	if (v->type == JSON_ARRAY) {
		for (uint32_t i = 0; i < v->u.array.count; i++) {
			lua_push_json(L, &v->u.array.items[i], origins, self);
			lua_rawseti(L, self, (int)i + 1);
		}
		return;
	}
	lua_newtable(L); /* keys */
	lua_newtable(L); /* members */
	for (uint32_t i = 0; i < v->u.object.count; i++) {
		const struct json_member *m = &v->u.object.members[i];
		push_str(L, m->key);
		lua_pushvalue(L, -1);
		lua_rawseti(L, -4, (int)i + 1);
		lua_push_json(L, &m->value, origins, self);
		lua_rawset(L, -3);
	}
	lua_setfield(L, self, "members");
	lua_setfield(L, self, "keys");
}

void lua_push_json(lua_State *L, const struct json_value *v, int origins, int parent)
{
	static const char *const types[] = {
		"null", "boolean", "integer", "real", "string", "list", "map"};
	bool is_list = v->type == JSON_ARRAY || v->type == JSON_OBJECT;
	int origin = (int)(uintptr_t)v->origin;
	parent = absolute(L, parent);
	luaL_checkstack(L, 8, "a configuration");
	if (origin && !is_list) {
		lua_rawgeti(L, origins, origin);
		return;
	}
	if (origin)
		lua_rawgeti(L, origins, origin);
	else
		lua_pushvalue(L, parent);
	lua_newtable(L);
	copy_position(L, lua_gettop(L) - 1);
	lua_remove(L, -2);
	lua_pushstring(L, types[v->type]);
	lua_setfield(L, -2, "type");
	if (is_list)
		push_json_children(L, v, origins, lua_gettop(L));
	else
		push_json_scalar(L, v);
}

/* --- to the plan ----------------------------------------------------------------------------- */

/* Element `i` of the list `key`, from 0. */
static void fragment_to_plan(
	lua_State *L, int index, struct plan_writer *w, const char *key, uint32_t i)
{
	lua_getfield(L, index, "part");
	lua_getfield(L, index, "number");
	lua_Integer part = lua_tointeger(L, -2), number = lua_tointeger(L, -1);
	lua_pop(L, 2);
	if (!lua_input_place(L, part, number, str_of(key), i))
		plan_write_fragment(w, lua_input_fragment(L, part, number), lua_target_number, L);
}

static void list_to_plan(lua_State *L, int index, struct plan_writer *w, const char *key)
{
	int count = (int)lua_objlen(L, index);
	for (int i = 1; i <= count; i++) {
		lua_rawgeti(L, index, i);
		if (type_letter(L, lua_gettop(L)) == 'f')
			fragment_to_plan(L, lua_gettop(L), w, key, (uint32_t)i - 1);
		else
			lua_node_to_plan(L, -1, w, NULL);
		lua_pop(L, 1);
	}
}

static void map_to_plan(lua_State *L, int index, struct plan_writer *w)
{
	lua_getfield(L, index, "keys");
	lua_getfield(L, index, "members");
	int count = (int)lua_objlen(L, -2);
	for (int i = 1; i <= count; i++) {
		lua_rawgeti(L, -2, i);
		lua_pushvalue(L, -1);
		lua_rawget(L, -3);
		lua_node_to_plan(L, -1, w, lua_tostring(L, -2));
		lua_pop(L, 2);
	}
	lua_pop(L, 2);
}

static void scalar_to_plan(lua_State *L, int index, char letter, struct plan_writer *w,
	const char *key, struct position at)
{
	lua_getfield(L, index, "value");
	if (letter == 'b')
		plan_write_bool(w, key, at, lua_toboolean(L, -1) != 0);
	else if (letter == 'i')
		plan_write_integer(w, key, at, (int64_t)lua_tonumber(L, -1));
	else if (letter == 'r')
		plan_write_real(w, key, at, lua_tonumber(L, -1));
	else if (letter == 's')
		plan_write_string(w, key, at, tolstr(L, -1));
	else
		plan_write_null(w, key, at);
	lua_pop(L, 1);
}

/* Of a key and a name in it; below 0: there is none. */
int64_t lua_target_number(void *arg, struct str key, struct str name)
{
	lua_State *L = arg;
	int top = lua_gettop(L);
	int64_t number = -1;
	lua_getfield(L, LUA_REGISTRYINDEX, "targets");
	push_str(L, key);
	lua_rawget(L, -2);
	if (lua_istable(L, -1)) {
		push_str(L, name);
		lua_rawget(L, -2);
		number = lua_isnumber(L, -1) ? (int64_t)lua_tonumber(L, -1) : -1;
	}
	lua_settop(L, top);
	return number;
}

static void target_to_plan(
	lua_State *L, int index, struct plan_writer *w, const char *key, struct position at)
{
	lua_getfield(L, index, "value");
	struct str name = tolstr(L, -1);
	lua_getfield(L, LUA_REGISTRYINDEX, "targets");
	bool is_known = lua_istable(L, -1);
	lua_pop(L, 1);
	if (is_known)
		plan_write_integer(w, key, at, lua_target_number(L, str_of(key), name));
	else
		plan_write_target(w, key, at, name);
	lua_pop(L, 1);
}

void lua_node_to_plan(lua_State *L, int index, struct plan_writer *w, const char *key)
{
	index = absolute(L, index);
	luaL_checkstack(L, 8, "a configuration");
	if (lua_gettop(L) > TREE_DEPTH_MAX * 8)
		luaL_error(L, "a configuration is nested too deep");
	char letter = type_letter(L, index);
	if (letter == 'f')
		luaL_error(L, "a part of the plan outside of its lists");
	struct position at = lua_node_position(L, index);
	if (letter == 't') {
		target_to_plan(L, index, w, key, at);
	} else if (letter == 'l') {
		plan_open_array(w, key, at);
		list_to_plan(L, index, w, key);
		plan_close(w);
	} else if (letter == 'm') {
		plan_open_object(w, key, at);
		map_to_plan(L, index, w);
		plan_close(w);
	} else {
		scalar_to_plan(L, index, letter, w, key, at);
	}
}
