/* SPDX-License-Identifier: Apache-2.0 */
#include "facilities.h"

#include "calls.h"
#include "declared.h"
#include "digests.h"
#include "json.h"
#include "library.h"
#include "message.h"
#include "stores.h"
#include "visit.h"

#define SLEEP_MS_MAX   300000
#define BYTES_PER_STEP 32

/* --- log and time ---------------------------------------------------------------------------- */
/* Upvalue 1: the level. */
static int log_at(lua_State *L)
{
	struct sluice_str text;
	const struct interpreter *in = interpreter_of(L);
	luaL_checkany(L, 1);
	library_push_shown(L, 1);
	text.p = lua_tolstring(L, -1, &text.n);
	interpreter_charge(L, 100 + text.n / BYTES_PER_STEP);
	in->host->log(in->instance, in->visit ? in->visit->x : NULL,
		(enum sluice_log_level)lua_tointeger(L, lua_upvalueindex(1)), text);
	return 0;
}

static void push_log(lua_State *L)
{
	static const struct {
		const char *name;
		enum sluice_log_level level;
	} levels[] = {{"debug", SLUICE_LOG_DEBUG}, {"info", SLUICE_LOG_INFO},
		{"warn", SLUICE_LOG_WARN}, {"error", SLUICE_LOG_ERROR}};
	lua_createtable(L, 0, 4);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		lua_pushinteger(L, levels[i].level);
		lua_pushcclosure(L, log_at, 1);
		lua_setfield(L, -2, levels[i].name);
	}
}

/* now() -> seconds since 1970, to the millisecond */
static int now(lua_State *L)
{
	struct visit *v = visit_of(L);
	lua_pushnumber(L, (lua_Number)v->call->host->wall_ms(v->x) / 1000);
	return 1;
}

/* --- verdicts -------------------------------------------------------------------------------- */
/* respond(status, headers, body, reason): answers, and ends the handler */
static int respond(lua_State *L)
{
	struct message_fields fields;
	const struct sluice_str none = {"", 0};
	struct visit *v = message_visit(L, IN_LIVE, "respond");
	lua_settop(L, 4);
	int32_t status = (int32_t)luaL_checkinteger(L, 1);
	struct sluice_str body = lua_isnil(L, 3) ? none : check_text(L, 3);
	struct sluice_str reason = lua_isnil(L, 4) ? SLUICE_STR("script") : check_text(L, 4);
	message_take_fields(L, 2, &fields);
	message_check(L,
		v->call->host->respond(v->x, status, fields.pairs, fields.count, body, reason),
		"respond");
	v->verdict = SLUICE_RESPONDED;
	lua_pushboolean(L, 1);
	return lua_yield(L, 1);
}

/* fail(reason): this binding cannot do its work */
static int fail(lua_State *L)
{
	struct visit *v = message_visit(L, IN_LIVE, "fail");
	struct sluice_str reason =
		lua_isnoneornil(L, 1) ? SLUICE_STR("the script failed") : check_text(L, 1);
	v->call->host->log(v->call->instance, v->x, SLUICE_LOG_ERROR, reason);
	v->verdict = SLUICE_FAIL;
	lua_pushboolean(L, 1);
	return lua_yield(L, 1);
}

/* --- for the prelude ------------------------------------------------------------------------- */
/* core.sleep(ms): the handler goes on no sooner, once it has yielded */
static int sleep_ms(lua_State *L)
{
	struct visit *v = message_visit(L, IN_LIVE, "sleep");
	interpreter_check_wait(L);
	lua_Number ms = luaL_checknumber(L, 1);
	if (!(ms >= 0 && ms <= SLEEP_MS_MAX))
		return raise_text(L, "sleep: expected 0 to 300000 milliseconds");
	int64_t due = v->call->host->now_ms(v->x) + (int64_t)ms;
	if (due > v->due_ms)
		v->due_ms = due;
	return 0;
}

void facilities_open(lua_State *L, int environment)
{
	static const luaL_Reg functions[] = {
		{"now", now}, {"respond", respond}, {"fail", fail}, {NULL, NULL}};
	lua_pushvalue(L, environment);
	luaL_register(L, NULL, functions);
	push_log(L);
	lua_setfield(L, -2, "log");
	json_push(L);
	lua_setfield(L, -2, "json");
	digests_push(L);
	lua_setfield(L, -2, "crypto");
	declared_push_expressions(L);
	lua_setfield(L, -2, "expr");
	lua_pop(L, 1);
}

static int check_wait(lua_State *L)
{
	interpreter_check_wait(L);
	return 0;
}

void facilities_fill_core(lua_State *L)
{
	lua_pushcfunction(L, check_wait);
	lua_setfield(L, -2, "check_wait");
	lua_pushcfunction(L, sleep_ms);
	lua_setfield(L, -2, "sleep");
	declared_fill_core(L);
	stores_fill_core(L);
	calls_fill_core(L);
}
