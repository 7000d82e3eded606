/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include "message.h"
#include "visit.h"

#include "sluice/text.h"

#include <string.h>

#define STEPS          500
#define BYTES_PER_STEP 32

static const struct sluice_http_service *http_of(lua_State *L)
{
	const struct sluice_http_service *http = interpreter_of(L)->settings->http;
	if (!http)
		raise_text(L, "http: this gateway has no sluice.http/1");
	return http;
}

/* The member of the table at index 1, left on the stack; an empty view when absent. */
static struct sluice_str text_of(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	if (lua_isnil(L, -1))
		return SLUICE_STR("");
	return check_text(L, -1);
}

static uint64_t number_of(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	lua_Number n = lua_isnil(L, -1) ? 0 : luaL_checknumber(L, -1);
	lua_pop(L, 1);
	if (!(n >= 0 && n <= 1e9))
		raise_text(L, "http: a number is out of range");
	return (uint64_t)n;
}

static const struct sluice_target *target_of(lua_State *L)
{
	const struct settings *s = interpreter_of(L)->settings;
	struct sluice_str name = text_of(L, "target");
	for (size_t i = 0; i < s->target_count; i++)
		if (sluice_equal(s->targets[i].name, name))
			return s->targets[i].target;
	lua_pushfstring(L, "http: no target is called \"%s\"", name.p);
	raise_text(L, lua_tostring(L, -1));
	return NULL;
}

static int call(lua_State *L)
{
	struct message_fields fields;
	struct visit *v = message_visit(L, IN_LIVE, "http");
	interpreter_check_wait(L);
	interpreter_check_stack(L); /* a metatable may answer for the members */
	struct sluice_http_request request = {.size = sizeof(request)};
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	const struct sluice_target *target = target_of(L);
	request.timeout_ms = (uint32_t)number_of(L, "timeout_ms");
	request.response_bytes_max = number_of(L, "max_bytes");
	request.method = text_of(L, "method");
	request.path = text_of(L, "path");
	request.body = text_of(L, "body");
	lua_getfield(L, 1, "headers");
	message_take_fields(L, lua_gettop(L), &fields);
	request.fields = fields.pairs;
	request.field_count = fields.count;
	interpreter_charge(L, STEPS + request.body.n / BYTES_PER_STEP);
	struct guest *g = visit_guest(L, v);
	message_check(L, http_of(L)->begin(v->x, target, &request), "http");
	g->calls[v->side].open++;
	v->begun++;
	return 0;
}

/* By names in lower case; of several values of one name a list. */
static void push_fields(
	lua_State *L, const struct sluice_http_service *http, const struct sluice_http_response *r)
{
	struct sluice_str name, value;
	uint32_t at = 0;
	lua_newtable(L);
	while (http->field_next(r, SLUICE_STR(""), &at, &name, &value) == SLUICE_OK) {
		interpreter_charge(L, 4);
		char *lower = lua_newuserdata(L, name.n + 1);
		for (size_t i = 0; i < name.n; i++)
			lower[i] = sluice_lower(name.p[i]);
		lua_pushlstring(L, lower, name.n);
		lua_replace(L, -2);
		lua_pushvalue(L, -1);
		lua_rawget(L, -3);
		if (lua_isnil(L, -1)) {
			lua_pop(L, 1);
			push_text(L, value);
			lua_rawset(L, -3);
			continue;
		}
		if (!lua_istable(L, -1)) { /* the second of that name */
			lua_createtable(L, 2, 0);
			lua_insert(L, -2);
			lua_rawseti(L, -2, 1);
		}
		push_text(L, value);
		lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
		lua_rawset(L, -3);
	}
}

static void discard(struct visit *v, struct awaited *calls, const struct sluice_http_service *http)
{
	struct sluice_http_response r = {.size = sizeof(r)};
	for (; calls->taken_by_none > 0; calls->taken_by_none--)
		http->take(v->x, &r);
}

static int called(lua_State *L)
{
	struct visit *v = visit_of(L);
	const struct sluice_http_service *http = http_of(L);
	struct awaited *calls = &visit_guest(L, v)->calls[v->side];
	struct sluice_http_response r = {.size = sizeof(r)};
	discard(v, calls, http);
	int32_t rc = http->take(v->x, &r);
	if (rc == SLUICE_PENDING)
		return raise_text(L, "http: the answer has not come");
	calls->open--;
	message_check(L, rc, "http");
	if (r.result != SLUICE_OK) {
		lua_pushnil(L);
		push_text(L, r.message.n ? r.message : SLUICE_STR("no answer came"));
		return 2;
	}
	interpreter_charge(L, r.body.n / BYTES_PER_STEP);
	lua_pushinteger(L, r.status);
	push_text(L, r.body);
	push_fields(L, http, &r);
	return 3;
}

void calls_fill_core(lua_State *L)
{
	static const luaL_Reg functions[] = {{"call", call}, {"called", called}, {NULL, NULL}};
	luaL_register(L, NULL, functions);
}
