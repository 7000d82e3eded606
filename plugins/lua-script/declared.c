/* SPDX-License-Identifier: Apache-2.0 */
#include "declared.h"

#include "visit.h"

#include <string.h>

#define VALUES_MAX 64

/* --- expressions ----------------------------------------------------------------------------- */
/* Upvalue 1: which. */
static const struct sluice_expr *expression_of(lua_State *L)
{
	const struct settings *s = interpreter_of(L)->settings;
	interpreter_charge(L, 50);
	return s->expressions[lua_tointeger(L, lua_upvalueindex(1))].compiled;
}

/* 1 with nil on the stack when the result is null; raises when there is none; else 0. */
static int no_value(lua_State *L, int32_t rc)
{
	if (rc == SLUICE_OK)
		return 0;
	if (rc == SLUICE_E_NOT_FOUND) {
		lua_pushnil(L);
		return 1;
	}
	struct sluice_str why = interpreter_of(L)->settings->expr->error();
	lua_pushlstring(L, why.p, why.n);
	return raise_text(L, rc == SLUICE_E_RUNTIME ? lua_tostring(L, -1)
						    : "an expression cannot be evaluated here");
}

static int expression_text(lua_State *L)
{
	struct sluice_str value;
	const struct sluice_expr *e = expression_of(L);
	struct visit *v = visit_of(L);
	if (no_value(L, interpreter_of(L)->settings->expr->to_string(e, v->x, NULL, &value)))
		return 1;
	lua_pushlstring(L, value.p, value.n);
	return 1;
}

static int expression_number(lua_State *L)
{
	double value;
	const struct sluice_expr *e = expression_of(L);
	struct visit *v = visit_of(L);
	if (no_value(L, interpreter_of(L)->settings->expr->to_number(e, v->x, NULL, &value)))
		return 1;
	lua_pushnumber(L, value);
	return 1;
}

static int expression_boolean(lua_State *L)
{
	int32_t value;
	const struct sluice_expr *e = expression_of(L);
	struct visit *v = visit_of(L);
	if (no_value(L, interpreter_of(L)->settings->expr->to_bool(e, v->x, NULL, &value)))
		return 1;
	lua_pushboolean(L, value);
	return 1;
}

void declared_push_expressions(lua_State *L)
{
	static const luaL_Reg methods[] = {{"text", expression_text}, {"number", expression_number},
		{"boolean", expression_boolean}, {NULL, NULL}};
	const struct settings *s = interpreter_of(L)->settings;
	lua_newtable(L);
	for (size_t i = 0; i < s->expression_count; i++) {
		push_text(L, s->expressions[i].name);
		lua_newtable(L);
		for (const luaL_Reg *m = methods; m->name; m++) {
			lua_pushinteger(L, (lua_Integer)i);
			lua_pushcclosure(L, m->func, 1);
			lua_setfield(L, -2, m->name);
		}
		lua_rawset(L, -3);
	}
}

/* --- metrics --------------------------------------------------------------------------------- */
struct label_values {
	struct sluice_str values[VALUES_MAX];
};

static struct declared *find(const struct settings *s, struct sluice_str name)
{
	for (struct declared *d = s->declared; d; d = d->next)
		if (strlen(d->name) == name.n && memcmp(d->name, name.p, name.n) == 0)
			return d;
	return NULL;
}

/* The text at index[i]: left on the stack, for a number becomes a text there alone. */
static struct sluice_str element_text(lua_State *L, int index, int i)
{
	luaL_checkstack(L, 4, "labels");
	lua_rawgeti(L, index, i);
	return check_text(L, -1);
}

static struct sluice_str member_text(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	return check_text(L, -1);
}

static size_t take_values(lua_State *L, int lists, int i, struct label_values *to)
{
	lua_rawgeti(L, lists, i);
	int list = lua_gettop(L);
	luaL_checktype(L, list, LUA_TTABLE);
	size_t n = lua_objlen(L, list);
	if (n > VALUES_MAX)
		raise_text(L, "metrics: a label has at most 64 values");
	for (size_t k = 0; k < n; k++)
		to->values[k] = element_text(L, list, (int)k + 1);
	return n;
}

