/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/declared.h - what is made in `configure` and used by name: expressions and metrics. */
#pragma once

#include "interpreter.h"

/* In functions that Lua calls: pushes the global `expr`. */
void declared_push_expressions(lua_State *L);
/* Into the table on top:
 *   metric{kind=, name=, description=, labels={names}, values={lists}, bounds=} -> a handle
 *   add(handle, series, n); observe(handle, series, value) */
void declared_fill_core(lua_State *L);
