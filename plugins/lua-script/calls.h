/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/calls.h - requests of the script's own to services, for the prelude's `http`. */
#pragma once

#include "interpreter.h"

/* Into the table on top:
 *   call{target=, method=, path=, headers=, body=, timeout_ms=, max_bytes=}: the answer comes with
 * the next yield called() -> status, body, headers; or nil and why */
void calls_fill_core(lua_State *L);
