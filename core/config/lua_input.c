/* SPDX-License-Identifier: Apache-2.0 */
/* What lua/sluice/compose.lua reads: the files one by one, and what was composed apart of them. */
#include "config/lua_priv.h"

#include "base/check.h"
#include "base/memory.h"
#include "plan/plan_fragment.h"

#include <stdlib.h>

/* Below, reading what is shared twice costs more than it saves. */
#define APART_MIN 64

/* --- the first look -------------------------------------------------------------------------- */

/* YAML has more line breaks than LF. */
static bool has_other_breaks(struct str s)
{
	static const char *const breaks[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
	for (size_t i = 0; i < ARRAY_COUNT(breaks); i++)
		if (str_find(s, str_of(breaks[i])) < s.n)
			return true;
	for (size_t i = str_index(s, '\r'); i < s.n; i++)
		if (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n'))
			return true;
	return false;
}

struct look {
	bool has_content; /* of the document at hand */
	bool has_kind;
};

/* At the left edge: one of the four members of a document, each written as everybody does. */
static bool look_at_member(struct look *l, struct str line)
{
	static const char *const members[] = {"apiVersion:", "metadata:", "spec:"};
	l->has_content = true;
	for (size_t i = 0; i < ARRAY_COUNT(members); i++)
		if (str_starts(line, str_of(members[i])))
			return true;
	bool is_api = str_eq(line, STR("kind: ApiInstance")) && !l->has_kind;
	l->has_kind = true;
	return is_api;
}

static bool look_at_line(struct look *l, struct str line)
{
	struct str text = str_trim(line);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (text.n == 0 || text.p[0] == '#' || text.p[0] == '\r')
		return true;
	if (line.p[0] == ' ')
		return l->has_content;
	if (!str_eq(line, STR("---")))
		return look_at_member(l, line);
	bool is_fine = l->has_kind || !l->has_content;
	*l = (struct look){0};
	return is_fine;
}

/* Whether it holds nothing but ApiInstances, by its lines, for sure: what looks in any way
 * different is read with what all files share. */
static bool seems_apart(const struct source *s)
{
	struct str rest = str_n(s->bytes, s->size);
	struct look look = {0};
	bool has_api = false;
	if (s->is_script || has_other_breaks(rest))
		return false;
	while (rest.n > 0) {
		if (!look_at_line(&look, str_cut(&rest, '\n')))
			return false;
		has_api = has_api || look.has_kind;
	}
	return has_api && (look.has_kind || !look.has_content);
}

/* --- which files are composed apart ---------------------------------------------------------- */

static bool has_scripts(const struct sources *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].is_script)
			return true;
	return false;
}

/* Scripts may look at everything: nothing can be apart. */
static void choose_apart(struct lua_input *in, size_t apart_min)
{
	struct sources *s = in->sources;
	size_t count = 0, min = apart_min ? apart_min : APART_MIN;
	if (has_scripts(s))
		return;
	for (size_t i = 0; i < s->count; i++) {
		struct source *each = &s->items[i];
		each->is_apart = each->bytes ? seems_apart(each) : each->is_known;
		count += s->items[i].is_apart;
	}
	in->has_apart = count >= min;
}

/* --- functions ------------------------------------------------------------------------------- */

static struct lua_input *input_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

static size_t check_file(lua_State *L)
{
	lua_Integer i = luaL_checkinteger(L, 1);
	luaL_argcheck(L, i >= 1 && (size_t)i <= input_of(L)->sources->count, 1, "no such file");
	return (size_t)i - 1;
}

/* begin(): what was read before is forgotten. */
static int begin(lua_State *L)
{
	struct lua_input *in = input_of(L);
	diagnostics_deinit(&in->found);
	in->is_incomplete = false;
	return 0;
}

static void push_roots(lua_State *L, const struct document_set *set, const char *file)
{
	int count = 0;
	lua_newtable(L);
	for (const struct node *root = set->roots; root; root = root->next) {
		lua_push_node(L, root, file);
		lua_rawseti(L, -2, ++count);
	}
}

/* read(i) -> the roots of its documents; what is wrong is told. A file at a time: the trees of
 * 10,000 would take as much as Lua's. */
static int read_file(lua_State *L)
{
	struct lua_input *in = input_of(L);
	struct source *s = &in->sources->items[check_file(L)];
	struct document_set set;
	if (s->is_script)
		return 0;
	if (!s->bytes && !source_read(s, &in->found)) {
		in->is_incomplete = true;
		return 0;
	}
	enum rc rc = document_set_read(&set, s->name, str_n(s->bytes, s->size), &in->found);
	in->is_incomplete = in->is_incomplete || rc != RC_OK;
	push_roots(L, &set, s->name);
	document_set_deinit(&set);
	if (!in->has_apart) { /* nobody reads it again */
		free(s->bytes);
		s->bytes = NULL;
	}
	return 1;
}

