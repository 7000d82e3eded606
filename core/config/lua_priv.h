/* SPDX-License-Identifier: Apache-2.0 */
/* config/lua_priv.h - what the files that touch Lua share.
 *
 * A node is a table: `type` ("null", "boolean", "integer", "real", "string", "list", "map"),
 * `file`, `line`, `column`; scalars have `value`, and `plain` without quotes; `text_column` where
 * the text stands in the file as it is, but not at the column of a plain scalar; lists their
 * elements at 1..n; maps `keys` (an array) and `members` (by key), each member with `key_line` and
 * `key_column`, and `twice` where another of that key was dropped. The root of a document has
 * `mistakes` where its YAML had any: a list of {file, line, column, message}. lua/sluice/nodes.lua
 * is the other side of it.
 */
#pragma once

#include "config/document.h"
#include "config/lookups.h"
#include "config/lua_memory.h"
#include "config/lua_state.h"
#include "config/parts.h"
#include "config/sources.h"
#include "config/survey.h"

#include "json/json.h"
#include "plan/plan.h"
#include "plan/plan_parts.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* What bindings look at; an upvalue of each. */
struct lua_host {
	const char *(*getenv)(const char *name);
	const struct sources *sources; /* for paths relative to a file */
	struct lookups *lookups;       /* what was asked for; or NULL */
	struct lookups *includes;      /* files that the gateway shall look at; or NULL */
};

struct lua_program {
	lua_State *lua;
	struct lua_memory memory;
	size_t bytes_used;
	uint64_t instructions_left;
	uint64_t script_steps; /* what is left for the users' scripts, all together */
	struct lua_host host;
};

/* Pushes one table. */
void lua_push_node(lua_State *L, const struct node *n, const char *file);
/* Converts the node table at `index`. When `origins` is not 0, each value's origin is 1 + its place
 * in the table at that index, which collects the node tables. Raises a Lua error on a malformed
 * one. */
void lua_node_to_json(
	lua_State *L, int index, int origins, struct json_builder *b, struct json_value *out);
/* Pushes the value as a node: where it is one of `origins`, unchanged scalars are the same table;
 * what is new stands at the position of the node at `parent`. */
void lua_push_json(lua_State *L, const struct json_value *v, int origins, int parent);
/* Writes the node table at `index`. What has the type "target" becomes what the table "targets" of
 * the registry says, a table of numbers by name for each key; without that table it stays a target.
 * What has the type "fragment" is taken from the input of the registry. */
void lua_node_to_plan(lua_State *L, int index, struct plan_writer *w, const char *key);
int64_t lua_target_number(void *L, struct str key, struct str name);
/* The position fields of the node table at `index`; `file` is borrowed from the string in the
 * table. */
struct position lua_node_position(lua_State *L, int index);

/* What Lua reads, file by file. */
struct lua_input {
	struct sources *sources;
	struct part *parts;            /* owned: of each source */
	struct diagnostics found;      /* of the documents, since the last begin() */
	struct part_maker maker;       /* of the file that is composed apart */
	struct plan_writer *fragments; /* owned */
	/* Owned: of each source, where the fragments of its part stand in the plan: 1 + 2 * place,
	 * and 1 more for APIs; 0: nowhere. NULL: they are put into the tree. */
	uint32_t **places;
	struct survey survey;      /* the last that was asked for */
	struct map plugin_numbers; /* 1 + number in the plan, by path; of what is_surveyed */
	bool is_surveyed;          /* the plan was made from it */
	bool has_apart;            /* some files are composed apart */
	bool is_incomplete;        /* a file is no YAML */
};

/* `takes_parts`: what is composed apart stands apart in the plan, too. */
void lua_input_init(
	struct lua_input *in, struct sources *sources, size_t apart_min, bool takes_parts);
void lua_input_deinit(struct lua_input *in);
/* Puts the functions and members of it into the table on top: count, is_apart (a list of booleans,
 * or nil), begin(), read(i), try(i), has_rows(i), rows(i), keep(i, rows), and those of
 * lua_push_survey; and fragment(node) into the host's table. */
void lua_push_input(lua_State *L, struct lua_input *in);
/* Of the part of file `i`, from 1. */
struct str lua_input_fragment(lua_State *L, lua_Integer i, lua_Integer number);
/* Notes that it is element `place` of a list of the plan. False: it belongs into the tree. */
bool lua_input_place(
	lua_State *L, lua_Integer i, lua_Integer number, struct str list, uint32_t place);
bool lua_input_place_fragment(
	struct lua_input *in, uint32_t part, uint32_t fragment, bool is_api, uint32_t place);
/* The table of what was placed. Raises a Lua error on a part that is not there as a whole. */
void lua_input_write_parts(lua_State *L, struct lua_input *in, struct plan_parts_writer *w);

/* The functions of lua_survey.c into the table on top: survey(ids), has_api(id), has_service(id),
 * selects(namespace, labels). */
void lua_push_survey(lua_State *L, struct lua_input *in);
/* The plan is made from the survey: places all fragments. */
void lua_survey_place(lua_State *L, struct lua_input *in);
/* What a fragment leads to; below 0: there is none. */
int64_t lua_survey_number(
	lua_State *L, struct lua_input *in, enum plan_lead lead, struct str key, struct str name);

/* The functions of lua_host.c and lua_schema.c into the table on top. */
void lua_register_host(lua_State *L, struct lua_host *host);
void lua_register_schema(lua_State *L);
