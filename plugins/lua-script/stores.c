/* SPDX-License-Identifier: Apache-2.0 */
#include "stores.h"

#include "message.h"
#include "visit.h"

#include <string.h>

#define STEPS 100

static const char *word_of(int32_t result)
{
	switch (result) {
	case SLUICE_OK:
		return "ok";
	case SLUICE_E_NOT_FOUND:
		return "absent";
	case SLUICE_E_CONFLICT:
		return "conflict";
	case SLUICE_E_FULL:
		return "full";
	default:
		return "invalid";
	}
}

/* A version is 64 bits, more than a number holds: it travels as a text of eight bytes. */
static int push_answer(lua_State *L, const struct sluice_answer *a)
{
	lua_pushstring(L, word_of(a->result));
	lua_pushlstring(L, a->value.p ? a->value.p : "", a->value.n);
	lua_pushlstring(L, (const char *)&a->version, sizeof(a->version));
	lua_pushnumber(L, (lua_Number)a->count);
	lua_pushnumber(L, (lua_Number)a->remaining_ms);
	return 5;
}

static int64_t number_of(lua_State *L, const char *name, int64_t fallback)
{
	lua_getfield(L, 1, name);
	lua_Number n = lua_isnil(L, -1) ? (lua_Number)fallback : luaL_checknumber(L, -1);
	lua_pop(L, 1);
	if (!(n >= -9007199254740992.0 && n <= 9007199254740992.0))
		raise_text(L, "state: a number is out of range");
	return (int64_t)n;
}

/* Left on the stack, in which the view lies. */
static struct sluice_str text_of(lua_State *L, const char *name)
{
	struct sluice_str none = {"", 0};
	lua_getfield(L, 1, name);
	return lua_isnil(L, -1) ? none : check_text(L, -1);
}

/* Nil is any version, false is none. */
static uint64_t version_of(lua_State *L)
{
	size_t n;
	uint64_t version = SLUICE_VERSION_ANY;
	lua_getfield(L, 1, "version");
	if (lua_type(L, -1) == LUA_TBOOLEAN) {
		version = 0;
	} else if (!lua_isnil(L, -1)) {
		const char *p = luaL_checklstring(L, -1, &n);
		if (n != sizeof(version))
			raise_text(L, "state: this is no version");
		memcpy(&version, p, sizeof(version));
	}
	lua_pop(L, 1);
	return version;
}

static uint32_t kind_of(lua_State *L)
{
	static const char *const kinds[] = {
		"get", "put", "remove", "count", "lock", "unlock", NULL};
	lua_getfield(L, 1, "kind");
	int kind = luaL_checkoption(L, -1, NULL, kinds);
	lua_pop(L, 1);
	return (uint32_t)kind;
}

/* Answers that a handler before this one has not taken any more. */
static void discard(struct visit *v, struct awaited *questions, const struct settings *s)
{
	struct sluice_answer a = {.size = sizeof(a)};
	for (; questions->taken_by_none > 0; questions->taken_by_none--)
		s->state->take(v->x, s->store, &a);
}

static int ask(lua_State *L)
{
	struct visit *v = message_visit(L, IN_LIVE, "state");
	interpreter_check_wait(L);
	const struct settings *s = interpreter_of(L)->settings;
	struct sluice_answer a = {.size = sizeof(a)};
	interpreter_charge(L, STEPS);
	struct sluice_question q = {.size = sizeof(q), .kind = kind_of(L)};
	q.delta = number_of(L, "delta", 1);
	q.limit = number_of(L, "limit", 0);
	q.for_ms = number_of(L, "for_ms", 0);
	q.version = version_of(L);
	q.key = text_of(L, "key");
	q.value = text_of(L, "value");
	int32_t rc = s->state->ask(v->x, s->store, &q, &a);
	if (rc == SLUICE_PENDING) {
		visit_guest(L, v)->questions[v->side].open++;
		v->begun++;
		lua_pushboolean(L, 1);
		return 1;
	}
	message_check(L, rc, "state");
	lua_pushboolean(L, 0);
	return 1 + push_answer(L, &a);
}

static int take(lua_State *L)
{
	struct visit *v = visit_of(L);
	const struct settings *s = interpreter_of(L)->settings;
	struct awaited *questions = &visit_guest(L, v)->questions[v->side];
	struct sluice_answer a = {.size = sizeof(a)};
	discard(v, questions, s);
	int32_t rc = s->state->take(v->x, s->store, &a);
	if (rc == SLUICE_PENDING)
		return raise_text(L, "state: the answer has not come");
	questions->open--;
	message_check(L, rc, "state");
	return push_answer(L, &a);
}

void stores_fill_core(lua_State *L)
{
	static const luaL_Reg functions[] = {{"ask", ask}, {"take", take}, {NULL, NULL}};
	luaL_register(L, NULL, functions);
}
