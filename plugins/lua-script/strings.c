/* SPDX-License-Identifier: Apache-2.0 */
#include "strings.h"

#include "library.h"

#include "util/pattern.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_PER_STEP 32
#define CHARS_PER_STEP 8 /* looked at one by one */

/* --- matching -------------------------------------------------------------------------------- */
/* False: there is none. Raises when the pattern is none, or takes too much. */
static bool search(lua_State *L, struct sluice_str subject, struct sluice_str pattern, size_t from,
	struct pattern_match *m)
{
	const char *message = NULL;
	struct interpreter *in = interpreter_of(L);
	interpreter_charge(L, 2);
	int32_t rc = pattern_find(subject, pattern, from, &in->steps, m, &message);
	if (rc == SLUICE_E_FULL)
		interpreter_charge(L, UINT64_MAX);
	if (rc == SLUICE_E_INVALID)
		raise_text(L, message);
	return rc == SLUICE_OK;
}

static void push_capture(
	lua_State *L, struct sluice_str subject, const struct pattern_match *m, unsigned i)
{
	if (m->count == 0)
		lua_pushlstring(L, subject.p + m->start, m->end - m->start);
	else if (m->captures[i].is_position)
		lua_pushinteger(L, (lua_Integer)m->captures[i].start + 1);
	else
		lua_pushlstring(L, subject.p + m->captures[i].start, m->captures[i].n);
}

/* All captures; without any, `whole` says whether the match itself. How many. */
static int push_captures(
	lua_State *L, struct sluice_str subject, const struct pattern_match *m, bool whole)
{
	int count = m->count > 0 ? (int)m->count : whole;
	luaL_checkstack(L, count, "too many captures");
	for (int i = 0; i < count; i++)
		push_capture(L, subject, m, (unsigned)i);
	return count;
}

/* Where argument 3 says to begin, from 0; more than n: nowhere. */
static size_t init_of(lua_State *L, size_t n)
{
	lua_Number init = luaL_optnumber(L, 3, 1);
	if (init < 0)
		init += (lua_Number)n + 1;
	if (init < 1)
		init = 1;
	return init > (lua_Number)n + 1 ? n + 1 : (size_t)init - 1;
}

static int find_plain(lua_State *L, struct sluice_str subject, struct sluice_str what, size_t from)
{
	interpreter_charge(L, 1 + (subject.n - from) / BYTES_PER_STEP);
	const char *at = what.n == 0 ? subject.p + from
				     : memmem(subject.p + from, subject.n - from, what.p, what.n);
	if (!at) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, at - subject.p + 1);
	lua_pushinteger(L, at - subject.p + (lua_Integer)what.n);
	return 2;
}

/* A pattern without any of these is a text. */
static bool is_text(struct sluice_str pattern)
{
	for (size_t i = 0; i < pattern.n; i++)
		if (pattern.p[i] == '\0' || strchr("^$*+?.([%-)", pattern.p[i]))
			return false;
	return true;
}

static int find(lua_State *L)
{
	struct pattern_match m;
	struct sluice_str subject = check_text(L, 1), pattern = check_text(L, 2);
	size_t from = init_of(L, subject.n);
	interpreter_charge(L, pattern.n / CHARS_PER_STEP);
	if (from <= subject.n && (lua_toboolean(L, 4) || is_text(pattern)))
		return find_plain(L, subject, pattern, from);
	if (from > subject.n || !search(L, subject, pattern, from, &m)) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, (lua_Integer)m.start + 1);
	lua_pushinteger(L, (lua_Integer)m.end);
	return 2 + push_captures(L, subject, &m, false);
}

static int match(lua_State *L)
{
	struct pattern_match m;
	struct sluice_str subject = check_text(L, 1), pattern = check_text(L, 2);
	size_t from = init_of(L, subject.n);
	if (from > subject.n || !search(L, subject, pattern, from, &m)) {
		lua_pushnil(L);
		return 1;
	}
	return push_captures(L, subject, &m, true);
}

/* Upvalues: subject, pattern, where to go on. */
static int gmatch_next(lua_State *L)
{
	struct pattern_match m;
	struct sluice_str subject = check_text(L, lua_upvalueindex(1));
	struct sluice_str pattern = check_text(L, lua_upvalueindex(2));
	size_t from = (size_t)lua_tonumber(L, lua_upvalueindex(3));
	if (from > subject.n || !search(L, subject, pattern, from, &m))
		return 0;
	lua_pushnumber(L, (lua_Number)(m.end > m.start ? m.end : m.end + 1));
	lua_replace(L, lua_upvalueindex(3));
	return push_captures(L, subject, &m, true);
}

static int gmatch(lua_State *L)
{
	check_text(L, 1);
	check_text(L, 2);
	lua_settop(L, 2);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, gmatch_next, 3);
	return 1;
}

/* --- replacing ------------------------------------------------------------------------------- */
struct replacing {
	lua_State *L;
	struct sluice_str subject;
	luaL_Buffer out;
};

