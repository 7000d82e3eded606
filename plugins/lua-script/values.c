/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

static void push_members(
	lua_State *L, const struct sluice_host *host, const struct sluice_value *value)
{
	struct sluice_str key;
	const struct sluice_value *member;
	lua_createtable(L, 0, (int)host->value_count(value));
	for (size_t i = 0; (member = host->value_at(value, i, &key)); i++) {
		push_text(L, key);
		values_push(L, host, member);
		lua_rawset(L, -3);
	}
}

static void push_elements(
	lua_State *L, const struct sluice_host *host, const struct sluice_value *value)
{
	const struct sluice_value *element;
	lua_createtable(L, (int)host->value_count(value), 0);
	for (size_t i = 0; (element = host->value_at(value, i, NULL)); i++) {
		values_push(L, host, element);
		lua_rawseti(L, -2, (int)i + 1);
	}
}

void values_push(lua_State *L, const struct sluice_host *host, const struct sluice_value *value)
{
	const struct sluice_str none = {"", 0};
	luaL_checkstack(L, 8, "a configuration");
	switch (value ? host->value_type(value) : SLUICE_NULL) {
	case SLUICE_BOOL:
		lua_pushboolean(L, host->value_bool(value, 0));
		break;
	case SLUICE_INTEGER:
		lua_pushnumber(L, (lua_Number)host->value_integer(value, 0));
		break;
	case SLUICE_REAL:
		lua_pushnumber(L, host->value_real(value, 0));
		break;
	case SLUICE_STRING:
		push_text(L, host->value_string(value, none));
		break;
	case SLUICE_ARRAY:
		push_elements(L, host, value);
		break;
	case SLUICE_OBJECT:
		push_members(L, host, value);
		break;
	default:
		lua_pushnil(L);
	}
}