/* try(i) -> the roots; or nil: something is wrong with it. */
static int try_file(lua_State *L)
{
	struct source *s = &input_of(L)->sources->items[check_file(L)];
	struct document_set set = {0};
	struct diagnostics found;
	if (s->is_script)
		return 0;
	diagnostics_init(&found);
	bool is_fine =
		(s->bytes || source_read(s, &found)) &&
		document_set_read(&set, s->name, str_n(s->bytes, s->size), &found) == RC_OK &&
		found.count == 0;
	diagnostics_deinit(&found);
	if (is_fine)
		push_roots(L, &set, s->name);
	if (set.pool)
		document_set_deinit(&set);
	return is_fine ? 1 : 0;
}

static void push_row(lua_State *L, struct str *rows)
{
	struct part_value value;
	uint32_t count = 0;
	part_read_count(rows, &count);
	lua_createtable(L, (int)(count < rows->n ? count : 0), 0);
	for (uint32_t i = 0; i < count && part_read_value(rows, &value); i++) {
		if (value.is_text)
			lua_pushlstring(L, value.text.p ? value.text.p : "", value.text.n);
		else
			lua_pushnumber(L, value.number);
		lua_rawseti(L, -2, (int)i + 1);
	}
}

/* has_rows(i): whether it has a part. */
static int has_rows(lua_State *L)
{
	lua_pushboolean(L, input_of(L)->parts[check_file(L)].fragment_count > 0);
	return 1;
}

