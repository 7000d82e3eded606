/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include "visit.h"

#include <stdio.h>
#include <string.h>

static const struct sluice_str empty = {"", 0};

/* --- what is asked of the host ---------------------------------------------------------------- */
static const char *why(int32_t rc)
{
	switch (rc) {
	case SLUICE_E_WRONG_CALLBACK:
		return "it is too late for it, or too early";
	case SLUICE_E_INVALID:
		return "the gateway refuses this name or value";
	case SLUICE_E_FULL:
		return "there is no room for it";
	default:
		return "it failed";
	}
}

void message_check(lua_State *L, int32_t rc, const char *what)
{
	char text[160];
	if (rc >= SLUICE_OK)
		return;
	snprintf(text, sizeof(text), "%s: %s", what, why(rc));
	raise_text(L, text);
}

struct visit *message_visit(lua_State *L, unsigned handlers, const char *what)
{
	char text[160];
	struct visit *v = visit_of(L);
	if (handlers >> v->handler & 1)
		return v;
	snprintf(text, sizeof(text), "%s: this cannot be done in %s", what,
		handler_names[v->handler]);
	raise_text(L, text);
	return NULL;
}

static const struct sluice_host *host_of(const struct visit *v)
{
	return v->call->host;
}

/* Upvalue 1 of what belongs to a message: enum sluice_side. */
static enum sluice_side side_of(lua_State *L)
{
	return lua_tointeger(L, lua_upvalueindex(1)) ? SLUICE_RESPONSE : SLUICE_REQUEST;
}

/* --- fields ----------------------------------------------------------------------------------- */
/* headers:get(name) -> the first value, or nil */
static int headers_get(lua_State *L)
{
	struct sluice_str value;
	struct visit *v = visit_of(L);
	if (host_of(v)->field_get(v->x, side_of(L), check_text(L, 2), &value) == SLUICE_OK)
		push_text(L, value);
	else
		lua_pushnil(L);
	return 1;
}

static void push_pair(lua_State *L, struct sluice_str name, struct sluice_str value)
{
	lua_createtable(L, 0, 2);
	push_text(L, name);
	lua_setfield(L, -2, "name");
	push_text(L, value);
	lua_setfield(L, -2, "value");
}

