/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/strings.h - find, match, gmatch, gsub, rep and format, with a bound on what they take.
 *
 * Patterns are matched by util/pattern, which pays for each step; the library's own matcher
 * backtracks without end on ("a"):rep(30):find((".-"):rep(30) .. "b"). */
#pragma once

#include "interpreter.h"

/* After library_open: into the environment's `string`, which becomes what ("text"):method() sees.
 */
void strings_open(lua_State *L, int environment);
