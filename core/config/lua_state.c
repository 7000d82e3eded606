/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lua_state.h"

#include "config/lua_priv.h"
#include "config/script.h"

#include "base/check.h"
#include "base/memory.h"

#include <luajit.h>
#include <stdio.h>
#include <stdlib.h>

#define HOOK_INSTRUCTIONS 100000

/* Counts what Lua holds; refusing makes it raise "not enough memory". */
static void *allocate(void *arg, void *p, size_t old_size, size_t new_size)
{
	struct lua_program *program = arg;
	size_t used = program->bytes_used - (p ? old_size : 0) + new_size;
	if (new_size > old_size && used > LUA_BYTES_MAX)
		return NULL;
	if (new_size == 0 && !p)
		return NULL;
	void *fresh = lua_memory_resize(&program->memory, p, old_size, new_size);
	if (fresh || new_size == 0)
		program->bytes_used = used;
	return fresh;
}

static struct lua_program *program_of(lua_State *L)
{
	void *arg = NULL;
	lua_getallocf(L, &arg);
	return arg;
}

static void count_instructions(lua_State *L, lua_Debug *ar)
{
	struct lua_program *p = program_of(L);
	if (p->instructions_left < HOOK_INSTRUCTIONS) {
		/* From now on at every instruction: a loop around pcall must not swallow it. */
		lua_sethook(L, count_instructions, LUA_MASKCOUNT, 1);
		luaL_error(L, "the configuration takes too long to compose");
	}
	p->instructions_left -= HOOK_INSTRUCTIONS;
}

static const struct embedded_file *find_module(const char *name)
{
	static const char prefix[] = "sluice.";
	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	char file[128];
	snprintf(file, sizeof(file), "%s.lua", name + sizeof(prefix) - 1);
	for (char *p = file; p < file + strlen(file) - 4; p++)
		if (*p == '.')
			*p = '/';
	for (const struct embedded_file *f = config_embedded_files; f->name; f++)
		if (strcmp(f->name, file) == 0)
			return f;
	return NULL;
}

/* require(name): modules of the executable, each run once. The table of loaded ones is upvalue 1.
 */
static int require(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	lua_getfield(L, lua_upvalueindex(1), name);
	if (!lua_isnil(L, -1))
		return 1;
	const struct embedded_file *f = find_module(name);
	if (!f)
		return luaL_error(L, "no module %s", name);
	lua_pushfstring(L, "=lua/sluice/%s", f->name);
	if (luaL_loadbuffer(L, f->start, (size_t)(f->end - f->start), lua_tostring(L, -1)) != 0)
		return lua_error(L);
	lua_call(L, 0, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, lua_upvalueindex(1), name);
	return 1;
}

static void forget(lua_State *L, const char *table, const char *const *names)
{
	if (table)
		lua_getglobal(L, table);
	for (; *names; names++) {
		lua_pushnil(L);
		if (table)
			lua_setfield(L, -2, *names);
		else
			lua_setglobal(L, *names);
	}
	if (table)
		lua_pop(L, 1);
}

/* host.builtins: the definitions of the built-ins, YAML like those of plugins, as a list of nodes.
 */
static void push_builtins(lua_State *L)
{
	int count = 0;
	struct diagnostics none;
	diagnostics_init(&none);
	lua_newtable(L);
	for (const struct embedded_file *f = config_embedded_files; f->name; f++) {
		struct document_set set;
		if (!str_ends(str_of(f->name), STR(".yaml")))
			continue;
		struct str text = str_n(f->start, (size_t)(f->end - f->start));
		CHECK(document_set_read(&set, f->name, text, &none) == RC_OK);
		for (const struct node *root = set.roots; root; root = root->next) {
			lua_push_node(L, root, f->name);
			lua_rawseti(L, -2, ++count);
		}
		document_set_deinit(&set);
	}
	diagnostics_deinit(&none);
}

static int open_libraries(lua_State *L)
{
	static const lua_CFunction libraries[] = {
		luaopen_base, luaopen_string, luaopen_table, luaopen_math};
	static const char *const names[] = {"", LUA_STRLIBNAME, LUA_TABLIBNAME, LUA_MATHLIBNAME};
	static const char *const base[] = {"dofile", "loadfile", "load", "loadstring", "print",
		"collectgarbage", "newproxy", "getfenv", "setfenv", NULL};
	static const char *const string[] = {"dump", NULL};
	for (size_t i = 0; i < ARRAY_COUNT(libraries); i++) {
		lua_pushcfunction(L, libraries[i]);
		lua_pushstring(L, names[i]);
		lua_call(L, 1, 0);
	}
	forget(L, NULL, base);
	forget(L, "string", string);
	lua_newtable(L);
	lua_pushcclosure(L, require, 1);
	lua_setglobal(L, "require");
	struct lua_program *p = program_of(L);
	lua_newtable(L);
	lua_register_host(L, &p->host);
	lua_register_schema(L);
	lua_pushlightuserdata(L, &p->script_steps);
	lua_pushcclosure(L, script_run, 1);
	lua_setfield(L, -2, "run_script");
	push_builtins(L);
	lua_setfield(L, -2, "builtins");
	lua_setfield(L, LUA_REGISTRYINDEX, "host");
	return 0;
}

struct lua_program *lua_program_new(
	const char *(*getenv_fn)(const char *name), const struct sources *sources)
{
	struct lua_program *p = heap_zalloc(sizeof(*p));
	p->host.getenv = getenv_fn;
	p->host.sources = sources;
	p->instructions_left = LUA_INSTRUCTIONS_MAX;
	p->script_steps = SCRIPT_STEPS_MAX;
	p->lua = lua_newstate(allocate, p);
	CHECK(p->lua);
	luaJIT_setmode(p->lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
	lua_pushcfunction(p->lua, open_libraries);
	CHECK(lua_pcall(p->lua, 0, 0, 0) == 0);
	lua_sethook(p->lua, count_instructions, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
	lua_gc(p->lua, LUA_GCSETPAUSE, 400); /* lives for one run: a third less time */
	return p;
}

void lua_program_note_includes(struct lua_program *p, struct lookups *includes)
{
	p->host.includes = includes;
}

void lua_program_note_lookups(struct lua_program *p, struct lookups *lookups)
{
	p->host.lookups = lookups;
}

void lua_program_free(struct lua_program *p)
{
	lua_close(p->lua);
	lua_memory_deinit(&p->memory);
	free(p);
}

void lua_program_set_limits(struct lua_program *p, uint64_t instructions)
{
	p->instructions_left = instructions;
}

enum rc lua_program_run(
	struct lua_program *p, const char *name, struct str text, struct buffer *message)
{
	lua_State *L = p->lua;
	int failed = luaL_loadbuffer(L, text.p, text.n, name);
	if (!failed) {
		lua_getfield(L, LUA_REGISTRYINDEX, "host");
		failed = lua_pcall(L, 1, 0, 0);
	}
	if (failed) {
		size_t n;
		const char *error = lua_tolstring(L, -1, &n);
		buffer_add(message, error ? str_n(error, n) : STR("an error that is no text"));
	}
	lua_settop(L, 0);
	return failed ? RC_INVALID : RC_OK;
}
