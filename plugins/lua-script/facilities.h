/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/facilities.h - `log`, `now`, `respond`, `fail`, `json`; what waits, for the prelude.
 */
#pragma once

#include "interpreter.h"

/* In functions that Lua calls: into the environment at the index. */
void facilities_open(lua_State *L, int environment);
/* What the prelude alone has, into the table on top. */
void facilities_fill_core(lua_State *L);
