/* SPDX-License-Identifier: Apache-2.0 */
/* config/lua_state.h - the Lua program that composes: its sandbox and its limits.
 *
 * LuaJIT's interpreter with the JIT off, the libraries base, string, table and math without
 * anything that reads files or runs text, memory and instruction budgets. The modules lua/sluice/
 * are part of the executable.
 */
#pragma once

#include "base/buffer.h"
#include "base/rc.h"

#define LUA_BYTES_MAX ((size_t)768 << 20)
/* Interpreted, about ten seconds; 10,000 APIs take a hundredth of it. */
#define LUA_INSTRUCTIONS_MAX 4000000000u

struct lua_program;
struct sources;

/* `getenv` NULL: the process's; `sources` may be NULL. Both are borrowed. */
struct lua_program *lua_program_new(
	const char *(*getenv_fn)(const char *name), const struct sources *sources);
void lua_program_free(struct lua_program *p);
struct lookups;
/* From now on, what is asked of the environment and of included files goes into `lookups`, borrowed. */
void lua_program_note_lookups(struct lua_program *p, struct lookups *lookups);
/* The files among them that the gateway shall look at. */
void lua_program_note_includes(struct lua_program *p, struct lookups *includes);
void lua_program_set_limits(struct lua_program *p, uint64_t instructions);
/* Runs a chunk of Lua text, which may `require` the modules and gets the table of bindings as its
 * argument. RC_INVALID with the error message. For tests. */
MUST_USE enum rc lua_program_run(
	struct lua_program *p, const char *name, struct str text, struct buffer *message);

/* A file that is part of the executable: "compose.lua", "builtins/tls.yaml". */
struct embedded_file {
	const char *name;
	const char *start;
	const char *end;
};
extern const struct embedded_file config_embedded_files[]; /* ends with a NULL name */