static void take_labels(lua_State *L, struct sluice_metric_definition *d,
	struct sluice_label *labels, struct label_values *values)
{
	lua_getfield(L, 1, "labels");
	lua_getfield(L, 1, "values");
	int names = lua_gettop(L) - 1, lists = names + 1;
	size_t n = lua_objlen(L, names);
	if (n > SLUICE_LABELS_MAX)
		raise_text(L, "metrics: a metric has at most 4 labels");
	for (size_t i = 0; i < n; i++) {
		labels[i].name = element_text(L, names, (int)i + 1);
		labels[i].value_count = take_values(L, lists, (int)i + 1, &values[i]);
		labels[i].values = values[i].values;
	}
	d->labels = n > 0 ? labels : NULL;
	d->label_count = n;
}

static void take_bounds(lua_State *L, struct sluice_metric_definition *d, double *bounds)
{
	lua_getfield(L, 1, "bounds");
	int index = lua_gettop(L);
	size_t n = lua_istable(L, index) ? lua_objlen(L, index) : 0;
	if (n > SLUICE_BOUNDS_MAX)
		raise_text(L, "metrics: a histogram has at most 24 bounds");
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, index, (int)i + 1);
		bounds[i] = luaL_checknumber(L, -1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	d->bounds = n > 0 ? bounds : NULL;
	d->bound_count = n;
}

static struct declared *declare(lua_State *L, struct settings *s, struct sluice_str name)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram", NULL};
	const struct interpreter *in = interpreter_of(L);
	struct sluice_label labels[SLUICE_LABELS_MAX];
	struct label_values values[SLUICE_LABELS_MAX];
	double bounds[SLUICE_BOUNDS_MAX];
	struct sluice_metric_definition d = {.size = sizeof(d), .name = name};
	lua_getfield(L, 1, "kind");
	d.kind = (uint32_t)luaL_checkoption(L, -1, NULL, kinds);
	d.description = member_text(L, "description");
	take_labels(L, &d, labels, values);
	take_bounds(L, &d, bounds);
	struct declared *new = in->host->instance_alloc(in->instance, sizeof(*new));
	if (!new || name.n >= sizeof(new->name)) {
		in->host->instance_free(in->instance, new);
		raise_text(L, "metrics: the name is too long, or there is no memory");
	}
	memset(new, 0, sizeof(*new));
	memcpy(new->name, name.p, name.n);
	new->next = s->declared;
	s->declared = new;
	new->metric = s->metrics->define(in->instance, &d);
	return new;
}

static int metric(lua_State *L)
{
	const struct interpreter *in = interpreter_of(L);
	struct sluice_str name = member_text(L, "name");
	struct declared *d = find(in->settings, name);
	if (in->declares && !d)
		d = declare(L, in->declares, name);
	else if (in->declares)
		return raise_text(L, "metrics: this name is declared already");
	if (!d)
		return raise_text(L, "metrics are declared when the script is loaded");
	if (!d->metric)
		return raise_text(L, "metrics: the gateway refuses this metric; the log says why");
	lua_pushlightuserdata(L, d->metric);
	return 1;
}

static struct sluice_metric *metric_of(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
	return lua_touserdata(L, 1);
}

static uint32_t series_of(lua_State *L)
{
	return (uint32_t)luaL_checkinteger(L, 2);
}

static int add(lua_State *L)
{
	lua_Number n = luaL_checknumber(L, 3);
	if (!(n >= -1e15 && n <= 1e15))
		return raise_text(L, "metrics: a number is out of range");
	interpreter_of(L)->settings->metrics->add(metric_of(L), series_of(L), (int64_t)n);
	return 0;
}

static int observe(lua_State *L)
{
	lua_Number value = luaL_checknumber(L, 3);
	if (!(value >= 0 && value <= 1e12))
		return raise_text(L, "metrics: a number is out of range");
	interpreter_of(L)->settings->metrics->observe(
		metric_of(L), series_of(L), (uint64_t)(value * 1e6));
	return 0;
}

void declared_fill_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"metric", metric}, {"add", add}, {"observe", observe}, {NULL, NULL}};
	luaL_register(L, NULL, functions);
}
