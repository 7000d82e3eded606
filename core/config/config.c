/* SPDX-License-Identifier: Apache-2.0 */
/* Reads everything, hands it to lua/sluice/compose.lua, writes what comes back. */
#include "config/config.h"

#include "config/lua_priv.h"
#include "config/plugins.h"
#include "config/reuse.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan_diagnostics.h"

#include <stdlib.h>

struct compile {
	const struct config_options *options;
	struct diagnostics *diagnostics;
	struct sources sources;
	struct plugin_files plugins;
	struct plan_writer *writer;
	struct plan_parts_writer parts;
	const char *schema_name; /* of make_schema */
	struct lua_input input;
	struct reuse reuse;
	struct lookups includes; /* files that the gateway shall look at */
	bool incomplete;
};

/* --- input ----------------------------------------------------------------------------------- */

static void push_plugin(lua_State *L, const struct plugin_file *f)
{
	const struct package_abi *abi = &f->package.abi;
	char hex[SHA256_BYTES * 2];
	int count = 0;
	lua_newtable(L);
	if (abi->major || abi->minor) {
		lua_pushfstring(L, "%d.%d", (int)abi->major, (int)abi->minor);
		lua_setfield(L, -2, "abi");
	}
	lua_pushstring(L, f->package.name);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, f->package.path);
	lua_setfield(L, -2, "path");
	sha256_hex(f->package.sha256, hex);
	lua_pushlstring(L, hex, sizeof(hex));
	lua_setfield(L, -2, "sha256");
	lua_newtable(L);
	for (const struct node *root = f->documents.roots; root; root = root->next) {
		lua_push_node(L, root, f->shown);
		lua_rawseti(L, -2, ++count);
	}
	lua_setfield(L, -2, "documents");
}

/* Into the table on top, as `plugins`. */
static void push_plugins(lua_State *L, const struct compile *c)
{
	lua_newtable(L);
	for (size_t i = 0; i < c->plugins.count; i++) {
		push_plugin(L, &c->plugins.items[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_setfield(L, -2, "plugins");
}

static void push_scripts(lua_State *L, const struct sources *sources)
{
	int count = 0;
	lua_newtable(L);
	for (size_t i = 0; i < sources->count; i++) {
		const struct source *s = &sources->items[i];
		if (!s->is_script)
			continue;
		lua_createtable(L, 0, 3);
		lua_pushstring(L, s->name);
		lua_setfield(L, -2, "file");
		lua_pushlstring(L, s->bytes, s->size);
		lua_setfield(L, -2, "text");
		lua_rawseti(L, -2, ++count);
	}
}

static void push_input(lua_State *L, struct compile *c)
{
	lua_newtable(L);
	lua_push_input(L, &c->input);
	push_scripts(L, &c->sources);
	lua_setfield(L, -2, "scripts");
	lua_pushboolean(L, c->options->strict);
	lua_setfield(L, -2, "strict");
	push_plugins(L, c);
}

/* --- output ---------------------------------------------------------------------------------- */

static const char *string_field(lua_State *L, const char *name)
{
	lua_getfield(L, -1, name);
	const char *value = lua_tostring(L, -1);
	lua_pop(L, 1); /* the table keeps it alive */
	return value ? value : "";
}

/* The list on top: {severity, file, line, column, path, message, subject}. */
static void take_diagnostics(lua_State *L, struct diagnostics *diagnostics)
{
	int count = (int)lua_objlen(L, -1);
	for (int i = 1; i <= count; i++) {
		lua_rawgeti(L, -1, i);
		struct position at = lua_node_position(L, -1);
		bool is_warning = strcmp(string_field(L, "severity"), "warning") == 0;
		diagnostics_add_for(diagnostics, string_field(L, "subject"),
			is_warning ? SEVERITY_WARNING : SEVERITY_ERROR, at, string_field(L, "path"),
			string_field(L, "message"));
		lua_pop(L, 1);
	}
}

static void write_files(struct plan_writer *w, const struct sources *s)
{
	const struct position none = {0};
	plan_open_array(w, "files", none);
	for (size_t i = 0; i < s->count; i++) {
		char hex[SHA256_BYTES * 2];
		sha256_hex(s->items[i].sha256, hex);
		plan_open_object(w, NULL, none);
		plan_write_string(w, "path", none, str_of(s->items[i].name));
		plan_write_string(w, "sha256", none, str_n(hex, sizeof(hex)));
		plan_close(w);
	}
	plan_close(w);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct lookup *)a)->name, ((const struct lookup *)b)->name);
}

/* Files that documents refer to, for the gateway to look at: in the order of their names, since the
 * order of asking depends on what stood. */
