/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/values.h - values of the configuration as Lua's. */
#pragma once

#include "interpreter.h"

/* Pushes it; an absent one, and null, as nil. Raises when memory is spent. */
void values_push(lua_State *L, const struct sluice_host *host, const struct sluice_value *value);