/* rows(i) -> those of its part; or nil: it has none. */
static int rows_of(lua_State *L)
{
	const struct part *p = &input_of(L)->parts[check_file(L)];
	if (p->fragment_count == 0)
		return 0;
	struct str rows = p->rows;
	lua_createtable(L, (int)p->row_count, 0);
	for (uint32_t i = 0; i < p->row_count && rows.n > 0; i++) {
		push_row(L, &rows);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

static void add_row(lua_State *L, struct part_maker *m)
{
	int count = (int)lua_objlen(L, -1);
	part_maker_begin_row(m, (uint32_t)count);
	for (int i = 1; i <= count; i++) {
		size_t n = 0;
		lua_rawgeti(L, -1, i);
		if (lua_type(L, -1) == LUA_TNUMBER) {
			part_add_number(&m->rows, lua_tonumber(L, -1));
		} else {
			const char *text = lua_tolstring(L, -1, &n);
			part_add_text(&m->rows, str_n(text, n));
		}
		lua_pop(L, 1);
	}
}

/* keep(i, rows): with the fragments since the last, they are its part; nil: it has none. */
static int keep(lua_State *L)
{
	struct lua_input *in = input_of(L);
	struct part *p = &in->parts[check_file(L)];
	if (lua_istable(L, 2) && p->fragment_count == 0) {
		int count = (int)lua_objlen(L, 2);
		for (int i = 1; i <= count; i++) {
			lua_rawgeti(L, 2, i);
			add_row(L, &in->maker);
			lua_pop(L, 1);
		}
		if (part_maker_take(&in->maker, p) != RC_OK)
			luaL_error(L, "the parts of the plan are too large");
	}
	part_maker_reset(&in->maker);
	return 0;
}

static void add_target(void *arg, struct str key, struct str name)
{
	struct buffer *pairs = arg;
	part_add_text(pairs, key);
	part_add_text(pairs, name);
}

static void count_target(void *arg, struct str key, struct str name)
{
	*(uint32_t *)arg += 2;
}

static void add_targets(struct lua_input *in)
{
	uint32_t count = 0;
	plan_writer_each_target(in->fragments, count_target, &count);
	part_add_count(&in->maker.targets, count);
	plan_writer_each_target(in->fragments, add_target, &in->maker.targets);
}

/* fragment(node) -> its number in the part that is being made */
static int fragment(lua_State *L)
{
	struct lua_input *in = input_of(L);
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_node_to_plan(L, 1, in->fragments, NULL);
	add_targets(in);
	if (plan_writer_take_fragment(in->fragments, &in->maker.fragments) != RC_OK)
		luaL_error(L, "a part of the plan is too large, or no plan");
	lua_pushinteger(L, (lua_Integer)part_maker_end_fragment(&in->maker));
	return 1;
}

static struct lua_input *registered(lua_State *L)
{
	lua_getfield(L, LUA_REGISTRYINDEX, "input");
	struct lua_input *in = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return in;
}

struct str lua_input_fragment(lua_State *L, lua_Integer i, lua_Integer number)
{
	const struct lua_input *in = registered(L);
	if (!in || i < 1 || (size_t)i > in->sources->count || number < 0)
		return STR_EMPTY;
	return part_fragment(&in->parts[i - 1], (uint32_t)number);
}

/* --- parts of the plan ----------------------------------------------------------------------- */

bool lua_input_place_fragment(
	struct lua_input *in, uint32_t part, uint32_t fragment, bool is_api, uint32_t place)
{
	uint32_t count = in->parts[part].fragment_count, **places = &in->places[part];
	if (fragment >= count)
		return false;
	if (!*places)
		*places = heap_zalloc(count * sizeof(uint32_t));
	(*places)[fragment] = 1 + place * 2 + is_api;
	return true;
}

bool lua_input_place(
	lua_State *L, lua_Integer i, lua_Integer number, struct str list, uint32_t place)
{
	struct lua_input *in = registered(L);
	if (!in || !in->places || i < 1 || (size_t)i > in->sources->count || number < 0 ||
		number > UINT32_MAX)
		return false;
	return lua_input_place_fragment(
		in, (uint32_t)i - 1, (uint32_t)number, str_eq(list, STR("apis")), place);
}

/* Those of one fragment; false: they are not what a part has. */
static bool write_targets(
	lua_State *L, struct lua_input *in, struct plan_parts_writer *w, struct str *targets)
{
	struct part_value key, name;
	enum plan_lead lead;
	uint32_t count;
	if (!part_read_count(targets, &count))
		return false;
	for (uint32_t i = 0; i + 1 < count; i += 2) {
		if (!part_read_value(targets, &key) || !part_read_value(targets, &name) ||
			!plan_lead_of(key.text, &lead))
			return false;
		plan_parts_add_target(w, lead, lua_survey_number(L, in, lead, key.text, name.text));
	}
	return true;
}

static bool write_part(
	lua_State *L, struct lua_input *in, struct plan_parts_writer *w, size_t number)
{
	const struct part *p = &in->parts[number];
	const uint32_t *places = in->places[number];
	struct str targets = p->targets;
	for (uint32_t i = 0; i < p->fragment_count; i++) {
		uint32_t place = places[i] - 1;
		if (places[i] == 0)
			return false;
		plan_parts_add_fragment(w, place & 1 ? PLAN_APIS : PLAN_SERVICES, place / 2);
		if (!write_targets(L, in, w, &targets))
			return false;
	}
	plan_parts_add_part(w, p->sha256, p->content);
	return true;
}

void lua_input_write_parts(lua_State *L, struct lua_input *in, struct plan_parts_writer *w)
{
	for (size_t i = 0; in->places && i < in->sources->count; i++)
		if (in->places[i] && !write_part(L, in, w, i))
			luaL_error(L, "the parts of the plan are not whole");
}

/* --- the whole ------------------------------------------------------------------------------- */

void lua_input_init(
	struct lua_input *in, struct sources *sources, size_t apart_min, bool takes_parts)
{
	*in = (struct lua_input){.sources = sources, .fragments = plan_writer_new()};
	in->parts = heap_zalloc((sources->count + 1) * sizeof(struct part));
	diagnostics_init(&in->found);
	part_maker_init(&in->maker);
	survey_init(&in->survey);
	map_init(&in->plugin_numbers);
	choose_apart(in, apart_min);
	if (takes_parts && in->has_apart)
		in->places = heap_zalloc((sources->count + 1) * sizeof(uint32_t *));
}

void lua_input_deinit(struct lua_input *in)
{
	for (size_t i = 0; in->parts && i < in->sources->count; i++)
		part_deinit(&in->parts[i]);
	for (size_t i = 0; in->places && i < in->sources->count; i++)
		free(in->places[i]);
	free(in->places);
	free(in->parts);
	survey_deinit(&in->survey);
	map_deinit(&in->plugin_numbers);
	diagnostics_deinit(&in->found);
	part_maker_deinit(&in->maker);
	plan_writer_free(in->fragments);
	*in = (struct lua_input){0};
}

static void push_is_apart(lua_State *L, const struct sources *s)
{
	lua_createtable(L, (int)s->count, 0);
	for (size_t i = 0; i < s->count; i++) {
		lua_pushboolean(L, s->items[i].is_apart);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_setfield(L, -2, "is_apart");
}

static void set_function(lua_State *L, const char *name, lua_CFunction function, void *arg)
{
	lua_pushlightuserdata(L, arg);
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, -2, name);
}

void lua_push_input(lua_State *L, struct lua_input *in)
{
	lua_pushlightuserdata(L, in);
	lua_setfield(L, LUA_REGISTRYINDEX, "input");
	lua_getfield(L, LUA_REGISTRYINDEX, "host");
	set_function(L, "fragment", fragment, in);
	lua_pop(L, 1);
	set_function(L, "begin", begin, in);
	set_function(L, "read", read_file, in);
	set_function(L, "try", try_file, in);
	set_function(L, "has_rows", has_rows, in);
	set_function(L, "rows", rows_of, in);
	set_function(L, "keep", keep, in);
	lua_push_survey(L, in);
	lua_pushinteger(L, (lua_Integer)in->sources->count);
	lua_setfield(L, -2, "count");
	if (in->has_apart)
		push_is_apart(L, in->sources);
}
