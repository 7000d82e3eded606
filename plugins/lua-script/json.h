/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/json.h - `json`: decode, encode, array, null.
 *
 * Strict (RFC 8259): a name that comes twice, a number that is none and nesting beyond 64 are no
 * JSON. Numbers are doubles. What is decoded from an array is known as one, also when it is empty.
 */
#pragma once

#include "interpreter.h"

/* In functions that Lua calls: pushes the table. */
void json_push(lua_State *L);