static void write_includes(struct plan_writer *w, struct lookups *l)
{
	const struct position none = {0};
	if (l->count == 0)
		return;
	qsort(l->items, l->count, sizeof(l->items[0]), compare_names);
	plan_open_array(w, "includes", none);
	for (size_t i = 0; i < l->count; i++)
		plan_write_string(w, NULL, none, str_of(l->items[i].name + 1));
	plan_close(w);
}

/* The members of the plan that Lua made, at `index`, then what C knows. */
static void write_plan(lua_State *L, int index, struct compile *c)
{
	const struct position none = {0};
	struct plan_writer *w = c->writer;
	plan_open_object(w, NULL, none);
	lua_getfield(L, index, "keys");
	lua_getfield(L, index, "members");
	int count = (int)lua_objlen(L, -2);
	for (int i = 1; i <= count; i++) {
		lua_rawgeti(L, -2, i);
		lua_pushvalue(L, -1);
		lua_rawget(L, -3);
		lua_node_to_plan(L, -1, w, lua_tostring(L, -2));
		lua_pop(L, 2);
	}
	lua_pop(L, 2);
	if (c->incomplete)
		plan_write_bool(w, "incomplete", none, true);
	plan_write_diagnostics(w, c->diagnostics);
	write_files(w, &c->sources);
	write_includes(w, &c->includes);
	plan_close(w);
}

/* Under lua_cpcall: every error of Lua comes out as its return value. */
static int compose(lua_State *L)
{
	struct compile *c = lua_touserdata(L, 1);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "sluice.compose");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "run");
	push_input(L, c);
	lua_getfield(L, LUA_REGISTRYINDEX, "host");
	lua_call(L, 2, 3); /* plan, diagnostics, whether it is incomplete */
	c->incomplete = c->sources.incomplete || c->input.is_incomplete || lua_toboolean(L, -1);
	lua_pop(L, 1);
	diagnostics_append(c->diagnostics, &c->input.found);
	take_diagnostics(L, c->diagnostics);
	lua_pop(L, 1);
	lua_getfield(L, -1, "targets");
	lua_setfield(L, LUA_REGISTRYINDEX, "targets");
	lua_getfield(L, -1, "is_surveyed");
	bool is_surveyed = lua_toboolean(L, -1) != 0;
	lua_pop(L, 1);
	if (is_surveyed)
		lua_survey_place(L, &c->input);
	write_plan(L, lua_gettop(L), c);
	lua_input_write_parts(L, &c->input, &c->parts);
	return 0;
}

/* The same for the schema that is asked for. */
static int make_schema(lua_State *L)
{
	struct compile *c = lua_touserdata(L, 1);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "sluice.json_schema");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "run");
	lua_newtable(L);
	push_plugins(L, c);
	if (c->schema_name)
		lua_pushstring(L, c->schema_name);
	else
		lua_pushnil(L);
	lua_setfield(L, -2, "name");
	lua_getfield(L, LUA_REGISTRYINDEX, "host");
	lua_call(L, 2, 3); /* the schema, or nil and a message; diagnostics */
	take_diagnostics(L, c->diagnostics);
	lua_pop(L, 1);
	if (lua_isnil(L, -2)) {
		struct position none = {0};
		diagnostics_add(
			c->diagnostics, SEVERITY_ERROR, none, "", "%s", lua_tostring(L, -1));
		c->incomplete = true;
		return 0;
	}
	lua_node_to_plan(L, lua_gettop(L) - 1, c->writer, NULL);
	return 0;
}

/* The same for the definitions of the one plugin. */
static int judge(lua_State *L)
{
	struct compile *c = lua_touserdata(L, 1);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "sluice.definitions");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "judge");
	lua_newtable(L);
	push_plugins(L, c);
	lua_getfield(L, LUA_REGISTRYINDEX, "host");
	lua_call(L, 2, 1);
	take_diagnostics(L, c->diagnostics);
	return 0;
}

static enum rc run_lua(struct compile *c, lua_CFunction function)
{
	struct lua_program *program = lua_program_new(c->options->getenv, &c->sources);
	if (c->options->record_out)
		lua_program_note_lookups(program, &c->reuse.lookups);
	lua_program_note_includes(program, &c->includes);
	enum rc rc = RC_OK;
	if (lua_cpcall(program->lua, function, c) != 0) {
		const char *message = lua_tostring(program->lua, -1);
		diagnostics_add(c->diagnostics, SEVERITY_ERROR, (struct position){0}, "",
			"composing failed: %s", message ? message : "unknown");
		rc = RC_FULL;
	}
	lua_program_free(program);
	return rc;
}

static void deinit(struct compile *c)
{
	plugin_files_deinit(&c->plugins);
	lua_input_deinit(&c->input);
	sources_deinit(&c->sources);
	reuse_deinit(&c->reuse);
	lookups_deinit(&c->includes);
	plan_writer_free(c->writer);
	plan_parts_deinit(&c->parts);
}