/* headers:all(name) -> list of values; without a name a list of {name=, value=} */
static int headers_all(lua_State *L)
{
	struct visit *v = visit_of(L);
	struct sluice_str name = lua_isnoneornil(L, 2) ? empty : check_text(L, 2), found, value;
	uint32_t at = 0;
	int n = 0;
	lua_newtable(L);
	while (host_of(v)->field_next(v->x, side_of(L), name, &at, &found, &value) == SLUICE_OK) {
		interpreter_charge(L, 4);
		if (name.n)
			push_text(L, value);
		else
			push_pair(L, found, value);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

static int headers_set(lua_State *L)
{
	struct visit *v = message_visit(L, IN_LIVE, "headers:set");
	message_check(L,
		host_of(v)->field_set(v->x, side_of(L), check_text(L, 2), check_text(L, 3)),
		"headers:set");
	return 0;
}

static int headers_add(lua_State *L)
{
	struct visit *v = message_visit(L, IN_LIVE, "headers:add");
	message_check(L,
		host_of(v)->field_add(v->x, side_of(L), check_text(L, 2), check_text(L, 3)),
		"headers:add");
	return 0;
}

/* -> how many there were */
static int headers_remove(lua_State *L)
{
	struct visit *v = message_visit(L, IN_LIVE, "headers:remove");
	int32_t n = host_of(v)->field_remove(v->x, side_of(L), check_text(L, 2));
	message_check(L, n, "headers:remove");
	lua_pushinteger(L, n);
	return 1;
}

static void add_field(lua_State *L, struct message_fields *fields, int name, int value)
{
	if (fields->count == FIELDS_MAX)
		raise_text(L, "too many fields");
	fields->pairs[2 * fields->count] = check_text(L, name);
	fields->pairs[2 * fields->count + 1] = check_text(L, value);
	fields->count++;
}

static void add_fields(lua_State *L, struct message_fields *fields, int name, int values)
{
	int n = (int)lua_objlen(L, values);
	for (int i = 1; i <= n; i++) {
		luaL_checkstack(L, 8, "fields");
		lua_rawgeti(L, values, i);
		add_field(L, fields, name, lua_gettop(L));
	}
}

void message_take_fields(lua_State *L, int index, struct message_fields *fields)
{
	fields->count = 0;
	if (lua_isnil(L, index))
		return;
	luaL_checktype(L, index, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, index)) {
		int value = lua_gettop(L), name = value - 1;
		luaL_checkstack(L, 8, "fields");
		if (lua_type(L, name) != LUA_TSTRING)
			raise_text(L, "the names of fields are texts");
		if (lua_istable(L, value))
			add_fields(L, fields, name, value);
		else
			add_field(L, fields, name, value);
		lua_pushvalue(L, name);
	}
}

/* --- parameters and cookies ------------------------------------------------------------------- */
typedef int32_t next_fn(struct sluice_exchange *x, struct sluice_str name, uint32_t *at,
	struct sluice_str *name_out, struct sluice_str *value);

/* Upvalue 1: whether cookies are meant. */
static next_fn *next_of(lua_State *L)
{
	const struct sluice_request_service *s = interpreter_of(L)->settings->request;
	return lua_tointeger(L, lua_upvalueindex(1)) ? s->cookie_next : s->query_next;
}

static int parts_get(lua_State *L)
{
	struct sluice_str value;
	struct visit *v = visit_of(L);
	uint32_t at = 0;
	int32_t rc = next_of(L)(v->x, check_text(L, 2), &at, NULL, &value);
	if (rc != SLUICE_E_NOT_FOUND)
		message_check(L, rc, "get");
	if (rc == SLUICE_OK)
		push_text(L, value);
	else
		lua_pushnil(L);
	return 1;
}

static int parts_all(lua_State *L)
{
	struct visit *v = visit_of(L);
	struct sluice_str name = lua_isnoneornil(L, 2) ? empty : check_text(L, 2), found, value;
	uint32_t at = 0;
	int n = 0;
	int32_t rc;
	lua_newtable(L);
	while ((rc = next_of(L)(v->x, name, &at, &found, &value)) == SLUICE_OK) {
		interpreter_charge(L, 4);
		if (name.n)
			push_text(L, value);
		else
			push_pair(L, found, value);
		lua_rawseti(L, -2, ++n);
	}
	if (rc != SLUICE_E_NOT_FOUND)
		message_check(L, rc, "all");
	return 1;
}

static int parts_remove(lua_State *L)
{
	struct visit *v = message_visit(L, IN_HANDLER(request_head), "remove");
	const struct sluice_request_service *s = interpreter_of(L)->settings->request;
	bool is_cookie = lua_tointeger(L, lua_upvalueindex(1));
	int32_t n = (is_cookie ? s->cookie_remove : s->query_remove)(v->x, check_text(L, 2));
	message_check(L, n, "remove");
	lua_pushinteger(L, n);
	return 1;
}

/* --- bodies ----------------------------------------------------------------------------------- */
/* replace(message, text): instead of the bytes at hand */
static int replace(lua_State *L)
{
	struct visit *v = message_visit(L, IN_BODIES, "replace");
	if (v->side != side_of(L))
		return raise_text(L, "replace: this is not the message whose body is at hand");
	message_check(L, host_of(v)->body_replace(v->x, check_text(L, 2)), "replace");
	return 0;
}

static int pass_body(lua_State *L)
{
	struct visit *v = message_visit(L, IN_HEADS, "pass_body");
	if (v->side != side_of(L))
		return raise_text(L, "pass_body: this is not the message whose head is at hand");
	message_check(L, host_of(v)->body_pass(v->x), "pass_body");
	return 0;
}

/* core.body() -> bytes, whether they are the last */
static int body(lua_State *L)
{
	const struct visit *v = visit_of(L);
	if (!v->body)
		return 0;
	interpreter_charge(L, v->body->bytes.n / 32);
	push_text(L, v->body->bytes);
	lua_pushboolean(L, v->body->end != 0);
	return 2;
}

static void push_body_length(lua_State *L, struct visit *v, enum sluice_side side)
{
	int64_t n = host_of(v)->body_length(v->x, side);
	if (n >= 0)
		lua_pushnumber(L, (lua_Number)n);
	else
		lua_pushnil(L);
}

/* --- request and response --------------------------------------------------------------------- */
static const struct {
	const char *name;
	enum sluice_fact fact;
} request_facts[] =
	{
		{"method", SLUICE_FACT_METHOD},
		{"path", SLUICE_FACT_PATH},
		{"query", SLUICE_FACT_QUERY},
		{"authority", SLUICE_FACT_AUTHORITY},
		{"scheme", SLUICE_FACT_SCHEME},
		{"version", SLUICE_FACT_VERSION},
		{"target", SLUICE_FACT_TARGET},
		{"client", SLUICE_FACT_CLIENT_ADDRESS},
		{"local_address", SLUICE_FACT_LOCAL_ADDRESS},
		{"id", SLUICE_FACT_REQUEST_ID},
		{"api", SLUICE_FACT_API},
		{"binding", SLUICE_FACT_BINDING},
		{"tls_version", SLUICE_FACT_TLS_VERSION},
		{"server_name", SLUICE_FACT_TLS_SERVER_NAME},
},
  auth_facts[] = {
	  {"principal", SLUICE_FACT_PRINCIPAL},
	  {"client_id", SLUICE_FACT_CLIENT_ID},
	  {"client_name", SLUICE_FACT_CLIENT_NAME},
};

/* Upvalue 1: name -> fact. Pushes what the key (index 2) means; false: it is no fact. An empty one
 * is nil. */
static bool push_fact(lua_State *L)
{
	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(1));
	if (!lua_isnumber(L, -1))
		return false;
	struct visit *v = visit_of(L);
	struct sluice_str text = host_of(v)->fact(v->x, (enum sluice_fact)lua_tointeger(L, -1));
	if (text.n > 0)
		push_text(L, text);
	else
		lua_pushnil(L);
	return true;
}

