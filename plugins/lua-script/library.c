/* SPDX-License-Identifier: Apache-2.0 */
#include "library.h"

#include <lualib.h>
#include <string.h>

#define BYTES_PER_STEP 32
#define COMPARE_STEPS  2
#define INT_RANGE      2147483648.0 /* what is beyond it, LuaJIT takes for its lower end */

/* --- base ------------------------------------------------------------------------------------ */
void library_push_shown(lua_State *L, int index)
{
	switch (lua_type(L, index)) {
	case LUA_TSTRING:
	case LUA_TNUMBER:
		lua_pushvalue(L, index);
		lua_tostring(L, -1);
		break;
	case LUA_TBOOLEAN:
		lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
		break;
	default:
		lua_pushstring(L, luaL_typename(L, index));
	}
}

static int to_string(lua_State *L)
{
	luaL_checkany(L, 1);
	interpreter_check_stack(L);
	if (luaL_callmeta(L, 1, "__tostring"))
		return 1;
	library_push_shown(L, 1);
	return 1;
}

/* --- what is paid for ------------------------------------------------------------------------ */
static uint64_t size_of_texts(lua_State *L, int first)
{
	uint64_t size = 0;
	for (int i = first; i <= lua_gettop(L); i++)
		if (lua_type(L, i) == LUA_TSTRING)
			size += lua_objlen(L, i) / BYTES_PER_STEP;
	return size;
}

/* Calls the library's function (upvalue 1) with all that is on the stack. */
static int call_own(lua_State *L)
{
	interpreter_check_stack(L);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

/* By the texts that it is given and those that it gives. */
static int by_texts(lua_State *L)
{
	interpreter_charge(L, 4 + size_of_texts(L, 1));
	int n = call_own(L);
	interpreter_charge(L, size_of_texts(L, 1));
	return n;
}

/* From the place (argument 2) to the end; a place below the first, and the library goes on down to
 * it. */
static uint64_t moved_by(lua_State *L)
{
	lua_Number at = lua_tonumber(L, 2), n = (lua_Number)lua_objlen(L, 1);
	if (!(at > -INT_RANGE && at < INT_RANGE))
		at = -INT_RANGE;
	return (uint64_t)(at < 0 ? n - at : n);
}

/* insert and remove: at the end they move nothing. `arguments` (upvalue 2) is how many it has then.
 */
static int by_what_moves(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (lua_gettop(L) > lua_tointeger(L, lua_upvalueindex(2)))
		interpreter_charge(L, moved_by(L));
	return call_own(L);
}

/* By the elements of the table, each for so many steps (upvalue 2), and the text that it gives. */
static int by_elements(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	interpreter_charge(
		L, 4 + lua_objlen(L, 1) * (uint64_t)lua_tointeger(L, lua_upvalueindex(2)));
	int n = call_own(L);
	interpreter_charge(L, size_of_texts(L, 1));
	return n;
}

/* Is argument 1 less than 2, by the script's function (upvalue 1) or, with nil, by itself? How
 * often it is asked, the elements decide, and no hook sees how long their texts are. */
static int is_less(lua_State *L)
{
	uint64_t a = lua_type(L, 1) == LUA_TSTRING ? lua_objlen(L, 1) : 0;
	uint64_t b = lua_type(L, 2) == LUA_TSTRING ? lua_objlen(L, 2) : 0;
	interpreter_charge(L, COMPARE_STEPS + (a < b ? a : b) / BYTES_PER_STEP);
	lua_settop(L, 2);
	if (lua_isnil(L, lua_upvalueindex(1))) {
		lua_pushboolean(L, lua_lessthan(L, 1, 2));
		return 1;
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

static int sort(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 2);
	if (!lua_isnil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushcclosure(L, is_less, 1);
	return call_own(L);
}

static void paid(lua_State *L, const char *library, const char *name, lua_CFunction by, int more)
{
	lua_getglobal(L, library);
	lua_getfield(L, -1, name);
	lua_pushinteger(L, more);
	lua_pushcclosure(L, by, 2);
	lua_setfield(L, -3, name);
	lua_pop(L, 1);
}

/* --- all ------------------------------------------------------------------------------------- */
static void copy_fields(lua_State *L, const char *const *names)
{
	for (; *names; names++) {
		lua_getfield(L, -2, *names);
		lua_setfield(L, -2, *names);
	}
}

static void open_base(lua_State *L, int environment)
{
	static const char *const names[] = {"assert", "error", "getmetatable", "ipairs", "next",
		"pairs", "pcall", "rawequal", "rawget", "rawset", "select", "setmetatable",
		"tonumber", "type", "unpack", NULL};
	lua_pushvalue(L, LUA_GLOBALSINDEX);
	lua_pushvalue(L, environment);
	copy_fields(L, names);
	lua_pushcfunction(L, to_string);
	lua_setfield(L, -2, "tostring");
	lua_pushvalue(L, environment);
	lua_setfield(L, -2, "_G");
	lua_pop(L, 2);
}

static void open_strings(lua_State *L, int environment)
{
	static const char *const plain[] = {"byte", "char", "len", "sub", NULL};
	static const char *const names[] = {"lower", "reverse", "upper", NULL};
	lua_getglobal(L, LUA_STRLIBNAME);
	lua_newtable(L);
	copy_fields(L, plain);
	for (const char *const *name = names; *name; name++)
		paid(L, LUA_STRLIBNAME, *name, by_texts, 0);
	lua_setfield(L, environment, "string");
	lua_pop(L, 1);
}

static void open_tables(lua_State *L, int environment)
{
	lua_newtable(L);
	paid(L, LUA_TABLIBNAME, "concat", by_elements, 2);
	paid(L, LUA_TABLIBNAME, "sort", sort, 0);
	paid(L, LUA_TABLIBNAME, "insert", by_what_moves, 2);
	paid(L, LUA_TABLIBNAME, "remove", by_what_moves, 1);
	lua_setfield(L, environment, "table");
}

/* Seeded by the operating system: the workers' sequences differ. */
static void open_math(lua_State *L, int environment)
{
	const struct settings *s = interpreter_of(L)->settings;
	uint32_t seed = 0;
	s->crypto->random(&seed, sizeof(seed));
	lua_getglobal(L, LUA_MATHLIBNAME);
	lua_getfield(L, -1, "randomseed");
	lua_pushnumber(L, seed);
	lua_call(L, 1, 0);
	lua_pushnil(L);
	lua_setfield(L, -2, "randomseed");
	lua_setfield(L, environment, "math");
}

void library_open(lua_State *L, int environment)
{
	open_base(L, environment);
	open_strings(L, environment);
	open_tables(L, environment);
	open_math(L, environment);
}

void library_fill_core(lua_State *L)
{
	static const char *const names[] = {"create", "resume", "running", "yield", "status", NULL};
	lua_getglobal(L, LUA_COLIBNAME);
	lua_insert(L, -2);
	copy_fields(L, names);
	lua_remove(L, -2);
}
