/* SPDX-License-Identifier: Apache-2.0 */
/* Two states meet here. Errors of the script's end in lua_pcall in script_run; what the script asks
 * of the other state is called protected, too, so that no error ever crosses from one to the other.
 */
#include "config/script.h"

#include "config/lua_memory.h"
#include "config/lua_state.h"

#include "base/check.h"
#include "base/utf8.h"
#include "util/pattern.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#define HOOK_STEPS      1000
#define COPY_DEPTH_MAX  64
#define BYTES_PER_STEP  8
#define GROWN_BYTES_MIN 4096 /* what is smaller costs less than its instructions */
#define FRAMES_MAX      1000
#define WORLD           3 /* index in the state of scripts.lua */

struct script {
	lua_State *L;     /* owned: the script's */
	lua_State *outer; /* of scripts.lua */
	const char *file;
	uint64_t *steps;
	struct lua_memory memory;
	size_t bytes_used;
	const char *spent; /* why it has to end; NULL */
	int line;          /* the last that is known */
};

static const char TOO_MANY_STEPS[] = "it takes too many steps";
static const char TOO_MUCH_MEMORY[] = "it takes too much memory";

static struct script *script_of(lua_State *L)
{
	void *arg = NULL;
	lua_getallocf(L, &arg);
	return arg;
}

/* --- where -----------------------------------------------------------------------------------
 */

/* The innermost line of the script's own text; what stands above are library and sandbox. */
static int find_line(struct script *s, lua_State *L)
{
	lua_Debug ar;
	for (int level = 0; level < FRAMES_MAX && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.source[0] == '@' && strcmp(ar.source + 1, s->file) == 0 &&
			ar.currentline > 0) {
			s->line = ar.currentline;
			break;
		}
	}
	return s->line;
}

static int raise(lua_State *L, const char *message)
{
	lua_pushstring(L, message);
	return lua_error(L);
}

/* --- budgets --------------------------------------------------------------------------------- */
static void on_count(lua_State *L, lua_Debug *ar);

/* From now on at every instruction: a loop around pcall must not swallow it. */
static void spend_all(struct script *s, const char *why)
{
	if (!s->spent)
		s->spent = why;
	lua_sethook(s->L, on_count, LUA_MASKCOUNT, 1);
}

static void on_count(lua_State *L, lua_Debug *ar)
{
	struct script *s = script_of(L);
	if (!s->spent && *s->steps < HOOK_STEPS)
		spend_all(s, TOO_MANY_STEPS);
	if (s->spent) {
		find_line(s, L);
		raise(L, s->spent);
	}
	*s->steps -= HOOK_STEPS;
}

static void *allocate(void *arg, void *p, size_t old_size, size_t new_size)
{
	struct script *s = arg;
	size_t used = s->bytes_used - (p ? old_size : 0) + new_size;
	if (new_size > old_size && used > SCRIPT_BYTES_MAX) {
		if (s->L && !s->spent) {
			find_line(s, s->L);
			spend_all(s, TOO_MUCH_MEMORY);
		}
		if (used > SCRIPT_BYTES_MAX + SCRIPT_BYTES_BEYOND)
			return NULL;
	}
	if (new_size == 0 && !p)
		return NULL;
	void *fresh = lua_memory_resize(&s->memory, p, old_size, new_size);
	if (fresh || new_size == 0)
		s->bytes_used = used;
	/* What grows is cleared or moved, as the stack of one who recurses again and again; the
	 * hook ends it soon. */
	uint64_t moved =
		new_size > old_size && new_size >= GROWN_BYTES_MIN ? new_size / BYTES_PER_STEP : 0;
	*s->steps -= moved < *s->steps ? moved : *s->steps;
	return fresh;
}

/* What a library function does without the hook seeing it. */
static void charge(lua_State *L, uint64_t steps)
{
	struct script *s = script_of(L);
	if (steps <= *s->steps && !s->spent) {
		*s->steps -= steps;
		return;
	}
	spend_all(s, s->spent ? s->spent : TOO_MANY_STEPS);
	find_line(s, L);
	raise(L, s->spent);
}

static uint64_t size_of_values(lua_State *L, int first)
{
	uint64_t size = 0;
	for (int i = first; i <= lua_gettop(L); i++) {
		int type = lua_type(L, i);
		if (type == LUA_TSTRING)
			size += lua_objlen(L, i) / BYTES_PER_STEP;
		else if (type == LUA_TTABLE)
			size += lua_objlen(L, i);
	}
	return size;
}

/* A library function (upvalue 1) that pays `weight` (upvalue 2) for each of what it is given. */
static int charged(lua_State *L)
{
	uint64_t weight = (uint64_t)lua_tointeger(L, lua_upvalueindex(2));
	charge(L, 4 + size_of_values(L, 1) * weight);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	charge(L, size_of_values(L, 1));
	return lua_gettop(L);
}