static void tell_work(const struct compile *c)
{
	struct config_work *work = c->options->work;
	if (!work)
		return;
	*work = (struct config_work){
		.files = c->sources.count, .is_surveyed = c->input.is_surveyed};
	for (size_t i = 0; i < c->sources.count; i++) {
		work->apart += c->input.parts[i].fragment_count > 0;
		work->reused += c->input.parts[i].fragment_count > 0 && !c->input.parts[i].owned;
	}
}

static enum rc compose_all(struct compile *c)
{
	plugin_files_read(
		&c->plugins, c->options->plugin_dirs, c->options->plugin_dir_count, c->diagnostics);
	lua_input_init(&c->input, &c->sources, c->options->apart_min, c->options->takes_parts);
	if (c->input.has_apart)
		reuse_parts(&c->reuse, c->options, &c->sources, &c->plugins, c->input.parts);
	return run_lua(c, compose);
}

/* The contents of parts are handed over where they are: of 10,000 APIs they have 24 MB. */
static enum rc hand_over(struct compile *c, struct str head)
{
	const struct config_options *o = c->options;
	size_t count = c->parts.count;
	struct str *pieces = heap_alloc((count + 1) * sizeof(struct str));
	pieces[0] = head;
	if (count > 0)
		memcpy(&pieces[1], c->parts.contents, count * sizeof(struct str));
	bool is_taken = o->hand_over(o->hand_over_arg, pieces, count + 1);
	free(pieces);
	return is_taken ? RC_OK : RC_IO;
}

static enum rc finish_parts(struct compile *c, struct buffer *out, bool has_contents)
{
	struct buffer tree;
	buffer_init(&tree, LIMIT_PLAN_BYTES);
	enum rc rc = plan_writer_finish(c->writer, &tree);
	if (rc == RC_OK && has_contents)
		rc = plan_parts_finish(&c->parts, buffer_str(&tree), out);
	else if (rc == RC_OK)
		rc = plan_parts_finish_head(&c->parts, buffer_str(&tree), out);
	buffer_deinit(&tree);
	return rc;
}

static enum rc finish(struct compile *c, struct buffer *plan)
{
	struct buffer head;
	bool is_handed_over = c->options->hand_over != NULL;
	struct buffer *out = is_handed_over ? &head : plan;
	buffer_init(&head, LIMIT_PLAN_BYTES);
	enum rc rc = c->parts.count == 0 ? plan_writer_finish(c->writer, out)
					 : finish_parts(c, out, !is_handed_over);
	if (rc == RC_OK && is_handed_over)
		rc = hand_over(c, buffer_str(&head));
	buffer_deinit(&head);
	return rc;
}

enum rc config_compile(
	const struct config_options *options, struct buffer *plan, struct diagnostics *diagnostics)
{
	struct compile c = {.options = options, .diagnostics = diagnostics};
	c.writer = plan_writer_new();
	plan_parts_init(&c.parts);
	lookups_init(&c.includes);
	reuse_begin(&c.reuse, options);
	enum rc rc = sources_read(&c.sources, options->paths, options->path_count, c.reuse.record,
		options->settled_s, diagnostics);
	if (rc == RC_OK)
		rc = compose_all(&c);
	if (rc == RC_OK)
		rc = finish(&c, plan);
	if (rc == RC_OK && c.input.has_apart)
		reuse_end(&c.reuse, options, &c.sources, c.input.parts);
	if (rc == RC_OK)
		tell_work(&c);
	deinit(&c);
	return rc;
}

enum rc config_schema(const struct config_options *options, const char *name, struct buffer *plan,
	struct diagnostics *diagnostics)
{
	struct compile c = {.options = options, .diagnostics = diagnostics, .schema_name = name};
	c.writer = plan_writer_new();
	plan_parts_init(&c.parts);
	plugin_files_read(&c.plugins, options->plugin_dirs, options->plugin_dir_count, diagnostics);
	enum rc rc = run_lua(&c, make_schema);
	if (rc == RC_OK)
		rc = c.incomplete ? RC_NOT_FOUND : plan_writer_finish(c.writer, plan);
	deinit(&c);
	return rc;
}

enum rc config_judge_definitions(const char *file, struct str yaml, struct diagnostics *diagnostics)
{
	const struct config_options options = {0};
	struct compile c = {.options = &options, .diagnostics = diagnostics};
	size_t before = diagnostics->errors;
	enum rc rc = plugin_files_of_text(&c.plugins, file, yaml, diagnostics);
	if (rc == RC_OK)
		rc = run_lua(&c, judge);
	plugin_files_deinit(&c.plugins);
	return rc == RC_OK && diagnostics->errors > before ? RC_INVALID : rc;
}