static int no_field(lua_State *L, const char *what)
{
	char text[160];
	const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
	snprintf(text, sizeof(text), "%s has no \"%.60s\"", what, key);
	return raise_text(L, text);
}

static bool is_key(lua_State *L, const char *name)
{
	return lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), name) == 0;
}

static int request_index(lua_State *L)
{
	if (push_fact(L))
		return 1;
	if (!is_key(L, "body_length"))
		return no_field(L, "request");
	push_body_length(L, visit_of(L), SLUICE_REQUEST);
	return 1;
}

static int request_newindex(lua_State *L)
{
	struct visit *v = visit_of(L);
	struct sluice_str path = host_of(v)->fact(v->x, SLUICE_FACT_PATH);
	struct sluice_str query = host_of(v)->fact(v->x, SLUICE_FACT_QUERY);
	if (is_key(L, "path"))
		path = check_text(L, 3);
	else if (is_key(L, "query"))
		query = lua_isnil(L, 3) ? empty : check_text(L, 3);
	else
		return no_field(L, "what can be set of request");
	message_visit(L, IN_HANDLER(request_head), "request");
	message_check(L, host_of(v)->path_set(v->x, path, query), "request");
	return 0;
}

/* Before there is one: nil. */
static void push_status(lua_State *L, const struct visit *v)
{
	int32_t status = host_of(v)->status(v->x);
	if (status > 0)
		lua_pushinteger(L, status);
	else
		lua_pushnil(L);
}

static int response_index(lua_State *L)
{
	struct visit *v = visit_of(L);
	if (is_key(L, "body_length"))
		push_body_length(L, v, SLUICE_RESPONSE);
	else if (is_key(L, "status"))
		push_status(L, v);
	else
		return no_field(L, "response");
	return 1;
}

static int response_newindex(lua_State *L)
{
	if (!is_key(L, "status"))
		return no_field(L, "what can be set of response");
	struct visit *v = message_visit(
		L, IN_HANDLER(response_head) | IN_HANDLER(response_body), "response.status");
	message_check(L, host_of(v)->status_set(v->x, (int32_t)luaL_checkinteger(L, 3)),
		"response.status");
	return 0;
}

/* --- vars, auth, exchange --------------------------------------------------------------------- */
static int vars_index(lua_State *L)
{
	struct sluice_str value;
	struct visit *v = visit_of(L);
	if (host_of(v)->property_get(v->x, check_text(L, 2), &value) == SLUICE_OK)
		push_text(L, value);
	else
		lua_pushnil(L);
	return 1;
}

static int vars_newindex(lua_State *L)
{
	struct visit *v = message_visit(L, IN_LIVE, "vars");
	message_check(
		L, host_of(v)->property_set(v->x, check_text(L, 2), check_text(L, 3)), "vars");
	return 0;
}

static int auth_index(lua_State *L)
{
	return push_fact(L) ? 1 : no_field(L, "auth");
}

/* auth.set{principal=, client_id=, client_name=} */
static int auth_set(lua_State *L)
{
	struct visit *v =
		message_visit(L, IN_HANDLER(request_head) | IN_HANDLER(request_body), "auth.set");
	struct sluice_str parts[3] = {empty, empty, empty};
	interpreter_check_stack(L); /* a metatable may answer for the members */
	luaL_checktype(L, 1, LUA_TTABLE);
	for (int i = 0; i < 3; i++) {
		lua_getfield(L, 1, auth_facts[i].name);
		if (!lua_isnil(L, -1))
			parts[i] = check_text(L, -1);
	}
	message_check(L, host_of(v)->authenticate(v->x, parts[0], parts[1], parts[2]), "auth.set");
	return 0;
}

