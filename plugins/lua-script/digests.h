/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/digests.h - `crypto`: digests, comparison, random, and texts for bytes. */
#pragma once

#include "interpreter.h"

/* In functions that Lua calls: pushes the table. */
void digests_push(lua_State *L);
