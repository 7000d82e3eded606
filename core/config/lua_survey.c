/* SPDX-License-Identifier: Apache-2.0 */
/* What lua/sluice/surveyed.lua asks about APIs that were composed apart (survey.h). */
#include "config/lua_priv.h"

#include "base/memory.h"

#include <stdlib.h>

static struct lua_input *input_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

static struct str check_text(lua_State *L, int index)
{
	size_t n;
	const char *p = luaL_checklstring(L, index, &n);
	return str_n(p, n);
}

static void set_text(lua_State *L, const char *name, struct str text)
{
	lua_pushlstring(L, text.p ? text.p : "", text.n);
	lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double number)
{
	lua_pushnumber(L, number);
	lua_setfield(L, -2, name);
}

static void push_port(lua_State *L, const struct survey_port *p)
{
	lua_createtable(L, 0, 7);
	set_text(L, "api", p->api);
	set_text(L, "scheme", p->scheme);
	set_text(L, "host", p->host);
	set_text(L, "file", p->file);
	set_number(L, "port", p->port);
	set_number(L, "line", p->line);
	set_number(L, "column", p->column);
}

static void push_survey(lua_State *L, const struct survey *s)
{
	lua_createtable(L, 0, 2);
	lua_createtable(L, (int)s->port_count, 0);
	for (size_t i = 0; i < s->port_count; i++) {
		push_port(L, &s->ports[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_setfield(L, -2, "ports");
	lua_createtable(L, (int)s->plugin_count, 0);
	for (size_t i = 0; i < s->plugin_count; i++) {
		lua_pushlstring(L, s->plugins[i].p ? s->plugins[i].p : "", s->plugins[i].n);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_setfield(L, -2, "plugins");
}

static bool add_services(lua_State *L, int index, struct survey *s)
{
	int count = (int)lua_objlen(L, index);
	bool is_fine = true;
	for (int i = 1; i <= count && is_fine; i++) {
		lua_rawgeti(L, index, i);
		is_fine = survey_add_service(s, check_text(L, -1));
		lua_pop(L, 1);
	}
	return is_fine;
}

/* survey(ids of the services that stand on their own) -> {ports, plugins}; or nil: something is to
 * be said about the APIs, or they do not stand apart in the plan. */
static int make_survey(lua_State *L)
{
	struct lua_input *in = input_of(L);
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!in->places)
		return 0;
	survey_deinit(&in->survey);
	survey_init(&in->survey);
	if (!add_services(L, 1, &in->survey) ||
		!survey_take(&in->survey, in->parts, in->sources->count))
		return 0;
	push_survey(L, &in->survey);
	return 1;
}

/* has_api(id) */
static int has_api(lua_State *L)
{
	lua_pushboolean(L, survey_has_api(&input_of(L)->survey, check_text(L, 1)));
	return 1;
}

/* has_service(id) */
static int has_service(lua_State *L)
{
	lua_pushboolean(L, survey_has_service(&input_of(L)->survey, check_text(L, 1)));
	return 1;
}

/* selects(namespace or nil, a list of names and values) */
static int selects(lua_State *L)
{
	struct str space = lua_isnil(L, 1) ? STR_EMPTY : check_text(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	size_t count = lua_objlen(L, 2) / 2;
	luaL_checkstack(L, 2, "labels");
	struct str *labels = lua_newuserdata(L, (2 * count + 1) * sizeof(*labels));
	for (size_t i = 0; i < 2 * count; i++) {
		lua_rawgeti(L, 2, (int)i + 1);
		labels[i] = check_text(L, -1); /* the table keeps it alive */
		lua_pop(L, 1);
	}
	lua_pushboolean(L, survey_selects(&input_of(L)->survey, space, labels, count));
	return 1;
}

/* --- the plan of it -------------------------------------------------------------------------- */

static bool place(void *arg, uint32_t part, uint32_t fragment, bool is_api, uint32_t at)
{
	return lua_input_place_fragment(arg, part, fragment, is_api, at);
}

void lua_survey_place(lua_State *L, struct lua_input *in)
{
	in->is_surveyed = true;
	if (!survey_each_place(&in->survey, place, in))
		luaL_error(L, "the parts of the plan are not whole");
}

/* There are few plugins, and every API leads to some of them. */
static int64_t plugin_number(lua_State *L, struct lua_input *in, struct str key, struct str name)
{
	int64_t number = (int64_t)(uintptr_t)map_get(&in->plugin_numbers, name) - 1;
	if (number < 0) {
		number = lua_target_number(L, key, name);
		map_put(&in->plugin_numbers, name, (void *)(uintptr_t)(number + 1));
	}
	return number;
}

int64_t lua_survey_number(
	lua_State *L, struct lua_input *in, enum plan_lead lead, struct str key, struct str name)
{
	if (!in->is_surveyed)
		return lua_target_number(L, key, name);
	if (lead == PLAN_TO_SERVICE)
		return survey_service(&in->survey, name);
	if (lead == PLAN_TO_LISTENER)
		return survey_port(&in->survey, name);
	return plugin_number(L, in, key, name);
}

static void set_function(lua_State *L, const char *name, lua_CFunction function, void *arg)
{
	lua_pushlightuserdata(L, arg);
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, -2, name);
}

void lua_push_survey(lua_State *L, struct lua_input *in)
{
	set_function(L, "survey", make_survey, in);
	set_function(L, "has_api", has_api, in);
	set_function(L, "has_service", has_service, in);
	set_function(L, "selects", selects, in);
}
