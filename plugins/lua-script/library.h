/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/library.h - what a script has of Lua's own libraries.
 *
 * Nothing that reads files, runs text, makes bytecode, shows an address or reaches another state.
 * What a function does in C is paid for by the bytes and elements that it sees. */
#pragma once

#include "interpreter.h"

/* In functions that Lua calls, with the libraries open: fills the environment at the index. */
void library_open(lua_State *L, int environment);
/* What the prelude alone has, into the table on top. */
void library_fill_core(lua_State *L);
/* Pushes what a value looks like: never an address. */
void library_push_shown(lua_State *L, int index);