/* rep(s, n): its result is paid for before it is made. */
static int repeat(lua_State *L)
{
	size_t n = 0;
	luaL_checklstring(L, 1, &n);
	lua_Number times = luaL_checknumber(L, 2);
	double bytes = times > 0 ? (double)n * times : 0;
	if (bytes > (double)SCRIPT_BYTES_MAX)
		return raise(L, "rep: the result is too long");
	charge(L, 1 + (uint64_t)bytes / BYTES_PER_STEP);
	lua_settop(L, 2);
	if (n == 0 || times < 1) {
		lua_pushliteral(L, "");
		return 1;
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

/* --- values from one state to the other --------------------------------------------------------
 */
static bool copy_value(lua_State *from, int index, lua_State *to, int depth);

static bool copy_table(lua_State *from, int index, lua_State *to, int depth)
{
	if (depth == COPY_DEPTH_MAX || !lua_checkstack(from, 8) || !lua_checkstack(to, 8))
		return false;
	lua_newtable(to);
	lua_pushnil(from);
	while (lua_next(from, index)) {
		int top = lua_gettop(from);
		if (!copy_value(from, top - 1, to, depth + 1) ||
			!copy_value(from, top, to, depth + 1))
			return false;
		lua_rawset(to, -3);
		lua_pop(from, 1);
	}
	return true;
}

/* Plain data alone. `index` is absolute. */
static bool copy_value(lua_State *from, int index, lua_State *to, int depth)
{
	size_t n;
	const char *text;
	switch (lua_type(from, index)) {
	case LUA_TNIL:
		lua_pushnil(to);
		return true;
	case LUA_TBOOLEAN:
		lua_pushboolean(to, lua_toboolean(from, index));
		return true;
	case LUA_TNUMBER:
		lua_pushnumber(to, lua_tonumber(from, index));
		return true;
	case LUA_TSTRING:
		text = lua_tolstring(from, index, &n);
		lua_pushlstring(to, text, n);
		return true;
	case LUA_TTABLE:
		return copy_table(from, index, to, depth);
	default:
		return false;
	}
}

/* --- what the sandbox asks of the configuration -------------------------------------------------
 */

/* A function of `world` (upvalue 1: its name) with one or two plain arguments and one result. */
static int ask(lua_State *L)
{
	struct script *s = script_of(L);
	lua_State *outer = s->outer;
	int arguments = lua_gettop(L), base = lua_gettop(outer);
	luaL_checkstack(L, 8, "a configuration");
	if (!lua_checkstack(outer, arguments + 8))
		return raise(L, "the configuration cannot be looked at");
	charge(L, 200);
	lua_getfield(outer, WORLD, lua_tostring(L, lua_upvalueindex(1)));
	bool is_fine = true;
	for (int i = 1; i <= arguments && is_fine; i++)
		is_fine = copy_value(L, i, outer, 0);
	is_fine = is_fine && lua_pcall(outer, arguments, 1, 0) == 0;
	/* Running out of memory here leaves values on the outer stack: script_run clears it. */
	is_fine = is_fine && copy_value(outer, lua_gettop(outer), L, 0);
	lua_settop(outer, base);
	return is_fine ? 1 : raise(L, "the configuration cannot be looked at");
}

/* pay(steps) */
static int pay(lua_State *L)
{
	charge(L, (uint64_t)luaL_checkinteger(L, 1));
	return 0;
}

/* where() -> the script's line */
static int where(lua_State *L)
{
	lua_pushinteger(L, find_line(script_of(L), L));
	return 1;
}

static int push_match(lua_State *L, struct str subject, const struct pattern_match *m)
{
	luaL_checkstack(L, (int)m->count + 2, "captures");
	lua_pushinteger(L, (lua_Integer)m->start + 1);
	lua_pushinteger(L, (lua_Integer)m->end);
	for (unsigned i = 0; i < m->count; i++) {
		const struct pattern_capture *c = &m->captures[i];
		if (c->is_position)
			lua_pushinteger(L, (lua_Integer)c->start + 1);
		else
			lua_pushlstring(L, subject.p + c->start, c->n);
	}
	return (int)m->count + 2;
}

/* find(subject, pattern, init, is_plain) -> first, last, captures...; or nil */
static int find(lua_State *L)
{
	struct script *s = script_of(L);
	struct str subject, pattern;
	struct pattern_match match;
	const char *message = NULL;
	subject.p = luaL_checklstring(L, 1, &subject.n);
	pattern.p = luaL_checklstring(L, 2, &pattern.n);
	lua_Number init = luaL_checknumber(L, 3);
	init = init < 0 ? init + (lua_Number)subject.n + 1 : init;
	size_t from = init > 1 ? (size_t)init - 1 : 0;
	if (init > (lua_Number)subject.n + 1)
		return 0;
	if (lua_toboolean(L, 4)) {
		charge(L, 1 + subject.n / BYTES_PER_STEP);
		const char *at = pattern.n == 0 ? subject.p + from
						: memmem(subject.p + from, subject.n - from,
							  pattern.p, pattern.n);
		if (!at)
			return 0;
		match = (struct pattern_match){.start = (size_t)(at - subject.p)};
		match.end = match.start + pattern.n;
		return push_match(L, subject, &match);
	}
	charge(L, 1);
	int32_t rc = pattern_find((struct sluice_str){subject.p, subject.n},
		(struct sluice_str){pattern.p, pattern.n}, from, s->steps, &match, &message);
	if (rc == SLUICE_OK)
		return push_match(L, subject, &match);
	if (rc == SLUICE_E_FULL)
		charge(L, UINT64_MAX);
	return rc == SLUICE_E_NOT_FOUND ? 0 : raise(L, message);
}

/* set_methods(table): what ("text"):method() looks in. */
static int set_methods(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_createtable(L, 0, 2);
	lua_pushvalue(L, 1);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	return 0;
}

/* --- the state ------------------------------------------------------------------------------- */
static void set_charged(lua_State *L, int library, const char *name, int weight)
{
	lua_getfield(L, library, name);
	lua_pushinteger(L, weight);
	lua_pushcclosure(L, charged, 2);
	lua_setfield(L, -2, name);
}

/* core.string, core.table: those of the library that may be had, each paying for what it does. */
static void push_libraries(lua_State *L)
{
	static const char *const strings[] = {
		"byte", "char", "format", "len", "lower", "reverse", "sub", "upper"};
	static const struct {
		const char *name;
		int weight;
	} lists[] = {{"concat", 2}, {"insert", 1}, {"remove", 1}, {"sort", 40}};
	lua_getglobal(L, LUA_STRLIBNAME);
	lua_newtable(L);
	for (size_t i = 0; i < ARRAY_COUNT(strings); i++)
		set_charged(L, lua_gettop(L) - 1, strings[i], 1);
	lua_getfield(L, -2, "rep");
	lua_pushcclosure(L, repeat, 1);
	lua_setfield(L, -2, "rep");
	lua_setfield(L, 1, "string");
	lua_getglobal(L, LUA_TABLIBNAME);
	lua_newtable(L);
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		set_charged(L, lua_gettop(L) - 1, lists[i].name, lists[i].weight);
	lua_setfield(L, 1, "table");
	lua_getglobal(L, "unpack");
	lua_pushinteger(L, 1);
	lua_pushcclosure(L, charged, 2);
	lua_setfield(L, 1, "unpack");
}

static void push_core(lua_State *L)
{
	static const char *const questions[] = {"api", "index", "config", "stage"};
	lua_newtable(L);
	push_libraries(L);
	lua_settop(L, 1);
	lua_pushcfunction(L, find);
	lua_setfield(L, 1, "find");
	lua_pushcfunction(L, where);
	lua_setfield(L, 1, "where");
	lua_pushcfunction(L, pay);
	lua_setfield(L, 1, "pay");
	lua_pushcfunction(L, set_methods);
	lua_setfield(L, 1, "set_methods");
	for (size_t i = 0; i < ARRAY_COUNT(questions); i++) {
		lua_pushstring(L, questions[i]);
		lua_pushcclosure(L, ask, 1);
		lua_setfield(L, 1, questions[i]);
	}
}

static const struct embedded_file *sandbox_file(void)
{
	for (const struct embedded_file *f = config_embedded_files; f->name; f++)
		if (strcmp(f->name, "sandbox.lua") == 0)
			return f;
	CHECK(!"lua/sluice/sandbox.lua is part of the program");
	return NULL;
}

/* Leaves the environment and the list of actions on the stack. */
static int prepare(lua_State *L)
{
	static const lua_CFunction libraries[] = {
		luaopen_base, luaopen_string, luaopen_table, luaopen_math};
	static const char *const names[] = {"", LUA_STRLIBNAME, LUA_TABLIBNAME, LUA_MATHLIBNAME};
	struct script *s = script_of(L);
	const struct embedded_file *f = sandbox_file();
	for (size_t i = 0; i < ARRAY_COUNT(libraries); i++) {
		lua_pushcfunction(L, libraries[i]);
		lua_pushstring(L, names[i]);
		lua_call(L, 1, 0);
	}
	lua_settop(L, 0);
	push_core(L);
	if (luaL_loadbuffer(L, f->start, (size_t)(f->end - f->start), "=sandbox.lua") != 0)
		return lua_error(L);
	lua_insert(L, 1);
	lua_getfield(s->outer, WORLD, "count");
	lua_pushnumber(L, lua_tonumber(s->outer, -1));
	lua_pop(s->outer, 1);
	lua_call(L, 2, 2);
	return 2;
}

/* --- errors ---------------------------------------------------------------------------------- */
static int on_error(lua_State *L)
{
	struct script *s = script_of(L);
	if (!s->spent)
		find_line(s, L);
	if (!lua_isstring(L, 1))
		lua_pushliteral(L, "an error that is no text");
	return 1;
}

/* What the script says may be anything: one line of text comes out. */
static void push_clean(lua_State *to, struct str text)
{
	char clean[SCRIPT_MESSAGE_BYTES_MAX];
	size_t n = 0;
	while (text.n > 0) {
		size_t length = utf8_sequence(text);
		if (n + (length ? length : 1) > sizeof(clean))
			break;
		bool is_shown =
			length > 1 || (length == 1 && text.p[0] >= 0x20 && text.p[0] != 0x7f);
		if (is_shown)
			memcpy(clean + n, text.p, length);
		else
			clean[n] = ' ';
		n += length ? length : 1;
		text = str_from(text, length ? length : 1);
	}
	lua_pushlstring(to, clean, n);
}

/* "house.lua:3: message" without its place, which is told apart. */
static struct str without_place(struct script *s, struct str text)
{
	struct str file = str_of(s->file);
	if (!str_starts(text, file) || text.n <= file.n || text.p[file.n] != ':')
		return text;
	size_t i = file.n + 1;
	int line = 0;
	for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9' && line < 1000000; i++)
		line = line * 10 + (text.p[i] - '0');
	if (i + 1 >= text.n || text.p[i] != ':')
		return text;
	if (line > 0)
		s->line = line;
	return str_from(text, i + 2);
}

/* nil, message, line */
static int fail(lua_State *outer, struct script *s)
{
	struct str text = STR("an error that is no text");
	lua_settop(outer, WORLD);
	if (s->spent) {
		text = str_of(s->spent);
	} else if (lua_gettop(s->L) > 0 && lua_type(s->L, -1) == LUA_TSTRING) {
		text.p = lua_tolstring(s->L, -1, &text.n);
		text = without_place(s, text);
	}
	lua_pushnil(outer);
	push_clean(outer, text);
	lua_pushinteger(outer, s->line > 0 ? s->line : 1);
	return 3;
}

/* --- all ------------------------------------------------------------------------------------- */

/* Index 1: on_error; then the environment, the actions; the script's function goes on top. */
static bool load(struct script *s, struct str text)
{
	lua_State *L = s->L;
	char *name = NULL;
	if (text.n > 0 && text.p[0] == LUA_SIGNATURE[0]) {
		lua_pushliteral(L, "it is compiled; a script is text");
		return false;
	}
	lua_pushfstring(L, "@%s", s->file);
	name = (char *)lua_tostring(L, -1);
	bool is_loaded = luaL_loadbufferx(L, text.p, text.n, name, "t") == 0;
	lua_remove(L, -2);
	return is_loaded;
}

static bool run(struct script *s, struct str text)
{
	lua_State *L = s->L;
	lua_pushcfunction(L, on_error);
	lua_pushcfunction(L, prepare);
	if (lua_pcall(L, 0, 2, 1) != 0)
		return false;
	lua_sethook(L, on_count, LUA_MASKCOUNT, HOOK_STEPS);
	if (!load(s, text))
		return false;
	lua_pushvalue(L, 2);
	lua_setfenv(L, -2);
	bool is_done = lua_pcall(L, 0, 0, 1) == 0;
	lua_sethook(L, NULL, 0, 0);
	return is_done && !s->spent;
}

int script_run(lua_State *outer)
{
	struct str text;
	struct script s = {
		.outer = outer,
		.file = luaL_checkstring(outer, 1),
		.steps = lua_touserdata(outer, lua_upvalueindex(1)),
	};
	text.p = luaL_checklstring(outer, 2, &text.n);
	luaL_checktype(outer, WORLD, LUA_TTABLE);
	lua_settop(outer, WORLD);
	luaL_checkstack(outer, 40, "a script");
	lua_State *L = lua_newstate(allocate, &s);
	if (!L) {
		lua_memory_deinit(&s.memory);
		return luaL_error(outer, "no memory for a script");
	}
	s.L = L;
	luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
	int results = 1;
	if (!run(&s, text) || !copy_value(L, 3, outer, 0))
		results = fail(outer, &s);
	lua_close(L);
	lua_memory_deinit(&s.memory);
	return results;
}
