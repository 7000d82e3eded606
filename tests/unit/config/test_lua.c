/* SPDX-License-Identifier: Apache-2.0 */
/* The modules of lua/sluice, each by its test_<module>.lua, and the sandbox they run in. */
#include "config/lua_state.h"
#include "config/sources.h"

#include "base/memory.h"
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER SOURCE_DIR "/tests/unit/config/lua"

static void run(struct lua_program *p, const char *chunk, struct str text)
{
	struct buffer message;
	buffer_init(&message, 65536);
	enum rc rc = lua_program_run(p, chunk, text, &message);
	ck_assert_msg(rc == RC_OK, "%.*s", STR_ARG(buffer_str(&message)));
	buffer_deinit(&message);
}

static void run_file(struct lua_program *p, const char *name)
{
	char *path = heap_printf("%s/%s", FOLDER, name), *chunk = heap_printf("=%s", name);
	char *bytes = NULL;
	size_t size = 0;
	ck_assert_int_eq(file_read(path, 1 << 20, &bytes, &size), RC_OK);
	run(p, chunk, str_n(bytes, size));
	free(bytes);
	free(chunk);
	free(path);
}

/* As tools/test asks for. */
static bool is_full_run(void)
{
	const char *mode = getenv("SLUICE_TEST_MODE");
	return mode && strcmp(mode, "full") == 0;
}

static int is_test(const struct dirent *entry)
{
	return strncmp(entry->d_name, "test_", 5) == 0;
}

START_TEST(the_modules_pass_their_own_tests)
{
	struct dirent **entries = NULL;
	int n = scandir(FOLDER, &entries, is_test, alphasort);
	ck_assert_int_gt(n, 5);
	for (int i = 0; i < n; i++) {
		struct lua_program *p = lua_program_new(NULL, NULL);
		run_file(p, "support.lua");
		if (is_full_run())
			run(p, "=mode", STR("support.is_full = true"));
		run_file(p, entries[i]->d_name);
		lua_program_free(p);
		free(entries[i]);
	}
	free(entries);
}
END_TEST

static void refuses(const char *text, const char *part)
{
	struct lua_program *p = lua_program_new(NULL, NULL);
	struct buffer message;
	buffer_init(&message, 65536);
	lua_program_set_limits(p, 50000000);
	enum rc rc = lua_program_run(p, "=text", str_of(text), &message);
	ck_assert_msg(rc == RC_INVALID, "%s", text);
	ck_assert_msg(str_find(buffer_str(&message), str_of(part)) < message.n, "%s: %.*s", text,
		STR_ARG(buffer_str(&message)));
	buffer_deinit(&message);
	lua_program_free(p);
}

START_TEST(the_sandbox_has_no_way_out)
{
	static const char *const absent[] = {"io", "os", "debug", "package", "ffi", "jit",
		"loadfile", "dofile", "load", "loadstring", "string.dump", "collectgarbage",
		"setfenv", "print"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		char *text = heap_printf("assert(%s ~= nil, 'absent')", absent[i]);
		refuses(text, "absent");
		free(text);
	}
	refuses("require('ffi')", "no module");
	refuses("require('sluice.nowhere')", "no module");
	refuses("require('sluice.../../x')", "no module");
}
END_TEST

START_TEST(the_sandbox_ends_loops)
{
	refuses("while true do end", "too long");
	refuses("while true do pcall(function() while true do end end) end", "too long");
}
END_TEST

START_TEST(the_sandbox_bounds_memory)
{
	refuses("local t = {} for i = 1, 40 do t[i] = string.rep('x', 2^26) .. i end", "memory");
	refuses("local s = 'x' while true do s = s .. s end", "memory");
}
END_TEST

/* What they cost is counted, since a machine with much to do has no say in it: about a quarter of a second for
 * ten thousand. */
#define CONTRACT_INSTRUCTIONS 3000
#define COMPOSE_INSTRUCTIONS  300000

START_TEST(contracts_are_composed_in_so_many_instructions)
{
	static const char documents[] =
		"local function document(kind, name, spec)"
		"  return support.tree({apiVersion = 'gateway.sluice.dev/v1', kind = kind,"
		"    metadata = {name = name}, spec = spec})"
		" end"
		" support.documents = {document('ApiInstance', 'a', {address = "
		"'http://127.0.0.1:1'})}"
		" for i = 1, support.count do"
		"  support.documents[i + 1] = document('Contract', 'c' .. i, {apiId = 'a',"
		"    client = {id = 'client-' .. i, secret = 'secret-' .. i}, sla = {name = 'gold',"
		"    limits = {{maximumRequests = 1, timePeriodInMilliseconds = 1}}}})"
		" end";
	static const char compose[] =
		"local plan = require('sluice.compose').run("
		"  {documents = support.documents, plugins = {}}, support.host)"
		" assert(#require('sluice.nodes').get(plan, 'contracts') == support.count)";
	struct lua_program *p = lua_program_new(NULL, NULL);
	unsigned count = is_full_run() ? 10000 : 1000;
	char *text = heap_printf("support.count = %u %s", count, documents);
	run_file(p, "support.lua");
	run(p, "=documents", str_of(text));
	lua_program_set_limits(p, COMPOSE_INSTRUCTIONS + count * CONTRACT_INSTRUCTIONS);
	run(p, "=compose", str_of(compose));
	free(text);
	lua_program_free(p);
}
END_TEST

UNIT_SUITE(lua, contracts_are_composed_in_so_many_instructions, the_modules_pass_their_own_tests,
	the_sandbox_has_no_way_out, the_sandbox_ends_loops, the_sandbox_bounds_memory)