static int exchange_index(lua_State *L)
{
	struct visit *v = visit_of(L);
	if (!v->guest || v->guest->kept == 0) {
		lua_pushnil(L);
		return 1;
	}
	interpreter_push_kept(L, v->guest->kept);
	lua_pushvalue(L, 2);
	lua_rawget(L, -2);
	return 1;
}

static int exchange_newindex(lua_State *L)
{
	struct visit *v = visit_of(L);
	struct guest *g = visit_guest(L, v);
	if (g->kept == 0) {
		lua_newtable(L);
		g->kept = interpreter_keep(L);
	} else {
		interpreter_push_kept(L, g->kept);
	}
	lua_pushvalue(L, 2);
	lua_pushvalue(L, 3);
	lua_rawset(L, -3);
	return 0;
}

/* --- all -------------------------------------------------------------------------------------- */
/* Into the table on top: functions that know `which`. */
static void set_functions(lua_State *L, const luaL_Reg *functions, int which)
{
	for (; functions->name; functions++) {
		lua_pushinteger(L, which);
		lua_pushcclosure(L, functions->func, 1);
		lua_setfield(L, -2, functions->name);
	}
}

/* A table without fields of its own. Its methods are found by the interpreter itself. */
static void push_methods(lua_State *L, const luaL_Reg *functions, int which)
{
	lua_newtable(L);
	lua_createtable(L, 0, 2);
	lua_newtable(L);
	set_functions(L, functions, which);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

/* The table on top gets these; the index function's upvalue is the table at `facts`, or nil. */
static void set_accessors(lua_State *L, lua_CFunction index, lua_CFunction newindex, int facts)
{
	lua_createtable(L, 0, 3);
	if (facts)
		lua_pushvalue(L, facts);
	else
		lua_pushnil(L);
	lua_pushcclosure(L, index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

static void push_message(lua_State *L, enum sluice_side side)
{
	static const luaL_Reg headers[] = {{"get", headers_get}, {"all", headers_all},
		{"set", headers_set}, {"add", headers_add}, {"remove", headers_remove},
		{NULL, NULL}};
	static const luaL_Reg bodies[] = {
		{"replace", replace}, {"pass_body", pass_body}, {NULL, NULL}};
	lua_newtable(L);
	set_functions(L, bodies, side);
	push_methods(L, headers, side);
	lua_setfield(L, -2, "headers");
}

static void push_parts(lua_State *L, int is_cookie)
{
	static const luaL_Reg parts[] = {
		{"get", parts_get}, {"all", parts_all}, {"remove", parts_remove}, {NULL, NULL}};
	push_methods(L, parts, is_cookie);
}

static int read_only(lua_State *L)
{
	return raise_text(L, "this cannot be set");
}

static void open_request(lua_State *L, int environment)
{
	lua_newtable(L);
	int facts = lua_gettop(L);
	for (size_t i = 0; i < sizeof(request_facts) / sizeof(request_facts[0]); i++) {
		lua_pushinteger(L, request_facts[i].fact);
		lua_setfield(L, facts, request_facts[i].name);
	}
	push_message(L, SLUICE_REQUEST);
	push_parts(L, 0);
	lua_setfield(L, -2, "parameters");
	push_parts(L, 1);
	lua_setfield(L, -2, "cookies");
	set_accessors(L, request_index, request_newindex, facts);
	lua_setfield(L, environment, "request");
	lua_settop(L, facts - 1);
}

static void open_auth(lua_State *L, int environment)
{
	lua_newtable(L);
	int facts = lua_gettop(L);
	for (size_t i = 0; i < sizeof(auth_facts) / sizeof(auth_facts[0]); i++) {
		lua_pushinteger(L, auth_facts[i].fact);
		lua_setfield(L, facts, auth_facts[i].name);
	}
	lua_newtable(L);
	lua_pushcfunction(L, auth_set);
	lua_setfield(L, -2, "set");
	set_accessors(L, auth_index, read_only, facts);
	lua_setfield(L, environment, "auth");
	lua_settop(L, facts - 1);
}

void message_open(lua_State *L, int environment)
{
	open_request(L, environment);
	open_auth(L, environment);
	push_message(L, SLUICE_RESPONSE);
	set_accessors(L, response_index, response_newindex, 0);
	lua_setfield(L, environment, "response");
	lua_newtable(L);
	set_accessors(L, vars_index, vars_newindex, 0);
	lua_setfield(L, environment, "vars");
	lua_newtable(L);
	set_accessors(L, exchange_index, exchange_newindex, 0);
	lua_setfield(L, environment, "exchange");
}

void message_fill_core(lua_State *L)
{
	lua_pushcfunction(L, body);
	lua_setfield(L, -2, "body");
}
