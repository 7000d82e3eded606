/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/stores.h - questions to the store, for the prelude's `state`. */
#pragma once

#include "interpreter.h"

/* Into the table on top:
 *   ask{kind=, key=, value=, delta=, limit=, version=, for_ms=} -> true: the answer comes with the
 * next yield; or false and the answer take() -> the answer: what became of it, value, version,
 * count, remaining ms */
void stores_fill_core(lua_State *L);