/* "%1" and its like in the template. */
static void add_template(struct replacing *r, const struct pattern_match *m)
{
	size_t n;
	const char *p = lua_tolstring(r->L, 3, &n);
	interpreter_charge(r->L, n / CHARS_PER_STEP);
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '%' || i + 1 == n) {
			luaL_addchar(&r->out, p[i]);
			continue;
		}
		char c = p[++i];
		unsigned which = (unsigned)(c - '1');
		if (c == '0') {
			luaL_addlstring(&r->out, r->subject.p + m->start, m->end - m->start);
		} else if (c >= '1' && c <= '9') {
			if (which >= (m->count ? m->count : 1))
				raise_text(r->L,
					"gsub: the replacement refers to a capture that the "
					"pattern has not");
			push_capture(r->L, r->subject, m, which);
			luaL_addvalue(&r->out);
		} else {
			luaL_addchar(&r->out, c);
		}
	}
}

/* What a table or a function gives; nothing or false leaves the text as it is. */
static void add_looked_up(struct replacing *r, const struct pattern_match *m)
{
	lua_State *L = r->L;
	interpreter_check_stack(L);
	if (lua_istable(L, 3)) {
		push_capture(L, r->subject, m, 0);
		lua_gettable(L, 3);
	} else {
		lua_pushvalue(L, 3);
		lua_call(L, push_captures(L, r->subject, m, true), 1);
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		lua_pushlstring(L, r->subject.p + m->start, m->end - m->start);
	} else if (!lua_isstring(L, -1)) {
		raise_text(L, "gsub: a replacement is a text");
	}
	luaL_addvalue(&r->out);
}

static int gsub(lua_State *L)
{
	struct pattern_match m;
	struct replacing r = {.L = L, .subject = check_text(L, 1)};
	struct sluice_str pattern = check_text(L, 2);
	bool is_template = lua_isstring(L, 3);
	if (!is_template && !lua_istable(L, 3) && !lua_isfunction(L, 3))
		return luaL_argerror(L, 3, "string, table or function expected");
	lua_Number limit = luaL_optnumber(L, 4, (lua_Number)r.subject.n + 1);
	bool is_anchored = pattern.n > 0 && pattern.p[0] == '^';
	size_t at = 0;
	lua_Number done = 0;
	luaL_buffinit(L, &r.out);
	while (done < limit && at <= r.subject.n && search(L, r.subject, pattern, at, &m)) {
		luaL_addlstring(&r.out, r.subject.p + at, m.start - at);
		if (is_template)
			add_template(&r, &m);
		else
			add_looked_up(&r, &m);
		done++;
		at = m.end;
		if (m.end == m.start && at < r.subject.n)
			luaL_addchar(&r.out, r.subject.p[at]);
		at += m.end == m.start;
		if (is_anchored)
			break;
	}
	if (at < r.subject.n)
		luaL_addlstring(&r.out, r.subject.p + at, r.subject.n - at);
	luaL_pushresult(&r.out);
	interpreter_charge(L, lua_objlen(L, -1) / BYTES_PER_STEP);
	lua_pushnumber(L, done);
	return 2;
}

/* --- making ---------------------------------------------------------------------------------- */
/* Its result is paid for before it is made. Upvalue 1: the library's. */
static int rep(lua_State *L)
{
	struct sluice_str text = check_text(L, 1);
	lua_Number times = luaL_checknumber(L, 2);
	double bytes = times > 0 ? (double)text.n * times : 0;
	if (bytes > (double)interpreter_of(L)->bytes_max)
		return raise_text(L, "rep: the result is too long");
	interpreter_charge(L, 1 + (uint64_t)bytes / BYTES_PER_STEP);
	if (bytes == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	lua_settop(L, 2);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

/* Upvalue 1: the library's, which would show addresses. */
static int format(lua_State *L)
{
	struct sluice_str template = check_text(L, 1);
	uint64_t bytes = template.n;
	for (size_t i = 0; i + 1 < template.n; i++) {
		if (template.p[i] != '%')
			continue;
		do
			i++;
		while (i < template.n && template.p[i] && strchr("-+ #0123456789.", template.p[i]));
		if (i < template.n && template.p[i] == 'p')
			return raise_text(L, "format: %p is not available");
	}
	for (int i = 2; i <= lua_gettop(L); i++) {
		int type = lua_type(L, i);
		if (type != LUA_TSTRING && type != LUA_TNUMBER) {
			library_push_shown(L, i);
			lua_replace(L, i);
		}
		bytes += type == LUA_TSTRING ? lua_objlen(L, i) : 32;
	}
	interpreter_charge(L, 4 + bytes / BYTES_PER_STEP);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	return 1;
}

static void set_wrapped(lua_State *L, const char *name, lua_CFunction fn)
{
	lua_getglobal(L, LUA_STRLIBNAME);
	lua_getfield(L, -1, name);
	lua_remove(L, -2);
	lua_pushcclosure(L, fn, 1);
	lua_setfield(L, -2, name);
}

void strings_open(lua_State *L, int environment)
{
	static const luaL_Reg functions[] = {
		{"find", find}, {"match", match}, {"gmatch", gmatch}, {"gsub", gsub}, {NULL, NULL}};
	lua_getfield(L, environment, "string");
	luaL_register(L, NULL, functions);
	set_wrapped(L, "rep", rep);
	set_wrapped(L, "format", format);
	lua_pushliteral(L, "");
	lua_createtable(L, 0, 2);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_pop(L, 2);
}
